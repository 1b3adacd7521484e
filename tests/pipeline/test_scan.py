from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from rasterio.features import rasterize
from shapely import box

from landslide_geo import open_scene, scan
from landslide_geo.config import ScanParams
from landslide_geo.errors import EmptyAOIError, OutputError, ParameterError, UnreadableRasterError
from landslide_geo.pipeline.scan import ScanResult
from landslide_geo.simulate import SimulatedScene

RULE = ScanParams(model="red_minus_green")
FILES = [
    "probability.tif", "probability.qml", "uncertainty.tif", "rdndvi.tif", "review/post.tif", "review/pre.tif",
    "review/hillshade.tif", "review/visibility.tif", "review/change.tif", "landslides.gpkg",
    "review.qgz", "quicklook.png", "report.html",
    "item.json", "scan.json",
]  # fmt: skip


@pytest.fixture(scope="module")
def finished(simulated, tmp_path_factory) -> ScanResult:
    """A scan by the rule; never write into its folder."""
    return scan(simulated.sources, tmp_path_factory.mktemp("scan") / "out", dem=simulated.dem, params=RULE)


def listing(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def same_inventory(left: Path, right: Path) -> bool:
    frames = [gpd.read_file(path / "landslides.gpkg", layer="landslides") for path in (left, right)]
    frames = [frame.drop(columns=["detected_at"]) for frame in frames]
    return frames[0].equals(frames[1])


def test_every_file_is_there_and_nothing_else(finished):
    assert listing(finished.out) == sorted(FILES)
    assert sorted(finished.record["outputs"]) == sorted(FILES)


def agreement(result: ScanResult, simulated: SimulatedScene) -> tuple[int, int, int]:
    """Visible pixels that are mapped and true, true, and mapped."""
    with rasterio.open(simulated.truth) as dataset:
        truth = dataset.read(1) == 1
    with rasterio.open(result.out / "probability.tif") as dataset:
        seen = np.isfinite(dataset.read(1))
        landslides = gpd.read_file(result.out / "landslides.gpkg", layer="landslides")
        found = rasterize(landslides.geometry, out_shape=dataset.shape, transform=dataset.transform).astype(bool)
    return int((found & truth & seen).sum()), int((truth & seen).sum()), int((found & seen).sum())


def test_most_scars_are_found_and_fields_are_not(finished, simulated):
    hits, of_truth, of_found = agreement(finished, simulated)
    assert hits / of_truth > 0.7
    assert hits / of_found > 0.7, "the rule marks fields; the slope screen removes them"


def test_the_shipped_model_finds_scars_it_never_saw_the_like_of(simulated, tmp_path):
    """Trained on real patches only; the figures are about a simulated scene and hold for nothing else."""
    result = scan(simulated.sources, tmp_path / "out", dem=simulated.dem)
    assert result.record["model"]["name"] == "default"
    hits, of_truth, of_found = agreement(result, simulated)
    assert hits / of_truth > 0.6
    assert hits / of_found > 0.8


def test_rasters_are_cogs_with_nodata_where_nothing_was_seen(finished):
    with rasterio.open(finished.out / "review/visibility.tif") as dataset:
        codes = dataset.read(1)
    for name in ("probability.tif", "uncertainty.tif"):
        with rasterio.open(finished.out / name) as dataset:
            assert dataset.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
            assert np.isnan(dataset.nodata)
            values = dataset.read(1)
        assert np.array_equal(np.isfinite(values), np.isin(codes, [1, 2]))
        assert 0 <= np.nanmin(values) <= np.nanmax(values) <= 1
    assert (codes == 3).any(), "the simulated scene has a cloud"


def test_the_record_says_what_was_done(finished, simulated):
    record = finished.record
    assert record == json.loads((finished.out / "scan.json").read_text())
    roles = {entry["role"] for entry in record["inputs"]}
    assert {"red", "green", "blue", "pre_red", "dem"} <= roles
    assert all(len(entry["sha256"]) == 64 for entry in record["inputs"])
    assert record["windows"]["run"] + sum(record["windows"]["skipped"].values()) == record["windows"]["total"] > 0
    assert record["parameters"]["min_area_m2"] == 900
    assert record["model"]["name"] == "red_minus_green"
    assert record["normalisation"]
    assert record["peak_memory_mb"] > 0
    assert list(record["timings_s"]) == [
        "warp", "visibility", "statistics", "back end", "network", "rasters", "layers", "polygons", "report",
    ]  # fmt: skip
    assert record["backend"]["chosen"][0]["name"] in ("torch", "openvino", "onnx")


def test_the_same_scan_again_does_nothing(finished, simulated):
    before = {path: path.stat().st_mtime_ns for path in finished.out.rglob("*")}
    for overwrite in (False, True):
        again = scan(simulated.sources, finished.out, dem=simulated.dem, params=RULE, overwrite=overwrite)
        assert not again.fresh
        assert again.summary == finished.summary
    assert {path: path.stat().st_mtime_ns for path in finished.out.rglob("*")} == before


def test_another_scan_needs_overwrite_and_then_leaves_nothing_of_the_old_one(simulated, tmp_path):
    out = tmp_path / "out"
    rgb = [s for s in simulated.sources if s.split("=")[0] in ("red", "green", "blue")]
    scan(simulated.sources, out, dem=simulated.dem, params=RULE)
    before = (out / "scan.json").read_bytes()
    with pytest.raises(OutputError, match=r"holds another scan .*--overwrite"):
        scan(rgb, out, params=RULE)
    assert (out / "scan.json").read_bytes() == before
    assert listing(out) == sorted(FILES)
    scan(rgb, out, params=RULE, overwrite=True)
    gone = {"rdndvi.tif", "review/pre.tif", "review/hillshade.tif", "review/change.tif"}
    assert listing(out) == sorted(set(FILES) - gone)
    warnings = json.loads((out / "scan.json").read_text())["warnings"]
    assert any("no elevation model" in text for text in warnings)


def test_a_changed_input_is_noticed(simulated, tmp_path):
    copy = tmp_path / "red.tif"
    copy.write_bytes(Path(dict(s.split("=") for s in simulated.sources)["red"]).read_bytes())
    sources = [f"red={copy}", *[s for s in simulated.sources if s.split("=")[0] in ("green", "blue")]]
    first = scan(sources, tmp_path / "out", params=RULE)
    with rasterio.open(copy, "r+") as dataset:
        dataset.write(dataset.read() + 1)
    with pytest.raises(OutputError, match="holds another scan"):
        scan(sources, tmp_path / "out", params=RULE)
    assert scan(sources, tmp_path / "out", params=RULE, overwrite=True).record["key"] != first.record["key"]


@pytest.mark.parametrize(("window", "overlap"), [(64, 16), (160, 0)])
def test_probability_does_not_depend_on_the_window_layout(finished, simulated, tmp_path, window, overlap):
    params = ScanParams(model="red_minus_green", window=window, overlap=overlap, batch_size=3)
    other = scan(simulated.sources, tmp_path / "out", dem=simulated.dem, params=params)
    values = []
    for out in (finished.out, other.out):
        with rasterio.open(out / "probability.tif") as dataset:
            values.append(dataset.read(1))
    np.testing.assert_allclose(values[1], values[0], atol=1e-5)
    assert other.summary["landslides"] == finished.summary["landslides"]


def test_only_the_area_of_interest_is_mapped(simulated, tmp_path, finished):
    with rasterio.open(finished.out / "probability.tif") as dataset:
        left, bottom, right, top = dataset.bounds
        whole = dataset.read(1)
    half = box(left, bottom, (left + right) / 2, top)
    gpd.GeoDataFrame(geometry=[half], crs="EPSG:32654").to_file(tmp_path / "aoi.gpkg")
    result = scan(simulated.sources, tmp_path / "out", dem=simulated.dem, aoi=tmp_path / "aoi.gpkg", params=RULE)
    with rasterio.open(result.out / "probability.tif") as dataset:
        part = dataset.read(1)
    middle = part.shape[1] // 2
    assert np.isnan(part[:, middle:]).all()
    np.testing.assert_array_equal(part[:, :middle], whole[:, :middle]), "what lies inside does not change"
    assert gpd.read_file(result.out / "landslides.gpkg", layer="landslides").within(half.buffer(1)).all()
    assert result.summary["visible_m2"] <= half.area < finished.summary["visible_m2"], "only what was mapped is visible"


def test_an_area_between_pixel_centres_is_refused(simulated, tmp_path):
    with rasterio.open(simulated.truth) as dataset:
        x, y = dataset.transform * (100, 100)
    gpd.GeoDataFrame(geometry=[box(x + 1, y + 1, x + 3, y + 3)], crs="EPSG:32654").to_file(tmp_path / "aoi.gpkg")
    with pytest.raises(EmptyAOIError, match="no pixel centre"):
        scan(simulated.sources, tmp_path / "out", aoi=tmp_path / "aoi.gpkg", params=RULE)
    assert listing(tmp_path) == ["aoi.gpkg"]


def test_an_error_of_the_users_leaves_nothing(simulated, tmp_path):
    broken = tmp_path / "red.tif"
    whole = Path(dict(s.split("=") for s in simulated.sources)["red"]).read_bytes()
    broken.write_bytes(whole[: len(whole) // 2])
    sources = [f"red={broken}", *[s for s in simulated.sources if s.split("=")[0] in ("green", "blue")]]
    with pytest.raises(UnreadableRasterError, match=r"red\.tif.*truncated"):
        scan(sources, tmp_path / "out", params=RULE)
    with pytest.raises(ParameterError, match="multiple of 32"):
        scan(simulated.sources, tmp_path / "out", params=ScanParams(model="red_minus_green", window=100))
    assert [p.name for p in tmp_path.iterdir()] == ["red.tif"]


def test_a_scene_without_a_landslide_is_a_result_too(tmp_path, simulated):
    params = ScanParams(model="red_minus_green", threshold=0.999999, min_area_m2=1e9)
    result = scan(simulated.sources, tmp_path / "out", dem=simulated.dem, params=params)
    assert result.summary["landslides"] == 0
    with sqlite3.connect(result.out / "landslides.gpkg") as db:
        layers = {row[0] for row in db.execute("SELECT table_name FROM gpkg_contents")}
    assert {"landslides", "crowns", "visibility", "reviewed_extent", "layer_styles"} <= layers


def test_elevation_inside_a_file_of_several_bands_is_the_one_that_is_used(simulated, tmp_path, finished):
    paths = dict(source.split("=") for source in simulated.sources)
    with rasterio.open(paths["red"]) as dataset:
        profile = dataset.profile | {"count": 4, "dtype": "float32", "nodata": None}
    scene = open_scene(simulated.sources, dem=simulated.dem)
    with rasterio.open(tmp_path / "all.tif", "w", **profile) as dataset:
        dataset.write(scene.read(["red", "green", "blue"], scene.extent), [1, 2, 3])
        dataset.write(scene.read_elevation(scene.extent), 4)
        for index, name in enumerate(("red", "green", "blue", "elevation"), start=1):
            dataset.set_band_description(index, name)
    result = scan(tmp_path / "all.tif", tmp_path / "out", params=RULE)
    ours, theirs = (gpd.read_file(r.out / "landslides.gpkg", layer="landslides") for r in (result, finished))
    assert ours["elev_max_m"].max() == pytest.approx(theirs["elev_max_m"].max(), abs=15)
    assert ours["slope_mean_deg"].median() == pytest.approx(theirs["slope_mean_deg"].median(), abs=3)


KILLED = """
import sys, time
from landslide_geo import scan
from landslide_geo.config import ScanParams
from landslide_geo.inference import store
save = store.StripStore.save
def slow(self, strip):
    save(self, strip)
    print(strip.row, flush=True)
    time.sleep(60)
store.StripStore.save = slow
scan(sys.argv[2:], sys.argv[1], params=ScanParams(model="red_minus_green", window=128, overlap=32))
"""


def test_a_killed_scan_resumes_to_the_same_result(simulated, tmp_path):
    params = ScanParams(model="red_minus_green", window=128, overlap=32)
    whole = scan(simulated.sources, tmp_path / "whole", params=params)
    out = tmp_path / "killed"
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(out), *simulated.sources], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline().strip() == "0", "one strip is finished"
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    time.sleep(0.1)
    assert [p.name for p in out.iterdir()] == [f".partial-{whole.record['key']}"]
    resumed = scan(simulated.sources, out, params=params, resume=True)
    assert resumed.record["windows"]["strips_resumed"] == 1
    counts, expected = resumed.record["windows"], whole.record["windows"]
    assert counts["skipped"] == expected["skipped"]
    assert counts["run"] - counts["repeated"] == expected["run"], "of the whole scan, not of its last run"
    for name in ("probability.tif", "uncertainty.tif", "review/visibility.tif"):
        assert (out / name).read_bytes() == (whole.out / name).read_bytes()
    assert same_inventory(out, whole.out)
    assert listing(out) == listing(whole.out)
