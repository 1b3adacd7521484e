"""PyTorch on CUDA: the same answers as the processor, several streams and devices, out of memory for real."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from torch import nn

from landslide_geo.inference.backends import Candidate, candidates, open_backend, settle
from landslide_geo.inference.backends.torch_backend import TorchBackend
from landslide_geo.models import load_model

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


@pytest.fixture
def network() -> nn.Module:
    """The shipped network, a copy of its own for each test."""
    return nn.Sequential(load_model("default").bundle.network, nn.Sigmoid())


@pytest.fixture
def expected(network: nn.Module) -> np.ndarray:
    with torch.inference_mode():
        result: np.ndarray = network(torch.from_numpy(noise(8, 3, 256, 256))).numpy()
    return result


def test_a_gpu_leads_the_list_in_reduced_precision() -> None:
    first = candidates()[0]
    assert first.name == "torch"
    assert first.device.startswith("cuda:0")
    assert first.precision in ("bfloat16", "float16")


def test_float32_is_float32(network: nn.Module, expected: np.ndarray) -> None:
    """TF32 would be off by 1e-3."""
    backend = open_backend(network, backend="torch", precision="float32", bands=3, window=256, batch_size=8)
    assert backend.device.startswith("cuda:0")
    np.testing.assert_allclose(backend(noise(8, 3, 256, 256)), expected, atol=1e-4)
    assert all(parameter.device.type == "cpu" for parameter in network.parameters())


@pytest.mark.parametrize("precision", sorted({one.precision for one in candidates("torch")}))
def test_equal_batches_give_equal_bytes_from_any_thread(network: nn.Module, precision: str) -> None:
    device = next(one.device for one in candidates("torch") if one.precision == precision)
    if device == "cpu":
        pytest.skip("not a precision of this GPU")
    backend = open_backend(network, backend="torch", precision=precision, bands=3, window=256, batch_size=4)  # type: ignore[arg-type]
    batches = [noise(8, 3, 256, 256)[start : start + 4] for start in (0, 4)] * 6
    first = [backend(batch) for batch in batches[:2]]
    with ThreadPoolExecutor(3) as pool:
        for index, result in enumerate(pool.map(backend, batches)):
            assert np.array_equal(result, first[index % 2])


def test_the_reduced_precision_passes_its_check_on_the_shipped_network(network: nn.Module) -> None:
    batch = noise(8, 3, 256, 256)
    found = settle(
        network,
        sample=lambda: ([batch], [np.ones((8, 256, 256), dtype=bool)]),
        decide=lambda values: np.asarray(values >= 0.5),
        backend="torch",
        bands=3,
        window=256,
        batch_size=8,
    )
    assert found.checks[0].reference.device == found.checks[0].candidate.device != "cpu"
    assert found.backend.precision == (found.checks[0].candidate.precision if found.checks[0].passed else "float32")


@pytest.fixture
def little_memory() -> Iterator[None]:
    """The process may take 1.5 GB of the device."""
    torch.cuda.empty_cache()
    share = 1.5 * 2**30 / torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction(share, 0)
    yield
    torch.cuda.set_per_process_memory_fraction(1.0, 0)
    torch.cuda.empty_cache()


@pytest.mark.usefixtures("little_memory")
def test_out_of_memory_halves_the_batch_and_goes_on(network: nn.Module) -> None:
    backend = TorchBackend(network, "float32", ["cuda:0"], 3)
    batch = noise(64, 3, 256, 256)
    found = backend(batch)
    assert backend.batch_limit is not None
    assert 1 <= backend.batch_limit < 64
    with torch.inference_mode():
        some = network(torch.from_numpy(batch[30:34])).numpy()
    np.testing.assert_allclose(found[30:34], some, atol=1e-4)
    assert np.array_equal(backend(batch), found)


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two CUDA devices")
def test_a_batch_is_split_over_all_devices(network: nn.Module, expected: np.ndarray) -> None:
    backend = open_backend(network, backend="torch", precision="float32", bands=3, window=256, batch_size=8)
    assert backend.device == "cuda:" + ",".join(str(number) for number in range(torch.cuda.device_count()))
    np.testing.assert_allclose(backend(noise(8, 3, 256, 256)), expected, atol=1e-4)


def test_every_offer_names_devices_that_are_there() -> None:
    assert Candidate("torch", "float32", "cpu") in candidates()
    for one in candidates():
        numbers = one.device.partition(":")[2]
        assert all(int(number) < torch.cuda.device_count() for number in numbers.split(",") if number)
