"""OpenVINO on the processor."""

from __future__ import annotations

import sys
import threading
import warnings
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from landslide_geo.inference.backends.base import (
    Backend,
    BackendName,
    Candidate,
    Deferred,
    FloatArray,
    Network,
    Precision,
    Shape,
    as_batch,
    built,
)
from landslide_geo.kept import Shelf

if TYPE_CHECKING:
    from torch import nn

#: Networks as OpenVINO takes them: importing PyTorch, building and translating one takes as long as half a minute of
#: scanning saves; what comes of it depends on the network and the versions of the libraries only.
NETWORKS: Final = Shelf("networks", most=8)
#: What OpenVINO calls a precision as a hint, and as a capability of a device.
_HINTS: Final[dict[Precision, str]] = {"float32": "f32", "bfloat16": "bf16", "float16": "f16"}
#: Name of a translated network; its weights lie beside it.
_FILE: Final = "network.xml"
_CAPABILITIES: Final[dict[Precision, str]] = {"bfloat16": "BF16", "float16": "FP16"}


def offers() -> list[Candidate]:
    """What OpenVINO offers on this machine: a reduced precision only where the processor computes in it."""
    if find_spec("openvino") is None:
        return []
    able = _core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    reduced = [precision for precision, capability in _CAPABILITIES.items() if capability in able]
    return [Candidate("openvino", precision, "cpu") for precision in (*reduced, "float32")]


def open_network(network: Network, candidate: Candidate, shape: Shape) -> Backend:
    """See :data:`landslide_geo.inference.backends.base.Opener`."""
    return OpenVinoBackend(network, candidate.precision, shape)


class OpenVinoBackend:
    """A network in OpenVINO. Results do not depend on how windows are put into batches.

    Calls from several threads wait for one another; each uses all threads of the processor.
    """

    name: Final[BackendName] = "openvino"
    device: Final = "cpu"
    batch_limit: Final = None

    def __init__(self, network: Network, precision: Precision, shape: Shape) -> None:
        self.precision: Final[Precision] = precision
        self._bands = shape.bands
        # One pass at a time over all cores: two side by side on one core each gain 2 % and take twice the memory.
        self._options: dict[str, Any] = {
            "INFERENCE_PRECISION_HINT": _HINTS[precision],
            "PERFORMANCE_HINT": "LATENCY",
        }
        if shape.threads is not None:
            self._options["INFERENCE_NUM_THREADS"] = shape.threads
        self._model = _translated(network, shape)
        self._requests: dict[tuple[int, int], Any] = {}
        self._lock = threading.Lock()
        self._request(shape.window, shape.window)

    def __call__(self, batch: FloatArray, /) -> FloatArray:
        """See `Backend`."""
        windows = as_batch(batch, self._bands)
        with self._lock:
            request = self._request(windows.shape[2], windows.shape[3])
            request.infer({0: windows}, share_inputs=True)
            # The library writes its next result to the same place.
            return np.array(request.get_output_tensor(0).data, dtype=np.float32)

    def _request(self, height: int, width: int) -> Any:
        """Compiled for windows of one size and any number; a size fixed at compilation takes less memory."""
        openvino = _library()
        if (height, width) not in self._requests:
            self._model.reshape({0: openvino.PartialShape([-1, self._bands, height, width])})
            compiled = _core().compile_model(self._model, "CPU", self._options)
            self._requests[height, width] = compiled.create_infer_request()
        return self._requests[height, width]


@cache
def _core() -> Any:
    """The library's core, one for the process and never given up.

    Each core puts a signal stack of its own in place of the one before and, when it goes, that one back. Of several
    that go in another order the last leaves one that is there no more: the next Ctrl-C would be a segmentation fault.
    """
    return _library().Core()


def _library() -> Any:
    """The library, without what tells its makers over the network that it was imported.

    That would also be done from a forked process, which waits for ever where another thread reads standard input, and
    outlives a kill of this one. The library goes without where that package is missing.
    """
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino


def prepare(network: Deferred, shape: Shape) -> None:
    """Translate a network unless that was done before; opening it then takes half a second, and no PyTorch."""
    _kept(network, shape)


def write_network(network: nn.Module, shape: Shape, path: Path) -> None:
    """Write a network as OpenVINO reads it: ``NAME.xml``, and its weights as float32 beside it in ``NAME.bin``."""
    # Weights come from 16-bit floats as a rule, but batch norms folded into them do not fit in there.
    _library().save_model(_converted(network, shape), path, compress_to_fp16=False)
    _core().read_model(path)  # a full disk is no error where it is written


def answer_of_file(path: Path, batch: FloatArray) -> FloatArray:
    """What a written network answers in float32."""
    compiled = _core().compile_model(_core().read_model(path), "CPU", {"INFERENCE_PRECISION_HINT": _HINTS["float32"]})
    return np.array(compiled(batch)[0], dtype=np.float32)


def _translated(network: Network, shape: Shape) -> Any:
    """The network as OpenVINO's model; of one that is deferred, from the file kept for it."""
    if not isinstance(network, Deferred):
        return _converted(network, shape)
    for _ in range(2):
        place = _kept(network, shape)
        if place is None:
            break
        try:
            return _core().read_model(place / _FILE)
        except RuntimeError:
            NETWORKS.forget(place)  # somebody damaged it
    return _converted(built(network), shape)


def _kept(network: Deferred, shape: Shape) -> Path | None:
    def make(folder: Path) -> None:
        write_network(built(network), shape, folder / _FILE)

    libraries = [version(name) for name in ("openvino", "torch", "landslide-geo")]
    return NETWORKS.kept(["openvino", network.key, shape.bands, shape.window, shape.batch_size, *libraries], make)


def _converted(network: nn.Module, shape: Shape) -> Any:
    """The network as OpenVINO's model, through its PyTorch front end.

    ``openvino.convert_model`` does the same, but reports each use to its makers over the network.
    """
    import torch

    _library()
    from openvino.frontend import FrontEndManager
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

    network.eval()
    # Traced with the very shape that will be run: networks may compute with sizes outside of the graph.
    example = torch.zeros(shape.batch_size, shape.bands, shape.window, shape.window)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        frontend = FrontEndManager().load_by_framework("pytorch")
        decoder = TorchScriptPythonDecoder(network, example_input=example, trace_kwargs={"check_trace": False})
        return frontend.convert(frontend.load(decoder))
