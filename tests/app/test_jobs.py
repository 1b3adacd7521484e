"""Scans in the background: real processes that are cancelled, taken up again, and outlive nothing."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from catalogue import catalogue, hokkaido

from landslide_geo import scan
from landslide_geo.app.folder import AppFolder
from landslide_geo.app.job import Job, State
from landslide_geo.app.jobs import Jobs
from landslide_geo.app.orders import Order
from landslide_geo.app.uploads import Uploads
from landslide_geo.config import ScanParams
from landslide_geo.errors import OutputError, ParameterError, SourceNotFoundError
from landslide_geo.inventory import read_layer
from landslide_geo.simulate import SimulatedScene


def _wait(until: Callable[[], Any], seconds: float = 90) -> None:
    end = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.05)


@pytest.fixture
def folder(tmp_path: Path, simulated: SimulatedScene) -> AppFolder:
    folder = AppFolder(tmp_path / "work")
    for source in (*(each for each in simulated.sources if each.split("=")[0] in ("red", "green", "blue")),
                   f"dem={simulated.dem}"):  # fmt: skip
        name, path = source.split("=")
        (folder.uploads / name).mkdir()
        shutil.copy(path, folder.uploads / name / f"{name}.tif")
    return folder


@pytest.fixture
def jobs(folder: AppFolder) -> Iterator[Jobs]:
    made = Jobs(folder, Uploads(folder.uploads, most_bytes=10**9))
    yield made
    made.close()


def _order(**more: Any) -> Order:
    files = {"kind": "files", "bands": {"red": "red", "green": "green", "blue": "blue"}, "dem": "dem"}
    return Order.model_validate({"source": files, "name": "Mine"} | more)


def _workers() -> list[psutil.Process]:
    return _workers_of(psutil.Process())


def _workers_of(parent: psutil.Process) -> list[psutil.Process]:
    found = []
    for child in parent.children(recursive=True):
        with contextlib.suppress(psutil.Error):  # it ended meanwhile
            if "landslide_geo.app.worker" in " ".join(child.cmdline()):
                found.append(child)
    return found


def test_a_cancelled_scan_goes_on_to_what_landslide_scan_makes(folder: AppFolder, jobs: Jobs, tmp_path: Path) -> None:
    job = jobs.start(_order())
    _wait(lambda: job.state is State.RUNNING and _workers())
    waiting = jobs.start(_order(name="Another"))
    jobs.cancel(waiting.id)
    assert waiting.state is State.CANCELLED
    jobs.cancel(job.id)
    _wait(lambda: not _workers())
    assert job.state is State.CANCELLED and job.id not in folder.finished()
    heard = []
    hear = job.hear
    job.hear = lambda message: (heard.append(message), hear(message))  # type: ignore[method-assign,func-returns-value]
    jobs.resume(job.id)
    _wait(lambda: job.state not in (State.QUEUED, State.RUNNING))
    assert (job.state, job.error) == (State.FINISHED, None)
    assert job.total > 0 and job.done == job.total
    assert any("stage" in message for message in heard)
    with pytest.raises(ParameterError, match="only what was stopped"):
        jobs.resume(job.id)
    files = [f"{name}={folder.uploads}/{name}/{name}.tif" for name in ("red", "green", "blue")]
    scan(files, tmp_path / "direct", dem=folder.uploads / "dem" / "dem.tif", params=ScanParams(), name="Mine")
    made = folder.scan(job.id) / "probability.tif"
    assert made.read_bytes() == (tmp_path / "direct" / "probability.tif").read_bytes()


@pytest.mark.integration
def test_a_drawn_area_and_a_day_become_a_scene_from_a_catalogue_and_its_scan(tmp_path: Path, mirror: Path) -> None:
    west, south, east, north = 141.95, 42.71, 141.98, 42.73
    area = {
        "type": "Polygon",
        "coordinates": [[[west, south], [east, south], [east, north], [west, north], [west, south]]],
    }
    folder = AppFolder(tmp_path / "work")
    with catalogue(tmp_path / "catalogue") as made:
        hokkaido(made, mirror)
        with made.served() as url:
            jobs = Jobs(folder, Uploads(folder.uploads, most_bytes=10**9), stac=url)
            try:
                source = {"kind": "catalogue", "event": "2018-09-06", "max_cloud": 0.45}
                job = jobs.start(Order.model_validate({"source": source, "aoi": area, "name": "Iburi"}))
                _wait(lambda: job.state not in (State.QUEUED, State.RUNNING))
                assert (job.state, job.error) == (State.FINISHED, None)
            finally:
                jobs.close()
    assert list(folder.ready_scenes()) == [job.id]
    frame = read_layer(folder.scan(job.id) / "landslides.gpkg")
    assert set(frame["date_post"].astype(str)) == {"2018-09-11"} and len(frame) > 5


@pytest.mark.integration
def test_a_sample_is_fetched_from_the_mirror(tmp_path: Path, mirror: Path) -> None:
    folder = AppFolder(tmp_path / "work")
    jobs = Jobs(folder, Uploads(folder.uploads, most_bytes=10**9), mirror=mirror)
    try:
        valley = {
            "type": "Polygon",
            "coordinates": [[[141.95, 42.71], [141.98, 42.71], [141.98, 42.73], [141.95, 42.71]]],
        }
        job = jobs.start(Order.model_validate({"source": {"kind": "sample", "name": "hokkaido"}, "aoi": valley}))
        _wait(lambda: job.state not in (State.QUEUED, State.RUNNING))
        assert (job.state, job.error) == (State.FINISHED, None)
    finally:
        jobs.close()
    frame = read_layer(folder.scan(job.id) / "landslides.gpkg")
    assert len(frame) > 5 and set(frame["event_id"]) == {"Hokkaido Eastern Iburi earthquake"}


def test_what_the_user_can_mend_is_told_in_one_line(folder: AppFolder, jobs: Jobs) -> None:
    far = {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]}
    job = jobs.start(_order(aoi=far))
    _wait(lambda: job.state not in (State.QUEUED, State.RUNNING))
    assert job.state is State.FAILED
    assert job.error == "the area: lies outside the scene; check that area and scene are of the same place"
    with pytest.raises(SourceNotFoundError):
        jobs.get("other")


def test_the_end_of_the_page_ends_its_scans_and_the_next_page_offers_them(folder: AppFolder) -> None:
    uploads = Uploads(folder.uploads, most_bytes=10**9)
    first = Jobs(folder, uploads)
    job = first.start(_order())
    _wait(lambda: job.state is State.RUNNING and _workers())
    first.close()
    _wait(lambda: not _workers())
    second = Jobs(folder, uploads)
    try:
        found = second.get(job.id)
        assert found.state is State.INTERRUPTED and found.order == job.order
    finally:
        second.close()


def test_a_stop_of_the_page_by_hand_or_by_force_leaves_no_process_and_what_it_did_can_go_on(folder: AppFolder) -> None:
    for sent in (signal.SIGINT, signal.SIGKILL):
        page = subprocess.Popen(
            [sys.executable, "-c", _PAGE, str(folder.root)], stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        assert page.stdout is not None
        id = page.stdout.readline().strip()
        _wait(lambda page=page: _workers_of(psutil.Process(page.pid)))
        (worker,) = _workers_of(psutil.Process(page.pid))
        os.killpg(page.pid, sent)  # as a terminal does
        page.wait(30)
        page.stdout.close()
        _wait(lambda worker=worker: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE)
        after = Jobs(folder, Uploads(folder.uploads, most_bytes=10**9))
        after.close()
        assert (after.get(id).state, after.get(id).error) == (State.INTERRUPTED, None)


#: The page without its patches, with a scan that has begun.
_PAGE = """
import sys
from pathlib import Path
import uvicorn
from landslide_geo.app.folder import AppFolder
from landslide_geo.app.jobs import Jobs
from landslide_geo.app.orders import Order
from landslide_geo.app.uploads import Uploads
folder = AppFolder(Path(sys.argv[1]))
jobs = Jobs(folder, Uploads(folder.uploads, most_bytes=10**9))
files = {"kind": "files", "bands": {"red": "red", "green": "green", "blue": "blue"}, "dem": "dem"}
print(jobs.start(Order.model_validate({"source": files})).id, flush=True)
async def app(scope, receive, send):
    while (await receive())["type"] != "lifespan.shutdown":
        await send({"type": "lifespan.startup.complete"})
    jobs.close()
    await send({"type": "lifespan.shutdown.complete"})
uvicorn.run(app, port=0, log_level="error")
"""


def test_what_cannot_be_written_down_stops_one_scan_and_not_those_after(folder: AppFolder, jobs: Jobs) -> None:
    first, second = jobs.start(_order()), jobs.start(_order())
    _wait(lambda: first.state is State.RUNNING and _workers())
    shutil.rmtree(folder.jobs)
    with pytest.raises(OutputError, match="cannot be written"):
        jobs.cancel(first.id)
    _wait(lambda: second.state is State.FAILED)
    assert first.state is State.CANCELLED and "cannot be written" in str(second.error)
    folder.jobs.mkdir()
    third = jobs.start(_order(aoi={"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]}))
    _wait(lambda: third.state is State.FAILED)
    assert "lies outside the scene" in str(third.error)


def test_what_was_stopped_can_be_forgotten_with_what_it_left(folder: AppFolder, jobs: Jobs) -> None:
    job = jobs.start(_order())
    _wait(lambda: list((folder.scans / job.id).glob(".partial-*")) if (folder.scans / job.id).exists() else [])
    with pytest.raises(ParameterError, match="is under way; cancel it first"):
        jobs.remove(job.id)
    jobs.cancel(job.id)
    _wait(lambda: not _workers())
    time.sleep(0.2)
    jobs.remove(job.id)
    assert not (folder.scans / job.id).exists() and list(folder.jobs.iterdir()) == [] and jobs.all() == []


def test_time_left_follows_from_the_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    job = Job("x", _order())
    now = iter([100.0, 110.0, 120.0])
    monkeypatch.setattr("landslide_geo.app.job.time.monotonic", lambda: next(now))
    job.hear({"done": 20, "total": 100})
    assert job.seconds_left is None  # what was taken up tells no rate
    job.hear({"done": 40, "total": 100})
    assert job.seconds_left == pytest.approx(30)
    job.hear({"done": 100, "total": 100})
    assert job.seconds_left == 0 and job.stage.startswith("outlining")
