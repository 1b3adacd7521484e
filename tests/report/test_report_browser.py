"""The report as a reader sees it: in a real browser, on small and large screens, and printed."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pypdfium2
import pytest
from inventory_scenes import PROVENANCE, layers, ramp, square
from PIL import Image

from landslide_geo.inventory import vectorize
from landslide_geo.report import write_report

pytestmark = pytest.mark.integration

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
#: Points of an A4 page.
A4 = (595, 842)


def squares(side: int, count: int) -> np.ndarray:
    """Squares of growing size on a grid of cells of 40 pixels."""
    mask = np.zeros((side, side), dtype=bool)
    for number in range(count):
        row, col = divmod(number, side // 40)
        mask |= square(mask.shape, 40 * row + 5, 40 * col + 5, 4 + number % 30)
    return mask


def report(folder: Path, mask: np.ndarray) -> Path:
    """A report with all its sections, of a record with long words in it."""
    scan = layers(folder, mask, dem=ramp(folder / "dem.tif", mask.shape, north=0.5))
    found = vectorize(scan, PROVENANCE, threshold=0.5, min_area_m2=900, min_slope_deg=10)
    Image.new("RGB", (1200, 700), "grey").save(folder / "q.png")
    record: dict[str, Any] = {
        "scene_id": "S2A_MSIL2A_20180911T012701_N0500_R074_T54TWN_20230801T231525",
        "summary": found.summary(),
        "parameters": {"threshold": 0.5, "grow": 0.8, "min_area_m2": 900.0, "min_slope_deg": 10.0, "prior": None},
        "warnings": ["no <elevation> model"],
        "started_at": "2026-01-02T03:04:05+00:00",
        "date_post": "2018-09-11",
        "key": "a23d1b6ac703b595",
        "grid": {"crs": "EPSG:32654", "transform": [10.0, 0, 572840, 0, -10, 4735730], "height": 80, "width": 80},
        "inputs": [{"role": "red", "path": f"/somewhere/{'B04' * 30}.tif", "band": 1, "sha256": "0f" * 32}],
        "backend": {"checks": [{"reference": {"name": "openvino", "precision": "float32"}, "passed": True}]},
        "model": {
            "name": "default",
            "sha256": "ab" * 32,
            "manifest": {
                "threshold": {"value": 0.5, "how": "highest F1 on validation"},
                "calibration": {"method": "platt", "data": "validation", "prevalence": 0.04},
                "metrics": {"test": {"f1": 0.7, "precision": 0.65, "recall": 0.75, "calibration_error": 0.01}},
                "annexed": {"deep": {"deeper": list(range(30))}},
            },
        },
        "credits": "Contains modified Copernicus Sentinel data",
    }  # fmt: skip
    path = folder / "report.html"
    write_report(
        path, scan=record, landslides=found.landslides, quicklook=folder / "q.png", probability=scan.probability,
        visibility=scan.visibility,
    )  # fmt: skip
    return path


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("no Chromium here")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield opened
        opened.close()


@pytest.mark.parametrize("count", [0, 1, 160])
def test_report_is_read_on_any_screen_and_on_paper(count: int, browser: Any, tmp_path: Path) -> None:
    path = report(tmp_path, squares(520, count))
    requests: list[str] = []
    complaints: list[str] = []
    page = browser.new_page(viewport={"width": 400, "height": 900})
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(path.as_uri())
    for width in (400, 1280):
        page.set_viewport_size({"width": width, "height": 900})
        wide = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
        assert wide[0] <= wide[1], f"{width} px"
    assert [url for url in requests if not url.startswith("data:")] == [path.as_uri()]
    assert complaints == []

    levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3,h4')].map(head => +head.tagName[1])")
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in pairwise(levels)), "no level is left out"
    assert page.evaluate("[...document.images].every(image => image.alt && image.naturalWidth > 0)")
    assert page.evaluate("[...document.querySelectorAll('th')].every(head => head.scope)")
    assert page.evaluate("[...document.querySelectorAll('svg')].every(svg => svg.getAttribute('aria-label'))")
    assert page.evaluate("new Set([...document.querySelectorAll('[id]')].map(e => e.id)).size") == page.evaluate(
        "document.querySelectorAll('[id]').length"
    )
    assert page.evaluate(POOR_CONTRAST) == []

    told = re.sub(r"\s+", " ", page.inner_text("main"))
    if count < 2:
        assert ("No landslides were found" if count == 0 else "One landslide is too few") in told
        assert page.locator("#sizes ~ figure svg").count() == 1, "the thresholds are there, sizes are not"
    else:
        assert "power law" in page.inner_html("main")
        assert page.locator("main svg").count() == 2
    page.emulate_media(media="print")
    shown = page.evaluate("document.querySelector('main').innerText")
    page.pdf(path=tmp_path / "r.pdf", prefer_css_page_size=True, print_background=True)
    page.close()
    document = pypdfium2.PdfDocument(tmp_path / "r.pdf")
    assert {tuple(round(part) for part in sheet.get_size()) for sheet in document} == {A4}
    printed = [sheet.get_textpage().get_text_bounded() for sheet in document]
    assert f"{len(printed)} / {len(printed)}" in printed[-1], "pages are numbered"
    letters = re.sub(r"[\s\ufffe\xad-]+", "", "".join(printed))
    words = {word for word in re.findall(r"[A-Za-z]{4,}", shown) if len(word) < 30}
    assert len(words) > 200
    assert {word for word in words if word not in letters} == set(), "what the screen shows the paper does too"
    assert "Deeper" in letters, "also what is folded away on the screen"


#: Elements whose own text stands out from white, or from their background, by less than 4.5 : 1 (WCAG 2, AA).
POOR_CONTRAST = """() => {
  const light = c => { c = c / 255; return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; };
  const parse = text => text.match(/[\\d.]+/g).map(Number);
  const lum = ([r, g, b]) => 0.2126 * light(r) + 0.7152 * light(g) + 0.0722 * light(b);
  const ground = e => {
    for (; e; e = e.parentElement) {
      const c = parse(getComputedStyle(e).backgroundColor);
      if (c.length < 4 || c[3] > 0) return c;
    }
    return [255, 255, 255]; };
  return [...document.querySelectorAll('body *')].filter(e => !e.closest('svg')
    && [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim())).filter(e => {
      const [a, b] = [lum(parse(getComputedStyle(e).color)), lum(ground(e))];
      return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05) < 4.5; }).map(e => e.outerHTML.slice(0, 80));
}"""
