from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.env import get_gdal_config
from rasterio.transform import from_origin
from shapely import box

from landslide_geo import open_scene, predict_raster
from landslide_geo.errors import OutputError, ParameterError, SourceNotFoundError, UnreadableRasterError
from landslide_geo.inference import windows
from landslide_geo.inference.budget import gdal_memory
from landslide_geo.inference.raster import _key, as_window_source
from landslide_geo.inference.skipping import Screen
from landslide_geo.inference.sources import RasterSource
from landslide_geo.inference.windows import WindowGrid


class Given:
    """A source of the user's own."""

    def __init__(self, path: Path) -> None:
        self._inner = RasterSource(path)
        self.geobox, self.count = self._inner.geobox, self._inner.count
        self.read, self.close = self._inner.read, self._inner.close


def total(batch: np.ndarray) -> np.ndarray:
    return batch.sum(axis=1, keepdims=True)


@pytest.fixture
def raster(tmp_path):
    path = tmp_path / "in.tif"
    rng = np.random.default_rng(1)
    values = rng.integers(1, 3000, size=(3, 700, 610)).astype("uint16")
    values[:, 100:160, 200:300] = 0
    with rasterio.open(
        path, "w", driver="GTiff", height=700, width=610, count=3, dtype="uint16", nodata=0, crs="EPSG:32654",
        transform=from_origin(500000, 4700000, 10, 10), tiled=True, blockxsize=256, blockysize=256,
    ) as dataset:  # fmt: skip
        dataset.write(values)
    return path, values.astype("float32")


def test_result_is_a_cog_on_the_same_grid_with_the_hole_kept(raster, tmp_path):
    path, values = raster
    out = tmp_path / "out.tif"
    tally = predict_raster(path, total, out, window=128, overlap=32, progress=False)
    with rasterio.open(out) as result, rasterio.open(path) as source:
        assert result.transform == source.transform
        assert result.crs == source.crs
        assert result.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert result.overviews(1)
        got = result.read(1)
    hole = values[0] == 0
    assert np.array_equal(np.isnan(got), hole)
    np.testing.assert_allclose(got[~hole], values.sum(axis=0)[~hole], rtol=1e-6)
    assert tally.run == tally.total
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.tif", "out.tif"], "nothing half-written is left"


def interrupted(calls: list[int], at: int = 30) -> Callable[[np.ndarray], np.ndarray]:
    """`total`, counting its calls, until Ctrl-C at one of them."""

    def predict(batch: np.ndarray) -> np.ndarray:
        calls.append(1)
        if len(calls) == at:
            raise KeyboardInterrupt
        return total(batch)

    return predict


def test_a_killed_run_resumes_to_the_same_bytes(raster, tmp_path):
    path, _ = raster
    settings = {"window": 128, "overlap": 32, "batch_size": 3, "progress": False}
    predict_raster(path, total, tmp_path / "whole.tif", **settings)

    calls: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        predict_raster(path, interrupted(calls), tmp_path / "resumed.tif", **settings)
    before = len(calls)
    calls.clear()
    predict_raster(
        path, lambda batch: (calls.append(1), total(batch))[1], tmp_path / "resumed.tif", resume=True, **settings
    )
    assert (tmp_path / "whole.tif").read_bytes() == (tmp_path / "resumed.tif").read_bytes()
    fresh: list[int] = []
    predict_raster(path, lambda batch: (fresh.append(1), total(batch))[1], tmp_path / "again.tif", **settings)
    assert len(calls) < len(fresh), f"{before} calls before the interruption were of use"


def test_truncated_raster_is_one_line_and_leaves_nothing(raster, tmp_path):
    path, _ = raster
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(UnreadableRasterError, match="may be truncated"):
        predict_raster(path, total, tmp_path / "out.tif", window=128, overlap=32, progress=False)
    assert [p.name for p in tmp_path.iterdir()] == ["in.tif"]


def test_missing_raster_is_named(tmp_path):
    with pytest.raises(SourceNotFoundError, match=r"nowhere\.tif"):
        predict_raster(tmp_path / "nowhere.tif", total, tmp_path / "out.tif")


def test_the_block_cache_is_a_quarter_of_the_budget_in_bytes_and_no_more_than_is_of_use():
    with gdal_memory(256):
        assert get_gdal_config("GDAL_CACHEMAX") == 64 * 2**20
    with gdal_memory(4096):
        assert get_gdal_config("GDAL_CACHEMAX") == 96 * 2**20


def test_strips_of_another_area_are_not_taken_up(simulated):
    scene = open_scene(simulated.sources)
    grid = WindowGrid(scene.height, scene.width, 128, 32)
    half = replace(scene, aoi=box(*scene.geobox.extent.boundingbox.bbox).buffer(-500))
    keys = [_key(as_window_source(s), grid, 4) for s in (scene, half, replace(scene, reflectance_scale=None))]
    assert len(set(keys)) == 3


def test_too_small_a_budget_is_refused_with_the_one_that_would_do(raster, tmp_path):
    path, _ = raster
    with pytest.raises(ParameterError, match=r"allow at least \d+ MB"):
        predict_raster(path, total, tmp_path / "out.tif", memory_mb=1, progress=False)


def test_a_mistake_while_resuming_does_not_cost_what_was_finished(raster, tmp_path):
    path, _ = raster
    settings = {"window": 128, "overlap": 32, "batch_size": 1, "progress": False}
    calls: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        predict_raster(path, interrupted(calls), tmp_path / "out.tif", **settings)
    strips = sorted(p.name for p in tmp_path.glob(".partial-*/strip-*"))
    assert strips
    with pytest.raises(ParameterError):
        predict_raster(path, total, tmp_path / "out.tif", resume=True, memory_mb=1, **settings)
    assert sorted(p.name for p in tmp_path.glob(".partial-*/strip-*")) == strips


def test_the_raster_that_is_read_is_not_overwritten(raster):
    path, _ = raster
    before = path.read_bytes()
    with pytest.raises(ParameterError, match="name another file"):
        predict_raster(path, total, path, progress=False)
    assert path.read_bytes() == before


@pytest.mark.parametrize("interrupted_at", [1, 9, 10, 17, 30])
def test_a_resumed_run_counts_the_windows_of_the_whole_scan(raster, tmp_path, monkeypatch, interrupted_at):
    monkeypatch.setattr(windows, "BLOCK_PX", 200)
    path, _ = raster
    settings = {"window": 96, "overlap": 32, "batch_size": 1, "progress": False}
    settings["screen"] = Screen(lambda batch: batch.mean(axis=(1, 2, 3)) / 1500, 0.99, "dark")
    whole = predict_raster(path, total, tmp_path / "whole.tif", **settings)
    assert whole.skipped, "some are screened"
    calls: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        predict_raster(path, interrupted(calls, interrupted_at), tmp_path / "out.tif", **settings)
    resumed = predict_raster(path, total, tmp_path / "out.tif", resume=True, **settings)
    assert resumed.skipped == whole.skipped
    assert resumed.run - resumed.repeated == whole.run
    assert whole.repeated == 0


def test_a_mistake_leaves_no_folders_behind(raster, tmp_path):
    path, _ = raster
    with pytest.raises(ParameterError, match="cannot be reached"):
        predict_raster(path, total, tmp_path / "x/y/out.tif", scheduler="tcp://127.0.0.1:1", progress=False)
    assert [p.name for p in tmp_path.iterdir()] == ["in.tif"]


def test_the_same_result_is_not_written_by_two_at_once(raster, tmp_path):
    path, values = raster
    out = tmp_path / "out.tif"
    settings = {"window": 128, "overlap": 32, "progress": False}
    refused = []

    def another(batch: np.ndarray) -> np.ndarray:
        """While one is at it, another tries."""
        if not refused:
            with pytest.raises(OutputError, match="written by another process") as caught:
                predict_raster(path, total, out, **settings)
            refused.append(caught)
        return total(batch)

    predict_raster(path, another, out, **settings)
    assert refused
    with rasterio.open(out) as result:
        np.testing.assert_allclose(result.read(1)[values[0] > 0], values.sum(axis=0)[values[0] > 0], rtol=1e-6)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.tif", "out.tif"]


def test_a_source_of_ones_own_is_resumed_by_its_key_only(raster, tmp_path):
    path, _ = raster
    settings = {"window": 128, "overlap": 32, "progress": False}
    calls = []

    def interrupted(batch: np.ndarray) -> np.ndarray:
        calls.append(1)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return total(batch)

    def counting(batch: np.ndarray) -> np.ndarray:
        calls.append(1)
        return total(batch)

    def strips() -> list[str]:
        return [p.name for p in tmp_path.glob(".partial-*/strip-*")]

    source = Given(path)
    with pytest.raises(KeyboardInterrupt):
        predict_raster(source, interrupted, tmp_path / "out.tif", **settings)
    assert strips()
    with pytest.raises(ParameterError, match="give it an attribute key"):
        predict_raster(source, total, tmp_path / "out.tif", resume=True, **settings)
    calls.clear()
    predict_raster(source, counting, tmp_path / "out.tif", **settings)
    fresh = len(calls)
    assert not strips()
    calls.clear()
    source.key = "the same"
    with pytest.raises(KeyboardInterrupt):
        predict_raster(source, interrupted, tmp_path / "keyed.tif", **settings)
    calls.clear()
    source.key = "another"
    predict_raster(source, counting, tmp_path / "keyed.tif", resume=True, **settings)
    assert len(calls) == fresh, "those of the other key are left alone"
    calls.clear()
    source.key = "the same"
    predict_raster(source, counting, tmp_path / "keyed.tif", resume=True, **settings)
    assert len(calls) < fresh
