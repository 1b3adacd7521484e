"""Where chips of several sensors say something: one of them is enough, if whoever looks can do without the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landslide_geo.bands import MASKS, is_optical

BoolArray = NDArray[np.bool_]


def with_masks(sensors: Sequence[Sequence[str]], bands: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """The same sensors, with the masks among the bands at the optical ones that they are made of."""
    masks = tuple(name for name in bands if name in MASKS and not any(name in own for own in sensors))
    return tuple((*own, *masks) if any(map(is_optical, own)) else tuple(own) for own in sensors)


def known(values: NDArray[Any], sensors: Sequence[Sequence[int]]) -> BoolArray:
    """Which pixels count.

    Args:
        values: (…, band, y, x), NaN where unknown.
        sensors: bands of each, of which any but one may be missing; none: all bands are needed.

    Returns:
        (…, y, x): a sensor sees the pixel in all of its bands, and all bands that no sensor has are known.
    """
    finite = np.isfinite(values)
    sensed = {place for own in sensors for place in own}
    others = [place for place in range(values.shape[-3]) if place not in sensed]
    found: BoolArray = finite[..., others, :, :].all(axis=-3)
    if sensors:
        np.logical_and(found, np.any([_complete(finite, own) for own in sensors], axis=0), out=found)
    return found


def without_parts(values: NDArray[np.float32], sensors: Sequence[Sequence[int]]) -> NDArray[np.float32]:
    """The same array, NaN in all bands of a sensor where it lacks one: what it saw is all or nothing, as in a scan."""
    if not sensors:
        return values
    finite = np.isfinite(values)
    for own in sensors:
        places = list(own)
        values[..., places, :, :] = np.where(
            _complete(finite, own)[..., None, :, :], values[..., places, :, :], np.float32(np.nan)
        )
    return values


def _complete(finite: BoolArray, own: Sequence[int]) -> BoolArray:
    return np.asarray(finite[..., list(own), :, :].all(axis=-3))
