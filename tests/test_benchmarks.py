"""The benchmarks run, as far as they need no other tool; their figures mean nothing here."""

from __future__ import annotations

import json

import numpy as np
import pytest
import rasterio
from matplotlib.colors import to_rgb
from PIL import Image

from benchmarks import bars, engine, ingest, inputs, memory, polygons, rounds, scan, table
from benchmarks.memory import Growth
from benchmarks.polygons import Held
from benchmarks.scan import Steps
from benchmarks.table import Goal
from landslide_geo.report.house import BLUE, ORANGE


def mean(batch: np.ndarray) -> np.ndarray:
    return batch.mean(axis=1, keepdims=True)


def test_rounds_give_everybody_a_turn_to_begin_and_ratios_are_of_pairs():
    calls = []
    contestants = {name: lambda name=name: calls.append(name) for name in "abc"}
    found = rounds.timed("turns", contestants, rounds=2, pixels=1, say=lambda text: None)
    assert "".join(calls) == "abcbcacab"
    assert {name: len(seconds) for name, seconds in found.seconds.items()} == {"a": 2, "b": 2, "c": 2}
    given = rounds.Rounds("given", 10, {"a": [1.0, 2.0, 6.0], "b": [2.0, 2.0, 2.0]})
    assert given.ratio("a", "b") == (1.0, 0.5, 3.0)


def test_the_engine_runs_over_the_windows_that_the_bare_passes_run_over(tmp_path):
    source = inputs.cog(tmp_path, 600)
    with rasterio.open(source) as dataset:
        assert (dataset.count, dataset.dtypes[0]) == (inputs.BANDS, "uint16")
        assert dataset.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
    engine.whole_scan(source, mean, tmp_path / "out.tif")()
    counted = []
    engine.bare_passes(source, lambda batch: counted.append(len(batch)) or batch)()
    assert counted == [8, 1], "3 × 3 windows"


def test_memory_is_measured_in_a_process_of_its_own(tmp_path):
    growth = memory.measured(tmp_path, 700, 300)
    assert 0 <= growth.growth_mb < growth.budget_mb
    assert growth.before_mb > 100


@pytest.mark.slow
def test_a_scan_is_itemised(tmp_path):
    steps = scan.measured(tmp_path, 96)
    assert 0 < steps.start < steps.total
    assert steps.rest <= steps.total


def test_the_tables_say_what_goal_was_missed_and_find_their_place(tmp_path):
    given = rounds.Rounds("64²", 4096, {"ours": [1.0, 1.2], "theirs": [2.0, 2.0], "bare": [0.5, 0.5]})
    goals = [Goal("ours", "theirs", 1.0), Goal("ours", "bare", 1.1)]
    growths = [Growth(64, 64, 1024, 500, 600, 1.0), Growth(128, 64, 1024, 500, 620, 2.0)]
    steps = [Steps(64, 3, 9.0, {"network": 1.0, "report": 2.0})]
    outlined = [(given, goals[:1], Held(64, 12, 3.4, 0.5))]
    text = table.markdown(table.machine(), [(given, goals)], growths, steps, outlined, quick=False)
    assert "Polygons of a 64² raster: 12 objects in 0.5 s, 3 MB." in text
    assert "0.550 × theirs (0.500–0.600), ≤ 1.00" in text
    assert "2.200 × bare (2.000–2.400), **not** ≤ 1.10" in text
    assert "| 128 × 64 | 500 | 120 | ≤ 1024 | 1.20, **not** ≤ 1.10 | 2.0 |" in text
    assert "| **all but the network** | **8.0**, ≤ 15 |" in text
    document = tmp_path / "page.md"
    document.write_text("before\n<!-- benchmarks: begin -->\nold\n<!-- benchmarks: end -->\nafter\n")
    for _ in range(2):
        table.write_between_marks(document, text)
    written = document.read_text()
    assert written.startswith("before\n")
    assert written.endswith("<!-- benchmarks: end -->\nafter\n")
    assert written.count("| step | s |") == 1
    assert "old" not in written
    (tmp_path / "other.md").write_text("no mark")
    with pytest.raises(ValueError, match="has no"):
        table.write_between_marks(tmp_path / "other.md", text)


@pytest.mark.slow
def test_a_tile_is_ingested_and_warped_onto_one_grid(tmp_path):
    pytest.importorskip("rustac")
    with ingest.served(tmp_path, 600) as url:
        both, peaks = ingest.contestants(tmp_path, 600, url)
        found = rounds.timed("600² tile", both, rounds=1, pixels=360_000, say=lambda text: None)
    assert set(peaks.megabytes) == {ingest.OURS, ingest.THEIRS} == set(found.seconds)
    assert 50 < peaks.megabytes[ingest.THEIRS] < peaks.megabytes[ingest.OURS] < ingest.LIMIT_MB
    for ours, theirs in (("swir16", "tile-600-swir16"), ("elevation", "tile-600-data"), ("red", "tile-600-red")):
        with (
            rasterio.open(tmp_path / f"ingested/{ours}.tif") as one,
            rasterio.open(tmp_path / f"warped/{theirs}.tif") as other,
        ):
            assert (one.shape, one.transform, one.crs) == (other.shape, other.transform, other.crs)
            assert one.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == other.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
            inner = np.s_[50:-50, 50:-50]
            offset = 0 if ours == "elevation" else 1000
            assert np.abs(one.read(1)[inner].astype(float) - (other.read(1)[inner].astype(float) - offset)).max() < 2
    text = table.markdown(table.machine(), [], [], [], [], quick=True, ingested=[(found, [], peaks)])
    assert "Largest memory of the whole process for a 600² tile" in text and "≤ 3072" in text


def test_both_ways_to_polygons_find_the_same_objects(tmp_path):
    both = polygons.contestants(tmp_path, 512)
    assert both[polygons.OURS]() == both[polygons.THEIRS]() > 50


def test_bars_are_drawn_of_what_was_written_down(tmp_path):
    who = {"bare torch": [2.0, 1.0, 4.0], "landslide, torch": [1.0, 1.0, 1.1]}
    raw = {
        "machine": {"accelerators": [], "processor": "a processor", "cores": 2},
        "speed": [{"title": "100²", "pixels": 10_000, "seconds": who}],
        "polygons": [[{"title": "outlines", "pixels": 10_000, "seconds": {polygons.OURS: [1.0]}}, {}]],
        "ingest": [],
    }
    (tmp_path / "raw.json").write_text(json.dumps(raw))
    assert bars.main(str(tmp_path / "raw.json"), str(tmp_path / "new" / "bars.png")) == 0
    picture = np.asarray(Image.open(tmp_path / "new/bars.png")).astype(int)
    length = {
        colour: [row.sum() for row in np.abs(picture - np.round(255 * np.array(to_rgb(colour)))).max(axis=2) < 3]
        for colour in (ORANGE, BLUE)
    }
    assert max(length[ORANGE]) > 1.7 * max(length[BLUE]), "twice as fast, by the median"
