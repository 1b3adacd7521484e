"""ONNX Runtime on the processor."""

from __future__ import annotations

import tempfile
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

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

if TYPE_CHECKING:
    from torch import nn

_OPSET: Final = 17


def offers() -> list[Candidate]:
    """What ONNX Runtime offers: float32; its kernels for the processor know no reduced precision for these networks."""
    if find_spec("onnxruntime") is None:
        return []
    return [Candidate("onnx", "float32", "cpu")]


def open_network(network: Network, candidate: Candidate, shape: Shape) -> Backend:
    """See :data:`landslide_geo.inference.backends.base.Opener`."""
    return OnnxBackend(built(network), shape)


class OnnxBackend:
    """A network in ONNX Runtime; may be called from several threads at once."""

    name: Final[BackendName] = "onnx"
    precision: Final[Precision] = "float32"
    device: Final = "cpu"
    batch_limit: Final = None

    def __init__(self, network: nn.Module, shape: Shape) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        if shape.threads is not None:
            options.intra_op_num_threads = shape.threads
        self._bands = shape.bands
        self._session = onnxruntime.InferenceSession(
            exported(network, shape), options, providers=["CPUExecutionProvider"]
        )

    def __call__(self, batch: FloatArray, /) -> FloatArray:
        """See `Backend`."""
        result = self._session.run(None, {"batch": as_batch(batch, self._bands)})[0]
        return np.asarray(result, dtype=np.float32)


def exported(network: nn.Module, shape: Shape) -> bytes:
    """The network as an ONNX model; the number of windows and their size stay open.

    By torch's exporter from traces; the newer one from ``torch.export`` needs another package.
    """
    import torch

    network.eval()
    example = torch.zeros(shape.batch_size, shape.bands, shape.window, shape.window)
    options: dict[str, Any] = {
        "input_names": ["batch"],
        "output_names": ["values"],
        "dynamic_axes": {"batch": {0: "n", 2: "h", 3: "w"}, "values": {0: "n"}},
        "opset_version": _OPSET,
        "dynamo": False,
    }
    with warnings.catch_warnings(), torch.no_grad(), tempfile.TemporaryDirectory() as folder:
        warnings.simplefilter("ignore")
        path = Path(folder) / "network.onnx"
        torch.onnx.export(network, (example,), path, **options)
        return path.read_bytes()


def answer_of_file(path: Path, batch: FloatArray) -> FloatArray:
    """What a written network answers."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"batch": batch})[0], dtype=np.float32)
