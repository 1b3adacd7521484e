from __future__ import annotations

import doctest
import sys
from threading import Thread

import pytest

from landslide_geo import progress
from landslide_geo.inference.progress import reporting
from landslide_geo.progress import note, showing, stage, tracked


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time(monkeypatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(progress, "monotonic", clock)
    return clock


def test_amounts_rates_and_times_are_written_for_readers() -> None:
    assert doctest.testmod(progress).failed == 0
    assert progress.amount(1_200_000, 3_400_000_000, "B") == "0.0/3.4 GB"
    assert progress.amount(512, None, "B") == "512.0 B"
    assert progress.rate(0, "chip") == ""


def test_nothing_is_said_where_nobody_shows_it(capfd) -> None:
    with stage("warp") as advance:
        advance(3)
    assert list(tracked(range(3), "chips", 3, "chip")) == [0, 1, 2]
    assert not note("nobody hears this")
    assert capfd.readouterr() == ("", "")


def test_logs_have_a_line_every_ten_seconds_and_none_for_what_is_short(capfd, time) -> None:
    with showing():
        with stage("warp"):
            time.now += 5
        with stage("network", 40, "window") as advance:
            for _ in range(4):
                time.now += 6
                advance(2)
        assert note("between")
    told = capfd.readouterr()
    assert told.out == ""
    assert told.err.splitlines() == [
        "network: 4/40 windows, 3 s/window, 1:48 left",
        "network: 8/40 windows, 3 s/window, 1:36 left",
        "network: 0:24",
        "between",
    ]
    assert "\x1b" not in told.err


def test_stages_may_be_told_by_other_threads_and_end_when_they_fail(capfd, time) -> None:
    def work(advance) -> None:
        for _ in range(500):
            advance(1)

    with pytest.raises(RuntimeError), showing(), stage("answers", 2000, "chip") as advance:
        threads = [Thread(target=work, args=(advance,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        time.now += 20
        advance(0)
        raise RuntimeError
    assert capfd.readouterr().err.startswith("answers: 2,000/2,000 chips, 100 chips/s, 0.0 s left\nanswers: 0:20\n")
    assert not note("the block is over")


def test_one_block_within_another_shows_once(capfd, time) -> None:
    with showing():
        with showing(), stage("inner"):
            time.now += 30
        assert note("still shown")
    assert capfd.readouterr().err == "inner: 0:30\nstill shown\n"


@pytest.mark.parametrize(("term", "drawn"), [("xterm-256color", True), ("dumb", False), ("", False)])
def test_bars_need_a_terminal_that_moves_its_cursor(term: str, drawn: bool, monkeypatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", term)
    assert progress.is_drawable() == drawn
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False, raising=False)
    assert not progress.is_drawable()


def test_callers_from_python_are_told_windows_of_all_windows(capfd) -> None:
    told: list[tuple[int, int]] = []
    with reporting(lambda done, total: told.append((done, total)), 5) as advance:
        advance(2)
        advance(3)
    assert told == [(2, 5), (5, 5)]
    for silent in (False, True):
        with reporting(silent, 5) as advance:
            advance(5)
    assert capfd.readouterr() == ("", "")
