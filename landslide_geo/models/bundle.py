"""The model bundle: a folder that holds all that a scan needs to know about a model, and nothing that runs on loading.

``bundle.json`` is the manifest, checked against `BundleManifest`; ``model.safetensors`` holds the weights (a
rule has none), as 16-bit floats, widened on loading; ``item.json`` describes the model as a STAC item with the MLM
extension; ``README.md`` is its card. A filter that is asked before the network may lie beside them
(`landslide_geo.models.prefilter`). Nothing is ever unpickled, and nothing is fetched.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError
from safetensors import SafetensorError

from landslide_geo.config import first_problem
from landslide_geo.errors import BundleError, ParameterError
from landslide_geo.models.manifest import MANIFEST, WEIGHTS, BundleManifest
from landslide_geo.models.prefilter import add_prefilter, prefilter_files, require_bands
from landslide_geo.models.registry import build

if TYPE_CHECKING:
    import torch
    from torch import nn

ITEM: Final = "item.json"
CARD: Final = "README.md"


@dataclass(frozen=True)
class Bundle:
    """A bundle whose manifest was read and checked.

    Attributes:
        directory: where it lies.
        manifest: checked content of ``bundle.json``.
        sha256: of manifest, weights and filter, which together decide every result.
    """

    directory: Path
    manifest: BundleManifest
    sha256: str
    _built: list[nn.Module] = field(default_factory=list, init=False, repr=False, compare=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False, compare=False)

    @property
    def network(self) -> nn.Module:
        """The network with its weights, in evaluation mode, float32, laid out channels last; built on first use.

        Raises:
            BundleError: weights are missing or broken, or do not fit the architecture.
        """
        with self._lock:  # one thread may build it ahead for another
            if not self._built:
                self._built.append(_build(self.directory, self.manifest))
        return self._built[0]

    def __getstate__(self) -> dict[str, Any]:
        """A lock stays behind."""
        return {key: value for key, value in self.__dict__.items() if key != "_lock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore, with a lock of its own."""
        self.__dict__.update(state | {"_lock": threading.Lock()})


def shipped_directory() -> Path:
    """The folder of the bundles that come with the package."""
    return Path(str(resources.files("landslide_geo") / "bundles"))


def list_bundles() -> list[str]:
    """Names of the bundles that come with the package, sorted."""
    folder = shipped_directory()
    return sorted(path.parent.name for path in folder.glob(f"*/{MANIFEST}")) if folder.is_dir() else []


def find_bundle(name_or_dir: str | os.PathLike[str]) -> Path:
    """The folder of a shipped bundle's name, or of a path.

    Raises:
        BundleError: it is neither, or the folder holds no ``bundle.json``.
    """
    shipped = ", ".join(list_bundles()) or "none"
    if isinstance(name_or_dir, str) and name_or_dir in list_bundles():
        return shipped_directory() / name_or_dir
    folder = Path(name_or_dir)
    if not folder.is_dir():
        raise BundleError(
            f"{name_or_dir}: no such model; name a bundle's folder or one of the shipped models ({shipped})"
        )
    if not (folder / MANIFEST).is_file():
        raise BundleError(
            f"{folder}: not a model bundle, it holds no {MANIFEST}; name a folder written by `landslide train`, or one "
            f"of the shipped models ({shipped})"
        )
    return folder


def read_manifest(name_or_dir: str | os.PathLike[str]) -> BundleManifest:
    """Read and check ``bundle.json`` alone, without building the network.

    Raises:
        BundleError: no bundle, not JSON, or a key is missing, unknown or wrong.
    """
    path = find_bundle(name_or_dir) / MANIFEST
    try:
        return BundleManifest.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise BundleError(f"{path}: {first_problem(error)}; make the bundle again with `landslide train`") from None
    except OSError as error:
        raise BundleError(f"{path}: cannot be read ({error.strerror}); check its permissions") from None


def open_bundle(name_or_dir: str | os.PathLike[str]) -> Bundle:
    """A bundle whose network is built when it is asked for: that takes seconds, most of them to import PyTorch.

    Raises:
        BundleError: as `read_manifest`.
    """
    directory = find_bundle(name_or_dir)
    return Bundle(directory, read_manifest(directory), _checksum(directory))


def load_bundle(name_or_dir: str | os.PathLike[str]) -> Bundle:
    """Read a bundle completely.

    Raises:
        BundleError: a file is missing or broken, or the weights do not fit the architecture.
    """
    bundle = open_bundle(name_or_dir)
    _ = bundle.network
    return bundle


def _build(directory: Path, manifest: BundleManifest) -> nn.Module:
    try:
        arguments = {name: value for name, value in manifest.arguments.items() if name != "weights"}
        network = build(manifest.architecture, bands=len(manifest.bands), arguments=arguments)
    except ParameterError as error:
        raise BundleError(f"{directory / MANIFEST}: {error}; mend architecture and arguments") from None
    expected = network.state_dict()
    weights = directory / WEIGHTS
    if expected:
        _load_weights(network, expected, weights, manifest.architecture)
    elif weights.is_file():
        raise BundleError(f"{weights}: architecture {manifest.architecture!r} has no weights; remove the file")
    import torch

    network.eval().requires_grad_(False)
    laid: nn.Module = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return laid


def _load_weights(network: nn.Module, expected: dict[str, torch.Tensor], weights: Path, architecture: str) -> None:
    import torch
    from safetensors.torch import load_file

    if not weights.is_file():
        raise BundleError(f"{weights}: missing; copy the bundle's folder again, completely")
    try:
        tensors = load_file(weights)
    except (SafetensorError, OSError) as error:
        raise BundleError(f"{weights}: broken weights ({error}); copy the bundle's folder again") from None
    wrong = sorted(set(expected) ^ set(tensors)) or sorted(
        name for name, tensor in tensors.items() if tensor.shape != expected[name].shape
    )
    if wrong:
        raise BundleError(
            f"{weights}: {len(wrong)} tensors do not fit architecture {architecture!r} as {MANIFEST} describes it, "
            f"first {wrong[0]!r}; {MANIFEST} and {WEIGHTS} come from different bundles"
        )
    bad = next((name for name, tensor in tensors.items() if not torch.isfinite(tensor.float()).all()), None)
    if bad is not None:
        raise BundleError(f"{weights}: tensor {bad!r} holds values that are not finite; train the model again")
    network.load_state_dict({name: tensor.to(expected[name].dtype) for name, tensor in tensors.items()})


def require_bundle_or_nothing(target: Path) -> None:
    """Check that a bundle may be written to a folder.

    Raises:
        BundleError: the folder holds something that is not a bundle.
    """
    if target.exists() and not (target / MANIFEST).is_file() and (not target.is_dir() or any(target.iterdir())):
        raise BundleError(f"{target}: holds something that is not a bundle; name an empty or a new folder")


def save_bundle(
    directory: str | os.PathLike[str], manifest: BundleManifest, network: nn.Module, *, card: str | None = None,
    also: Mapping[str, str] | None = None, prefilter: str | os.PathLike[str] | None = None,
) -> Bundle:  # fmt: skip
    """Write a bundle and read it back; an older bundle in the same place is replaced at once and completely.

    Args:
        directory: folder to write; its parent is made where missing.
        manifest: what to say about the network.
        network: whose weights to keep, stored as 16-bit floats.
        card: text of ``README.md``; none writes a short one from the manifest.
        also: further text files by name.
        prefilter: folder of a filter to copy in.

    Raises:
        BundleError: the weights or the filter do not fit the manifest, or the folder holds something that is not a
            bundle.
    """
    import torch
    from safetensors.torch import save_file

    from landslide_geo.models.stac import model_item  # needs BundleManifest from here

    target = Path(directory)
    require_bundle_or_nothing(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    staged = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        tensors = {
            name: (tensor.half() if tensor.is_floating_point() else tensor)
            .detach()
            .clone(memory_format=torch.contiguous_format)
            for name, tensor in network.state_dict().items()
        }
        if tensors:
            save_file(tensors, staged / WEIGHTS, metadata={"format": "pt"})
        (staged / MANIFEST).write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")
        size = (staged / WEIGHTS).stat().st_size if tensors else 0
        parameters = sum(parameter.numel() for parameter in network.parameters())
        item = model_item(manifest, parameters=parameters, weight_bytes=size)
        (staged / ITEM).write_text(json.dumps(item, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        text = card if card is not None else f"# {manifest.name}\n\n{manifest.description}\n"
        (staged / CARD).write_text(text, encoding="utf-8")
        for name, content in (also or {}).items():
            (staged / name).write_text(content, encoding="utf-8")
        if prefilter is not None:
            require_bands(
                Path(prefilter), manifest.bands, gsd_m=manifest.gsd_m, of=manifest.name, speckle=manifest.speckle
            )
            add_prefilter(staged, Path(prefilter))
        load_bundle(staged)
        staged.chmod(0o755)  # mkdtemp makes it private, and so does safetensors its file
        for path in staged.iterdir():
            path.chmod(0o644)
        if target.exists():
            shutil.rmtree(target)
        staged.replace(target)
    finally:
        shutil.rmtree(staged, ignore_errors=True)
    return load_bundle(target)


def _checksum(directory: Path) -> str:
    digest = hashlib.sha256()
    for path in (directory / MANIFEST, directory / WEIGHTS, *prefilter_files(directory)):
        name = path.name
        if path.is_file():
            digest.update(f"{name}\0{path.stat().st_size}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()
