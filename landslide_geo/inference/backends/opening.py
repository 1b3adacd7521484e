"""From names to a back end: what this machine offers, fastest first, and opening one of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal

from landslide_geo.errors import ParameterError
from landslide_geo.inference.backends import onnx_backend, openvino_backend, torch_backend
from landslide_geo.inference.backends.base import (
    Backend,
    BackendName,
    Candidate,
    Deferred,
    Network,
    Opener,
    Precision,
    Shape,
    built,
)

#: What a library offers on this machine; empty where it is not installed.
OFFERS: Final[dict[BackendName, Callable[[], list[Candidate]]]] = {
    "torch": torch_backend.offers,
    "openvino": openvino_backend.offers,
    "onnx": onnx_backend.offers,
}
OPENERS: Final[dict[BackendName, Opener]] = {
    "torch": torch_backend.open_network,
    "openvino": openvino_backend.open_network,
    "onnx": onnx_backend.open_network,
}
#: How to get a library.
INSTALL: Final[dict[BackendName, str]] = {
    "torch": "pip install torch",
    "openvino": "pip install openvino",
    "onnx": "pip install 'landslide-geo[onnx]'",
}
#: Fastest first on a processor. Milliseconds for a window of 256² of the default network on two cores with
#: avx512_bf16: 25, 31, 50, 52, 65.
_CPU_ORDER: Final[tuple[tuple[BackendName, Precision], ...]] = (
    ("openvino", "float16"),
    ("openvino", "bfloat16"),
    ("torch", "bfloat16"),
    ("openvino", "float32"),
    ("onnx", "float32"),
    ("torch", "float32"),
)


def candidates(
    backend: Literal["auto"] | BackendName = "auto", precision: Literal["auto"] | Precision = "auto"
) -> list[Candidate]:
    """What this machine offers, fastest first: GPUs before the processor, there in order of measured speed.

    A library that is not installed offers nothing; a reduced precision is offered where the hardware has it. Whether
    a network bears it is for `settle` to find out.

    Args:
        backend: that of one library only, or ``auto`` for all.
        precision: only this one, or ``auto`` for all.

    Raises:
        ParameterError: the library is not installed, or it has no such precision on this machine.
    """
    names: list[BackendName] = list(OFFERS) if backend == "auto" else [backend]
    offered = [candidate for name in names for candidate in OFFERS[name]()]
    if not offered and backend != "auto":
        raise ParameterError(f"back end {backend} is not installed; {INSTALL[backend]}, or take --backend auto")
    found = [candidate for candidate in offered if precision in ("auto", candidate.precision)]
    if not found:
        has = ", ".join(sorted({candidate.precision for candidate in offered}))
        whose = "this machine" if backend == "auto" else f"back end {backend} on this machine"
        raise ParameterError(f"{whose} has no {precision}; take --precision auto or one of {has}")
    return sorted(found, key=_rank)


def _rank(candidate: Candidate) -> tuple[int, int]:
    if candidate.device != "cpu":
        return 0, int(candidate.precision == "float32")
    return 1, _CPU_ORDER.index((candidate.name, candidate.precision))


def open_backend(
    network: Network,
    *,
    backend: Literal["auto"] | BackendName = "auto",
    precision: Literal["auto"] | Precision = "auto",
    bands: int,
    window: int,
    batch_size: int,
    threads: int | None = None,
) -> Backend:
    """Make any network ready to run: the fastest way on this machine that the options leave.

    Args:
        network: (N, bands, h, w) → (N, K, h, w) or (N, K), or how to build it. It is put into evaluation mode, and its
            weights may be laid out anew, channels last; their values stay.
        backend: a library, or ``auto`` for the fastest one that is installed and takes this network.
        precision: ``auto`` is float32 here; a reduced precision without being asked for is up to `settle`, which
            checks it.
        bands: of the input.
        window: side of the windows in pixels.
        batch_size: most windows in a call.
        threads: of the processor; none leaves the choice to the library. PyTorch knows one number for the process.

    Raises:
        ParameterError: the library is not installed, has no such precision here, or cannot take this network.
    """
    wanted = "float32" if precision == "auto" else precision
    shape = Shape(bands, window, batch_size, threads)
    return open_first(network, candidates(backend, wanted), shape)


def prepare(network: Deferred, candidate: Candidate, shape: Shape) -> None:
    """Build or translate the network: what takes longest of opening a candidate, to be done beside something else."""
    if candidate.name == "openvino":
        openvino_backend.prepare(network, shape)
    else:
        built(network)


def open_first(network: Network, offered: list[Candidate], shape: Shape) -> Backend:
    """Open the first candidate that takes the network.

    Raises:
        ParameterError: none does.
    """
    reasons = []
    for candidate in offered:
        try:
            return open_candidate(network, candidate, shape)
        except ParameterError as error:
            reasons.append(str(error))
    raise ParameterError("; ".join(reasons))


def open_candidate(network: Network, candidate: Candidate, shape: Shape) -> Backend:
    """Open one candidate.

    Raises:
        ParameterError: its library cannot take this network.
    """
    try:
        return OPENERS[candidate.name](network, candidate, shape)
    except ParameterError:
        raise
    except Exception as error:  # what a library says of a network that it cannot take has no common class
        told = " ".join(str(error).split())[:200] or type(error).__name__
        raise ParameterError(
            f"back end {candidate.name} cannot take this network ({told}); take --backend torch or auto"
        ) from error
