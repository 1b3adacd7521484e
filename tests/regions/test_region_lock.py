from __future__ import annotations

import multiprocessing
import os
import signal
import sqlite3
import time
from pathlib import Path

import pytest

from landslide_geo.errors import LockLostError, RegionBusyError
from landslide_geo.regions import lock
from landslide_geo.regions.lock import holder, holding

CONTEXT = multiprocessing.get_context("spawn")


def hold(path: Path, ready, seconds: float) -> None:
    with holding(path, term_s=1.0):
        ready.set()
        time.sleep(seconds)


def race(path: Path, start, won) -> None:
    start.wait()
    try:
        with holding(path, term_s=1.0) as lease:
            won.put(lease.token)
            time.sleep(3)
            lease.check()
    except RegionBusyError:
        won.put(0)


def started(path: Path, seconds: float = 60.0):
    ready = CONTEXT.Event()
    process = CONTEXT.Process(target=hold, args=(path, ready, seconds))
    process.start()
    assert ready.wait(60)
    return process


def elsewhere(path: Path) -> None:
    """Make the owner one of another machine, of whose processes nothing is known here."""
    with sqlite3.connect(path) as database:
        database.execute("UPDATE holder SET host = 'other', boot = 'other'")


def test_one_holds_it_then_the_next(tmp_path):
    path = tmp_path / "region" / "history.sqlite"
    assert holder(path) is None
    with holding(path) as first:
        assert holder(path)["pid"] == os.getpid()
        first.check()
    assert holder(path) is None
    with holding(path) as second:
        assert second.token == first.token + 1
        with pytest.raises(LockLostError, match="taken the region over"):
            first.check()
    with holding(path, floor=41) as third:
        assert third.token == 42, "above what the inventory remembers, also where the database is a new one"


def test_a_living_owner_is_named_and_a_killed_one_is_no_hindrance(tmp_path):
    path = tmp_path / "history.sqlite"
    process = started(path)
    with pytest.raises(RegionBusyError, match=f"process {process.pid} on ") as told, holding(path, term_s=1.0):
        pass
    assert "\n" not in str(told.value)
    process.kill()
    process.join()
    begun = time.monotonic()
    with holding(path, term_s=300.0):
        assert time.monotonic() - begun < 5, "a process of this machine that is no more need not be waited for"


def test_an_owner_elsewhere_that_shows_no_life_loses_it_after_the_term(tmp_path, monkeypatch):
    path = tmp_path / "history.sqlite"
    process = started(path)
    process.kill()
    process.join()
    elsewhere(path)
    # The clock on the wall may be put anywhere meanwhile.
    monkeypatch.setattr(time, "time", lambda: 0.0)
    begun = time.monotonic()
    with holding(path, term_s=1.5):
        assert time.monotonic() - begun >= 1.5


def test_a_living_owner_elsewhere_keeps_it_however_long_others_watch(tmp_path):
    path = tmp_path / "history.sqlite"
    process = started(path)
    elsewhere(path)
    begun = time.monotonic()
    with pytest.raises(RegionBusyError, match="on other"), holding(path, term_s=1.0, wait_s=3.0):
        pass
    assert time.monotonic() - begun >= 3.0
    process.kill()
    process.join()


def test_one_that_slept_too_long_finds_out(tmp_path):
    path = tmp_path / "history.sqlite"
    process = started(path, 0.5)
    os.kill(process.pid, signal.SIGSTOP)
    with holding(path, term_s=1.0) as lease:
        os.kill(process.pid, signal.SIGCONT)
        process.join(60)
        lease.check()  # whoever woke up did not take it back, nor set it free
    assert process.exitcode == 0


def test_a_number_that_another_process_has_by_now_is_not_the_owner(tmp_path):
    path = tmp_path / "history.sqlite"
    with holding(path), sqlite3.connect(path) as database:
        database.execute("UPDATE holder SET started = started - 1")
        database.commit()
        assert holder(path) is None


@pytest.mark.parametrize("dead", ["here", "elsewhere"])
def test_of_several_that_want_a_dead_ones_place_exactly_one_has_it(tmp_path, dead):
    path = tmp_path / "history.sqlite"
    process = started(path)
    process.kill()
    process.join()
    if dead == "elsewhere":
        elsewhere(path)
    start, won = CONTEXT.Event(), CONTEXT.Queue()
    racers = [CONTEXT.Process(target=race, args=(path, start, won)) for _ in range(4)]
    for racer in racers:
        racer.start()
    start.set()
    tokens = sorted(won.get(timeout=60) for _ in racers)
    for racer in racers:
        racer.join()
        assert racer.exitcode == 0
    assert tokens == [0, 0, 0, 2]


def test_beats_go_on_after_the_database_was_held(tmp_path):
    path = tmp_path / "history.sqlite"
    with holding(path, term_s=0.5) as lease:
        with sqlite3.connect(path, isolation_level=None) as other:
            other.execute("BEGIN EXCLUSIVE")
            time.sleep(0.3)
            other.execute("COMMIT")
        other.close()
        before = counted(path)
        time.sleep(0.5)
        assert counted(path) > before
        lease.check()


def counted(path: Path) -> int:
    with sqlite3.connect(path) as database:
        return database.execute("SELECT beat FROM holder").fetchone()[0]


def test_the_machines_start_is_what_processes_are_counted_from():
    assert lock._started(os.getpid()) > 0
    assert lock._started(2**22 + 1) is None
