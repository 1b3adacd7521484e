"""What is kept from one scan to the next: made once, whole or not there, and nobody depends on it."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from landslide_geo.inference.backends import candidates
from landslide_geo.inference.backends.base import Candidate, Deferred, Shape
from landslide_geo.inference.backends.kept import folder, kept
from landslide_geo.inference.backends.opening import open_candidate, prepare

OPENVINO = Candidate("openvino", "float32", "cpu")
SHAPE = Shape(bands=3, window=32, batch_size=2)
pytestmark = pytest.mark.skipif(OPENVINO not in candidates(), reason="openvino is not installed")


@pytest.fixture(autouse=True)
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


class Counted:
    """A network, and how often it was built."""

    def __init__(self, key: str = "one") -> None:
        self.built = 0
        torch.manual_seed(0)
        self.network = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 1, 1)
        ).eval()
        self.deferred = Deferred(self.build, key)

    def build(self) -> nn.Module:
        self.built += 1
        return self.network


def answer(network: object, candidate: Candidate = OPENVINO) -> np.ndarray:
    batch = np.random.default_rng(0).random((2, 3, 32, 32), dtype=np.float32)
    return open_candidate(network, candidate, SHAPE)(batch)  # type: ignore[arg-type]


def test_a_network_is_translated_once(empty):
    first, second = Counted(), Counted()
    assert np.array_equal(answer(first.deferred), answer(second.deferred))
    assert (first.built, second.built) == (1, 0)
    np.testing.assert_allclose(answer(first.deferred), answer(first.network), atol=1e-6)
    assert [path.name for path in folder().iterdir() if path.name.startswith(".")] == []
    assert folder().is_relative_to(empty)


def test_another_network_or_another_shape_is_another_translation():
    one, other = Counted("one"), Counted("other")
    answer(one.deferred)
    answer(other.deferred)
    assert other.built == 1
    open_candidate(one.deferred, OPENVINO, Shape(bands=3, window=64, batch_size=2))
    assert one.built == 2


def test_a_translation_that_was_damaged_is_made_again():
    first, second = Counted(), Counted()
    expected = answer(first.deferred)
    (place,) = folder().iterdir()
    (place / "network.bin").write_bytes(b"")
    assert np.array_equal(answer(second.deferred), expected)
    assert second.built == 1


def test_where_nothing_can_be_kept_scans_go_on(empty):
    empty.write_text("a file where a folder should be")
    counted = Counted()
    np.testing.assert_allclose(answer(counted.deferred), answer(counted.network), atol=1e-6)
    assert counted.built == 1


def test_what_cannot_be_made_leaves_nothing():
    def broken(part: Path) -> None:
        (part / "half").touch()
        raise RuntimeError("no space")

    with pytest.raises(RuntimeError, match="no space"):
        kept(["broken"], broken)
    assert list(folder().iterdir()) == []


def test_those_not_used_for_longest_are_forgotten():
    places = [kept([number], lambda part: (part / "x").touch()) for number in range(8)]
    assert all(place is not None and place.is_dir() for place in places)
    for age, place in enumerate(places):
        os.utime(place, (1e9 + age, 1e9 + age))
    assert kept([0], lambda part: pytest.fail("it is there")) == places[0]
    kept(["new"], lambda part: (part / "x").touch())
    assert [place.is_dir() for place in places] == [True, False, *[True] * 6]


def test_whoever_wants_what_another_thread_is_making_waits_for_it():
    begun, go_on, made = threading.Event(), threading.Event(), []

    def make(part: Path) -> None:
        begun.set()
        assert go_on.wait(10)
        made.append(part)

    threads = [threading.Thread(target=kept, args=(["slow"], make)) for _ in range(2)]
    for thread in threads:
        thread.start()
    assert begun.wait(10)
    go_on.set()
    for thread in threads:
        thread.join()
    assert len(made) == 1


def test_preparing_is_what_opening_needs():
    for candidate, builds in ((OPENVINO, 1), (Candidate("torch", "float32", "cpu"), 1)):
        counted = Counted(str(candidate))
        prepare(counted.deferred, candidate, SHAPE)
        assert counted.built == builds
        answer(counted.deferred)
        assert counted.built == 1 + (candidate.name == "torch")
