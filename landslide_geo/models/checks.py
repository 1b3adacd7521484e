"""Checks of arguments that several architectures share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from landslide_geo.errors import ParameterError

UPSAMPLING: Final = ("nearest", "bilinear", "transposed")


def encoder_weights(encoder: str, weights: str | None) -> Any:
    """What the library wants to hear: of timm's encoders only whether, for they name their weights themselves."""
    if not encoder.startswith("tu-"):
        return weights
    if weights not in (None, "imagenet"):
        raise ParameterError(f"weights {weights!r} of encoder {encoder}: use null or imagenet")
    return True if weights else None


def check_share(name: str, value: float) -> None:
    """Refuse what is not from 0 to less than 1."""
    if not 0 <= value < 1:
        raise ParameterError(f"{name} {value}: use a share from 0 to less than 1")


def channels(
    architecture: str, name: str, given: Sequence[int] | None, bands: int, *, least: int = 1
) -> tuple[int, ...]:
    """Indices of bands as they were given, checked."""
    if given is None:
        raise ParameterError(
            f"{architecture}: {name} is not told; give the indices of its bands, e.g. {name}: [0, 1]. Training fills "
            "them in from the names of the bands"
        )
    if isinstance(given, str | bytes) or not isinstance(given, Sequence):
        raise ParameterError(f"{architecture}: {name} {given!r} is no list of indices of bands, e.g. [0, 1]")
    numbers = all(isinstance(one, int) and not isinstance(one, bool) and 0 <= one < bands for one in given)
    if not numbers or len(set(given)) < len(given) or len(given) < least:
        raise ParameterError(
            f"{architecture}: {name} {list(given)} must be {least} or more different indices of the {bands} bands, "
            f"0 to {bands - 1}"
        )
    return tuple(given)


def timm_weights(encoder: str, weights: str | None, size: int | None) -> bool:
    """Whether to download weights; checks what goes with an encoder of timm."""
    if weights not in (None, "imagenet"):
        raise ParameterError(f"weights {weights!r} of encoder {encoder}: use null or imagenet")
    if size is not None and size < 32:
        raise ParameterError(f"size {size}: use 32 pixels or more, or null to leave windows as they come")
    return weights is not None


def check_choice(name: str, value: str, choices: Sequence[str]) -> None:
    """Refuse what is not one of the choices."""
    if value not in choices:
        raise ParameterError(f"{name} {value!r} is not known; use one of {', '.join(choices)}")
