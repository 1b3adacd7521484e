"""Architectures by name: functions of one signature that build a network returning logits.

A new architecture is a function from arguments to a network, and a line in :data:`ARCHITECTURES`. Nothing here is
downloaded: encoder weights are only loaded where a caller asks for them by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from landslide_geo.errors import ParameterError

if TYPE_CHECKING:
    from torch import nn

    Builder = Callable[..., nn.Module]


def unet(
    *,
    bands: int,
    encoder: str = "resnet18",
    weights: str | None = None,
    decoder_channels: Sequence[int] = (256, 128, 64, 32, 16),
    attention: str | None = None,
) -> nn.Module:
    """U-Net of segmentation-models-pytorch: (N, bands, H, W) → (N, 1, H, W) logits, H and W multiples of 32.

    Args:
        bands: number of input bands.
        encoder: an encoder of segmentation-models-pytorch; ``tu-NAME`` is timm's NAME.
        weights: ``None`` (random) or ``imagenet`` (downloaded).
        decoder_channels: width of the five decoder stages, from the deepest.
        attention: ``None`` or ``scse``.
    """
    import segmentation_models_pytorch as smp  # takes seconds and 700 MB: only when a network is built

    return smp.Unet(
        encoder_name=encoder,
        encoder_weights=weights,
        in_channels=bands,
        classes=1,
        decoder_channels=tuple(decoder_channels),
        decoder_attention_type=attention,
    )


def red_minus_green(
    *, bands: int, red: int = 0, green: int = 1, slope: float = 1.0, intercept: float = 0.0
) -> nn.Module:
    """`landslide_geo.models.rules.RedMinusGreen`: indices of the two bands, and the logistic on their difference."""
    from landslide_geo.models.rules import RedMinusGreen

    if not (0 <= red < bands and 0 <= green < bands):
        raise ParameterError(f"red_minus_green needs bands {red} and {green}, the model has {bands}")
    return RedMinusGreen(red=red, green=green, slope=slope, intercept=intercept)


ARCHITECTURES: Final[dict[str, Builder]] = {"unet": unet, "red_minus_green": red_minus_green}


def build(architecture: str, *, bands: int, arguments: Mapping[str, Any]) -> nn.Module:
    """The network ``architecture`` with random weights.

    Raises:
        ParameterError: no such architecture, or arguments that it does not take.
    """
    if architecture not in ARCHITECTURES:
        raise ParameterError(f"architecture {architecture!r} is not known; use one of {', '.join(ARCHITECTURES)}")
    try:
        return ARCHITECTURES[architecture](bands=bands, **arguments)
    except (TypeError, KeyError, ValueError) as error:
        if isinstance(error, ParameterError):
            raise
        raise ParameterError(
            f"architecture {architecture!r}: arguments {dict(arguments)} do not fit: {error}"
        ) from None
