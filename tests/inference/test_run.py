"""The same scan on a Dask cluster."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rasterio.transform import from_origin

from landslide_geo import predict_raster
from landslide_geo.errors import LandslideError, ParameterError
from landslide_geo.inference import windows
from landslide_geo.inference.run import Cluster, Work
from landslide_geo.inference.sources import RasterSource
from landslide_geo.inference.windows import WindowGrid

WINDOWS = {"window": 16, "overlap": 8, "batch_size": 4, "progress": False}


class Convolution:
    """A small network of fixed weights; picklable, as a cluster needs it."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.network = torch.nn.Conv2d(2, 1, 5, padding=2)

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return torch.sigmoid(self.network(torch.from_numpy(batch))).numpy()


class KilledOnce(Convolution):
    """So many processes die in the middle of a part, all at the same moment; those that take their place do not."""

    def __init__(self, marks: Path, processes: int) -> None:
        super().__init__()
        self.marks, self.processes, self.calls = marks, processes, 0

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        self.calls += 1
        if self.calls == 40 and self._mine():
            end = time.monotonic() + 60
            while len(list(self.marks.iterdir())) < self.processes and time.monotonic() < end:
                time.sleep(0.01)
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__(batch)

    def _mine(self) -> bool:
        for number in range(self.processes):
            try:
                (self.marks / str(number)).touch(exist_ok=False)
            except FileExistsError:
                continue
            return True
        return False


def failing(batch: np.ndarray) -> np.ndarray:
    raise ParameterError("the network says no")


@pytest.fixture(scope="module", autouse=True)
def narrow_blocks():
    """Column blocks of 200 pixels, so that a small raster has several."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(windows, "BLOCK_PX", 200)
        yield


@pytest.fixture(scope="module")
def raster(tmp_path_factory):
    path = tmp_path_factory.mktemp("cluster") / "in.tif"
    rng = np.random.default_rng(3)
    values = rng.normal(size=(2, 1000, 1300)).astype("float32")
    values[:, 300:400, 200:500] = np.nan
    with rasterio.open(
        path, "w", driver="GTiff", height=1000, width=1300, count=2, dtype="float32", crs="EPSG:32654",
        transform=from_origin(500000, 4700000, 10, 10), tiled=True, blockxsize=256, blockysize=256,
    ) as dataset:  # fmt: skip
        dataset.write(values)
    return path


@pytest.fixture(scope="module")
def alone(raster, tmp_path_factory):
    """What one process makes of it."""
    out = tmp_path_factory.mktemp("alone") / "out.tif"
    return out, predict_raster(raster, Convolution(), out, **WINDOWS)


@pytest.fixture(scope="module")
def scheduler():
    from distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, memory_limit=0) as cluster:
        yield cluster.scheduler_address


def same(one: Path, other: Path) -> bool:
    with rasterio.open(one) as a, rasterio.open(other) as b:
        return np.array_equal(a.read(), b.read(), equal_nan=True)


def test_there_are_several_parts_of_several_blocks():
    parts = list(WindowGrid(1000, 1300, 16, 8).parts())
    assert len(parts) >= 4
    assert max(len(part.blocks) for part in parts) > 1
    assert max(len(part.rows) for part in parts) > 1


@pytest.mark.integration
def test_a_cluster_gives_what_one_process_gives(raster, alone, scheduler, tmp_path):
    out, tally = alone
    seen = []
    clustered = predict_raster(
        raster, Convolution(), tmp_path / "out.tif", scheduler=scheduler,
        **WINDOWS | {"progress": lambda done, total: seen.append((done, total))},
    )  # fmt: skip
    assert same(tmp_path / "out.tif", out)
    assert (
        clustered.run - clustered.repeated == tally.run - tally.repeated == tally.total - tally.skipped["nothing valid"]
    )
    assert clustered.repeated / clustered.run < 0.05
    assert clustered.skipped == tally.skipped
    assert seen[-1] == (tally.total, tally.total)
    assert [path.name for path in tmp_path.iterdir()] == ["out.tif"]


@pytest.mark.integration
@pytest.mark.parametrize("processes", [1, 2], ids=["one of two workers", "all workers"])
def test_workers_killed_in_the_middle_cost_their_parts_only(processes, raster, alone, scheduler, tmp_path):
    (tmp_path / "marks").mkdir()
    network = KilledOnce(tmp_path / "marks", processes)
    predict_raster(raster, network, tmp_path / "out.tif", scheduler=scheduler, **WINDOWS)
    assert len(list((tmp_path / "marks").iterdir())) == processes
    assert same(tmp_path / "out.tif", alone[0])


@pytest.mark.integration
def test_a_local_cluster_lives_as_long_as_the_scan(raster, alone, tmp_path):
    predict_raster(raster, Convolution(), tmp_path / "out.tif", workers=2, **WINDOWS)
    assert same(tmp_path / "out.tif", alone[0])


@pytest.mark.integration
def test_an_error_on_a_worker_is_raised_here_and_leaves_nothing(raster, scheduler, tmp_path):
    with pytest.raises(ParameterError, match="the network says no"):
        predict_raster(raster, failing, tmp_path / "out.tif", scheduler=scheduler, **WINDOWS)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.integration
@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    shape=st.tuples(st.integers(1, 150), st.integers(1, 500)),
    window=st.integers(1, 24),
    share=st.floats(0, 0.9),
    batch_size=st.integers(1, 6),
    seed=st.integers(0, 99),
)
def test_workers_give_what_one_process_gives(scheduler, tmp_path, shape, window, share, batch_size, seed):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(2, *shape)).astype("float32")
    values[:, rng.random(shape) < 0.2] = np.nan
    with rasterio.open(
        tmp_path / "in.tif", "w", driver="GTiff", height=shape[0], width=shape[1], count=2, dtype="float32",
        crs="EPSG:32654", transform=from_origin(500000, 4700000, 10, 10),
    ) as dataset:  # fmt: skip
        dataset.write(values)
    how = {"window": window, "overlap": int(share * window), "batch_size": batch_size, "progress": False}
    for name, more in (("alone", {}), ("together", {"scheduler": scheduler})):
        predict_raster(tmp_path / "in.tif", Convolution(), tmp_path / f"{name}.tif", **how, **more)
    with rasterio.open(tmp_path / "alone.tif") as a, rasterio.open(tmp_path / "together.tif") as b:
        np.testing.assert_allclose(a.read(), b.read(), atol=1e-5)


def test_blocks_travel_as_paths_and_windows(raster):
    import cloudpickle

    work = Work(RasterSource(raster), Convolution(), WindowGrid(1000, 1300, 16, 8), 4)
    assert len(cloudpickle.dumps(work)) < 6000, "no pixels"


def test_a_scheduler_that_is_not_there_is_named(raster, tmp_path):
    with pytest.raises(ParameterError, match=r"tcp://127\.0\.0\.1:1: cannot be reached"):
        predict_raster(raster, failing, tmp_path / "out.tif", scheduler="tcp://127.0.0.1:1", **WINDOWS)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("wrong", [{"workers": 0}, {"workers": 2, "scheduler": "tcp://127.0.0.1:1"}])
def test_clusters_that_cannot_be_are_refused(wrong):
    with pytest.raises(LandslideError, match="workers"):
        Cluster(**wrong)
