from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from inventory_scenes import PROVENANCE, layers, ramp, square
from PIL import Image

from landslide_geo.errors import OutputError, SourceNotFoundError
from landslide_geo.inventory import Inventory, vectorize
from landslide_geo.report import html, write_report

SHAPE = (80, 80)


class Outline(HTMLParser):
    """Open tags, to see that what is opened is closed; addresses, to see that nothing is loaded."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.sources: list[str] = []
        self.names: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "img", "link"):
            self.open.append(tag)
        self.sources += [value or "" for key, value in attrs if key in ("src", "href")]
        self.names += [value or "" for key, value in attrs if key == "id"]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def inventory(folder: Path, mask: np.ndarray) -> Inventory:
    dem = ramp(folder / "dem.tif", SHAPE, north=0.5)
    scan = layers(folder, mask, dem=dem)
    return vectorize(scan, PROVENANCE, threshold=0.5, min_area_m2=900, min_slope_deg=10)


def report(folder: Path, found: Inventory, **scan: Any) -> str:
    Image.new("RGB", (8, 8)).save(folder / "q.png")
    record = {"scene_id": "scene <1>", "summary": found.summary()} | scan
    write_report(folder / "report.html", scan=record, landslides=found.landslides, quicklook=folder / "q.png")
    return (folder / "report.html").read_text(encoding="utf-8")


def test_report_is_whole_loads_nothing_and_tells_the_totals(tmp_path: Path) -> None:
    found = inventory(tmp_path, square(SHAPE, 20, 15, 20) | square(SHAPE, 60, 60, 10))
    text = report(
        tmp_path,
        found,
        parameters={"threshold": 0.5, "nested": {"deep": [1, 2]}, "none": None},
        inputs=[{"name": "red", "sha256": "ab"}, {"name": "green", "sha256": "cd"}],
        warnings=["pixels of 3 m lie outside the model's range"],
        model={"name": "default", "manifest": {"metrics": {"f1": 0.712345678}}},
    )
    parser = Outline()
    parser.feed(text)
    assert parser.open == []
    assert [source[:22] for source in parser.sources if source[0] != "#"] == ["data:image/png;base64,"]
    assert {source[1:] for source in parser.sources if source[0] == "#"} <= set(parser.names)
    assert "http" not in re.sub(r'src="data:[^"]*"', "", text)
    assert "scene &lt;1&gt;" in text
    plain = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text))
    for expected in (
        "5.0 ha",
        "4.0 ha",
        "3 likely",
        "0.712346",
        "1, 2",
        "outside the model's range".replace("'", "&#39;"),
    ):
        assert expected in plain
    assert found.landslides.landslide_id[0][:8] in text


def test_nothing_found_and_an_empty_record_still_make_a_report(tmp_path: Path) -> None:
    found = inventory(tmp_path, np.zeros(SHAPE, dtype=bool))
    assert "No landslides were found" in report(tmp_path, found)
    assert "No record of visibility" in report(tmp_path, found, summary={})


def test_errors(tmp_path: Path) -> None:
    found = inventory(tmp_path, np.zeros(SHAPE, dtype=bool))
    with pytest.raises(SourceNotFoundError, match="quicklook"):
        write_report(tmp_path / "r.html", scan={}, landslides=found.landslides, quicklook=tmp_path / "absent.png")
    Image.new("RGB", (8, 8)).save(tmp_path / "q.png")
    with pytest.raises(OutputError):
        write_report(tmp_path / "no" / "r.html", scan={}, landslides=found.landslides, quicklook=tmp_path / "q.png")


def test_numbers_are_written_for_readers() -> None:
    assert html.area(None) == html.number(None) == html.plain(None) == html.volume(float("nan")) == "–"
    assert [html.area(a) for a in (900, 15_400, 2_345_678)] == ["900 m²", "1.5 ha", "2.35 km²"]
    assert [html.volume(v) for v in (1234, 56_789, 12_345_678)] == ["1,200 m³", "57,000 m³", "12 million m³"]
    assert html.plain(True) == "yes"
    assert html.plain("") == "–"
    assert [html.label(key) for key in ("min_area_m2", "memory_mb", "iou", "batch_size")] == [
        "Minimum area (m²)", "Memory (MB)", "IoU", "Batch size",
    ]  # fmt: skip


def test_flat_mappings_with_the_same_keys_stand_side_by_side() -> None:
    columns = {"validation": {"f1": 0.5}, "test": {"f1": 0.6}}
    assert html.side_by_side(columns | {"measured": {"date": "today"}}) == (columns, {"measured": {"date": "today"}})
    for alone in ({"validation": {"f1": 0.5}}, {"validation": {"f1": {}}, "test": {"f1": {}}}, {"f1": 0.5}, {}):
        assert html.side_by_side(alone) == ({}, alone)


def test_histogram_counts_every_landslide() -> None:
    areas = np.array([900.0, 1000, 1999, 2000, 5e4, 1e6])
    bars = html._sizes(areas)
    assert sum(bar["count"] for bar in bars) == len(areas)
    assert [bar["from"] for bar in bars][:3] == ["500 m²", "1,000 m²", "2,000 m²"]
    assert [bar["count"] for bar in bars][:3] == [1, 2, 1]
