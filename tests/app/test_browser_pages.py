"""The comparison, the patch page, and what all pages owe to people who see or point otherwise."""

from __future__ import annotations

import re
import shutil
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from landslide_geo.app import comparing
from landslide_geo.app.folder import AppFolder
from tests.app.conftest import World

pytestmark = pytest.mark.integration


def test_two_scans_are_compared_across_a_line(page: Any, scanned: World, tmp_path: Path) -> None:
    page.goto("/map/compare.html?before=early|post&after=late|post")
    page.locator("#changes li").first.wait_for()
    expected = comparing.summary(comparing.changes(AppFolder(_copy(scanned, tmp_path)), "early", "late"))["changes"]
    texts = page.locator("#changes li").all_inner_texts()
    assert [re.match(r"\s*(.+): ([\d,]+) ", text).groups() for text in texts] == [
        (row["status"], f"{row['count']:,}") for row in expected
    ]
    halves = [_colourful(page, half) for half in ("#map-before", "#map-after")]
    assert min(halves) > 0.3, "both sides show an image"
    handle = page.get_by_role("slider")
    handle.focus()
    page.keyboard.press("Home")
    assert handle.get_attribute("aria-valuenow") == "0"
    for key in ("PageUp", "PageUp", "ArrowRight"):
        page.keyboard.press(key)
    assert handle.get_attribute("aria-valuenow") == "22"
    box = page.locator("main").bounding_box()
    handle.hover()
    page.mouse.down()
    page.mouse.move(box["x"] + 0.7 * box["width"], box["y"] + 300)
    page.mouse.up()
    assert handle.get_attribute("aria-valuenow") == "70"
    assert "70%" in page.evaluate("getComputedStyle(document.querySelector('#map-after')).clipPath")
    page.locator("#changes input").first.uncheck()
    page.select_option("#before", "late|pre")
    page.locator("#label-before", has_text="earlier image").wait_for()
    assert page.locator("#changes li").count() == 0, "one scan has nothing to compare"


def _settled(page: Any) -> None:
    """Until nothing of the page changes: answers are faded in."""
    before = None
    while (now := page.screenshot()) != before:
        before = now
        page.wait_for_timeout(300)


def _colourful(page: Any, half: str) -> float:
    """Share of a side that is neither sea nor land of the map, once it has loaded."""
    share = 0.0
    for _ in range(40):
        image = Image.open(BytesIO(page.locator(half).screenshot())).convert("RGB")
        values = np.asarray(image).astype(int)
        share = float((np.ptp(values, axis=2) > 12).mean() + (values.max(axis=2) < 100).mean())
        if share > 0.3:
            break
        page.wait_for_timeout(250)
    return share


def _copy(scanned: World, tmp_path: Path) -> Path:
    return Path(shutil.copytree(scanned.folder, tmp_path / "work"))


def test_a_patch_is_tried_with_example_model_threshold_and_band(page: Any) -> None:
    page.goto("/patch/")
    page.locator("figure img[alt]").nth(3).wait_for()
    told = page.locator("text=of the known ground lies above")
    told.wait_for()
    _pick(page, "Example", "Simulated patch 2")
    page.get_by_text("Simulated: its landslides are made up.").wait_for()
    page.get_by_text("Against the truth").wait_for()
    _settled(page)
    before = told.inner_text()
    number = page.locator("input[type=number]").first
    number.fill("0.9")
    number.press("Enter")
    page.get_by_text("lies above 0.90").wait_for()
    assert told.inner_text() != before
    _pick(page, "Model", "rdndvi")
    page.wait_for_function("text => !document.body.innerText.includes(text)", arg="lies above 0.90")
    _pick(page, "Band", "nir")


def test_a_file_on_the_patch_page_is_what_it_says(page: Any, tmp_path: Path) -> None:
    (tmp_path / "notes.tif").write_text("no pixels")
    page.goto("/patch/")
    page.locator("text=of the known ground lies above").wait_for()
    page.locator("input[type=file]").first.set_input_files(tmp_path / "notes.tif")
    alert = page.get_by_role("alert").filter(has_text="notes.tif: is not a GeoTIFF file, whatever its name says")
    alert.wait_for()
    assert page.locator("figure img").count() == 0, "nothing of the patch before stays"


def _pick(page: Any, label: str, option: str) -> None:
    page.get_by_label(label, exact=True).first.click()
    page.get_by_role("option", name=option, exact=True).click()


@pytest.mark.parametrize("address", ["/map/?scan=early", "/map/compare.html", "/patch/"])
def test_axe_finds_no_barrier(page: Any, address: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    page.goto(address)
    ready = {"/map/?scan=early": "#table button", "/map/compare.html": "#label-after:not(:empty)"}
    page.locator(ready.get(address, "text=of the known ground lies above")).first.wait_for()
    _settled(page)
    if address.startswith("/map/?"):
        page.get_by_text("New scan").click()
        page.locator("#table button").first.click()
        page.locator("#panel").wait_for()
    rules = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}}
    found = axe.Axe().run(page, options=rules)
    told = [f"{one['id']}: {[node['target'] for node in one['nodes']][:4]}" for one in found.response["violations"]]
    assert told == []


@pytest.mark.parametrize("address", ["/map/?scan=early", "/map/compare.html"])
def test_a_narrow_screen_needs_no_scrolling_sideways(page: Any, address: str) -> None:
    page.set_viewport_size({"width": 400, "height": 800})
    page.goto(address)
    page.wait_for_load_state("networkidle")
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
