"""What every back end promises, and what they share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from landslide_geo.errors import ParameterError

if TYPE_CHECKING:
    from torch import nn

FloatArray = NDArray[np.float32]
BackendName = Literal["torch", "openvino", "onnx"]
#: Of the arithmetic inside the network; what goes in and comes out is float32 always.
Precision = Literal["float32", "bfloat16", "float16"]


class Backend(Protocol):
    """A network that is ready to run.

    Equal batches give equal bytes: with the same back end on the same machine, and as long as ``batch_limit`` stands.
    """

    @property
    def name(self) -> BackendName:
        """Which library runs it."""

    @property
    def precision(self) -> Precision:
        """Of the arithmetic inside."""

    @property
    def device(self) -> str:
        """Where it runs: ``cpu``, ``cuda:0``, ``cuda:0,1`` or ``mps``."""

    @property
    def batch_limit(self) -> int | None:
        """Windows that a device could take at once when it ran out of memory; none as long as it has not."""

    def __call__(self, batch: FloatArray, /) -> FloatArray:
        """(N, C, h, w) float32 → (N, K, h, w) or (N, K) float32, an array of the caller's own.

        Raises:
            ParameterError: another number of bands, or not even one window fits into the device's memory.
        """


@dataclass(frozen=True)
class Candidate:
    """A back end as it could be opened on this machine.

    Attributes:
        name: which library.
        precision: of the arithmetic inside the network.
        device: ``cpu``, ``cuda:0``, ``cuda:0,1`` or ``mps``.
    """

    name: BackendName
    precision: Precision
    device: str

    def __str__(self) -> str:
        return f"{self.name} {self.precision} on {self.device}"

    def to_json(self) -> dict[str, str]:
        """The same as a dictionary of strings."""
        return asdict(self)


@dataclass(frozen=True)
class Shape:
    """What a network is opened for.

    Attributes:
        bands: of the input.
        window: side of the windows in pixels. Windows of another side work, after a moment for preparation.
        batch_size: most windows in a call.
        threads: of the processor; none leaves the choice to the library.
    """

    bands: int
    window: int
    batch_size: int
    threads: int | None = None


@dataclass(frozen=True)
class Deferred:
    """A network that is built when a library needs it, which some do once and for all.

    Attributes:
        build: gives the network, the same one each time.
        key: stands for all that decides what it computes; networks of equal keys are taken for each other.
    """

    build: Callable[[], nn.Module]
    key: str


#: What a back end is opened for.
Network: TypeAlias = "nn.Module | Deferred"
#: Opens a network as a candidate says. Raises any exception where the library cannot take this network.
Opener = Callable[[Network, Candidate, Shape], Backend]


def built(network: Network) -> nn.Module:
    """The network itself."""
    return network.build() if isinstance(network, Deferred) else network


def as_batch(batch: FloatArray, bands: int) -> FloatArray:
    """The batch in the layout that libraries take without copying: float32 in C order.

    Raises:
        ParameterError: it is not (N, ``bands``, h, w).
    """
    if batch.ndim != 4 or batch.shape[1] != bands:
        raise ParameterError(f"the network takes (N, {bands}, h, w); got an array of shape {batch.shape}")
    return np.ascontiguousarray(batch, dtype=np.float32)
