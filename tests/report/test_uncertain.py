from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
from inventory_scenes import PIXEL, write
from shapely import Point

from landslide_geo.errors import SourceNotFoundError
from landslide_geo.report import uncertain
from landslide_geo.report.origin import citation, degrees, input_rows, place
from landslide_geo.report.size_plot import size_report
from landslide_geo.report.unseen import visibility_rows
from landslide_geo.report.words import brief, share


def outlines(**columns):
    count = len(next(iter(columns.values())))
    return gpd.GeoDataFrame(columns, geometry=[Point(0, 0)] * count, crs="EPSG:32654")


def test_ground_is_counted_by_what_it_reaches(tmp_path):
    values = np.full((100, 200), np.nan, dtype=np.float32)
    values[:10] = 0.3  # as float32 a little above, and 0.29 × 100 a little below 29
    values[10:30] = 0.29
    values[30:35] = 1.0
    found = uncertain.ground_by_probability(write(tmp_path / "p.tif", values, nodata=np.nan))
    row = 200 * PIXEL**2
    assert found.part == 1
    assert [found.above(at) for at in (0, 0.29, 0.3, 0.31, 1.0)] == [35 * row, 35 * row, 15 * row, 5 * row, 5 * row]
    with pytest.raises(SourceNotFoundError):
        uncertain.ground_by_probability(tmp_path / "none.tif")


def test_a_part_of_a_large_raster_tells_the_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(uncertain, "_MOST_PIXELS", 3000)
    monkeypatch.setattr(uncertain, "_TILE", 10)
    values = np.random.default_rng(0).random((97, 203), dtype=np.float32)
    found = uncertain.ground_by_probability(write(tmp_path / "p.tif", values))
    assert 0.1 < found.part < 0.2
    assert found.above(0) == pytest.approx(values.size * PIXEL**2)
    assert found.above(0.5) == pytest.approx((values >= 0.5).sum() * PIXEL**2, rel=0.05)


def test_other_thresholds_keep_what_reaches_them():
    found = outlines(prob_max=[0.38, 0.45, 0.9, None], prob_mean=[0.36, 0.4, 0.7, None], area_m2=[1.0, 2, 4, 8])
    rows = uncertain.threshold_rows(found, threshold=0.37, ground=None)
    assert [(row["threshold"], row["kept"], row["kept_m2"]) for row in rows] == [
        (0.27, None, None), (0.32, None, None), (0.37, 4, 15), (0.42, 2, 6), (0.47, 1, 4), (0.57, 1, 4),
    ]  # fmt: skip
    assert [row["used"] for row in rows] == [False, False, True, False, False, False]
    assert [row["threshold"] for row in uncertain.threshold_rows(found, threshold=0.95, ground=None)] == [
        0.85, 0.9, 0.95,
    ]  # fmt: skip
    assert uncertain.close_calls(found, 0.37) == {"count": 2, "area_m2": 3.0, "of": 4, "of_m2": 15.0}


def test_reservations_follow_from_the_record():
    found = outlines(touches_edge=[True, False, None], amalgamated=[False, False, True])
    scan = {
        "parameters": {"min_area_m2": 900.0},
        "summary": {"visible_share": 0.9},
        "model": {"manifest": {"metrics": {"test": {"precision": 0.6, "recall": 0.7, "simulated": True}}}},
    }
    told = " ".join(uncertain.reservations(scan, found))
    for words in (
        "60\u00a0%",
        "simulated",
        "One date only",
        "900 m²",
        "10.0\u00a0%",
        "1 outline touches",
        "1 outline holds",
    ):
        assert words in told
    two = uncertain.reservations({"inputs": [{"role": "pre_red"}], "summary": {"reviewed": {}}}, found[:0])
    assert len(two) == 1, "nothing is held against what the record does not tell"


def test_sizes_say_how_many_they_are():
    assert size_report(np.array([]), least_m2=900).words == ()
    assert "One landslide is too few" in size_report(np.array([5000.0]), least_m2=900).words[0]
    few = size_report(np.geomspace(900, 50_000, 30), least_m2=900)
    assert "<svg" in few.svg
    assert "too few to fit a power law" in few.words[0]
    assert "takes 100 landslides" in few.words[1]
    tail = 900 * (1 - np.random.default_rng(0).random(3000)) ** (-1 / 3.0)  # α = 4: very few large ones
    many = size_report(tail, least_m2=900)
    assert "fewer large ones" in many.words[0]
    assert "do not show where the density rolls over" in many.words[1]
    assert size_report(tail, least_m2=900).svg == many.svg


def test_where_it_comes_from_can_be_cited():
    scan = {
        "versions": {"landslide-geo": "1.2"}, "model": {"name": "m", "sha256": "f" * 64}, "date_post": "2018-09-11",
        "date_pre": "2018-08-01", "started_at": "2026-01-02T03:04:05+00:00", "key": "abc", "credits": "Copernicus",
        "inputs": [{"role": "red", "path": "/home/me/B4.tif", "band": 1, "sha256": "0"}],
    }  # fmt: skip
    assert citation(scan, "Iburi") == (
        "Iburi: landslides mapped by landslide-geo 1.2 with model m (SHA-256 ffffffffffffffff…) from images of "
        "2018-09-11 and 2018-08-01 on 2026-01-02. Scan abc. Copernicus."
    )
    assert citation({}, "x") == "x: landslides mapped by landslide-geo."
    assert input_rows(scan)[0]["file"] == "B4.tif", "no folders of somebody's machine"
    grid = {"crs": "EPSG:32760", "transform": [10.0, 0, 800_000, 0, -10, 8_000_000], "height": 500, "width": 2000}
    bounds = place(grid)["Bounds"]
    assert "° E to 179." in bounds
    assert "2,000 × 500 (20.0 × 5.0 km)" in place(grid)["Grid"]
    assert place(None) == {}
    assert degrees(-0.5, "NS") == "0.5000° S"


def test_shares_and_brief_values():
    assert [share(value) for value in (0, 0.0001, 0.5, None)] == ["0.0\u00a0%", "under 0.1\u00a0%", "50.0\u00a0%", "–"]
    assert brief({"a_m": [1, 2], "b": {"c": True}}) == "A (m) 1, 2, B C yes"
    assert brief({}) == "–"
    rows = visibility_rows({"visibility_m2": {"nodata": 1.0, "clear": 3.0}})
    assert [(row["label"], row["share"], row["mapped"]) for row in rows] == [
        ("clear", 0.75, True), ("nodata", 0.25, False),
    ]  # fmt: skip
