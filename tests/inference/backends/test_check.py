"""A reduced precision is taken while it keeps the classes, and only then."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from landslide_geo.inference.backends import Backend, Candidate, check, check_precision, open_backend, settle
from landslide_geo.inference.backends.base import FloatArray, Precision


class Given:
    """A back end in closed form: the input plus a constant."""

    name: Any = "torch"
    device = "cpu"
    batch_limit = None

    def __init__(self, precision: Precision, offset: float = 0.0) -> None:
        self.precision = precision
        self._offset = offset

    def __call__(self, batch: FloatArray, /) -> FloatArray:
        return (batch + self._offset).astype(np.float32)


REFERENCE = Given("float32")


def ramp(windows: int = 1) -> np.ndarray:
    """Windows of 100 × 100 pixels with the values 0, 0.0001, … 0.9999."""
    one = (np.arange(10_000, dtype=np.float32) / 10_000).reshape(1, 1, 100, 100)
    return np.repeat(one, windows, axis=0)


def half(values: np.ndarray) -> np.ndarray:
    return np.asarray(values >= 0.5)


def everywhere(batch: np.ndarray) -> np.ndarray:
    return np.ones((len(batch), *batch.shape[2:]), dtype=bool)


@pytest.mark.parametrize(("crossing", "passed"), [(0, True), (9, True), (10, True), (11, False), (5000, False)])
def test_the_share_that_crosses_the_threshold_decides(crossing: int, passed: bool) -> None:
    batch = ramp()
    shifted = Given("bfloat16", (crossing + 0.5) / 10_000)
    found = check_precision(REFERENCE, shifted, [batch], [everywhere(batch)], half)
    assert (found.windows, found.pixels, found.changed) == (1, 10_000, crossing)
    assert found.share == crossing / 10_000
    assert found.passed is passed


def test_only_valid_pixels_count() -> None:
    batch = ramp(2)
    valid = everywhere(batch)
    valid[0, 48:52] = False  # the pixels that would change
    valid[1] = False
    found = check_precision(REFERENCE, Given("bfloat16", 0.01), [batch, batch], [valid, ~everywhere(batch)], half)
    assert (found.windows, found.pixels, found.changed, found.passed) == (1, 9600, 0, True)


def test_nothing_valid_proves_nothing() -> None:
    batch = ramp()
    found = check_precision(REFERENCE, Given("bfloat16"), [batch], [~everywhere(batch)], half)
    assert (found.pixels, found.share, found.passed) == (0, 0.0, False)
    assert not check_precision(REFERENCE, Given("bfloat16"), [], [], half).passed


def test_a_pixel_of_several_classes_changes_once() -> None:
    batch = np.concatenate([ramp(), ramp()], axis=1)
    found = check_precision(REFERENCE, Given("bfloat16", 0.00105), [batch], [everywhere(batch)], half)
    assert (found.pixels, found.changed) == (10_000, 10)


def test_a_classification_counts_windows() -> None:
    batch = ramp(3)

    def mean(values: np.ndarray) -> np.ndarray:
        return np.asarray(values.mean(axis=(2, 3)) >= 0.5)

    valid = everywhere(batch)
    valid[2] = False
    found = check_precision(REFERENCE, Given("bfloat16", 0.1), [batch], [valid], mean)
    assert (found.windows, found.pixels, found.changed, found.passed) == (2, 2, 2, False)


def test_the_record_is_json() -> None:
    batch = ramp()
    found = check_precision(REFERENCE, Given("bfloat16"), [batch], [everywhere(batch)], half).to_json()
    assert json.loads(json.dumps(found)) == {
        "reference": {"name": "torch", "precision": "float32", "device": "cpu"},
        "candidate": {"name": "torch", "precision": "bfloat16", "device": "cpu"},
        "windows": 1, "pixels": 10_000, "changed": 0, "share": 0.0, "limit": 0.001, "passed": True,
    }  # fmt: skip


OFFERED = [
    Candidate("openvino", "bfloat16", "cpu"),
    Candidate("torch", "bfloat16", "cpu"),
    Candidate("openvino", "float32", "cpu"),
    Candidate("torch", "float32", "cpu"),
]


@pytest.fixture
def offsets(monkeypatch: pytest.MonkeyPatch) -> dict[Candidate, float]:
    """What each offered back end adds to the input; those asked for are recorded under a key each."""
    given: dict[Candidate, float] = {}

    def opened(network: nn.Module, candidate: Candidate, shape: Any) -> Backend:
        backend = Given(candidate.precision, given.setdefault(candidate, 0.0))
        backend.name = candidate.name
        return backend

    monkeypatch.setattr(check, "candidates", lambda *_: OFFERED)
    monkeypatch.setattr(check, "open_candidate", opened)
    return given


def settled(**options: Any) -> check.Settled:
    batch = ramp()
    given: dict[str, Any] = {"sample": lambda: ([batch], [everywhere(batch)]), "decide": half} | options
    return settle(nn.Identity(), bands=1, window=100, batch_size=1, **given)


def test_the_fastest_is_taken_while_it_keeps_the_classes(offsets: dict[Candidate, float]) -> None:
    found = settled()
    assert (found.backend.name, found.backend.precision) == ("openvino", "bfloat16")
    assert [one.passed for one in found.checks] == [True]
    assert found.checks[0].reference == OFFERED[3]


def test_a_precision_that_changes_classes_gives_way_to_float32(offsets: dict[Candidate, float]) -> None:
    offsets[OFFERED[0]] = 0.01
    found = settled()
    assert (found.backend.name, found.backend.precision) == ("openvino", "float32")
    assert [(one.candidate, one.passed) for one in found.checks] == [(OFFERED[0], False)]
    assert OFFERED[1] not in offsets  # the same precision again was not tried


def test_a_scene_without_valid_pixels_is_computed_in_float32(offsets: dict[Candidate, float]) -> None:
    found = settled(sample=lambda: ([], []))
    assert found.backend.precision == "float32"


def test_float32_needs_no_sample(offsets: dict[Candidate, float], monkeypatch: pytest.MonkeyPatch) -> None:
    def never() -> Any:
        raise AssertionError("nothing to check, nothing to read")

    monkeypatch.setattr(check, "candidates", lambda *_: OFFERED[2:])
    assert settled(sample=never).checks == ()


def test_a_precision_by_name_is_not_checked() -> None:
    def never() -> Any:
        raise AssertionError("nothing to check, nothing to read")

    network = nn.Conv2d(1, 1, 1)
    found = settle(
        network, sample=never, decide=half, backend="torch", precision="float32", bands=1, window=32, batch_size=1
    )
    assert (found.backend.name, found.backend.precision, found.checks) == ("torch", "float32", ())


def test_on_this_machine_a_network_that_bears_no_rounding_runs_in_float32() -> None:
    """Values near the threshold: a thousandth apart, below what 8 bits tell apart."""
    network = nn.Conv2d(1, 1, 1)
    network.weight.data = torch.ones(1, 1, 1, 1)
    network.bias.data = torch.zeros(1)
    batch = (1 + (ramp() - 0.5) / 500).astype(np.float32)

    def one(values: np.ndarray) -> np.ndarray:
        return np.asarray(values >= 1)

    found = settle(
        network, sample=lambda: ([batch], [everywhere(batch)]), decide=one, bands=1, window=100, batch_size=1
    )
    assert found.backend.precision == "float32"
    np.testing.assert_allclose(found.backend(batch), batch, atol=1e-5)
    plain = open_backend(network, bands=1, window=100, batch_size=1)
    assert plain.name == found.backend.name
