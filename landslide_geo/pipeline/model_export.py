"""`export_model`: a bundle's network for other programs, beside the manifest that tells what it takes and gives."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np

from landslide_geo.errors import MissingExtraError, ParameterError
from landslide_geo.files import replacing_folder
from landslide_geo.inference.backends.base import Candidate, Shape
from landslide_geo.inference.backends.opening import open_candidate
from landslide_geo.models import Model, open_ensemble
from landslide_geo.models.manifest import MANIFEST

#: File of the network, by format.
NETWORK: Final = {"onnx": "network.onnx", "openvino": "network.xml"}
_CARD: Final = "README.md"


def export_model(model: str | Path, *, to: str, out: str | Path, overwrite: bool = False) -> dict[str, Any]:
    """Write a model's network in a format of other programs.

    The network takes (N, bands, y, x) float32, normalised as ``bundle.json`` says, with 0 for unknown, y and x
    multiples of 32, and gives raw probabilities; calibration and threshold are in ``bundle.json`` too. Of an ensemble
    each member gets a folder.

    Args:
        model: name of a shipped bundle, or folder of a bundle or an ensemble.
        to: ``onnx`` or ``openvino``.
        out: folder to make.
        overwrite: replace what is there.

    Returns:
        ``networks``: for each member its ``name``, ``file`` below ``out``, and ``difference``, the largest one between
        its answers and PyTorch's on a window of noise (of a probability).

    Raises:
        BundleError: there is no such model.
        MissingExtraError: the format's library is not installed.
        OutputError: the folder is there already, or cannot be written.
        ParameterError: no such format.
    """
    if to not in NETWORK:
        raise ParameterError(f"format {to!r}: use one of {', '.join(NETWORK)}")
    if to == "onnx" and not (find_spec("onnx") and find_spec("onnxruntime")):
        raise MissingExtraError("ONNX needs an extra; install it with: pip install 'landslide-geo[onnx]'")
    ensemble = open_ensemble(model)
    target = Path(out)
    told = []
    with replacing_folder(target, overwrite=overwrite) as folder:
        for index, (member, _) in enumerate(ensemble.models):
            alone = member.bundle.directory == ensemble.directory
            place = folder if alone else folder / f"{index + 1}-{member.name}"
            place.mkdir(exist_ok=True)
            difference = _write(member, to, place / NETWORK[to])
            for name in (MANIFEST, _CARD):
                if (member.bundle.directory / name).is_file():
                    shutil.copyfile(member.bundle.directory / name, place / name)
            file = str((place / NETWORK[to]).relative_to(folder))
            told.append({"name": member.name, "file": file, "difference": difference})
        if len(ensemble.models) > 1:
            shutil.copyfile(ensemble.directory / MANIFEST, folder / MANIFEST)
    return {"model": str(model), "format": to, "out": str(target), "networks": told}


def _write(model: Model, to: str, path: Path) -> float:
    """Write one network and run it once; returns how far it is from PyTorch's at most."""
    network = model.probability_network
    shape = Shape(len(model.bands), model.manifest.window, 1)
    noise = np.random.default_rng(0).normal(size=(1, shape.bands, shape.window, shape.window)).astype(np.float32)
    ours = open_candidate(network, Candidate("torch", "float32", "cpu"), shape)(noise)
    if to == "onnx":
        from landslide_geo.inference.backends import onnx_backend

        path.write_bytes(onnx_backend.exported(network, shape))
        theirs = onnx_backend.answer_of_file(path, noise)
    else:
        from landslide_geo.inference.backends import openvino_backend

        openvino_backend.write_network(network, shape, path)
        theirs = openvino_backend.answer_of_file(path, noise)
    return float(np.abs(theirs - ours).max())
