"""What goes wrong on a cluster is told in one line, and harms no other scan."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from rasters import assert_exact, linear, over, read_raster, write_raster

from landslide_geo import predict_raster
from landslide_geo.errors import ClusterError, OutputError, ParameterError
from landslide_geo.inference.cluster import Parcel, connected
from landslide_geo.inference.store import StripStore
from landslide_geo.inference.windows import WindowGrid

VALUES = np.random.default_rng(0).random((2, 200, 300), dtype=np.float32)
WINDOWS = {"window": 64, "overlap": 16, "batch_size": 2, "progress": False}
#: A worker on whose machine other versions are installed.
DIFFERENT = """
import importlib.metadata, sys
installed = importlib.metadata.version
others = {others!r}
def version(name):
    if name in others and others[name] is None:
        raise importlib.metadata.PackageNotFoundError(name)
    return others.get(name) or installed(name)
importlib.metadata.version = version
sys.argv = ["dask-worker", "--scheduler-file", {file!r}, "--no-nanny", "--nthreads", "1", "--no-dashboard"]
from distributed.cli.dask_worker import main
main()
"""


class Slow:
    """As `linear`, but it takes its time, and tells that it has begun."""

    def __init__(self, begun: Path, seconds: float = 0.5) -> None:
        self.begun, self.seconds = begun, seconds

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        self.begun.touch()
        time.sleep(self.seconds)
        return linear(batch)


@pytest.fixture
def raster(tmp_path):
    return write_raster(tmp_path / "in.tif", VALUES)


@contextmanager
def cluster(folder: Path, others: dict[str, str | None]) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A scheduler and a worker in processes of their own: the scheduler's address and process."""
    file = folder / "scheduler.json"
    # Workers find what the tests define, as they would with one installation for all.
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent) + os.pathsep + str(Path(__file__).parents[1])}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": environment}
    options = ["--scheduler-file", str(file), "--port", "0", "--host", "127.0.0.1", "--no-dashboard"]
    scheduler = subprocess.Popen([sys.executable, "-m", "distributed.cli.dask_scheduler", *options], **quiet)
    worker = subprocess.Popen([sys.executable, "-c", DIFFERENT.format(others=others, file=str(file))], **quiet)
    try:
        address = json.loads(wait_for(file.read_text))["address"]
        wait_for(lambda: with_a_worker(address))
        yield address, scheduler
    finally:
        for process in (worker, scheduler):
            process.kill()
            process.wait()


def with_a_worker(address: str) -> None:
    from distributed import Client

    with Client(address, timeout="2s") as client:
        client.wait_for_workers(1, timeout=20)


def wait_for(call: Callable[[], object]) -> object:
    """What a call returns once it does not fail any more and does not say no."""
    end = time.monotonic() + 30
    while True:
        try:
            if (found := call()) is not False:
                return found
        except (OSError, ValueError):
            pass
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.parametrize("extra", [{"workers": 2}, {"scheduler": "tcp://127.0.0.1:1"}])
def test_a_network_that_cannot_be_pickled_is_named(extra, raster, tmp_path):
    lock = threading.Lock()

    def predict(batch: np.ndarray) -> np.ndarray:
        with lock:
            return linear(batch)

    with pytest.raises(ParameterError, match=r"predict cannot be sent to other processes.*lock") as caught:
        predict_raster(raster, predict, tmp_path / "new/out.tif", **WINDOWS, **extra)
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["in.tif"]


def test_what_a_worker_lacks_is_told_in_one_line(tmp_path, monkeypatch):
    (tmp_path / "only_here.py").write_text("class Network: pass")
    monkeypatch.syspath_prepend(tmp_path)
    from only_here import Network

    parcel = Parcel(Network())
    monkeypatch.undo()
    del sys.modules["only_here"]
    with pytest.raises(ParameterError, match=r"cannot take up the work .*No module named 'only_here'"):
        parcel.unpacked()


@pytest.mark.integration
@pytest.mark.parametrize(
    ("others", "message"),
    [
        ({"landslide-geo": None}, "has landslide-geo not installed, this process .*; install landslide-geo"),
        ({"landslide-geo": "0.0.1"}, r"has landslide-geo 0\.0\.1, this process"),
    ],
)
def test_a_worker_without_the_package_or_with_another_version_is_named(others, message, raster, tmp_path):
    with (
        cluster(tmp_path, others) as (address, _),
        pytest.raises(ParameterError, match=message),
    ):
        predict_raster(raster, linear, tmp_path / "new/out.tif", scheduler=address, **WINDOWS)
    assert not (tmp_path / "new").exists()


@pytest.mark.integration
def test_a_scheduler_that_is_lost_is_one_line(raster, tmp_path, capfd):
    begun = tmp_path / "begun"

    def strips() -> bool:
        return bool(list(tmp_path.glob(".partial-*/strip-*")))

    with cluster(tmp_path, {}) as (address, scheduler):

        def kill() -> None:
            wait_for(strips)
            scheduler.kill()

        killer = threading.Thread(target=kill)
        killer.start()
        with pytest.raises(ClusterError, match=f"scheduler {address} was lost .*go on with resume") as caught:
            predict_raster(raster, Slow(begun), tmp_path / "out.tif", scheduler=address, **WINDOWS)
        killer.join()
    assert "\n" not in str(caught.value)
    assert capfd.readouterr().err == "", "nor does a library add lines of its own"
    assert not (tmp_path / "out.tif").exists()
    assert strips(), "what was finished stays"
    predict_raster(raster, linear, tmp_path / "out.tif", resume=True, **WINDOWS)
    assert_exact(read_raster(tmp_path / "out.tif"), over(VALUES, np.True_))


@pytest.mark.integration
def test_a_worker_that_goes_on_with_a_scan_that_was_given_up_disturbs_no_other(raster, tmp_path):
    begun, out = tmp_path / "begun", tmp_path / "out.tif"
    with cluster(tmp_path, {}) as (address, _):

        def interrupt() -> None:
            wait_for(begun.exists)
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

        interrupter = threading.Thread(target=interrupt)
        interrupter.start()
        with pytest.raises(KeyboardInterrupt):
            predict_raster(raster, Slow(begun), out, scheduler=address, **WINDOWS)
        interrupter.join()
        # Another network, in the same place: what the worker still computes of the first is not of it.
        predict_raster(raster, double, out, **WINDOWS)
        assert_exact(read_raster(out), 2 * over(VALUES, np.True_))
        time.sleep(1)
        assert not list(tmp_path.glob(".*")), "the worker makes no folder"


def double(batch: np.ndarray) -> np.ndarray:
    time.sleep(0.4)
    return 2 * linear(batch)


def test_a_store_keeps_to_the_folder_that_it_was_opened_for(tmp_path):
    grid = WindowGrid(100, 100, 64, 16)
    first = StripStore(tmp_path / "strips", grid)
    worker = StripStore(tmp_path / "strips", grid, mark=first.mark)
    rim = np.zeros((1, 1, 2, 2), dtype=np.float32)
    worker.save_rim(grid.column_blocks[0], 0, rim)
    assert StripStore(tmp_path / "strips", grid).mark == first.mark, "a resumed scan goes on in the same"
    first.remove()
    with pytest.raises(OutputError, match="gone"):
        worker.save_rim(grid.column_blocks[0], 0, rim)
    assert not (tmp_path / "strips").exists()
    StripStore(tmp_path / "strips", grid)
    with pytest.raises(OutputError, match="not that of this scan"):
        worker.save_rim(grid.column_blocks[0], 0, rim)
    with pytest.raises(OutputError, match="not that of this scan"):
        StripStore(tmp_path / "strips", grid, mark=first.mark)


@pytest.mark.integration
def test_no_more_processes_are_started_than_there_are_parts(raster, tmp_path, monkeypatch):
    started = []

    @contextmanager
    def counted(workers: int | None, scheduler: str | None):
        started.append(workers)
        with connected(workers, scheduler) as client:
            yield client

    monkeypatch.setattr("landslide_geo.inference.run.connected", counted)
    assert len(list(WindowGrid(200, 300, 64, 16).parts())) == 1
    predict_raster(raster, linear, tmp_path / "out.tif", workers=4, **WINDOWS)
    assert started == [1]
    assert_exact(read_raster(tmp_path / "out.tif"), over(VALUES, np.True_))


@pytest.mark.integration
def test_a_script_without_a_guard_is_told_of_it(raster, tmp_path):
    (tmp_path / "script.py").write_text(
        "from landslide_geo import predict_raster\n"
        f"predict_raster({str(raster)!r}, abs, {str(tmp_path / 'new/out.tif')!r}, workers=1, progress=False)\n"
    )
    done = subprocess.run([sys.executable, tmp_path / "script.py"], capture_output=True, text=True, check=False)
    assert 'call from under `if __name__ == "__main__":`' in done.stderr.splitlines()[-1]
    assert not (tmp_path / "new").exists()
