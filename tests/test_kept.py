"""What is kept from one run to the next: made once, whole or not there."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from landslide_geo.kept import Shelf

SHELF = Shelf("things", most=8)


@pytest.fixture(autouse=True)
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_what_cannot_be_made_leaves_nothing():
    def broken(part: Path) -> None:
        (part / "half").touch()
        raise RuntimeError("no space")

    with pytest.raises(RuntimeError, match="no space"):
        SHELF.kept(["broken"], broken)
    assert list(SHELF.folder.iterdir()) == []


def test_those_not_used_for_longest_are_forgotten():
    places = [SHELF.kept([number], lambda part: (part / "x").touch()) for number in range(8)]
    assert all(place is not None and place.is_dir() for place in places)
    for age, place in enumerate(places):
        os.utime(place, (1e9 + age, 1e9 + age))
    assert SHELF.kept([0], lambda part: pytest.fail("it is there")) == places[0]
    SHELF.kept(["new"], lambda part: (part / "x").touch())
    assert [place.is_dir() for place in places] == [True, False, *[True] * 6]


def test_whoever_wants_what_another_thread_is_making_waits_for_it():
    begun, go_on, made = threading.Event(), threading.Event(), []

    def make(part: Path) -> None:
        begun.set()
        assert go_on.wait(10)
        made.append(part)

    threads = [threading.Thread(target=SHELF.kept, args=(["slow"], make)) for _ in range(2)]
    for thread in threads:
        thread.start()
    assert begun.wait(10)
    go_on.set()
    for thread in threads:
        thread.join()
    assert len(made) == 1
