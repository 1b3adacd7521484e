"""Weights that training starts from: those of another model, or of an encoder that learned on other pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from safetensors import SafetensorError

from landslide_geo.errors import ParameterError, SourceNotFoundError
from landslide_geo.files import file_sha256
from landslide_geo.models.bundle import WEIGHTS, open_bundle

if TYPE_CHECKING:
    import torch
    from torch import nn

SUFFIX: Final = ".safetensors"
#: Share of a network's values, or of its encoder's, that must be found in the file: less is another network.
LEAST: Final = 0.5


@dataclass(frozen=True)
class Start:
    """Weights to start from.

    Attributes:
        path: file of the tensors.
        name: for people; nothing of where it lies on this machine.
        of_encoder: whether they are those of an encoder alone, by timm's names.
        sha256: of the file.
    """

    path: Path
    name: str
    of_encoder: bool
    sha256: str

    def __str__(self) -> str:
        """In a word, for what a bundle says of its training."""
        return f"{self.name} (sha256 {self.sha256[:12]})"

    def tensors(self) -> dict[str, torch.Tensor]:
        """By name.

        Raises:
            ParameterError: the file is broken.
        """
        from safetensors.torch import load_file

        try:
            return load_file(self.path)
        except (SafetensorError, OSError) as error:
            raise ParameterError(f"start {self.path}: broken weights ({error}); copy the file again") from None

    def into(self, network: nn.Module) -> float:
        """Put the weights into a network; the rest of it stays as it is.

        The first layer of another number of bands is adapted as timm does it: repeated, and scaled to keep its sum.

        Returns:
            Share of the network's values that were taken over.

        Raises:
            ParameterError: the file is broken, or of another network.
        """
        own, given = network.state_dict(), self.tensors()
        if self.of_encoder:
            prefixes = _prefixes(own, given)
            named = {prefix + name: tensor for prefix in prefixes for name, tensor in given.items()}
            asked = {name: tensor for name, tensor in own.items() if name.startswith(tuple(prefixes))}
        else:
            named, asked = given, own
        taken = {
            name: fitting for name, tensor in asked.items()
            if name in named and (fitting := _fitting(named[name], tensor)) is not None
        }  # fmt: skip
        if not asked or _size(taken) < LEAST * _size(asked):
            what = "no encoder of this network" if self.of_encoder else "a model of another architecture"
            raise ParameterError(f"start {self.path}: {what}; name the one it was made for, or leave out start")
        network.load_state_dict(own | taken)
        return _size(taken) / _size(own)


def find_start(start: str | Path) -> Start:
    """The weights that ``start`` names: a bundle, or an encoder's ``.safetensors`` file with timm's names.

    Raises:
        SourceNotFoundError: there is no such file.
        BundleError: the bundle is missing or broken.
        ParameterError: the bundle is a rule, which has no weights.
    """
    path = Path(start).expanduser()
    if path.suffix == SUFFIX:
        if not path.is_file():
            raise SourceNotFoundError(f"start {path}: no such file; fetch it, e.g. landslide fetch efficientnet-lite0")
        name = f"{path.parent.name}/{path.name}" if path.parent.name else path.name
        return Start(path, name, of_encoder=True, sha256=file_sha256(path))
    bundle = open_bundle(str(start))
    weights = bundle.directory / WEIGHTS
    if not weights.is_file():
        raise ParameterError(f"start {start}: a rule without weights; name a trained model")
    return Start(weights, bundle.manifest.name, of_encoder=False, sha256=file_sha256(weights))


def _prefixes(own: Mapping[str, torch.Tensor], given: Mapping[str, torch.Tensor]) -> list[str]:
    """What names of the encoder have before them in the network; several where it has several such encoders."""
    found: dict[str, int] = {}
    longest = max(given, key=lambda name: (name.count("."), len(name)), default="")
    for name in own:
        if longest and (name == longest or name.endswith(f".{longest}")):
            prefix = name[: len(name) - len(longest)]
            found[prefix] = sum(tensor.numel() for key, tensor in given.items() if prefix + key in own)
    most = max(found.values(), default=0)
    return [prefix for prefix, shared in found.items() if shared == most]


def _fitting(given: torch.Tensor, own: torch.Tensor) -> torch.Tensor | None:
    """A tensor of the shape and type of the network's own, or None where it cannot be made one."""
    if given.shape == own.shape:
        return given.to(own.dtype)
    if given.ndim == own.ndim == 4 and given.shape[0] == own.shape[0] and given.shape[2:] == own.shape[2:]:
        from timm.models import adapt_input_conv

        # Adapts pictures of three channels only.
        return adapt_input_conv(own.shape[1], given).to(own.dtype) if given.shape[1] == 3 else None
    return None


def _size(tensors: Mapping[str, torch.Tensor]) -> int:
    return sum(tensor.numel() for tensor in tensors.values())
