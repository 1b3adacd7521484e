"""PyTorch: on the processor, on one or several CUDA devices, on Apple's."""

from __future__ import annotations

import copy
import sys
import threading
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from landslide_geo.errors import ParameterError
from landslide_geo.inference.backends.base import (
    Backend,
    BackendName,
    Candidate,
    FloatArray,
    Network,
    Precision,
    Shape,
    as_batch,
    built,
)
from landslide_geo.processor import computes_bfloat16

if TYPE_CHECKING:
    import torch
    from torch import nn

#: One of these is there on every Linux where PyTorch can find a GPU: NVIDIA's driver, its boards without one of their
#: own (Jetson), AMD's driver, Windows' (in a Linux of its own).
_DEVICES: Final = Path("/dev")
_DEVICE_FILES: Final = ("nvidia*", "nvhost*", "nvgpu*", "kfd", "dxg")


def offers() -> list[Candidate]:
    """What PyTorch offers on this machine."""
    on_cpu = [Candidate("torch", "bfloat16", "cpu")] if computes_bfloat16() else []
    return [*(_accelerators() if _may_have_accelerator() else []), *on_cpu, Candidate("torch", "float32", "cpu")]


def _may_have_accelerator() -> bool:
    """False where PyTorch need not be asked: importing it takes two seconds, which a scan can spend beside others."""
    if sys.platform != "linux":
        return True
    return any(next(_DEVICES.glob(pattern), None) is not None for pattern in _DEVICE_FILES)


def _accelerators() -> list[Candidate]:
    import torch

    found = []
    if torch.cuda.is_available():
        numbers = ",".join(str(number) for number in range(torch.cuda.device_count()))
        capability = min(torch.cuda.get_device_capability(number) for number in range(torch.cuda.device_count()))
        # bfloat16 keeps the range of float32, so it cannot overflow: float16 only where there is nothing else.
        if capability >= (8, 0):
            found.append(Candidate("torch", "bfloat16", f"cuda:{numbers}"))
        elif capability >= (7, 0):
            found.append(Candidate("torch", "float16", f"cuda:{numbers}"))
        found.append(Candidate("torch", "float32", f"cuda:{numbers}"))
    elif torch.backends.mps.is_available():
        found.append(Candidate("torch", "float32", "mps"))
    return found


def open_network(network: Network, candidate: Candidate, shape: Shape) -> Backend:
    """See :data:`landslide_geo.inference.backends.base.Opener`."""
    import torch

    if shape.threads is not None:
        torch.set_num_threads(shape.threads)
    return TorchBackend(built(network), candidate.precision, _devices(candidate.device), shape.bands)


class TorchBackend:
    """A network in PyTorch, one copy on each device; a batch is split evenly over them.

    It may be called from several threads at once; on CUDA, copies and arithmetic of different threads then overlap.
    """

    name: Final[BackendName] = "torch"

    def __init__(self, network: nn.Module, precision: Precision, devices: list[str], bands: int) -> None:
        import torch

        self.precision: Final[Precision] = precision
        self.device: Final = _device_name(devices)
        #: See `Backend`.
        self.batch_limit: int | None = None
        self._bands = bands
        self._cuda = devices[0].startswith("cuda")
        self._replicas: list[tuple[torch.device, nn.Module]] = []
        if self._cuda:
            _exact()
        network.eval()
        for device in devices:
            # On the processor the network itself serves, so that its weights are in memory once.
            copied = network if device == "cpu" else copy.deepcopy(network)
            # 65 ms a window against 92 with contiguous weights: default network, 256², float32, two cores.
            laid: nn.Module = copied.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
            self._replicas.append((torch.device(device), laid))
        self._local = threading.local()

    def __call__(self, batch: FloatArray, /) -> FloatArray:
        """See `Backend`."""
        import torch

        windows = as_batch(batch, self._bands)
        with torch.inference_mode(), self._autocast():
            while True:
                try:
                    return self._all(torch.from_numpy(windows))
                except torch.OutOfMemoryError:
                    size = self._per_device(len(windows))
                    if size <= 1:
                        raise ParameterError(
                            f"one window of {windows.shape[2]} × {windows.shape[3]} pixels does not fit into the "
                            f"memory of {self.device}; take a smaller --window, or --backend openvino on the processor"
                        ) from None
                    self.batch_limit = size // 2
                if self._cuda:  # outside of the handler: the exception holds the tensors of the failed pass
                    torch.cuda.empty_cache()

    def _per_device(self, windows: int) -> int:
        """Windows in one forward pass."""
        even = -(-windows // len(self._replicas))
        return even if self.batch_limit is None else min(even, self.batch_limit)

    def _all(self, windows: torch.Tensor) -> FloatArray:
        parts = windows.split(max(self._per_device(len(windows)), 1))
        # Passes are queued on every device before the first result is waited for.
        waiting = [self._queue(part, *self._replicas[i % len(self._replicas)]) for i, part in enumerate(parts)]
        done = [wait() for wait in waiting]
        return done[0] if len(done) == 1 else np.concatenate(done)

    def _queue(self, part: torch.Tensor, device: torch.device, network: nn.Module) -> Callable[[], FloatArray]:
        """Start one pass; the function returned waits for its result."""
        import torch

        if not self._cuda:
            laid = part.to(device).contiguous(memory_format=torch.channels_last)
            result = network(laid).float().contiguous().cpu().numpy()
            return lambda: result
        stream = self._stream(device)
        with torch.cuda.device(device), torch.cuda.stream(stream):
            # Only pinned memory is copied while the device computes.
            sent = part.pin_memory().to(device, non_blocking=True)
            output = network(sent.contiguous(memory_format=torch.channels_last)).float().contiguous()
            host = torch.empty(output.shape, dtype=torch.float32, pin_memory=True)
            host.copy_(output, non_blocking=True)

        def wait() -> FloatArray:
            stream.synchronize()
            # Pinned memory is scarce; the caller gets ordinary memory to keep.
            copied: FloatArray = host.numpy().copy()
            return copied

        return wait

    def _stream(self, device: torch.device) -> torch.cuda.Stream:
        """This thread's own stream on a device."""
        import torch

        streams: dict[torch.device, torch.cuda.Stream] = self._local.__dict__.setdefault("streams", {})
        if device not in streams:
            streams[device] = torch.cuda.Stream(device)
            # The weights were sent on the default stream.
            streams[device].wait_stream(torch.cuda.default_stream(device))
        return streams[device]

    def _autocast(self) -> Any:
        import torch

        if self.precision == "float32":
            return nullcontext()
        kind = self._replicas[0][0].type
        return torch.autocast(kind, torch.bfloat16 if self.precision == "bfloat16" else torch.float16)


def _exact() -> None:
    """On CUDA the same kernels every time, and no TF32, which keeps 10 bits only under the name of float32.

    For the whole process: a context around each call would be undone by another thread's.
    """
    import torch
    from torch.backends import cudnn

    cudnn.benchmark, cudnn.deterministic, cudnn.allow_tf32 = False, True, False
    torch.backends.cuda.matmul.allow_tf32 = False


def _devices(device: str) -> list[str]:
    """``cuda:0,1`` → ``cuda:0`` and ``cuda:1``."""
    kind, _, numbers = device.partition(":")
    return [f"{kind}:{number}" for number in numbers.split(",")] if numbers else [kind]


def _device_name(devices: list[str]) -> str:
    kind, colon, _ = devices[0].partition(":")
    return kind + colon + ",".join(device.partition(":")[2] for device in devices)
