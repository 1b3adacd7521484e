from __future__ import annotations

import threading

import pytest

from landslide_geo.inference.ahead import Ahead, Behind


def test_items_come_in_order_and_an_error_where_it_belongs():
    def items():
        yield from range(5)
        raise ValueError("at the end")

    seen = []
    with Ahead(items(), 2) as ahead, pytest.raises(ValueError, match="at the end"):
        for item in ahead:
            seen.append(item)
    assert seen == list(range(5))


def test_calls_after_one_that_failed_are_not_done():
    """A strip saved without one of its windows would be taken up by the next run as if it were whole."""
    done, gate = [], threading.Event()

    def fail() -> None:
        gate.wait(20)
        raise MemoryError

    with pytest.raises(MemoryError), Behind(2) as behind:
        behind.submit(fail)
        behind.submit(done.append, "saved")
        gate.set()
        behind.submit(done.append, "later")
    assert done == []


def test_leaving_waits_for_all_calls():
    done: list[int] = []
    with Behind(3) as behind:
        for number in range(20):
            behind.submit(done.append, number)
    assert done == list(range(20))
