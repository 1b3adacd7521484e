"""Every back end computes what the network says, the same each time, and says so in one line where it cannot."""

from __future__ import annotations

import copy
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from landslide_geo.errors import ParameterError
from landslide_geo.inference.backends import (
    Backend,
    Candidate,
    candidates,
    open_backend,
    opening,
    torch_backend,
)
from landslide_geo.inference.backends.torch_backend import TorchBackend
from landslide_geo.models import load_model

NAMES: Any = ("torch", "openvino", "onnx")
REDUCED = [c for c in candidates() if c.precision != "float32"]


def installed(name: str) -> None:
    if not opening.OFFERS[name]():  # type: ignore[index]
        pytest.skip(f"{name} is not installed")


def opened(network: nn.Module, name: Any, *, bands: int = 3, window: int = 32, **options: Any) -> Backend:
    installed(name)
    return open_backend(network, backend=name, bands=bands, window=window, batch_size=2, **options)


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


class Pointwise(nn.Module):
    """2 outputs: mean of the bands; first minus last plus one."""

    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.Conv2d(3, 2, 1)
        weight = torch.tensor([[1 / 3, 1 / 3, 1 / 3], [1.0, 0.0, -1.0]])
        self.mix.weight.data = weight[:, :, None, None]
        self.mix.bias.data = torch.tensor([0.0, 1.0])

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.mix(batch)
        return result

    @staticmethod
    def directly(batch: np.ndarray) -> np.ndarray:
        return np.stack([batch.mean(axis=1), batch[:, 0] - batch[:, 2] + 1], axis=1)


class Head(nn.Module):
    """A classification: the mean of each band over the window."""

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        return batch.mean(dim=(2, 3))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("windows", [1, 2, 5])
def test_a_network_of_single_pixels_is_exact(name: Any, windows: int) -> None:
    batch = noise(windows, 3, 32, 32)
    found = opened(Pointwise(), name)(batch)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, Pointwise.directly(batch), atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_windows_of_another_size_work(name: Any) -> None:
    backend = opened(Pointwise(), name)
    for side in (32, 64, 32, 96):
        batch = noise(2, 3, side, side)
        np.testing.assert_allclose(backend(batch), Pointwise.directly(batch), atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_a_classification_gives_one_value_per_class(name: Any) -> None:
    batch = noise(3, 3, 32, 32)
    found = opened(Head(), name)(batch)
    assert found.shape == (3, 3)
    np.testing.assert_allclose(found, batch.mean(axis=(2, 3)), atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_a_result_is_the_callers_own(name: Any) -> None:
    backend = opened(Pointwise(), name)
    batch = noise(2, 3, 32, 32)
    first = backend(batch)
    kept = first.copy()
    backend(batch + 1)
    assert np.array_equal(first, kept)
    first[:] = 0
    assert np.array_equal(backend(batch), kept)
    assert np.array_equal(batch, noise(2, 3, 32, 32))


@pytest.mark.parametrize("name", NAMES)
def test_arrays_in_any_layout_are_taken(name: Any) -> None:
    batch = noise(2, 32, 32, 3).transpose(0, 3, 1, 2)[..., ::-1]
    np.testing.assert_allclose(opened(Pointwise(), name)(batch), Pointwise.directly(batch), atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_another_number_of_bands_is_one_line(name: Any) -> None:
    with pytest.raises(ParameterError, match=r"takes \(N, 3, h, w\).*\(1, 4, 32, 32\)"):
        opened(Pointwise(), name)(noise(1, 4, 32, 32))


@pytest.mark.parametrize("name", NAMES)
def test_a_network_is_run_in_evaluation_mode(name: Any) -> None:
    network = nn.Sequential(Pointwise(), nn.Dropout(0.9)).train()
    batch = noise(2, 3, 32, 32)
    np.testing.assert_allclose(opened(network, name)(batch), Pointwise.directly(batch), atol=1e-5)


@pytest.fixture(scope="module")
def default_network() -> nn.Module:
    return nn.Sequential(load_model("default").bundle.network, nn.Sigmoid())


@pytest.fixture(scope="module")
def expected(default_network: nn.Module) -> Iterator[np.ndarray]:
    with torch.inference_mode():
        yield default_network(torch.from_numpy(noise(2, 3, 128, 128))).numpy()


@pytest.mark.parametrize("name", NAMES)
def test_the_shipped_network_agrees_and_repeats_to_the_byte(
    name: Any, default_network: nn.Module, expected: np.ndarray
) -> None:
    backend = opened(default_network, name, window=128)
    assert (backend.name, backend.precision, backend.device, backend.batch_limit) == (name, "float32", "cpu", None)
    batch = noise(2, 3, 128, 128)
    first = backend(batch)
    np.testing.assert_allclose(first, expected, atol=1e-4)
    backend(batch[::-1])
    assert np.array_equal(backend(batch), first)


@pytest.mark.skipif(not REDUCED, reason="this machine computes in float32 only")
@pytest.mark.parametrize("candidate", REDUCED, ids=str)
def test_a_reduced_precision_is_near_and_repeats_to_the_byte(
    candidate: Candidate, default_network: nn.Module, expected: np.ndarray
) -> None:
    if candidate.device != "cpu":
        pytest.skip("a GPU has tests of its own")
    backend = opened(default_network, candidate.name, window=128, precision=candidate.precision)
    assert backend.precision == candidate.precision
    batch = noise(2, 3, 128, 128)
    first = backend(batch)
    assert 0 < np.abs(first - expected).max() < 0.05
    assert np.array_equal(backend(batch), first)


def test_openvino_does_not_care_how_windows_are_batched(default_network: nn.Module) -> None:
    backend = opened(default_network, "openvino", window=64)
    batch = noise(3, 3, 64, 64)
    assert np.array_equal(np.concatenate([backend(batch[:1]), backend(batch[1:])]), backend(batch))


def test_float32_ends_every_list_and_gpus_lead() -> None:
    offered = candidates()
    assert offered[-1] == Candidate("torch", "float32", "cpu")
    places = [candidate.device == "cpu" for candidate in offered]
    assert places == sorted(places)
    assert all(c.precision == "float32" for c in candidates(precision="float32"))
    assert {c.name for c in candidates("torch")} == {"torch"}


def test_auto_opens_the_fastest_float32() -> None:
    backend = open_backend(Pointwise(), bands=3, window=32, batch_size=1)
    first = candidates(precision="float32")[0]
    assert Candidate(backend.name, backend.precision, backend.device) == first


def test_a_missing_library_is_told_or_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing: Any = lambda: []  # noqa: E731
    for name in ("openvino", "onnx"):
        monkeypatch.setitem(opening.OFFERS, name, nothing)
    with pytest.raises(ParameterError, match="openvino is not installed; pip install openvino"):
        open_backend(Pointwise(), backend="openvino", bands=3, window=32, batch_size=1)
    with pytest.raises(ParameterError, match=r"landslide-geo\[onnx\]"):
        candidates("onnx")
    assert {candidate.name for candidate in candidates()} == {"torch"}


def test_a_precision_that_is_not_there_is_told() -> None:
    installed("onnx")
    with pytest.raises(ParameterError, match=r"onnx on this machine has no bfloat16; .*float32"):
        candidates("onnx", "bfloat16")


class Stubborn(nn.Module):
    """A network that only PyTorch itself can run: what it does depends on values, in Python."""

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        if torch.jit.is_tracing():
            raise RuntimeError("cannot\nbe traced")
        return batch


def test_a_network_that_a_library_cannot_take_goes_to_the_next() -> None:
    assert open_backend(Stubborn(), bands=3, window=32, batch_size=1).name == "torch"
    installed("openvino")
    with pytest.raises(ParameterError, match=r"openvino cannot take this network .*cannot be traced.*--backend torch"):
        open_backend(Stubborn(), backend="openvino", bands=3, window=32, batch_size=1)


class Hungry(Pointwise):
    """Runs out of memory above a number of windows, as CUDA would."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most
        self.sizes: list[int] = []

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        self.sizes.append(len(batch))
        if len(batch) > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")
        return super().forward(batch)


def test_out_of_memory_halves_the_batch_and_goes_on() -> None:
    network = Hungry(2)
    backend = opened(network, "torch")
    batch = noise(7, 3, 32, 32)
    np.testing.assert_allclose(backend(batch), Pointwise.directly(batch), atol=1e-5)
    assert backend.batch_limit == 1  # 7, 3, then 1
    assert network.sizes == [7, 3, *[1] * 7]
    network.sizes.clear()
    backend(batch[:2])
    assert network.sizes == [1, 1]  # what was learned stays


def test_a_window_too_large_for_the_memory_is_one_line() -> None:
    with pytest.raises(ParameterError, match="one window of 32 × 32 pixels does not fit into the memory of cpu"):
        opened(Hungry(0), "torch")(noise(4, 3, 32, 32))


def test_a_batch_is_split_evenly_over_devices() -> None:
    network = Hungry(100)
    backend = TorchBackend(network, "float32", ["cpu", "cpu"], 3)
    batch = noise(5, 3, 32, 32)
    np.testing.assert_allclose(backend(batch), Pointwise.directly(batch), atol=1e-5)
    assert network.sizes == [3, 2]


def test_threads_are_set(monkeypatch: pytest.MonkeyPatch) -> None:
    before = torch.get_num_threads()
    try:
        for name in NAMES:
            batch = noise(1, 3, 32, 32)
            found = opened(copy.deepcopy(Pointwise()), name, threads=1)(batch)
            np.testing.assert_allclose(found, Pointwise.directly(batch), atol=1e-5)
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)


def test_an_import_loads_no_library() -> None:
    import subprocess
    import sys

    code = "import sys; import landslide_geo.inference.backends; print({'openvino', 'onnxruntime'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_ctrl_c_is_no_segmentation_fault_after_back_ends_have_come_and_gone():
    """In a process of its own, for a fault would end this one."""
    code = """
import faulthandler, gc, os, signal, time
faulthandler.enable()  # with a signal stack of its own, as pytest and many a server have it
import torch
from landslide_geo.inference.backends import open_backend
opened = [
    open_backend(torch.nn.Conv2d(1, 1, 3, padding=1), backend="openvino", bands=1, window=size, batch_size=1)
    for size in (64, 96, 128)
]
while opened:
    del opened[0]
    gc.collect()
try:
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(5)
except KeyboardInterrupt:
    print("interrupted")
"""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "interrupted\n"), done.stderr[-500:]


@pytest.mark.skipif(torch_backend._may_have_accelerator(), reason="PyTorch must be asked for accelerators here")
def test_pytorch_is_not_imported_to_learn_that_there_is_no_gpu():
    """Importing it takes longer than choosing windows, and can be done beside something else."""
    code = (
        "import sys\nfrom landslide_geo.inference.backends import candidates\n"
        "assert candidates('torch')\nassert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)


@pytest.mark.skipif(sys.platform != "linux", reason="device files are Linux's")
@pytest.mark.parametrize(("device", "asked"), [("nvidia0", True), ("kfd", True), ("dxg", True), ("null", False)])
def test_pytorch_is_asked_where_a_driver_is(device, asked, tmp_path, monkeypatch):
    (tmp_path / device).touch()
    monkeypatch.setattr(torch_backend, "_DEVICES", tmp_path)
    assert torch_backend._may_have_accelerator() is asked
