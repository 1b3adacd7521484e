"""Networks translated for OpenVINO are kept from one scan to the next, and nobody depends on it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from landslide_geo.inference.backends import candidates
from landslide_geo.inference.backends.base import Candidate, Deferred, Shape
from landslide_geo.inference.backends.opening import open_candidate, prepare
from landslide_geo.inference.backends.openvino_backend import NETWORKS

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
    assert [path.name for path in NETWORKS.folder.iterdir() if path.name.startswith(".")] == []
    assert NETWORKS.folder.is_relative_to(empty)


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
    (place,) = NETWORKS.folder.iterdir()
    (place / "network.bin").write_bytes(b"")
    assert np.array_equal(answer(second.deferred), expected)
    assert second.built == 1


def test_where_nothing_can_be_kept_scans_go_on(empty):
    empty.write_text("a file where a folder should be")
    counted = Counted()
    np.testing.assert_allclose(answer(counted.deferred), answer(counted.network), atol=1e-6)
    assert counted.built == 1


def test_preparing_is_what_opening_needs():
    for candidate, builds in ((OPENVINO, 1), (Candidate("torch", "float32", "cpu"), 1)):
        counted = Counted(str(candidate))
        prepare(counted.deferred, candidate, SHAPE)
        assert counted.built == builds
        answer(counted.deferred)
        assert counted.built == 1 + (candidate.name == "torch")
