"""``make serve`` as a user starts and ends it, and as a machine ends it that loses its power."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests
from catalogue import catalogue
from region_world import acquire, region_on

from benchmarks.stac_server import free_port
from landslide_geo.regions.inventory import applied_scans
from landslide_geo.regions.region import WORK

pytest.importorskip("prefect", reason="the extra 'flows' is not installed")

from flows.serve import main

ROOT = Path(__file__).parents[2]


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    kept = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    try:
        assert main(["--port", str(free_port()), "--home", str(tmp_path / "file/prefect")]) == 2
    finally:
        for number, handler in zip((signal.SIGINT, signal.SIGTERM, signal.SIGHUP), kept, strict=True):
            signal.signal(number, handler)
    told = capsys.readouterr().err
    assert told.count("\n") == 1 and "name another --home" in told


@pytest.mark.slow
@pytest.mark.integration
def test_when_all_of_it_died_in_a_run_later_nights_go_on_and_kill_leaves_nothing(tmp_path):
    shutil.copytree(ROOT / "flows", tmp_path / "flows")
    port = free_port()
    with catalogue(tmp_path / "world") as made:
        for day, bare in ((0, []), (5, [(20, 20, 12)]), (15, [(20, 20, 12)])):
            acquire(made, day, bare)
        with made.served() as url:
            region_on(tmp_path, url, look_back_days=3650, schedule={"cron": "* * * * *"})
            with serve(tmp_path, port) as serving:
                wait_for((tmp_path / WORK / "small").exists)
                died = [serving, *serving.children(recursive=True)]
                assert any("prefect.engine" in process.cmdline() for process in died), "a run is at work"
                for process in died:
                    process.kill()
            # What died keeps the deployment's only place for at most five minutes, not for ever.
            with serve(tmp_path, port) as serving:
                wait_for(lambda: states(port, "COMPLETED"), 480)
                left = serving.children(recursive=True)
                serving.terminate()
                assert serving.wait(20) == 0, "it does not wait until Prefect is killed"
                assert not [process for process in left if process.is_running() and process.status() != "zombie"]
    assert len(applied_scans(tmp_path / WORK / "small/inventory.gpkg")) == 2


@contextmanager
def serve(folder: Path, port: int) -> Iterator[psutil.Popen]:
    """It, started as a shell starts what is to run in the background."""
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "flows.serve", "--port", str(port)]
    ignoring = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        process = psutil.Popen(command, cwd=folder, env=env)
    finally:
        signal.signal(signal.SIGINT, ignoring)
    try:
        yield process
    finally:
        if process.is_running():
            for child in process.children(recursive=True):
                child.kill()
            process.kill()
        process.wait()


def states(port: int, kind: str) -> Any:
    try:
        asked = {"flow_runs": {"state": {"type": {"any_": [kind]}}}}
        return requests.post(f"http://127.0.0.1:{port}/api/flow_runs/filter", json=asked, timeout=20).json()
    except requests.RequestException:
        return None


def wait_for(found: Callable[[], Any], seconds: float = 180) -> None:
    end = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.2)
