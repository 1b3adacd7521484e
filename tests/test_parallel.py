from __future__ import annotations

import threading
from itertools import count

import pytest

from landslide_geo.parallel import in_order


def test_results_come_in_order_whoever_is_done_first():
    gates = [threading.Event() for _ in range(3)]

    def call(i):
        if i:
            gates[i - 1].wait(10)  # the later item is done first only if both are worked on at a time
        gates[i].set()
        return i * i

    assert list(in_order(call, range(3), threads=2)) == [0, 1, 4]
    late = threading.Event()
    first = in_order(lambda i: late.wait(10) if i == 0 else late.set() or i, range(2), threads=2)
    assert list(first) == [True, 1]


def test_no_more_is_begun_than_memory_is_meant_for():
    begun = []
    results = in_order(lambda i: begun.append(i) or i, count(), threads=2)
    for expected in range(5):
        assert next(results) == expected
        assert max(begun) <= expected + 2
    results.close()


def test_an_error_is_raised_in_its_turn_and_nothing_is_begun_after_it():
    begun = []

    def call(i):
        begun.append(i)
        if i == 2:
            raise ValueError("third")
        return i

    found = []
    with pytest.raises(ValueError, match="third"):
        for result in in_order(call, range(100), threads=2):
            found.append(result)
    assert found == [0, 1]
    assert max(begun) <= 4
