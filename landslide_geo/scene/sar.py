"""Radar backscatter: decibels, speckle, change and polarisation.

Arrays are (…, y, x) float32 in dB, NaN where unknown: bands of a patch, stacks of patches and blocks of a scene alike.
The filters see a square window: an unknown pixel stays unknown and does not count for its neighbours. At the rim they
mirror; who filters a scene in blocks reads ``size // 2`` pixels more on each side.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, get_args

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from landslide_geo.bands import is_radar
from landslide_geo.config import SpeckleKind
from landslide_geo.errors import ParameterError

FloatArray = NDArray[np.float32]

#: Equivalent number of looks of Sentinel-1's detected products of the land mode (ESA, Sentinel-1 product definition,
#: GRD high resolution, interferometric wide swath).
LOOKS: Final = 4.4
#: Windows with unknown pixels looked at in one go; bounds the memory.
_WINDOWS: Final = 65536


def to_linear(decibels: FloatArray) -> FloatArray:
    """Decibels → power, ``10^(dB / 10)``."""
    return np.power(10, np.asarray(decibels, np.float64) / 10).astype(np.float32)


def to_decibels(power: FloatArray) -> FloatArray:
    """Power → dB, ``10 log10``; NaN where there is none (0 or less)."""
    linear = np.asarray(power, np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(linear > 0, 10 * np.log10(linear), np.nan).astype(np.float32)


def difference(post: FloatArray, pre: FloatArray) -> FloatArray:
    """Change of backscatter in dB, after minus before: a ratio of powers."""
    return (post - pre).astype(np.float32)


def polarisation_ratio(vv: FloatArray, vh: FloatArray) -> FloatArray:
    """VV over VH in dB, their difference: small over vegetation, which depolarises, larger over bare ground."""
    return (vv - vh).astype(np.float32)


def median_filter(decibels: FloatArray, *, size: int = 3) -> FloatArray:
    """The median of known pixels in a window. dB or power, it is the same: the logarithm keeps order.

    Args:
        decibels: (…, y, x), NaN where unknown.
        size: side of the window in pixels, odd.

    Returns:
        Same shape, NaN where the pixel itself is.

    Raises:
        ParameterError: the window is even, or larger than the image.
    """
    require_speckle("median", size, image=min(decibels.shape[-2:]))
    unknown = ~np.isfinite(decibels)
    window = (1,) * (decibels.ndim - 2) + (size, size)
    filled = np.where(unknown, np.float32(0), decibels).astype(np.float32)
    out: FloatArray = ndimage.median_filter(filled, size=window, mode="reflect")
    if unknown.any():
        near = ndimage.maximum_filter(unknown, size=window, mode="reflect") & ~unknown
        margin = [(0, 0)] * (decibels.ndim - 2) + [(size // 2, size // 2)] * 2
        padded = np.pad(np.where(unknown, np.float32(np.nan), decibels), margin, mode="symmetric")
        windows = np.lib.stride_tricks.sliding_window_view(padded, (size, size), axis=(-2, -1))
        where = np.nonzero(near)
        for start in range(0, len(where[0]), _WINDOWS):
            some = tuple(axis[start : start + _WINDOWS] for axis in where)
            out[some] = np.nanmedian(windows[some], axis=(-2, -1))
    out[unknown] = np.nan
    return out


def lee_filter(decibels: FloatArray, *, size: int = 5, looks: float = LOOKS) -> FloatArray:
    """Lee's filter of multiplicative noise, on power: ``m + k (z − m)`` with ``k = σx² / (m² σv² + σx²)``.

    Here m and v are mean and variance of the window, ``σv² = 1 / looks`` is the variance of the speckle (mean 1), and
    ``σx² = (v − m² σv²) / (1 + σv²)``, at least 0, what varies beside it. Where ground is even the pixel becomes the
    mean; an edge or a point stays.

    Lee (1980), "Digital image enhancement and noise filtering by use of local statistics", IEEE Transactions on Pattern
    Analysis and Machine Intelligence 2, 165–168.

    Args:
        decibels: (…, y, x), NaN where unknown.
        size: side of the window in pixels, odd.
        looks: equivalent number of looks of the image.

    Returns:
        Same shape in dB, NaN where the pixel itself is.

    Raises:
        ParameterError: the window is even, or larger than the image, or there are no looks.
    """
    require_speckle("lee", size, image=min(decibels.shape[-2:]))
    if not looks > 0:
        raise ParameterError(f"{looks:g} looks: an image has some; give a number above 0, {LOOKS:g} for Sentinel-1")
    known = np.isfinite(decibels)
    power = np.where(known, np.power(10, np.asarray(decibels, np.float64) / 10), 0)

    def mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
        # Sums of fixed weights: a running sum (`uniform_filter`) would carry what lies far away along.
        for axis in (-2, -1):
            values = ndimage.convolve1d(values, np.full(size, 1 / size), axis=axis, mode="reflect")
        return values

    share = mean(known.astype(np.float64))
    with np.errstate(invalid="ignore", divide="ignore"):
        centre = mean(power) / share
        variance = np.maximum(mean(power**2) / share - centre**2, 0)
        noise = centre**2 / looks
        signal = np.maximum(variance - noise, 0) / (1 + 1 / looks)
        kept = signal / (noise + signal)
        out = centre + kept * (power - centre)
    return to_decibels(np.where(known, out, np.nan).astype(np.float64))


def despeckled(
    image: FloatArray, bands: Sequence[str], *, kind: SpeckleKind, size: int, looks: float = LOOKS
) -> FloatArray:
    """An image whose radar bands are filtered, of both dates each by itself; all other bands stay.

    Args:
        image: (band, y, x), NaN where unknown.
        bands: their names.
        kind: the filter, or none.
        size: side of its window in pixels, odd.
        looks: equivalent number of looks, for Lee's.

    Raises:
        ParameterError: as the filters.
    """
    radar = [index for index, name in enumerate(bands) if is_radar(name)]
    if kind == "none" or not radar:
        return image
    out = image.copy()
    some = image[radar]
    out[radar] = median_filter(some, size=size) if kind == "median" else lee_filter(some, size=size, looks=looks)
    return out


def require_speckle(kind: str, size: int, *, image: int) -> None:
    """Check what is asked of a filter before anything is read.

    Args:
        kind: of the filter.
        size: side of its window in pixels.
        image: least side of an image in pixels.

    Raises:
        ParameterError: there is no such filter, or its window is even, or larger than the image.
    """
    if kind not in get_args(SpeckleKind):
        raise ParameterError(f"speckle filter {kind!r}: use one of {', '.join(get_args(SpeckleKind))}")
    if size < 1 or size % 2 == 0:
        raise ParameterError(f"a speckle window of {size} pixels has no pixel in its middle; give an odd number")
    if size > image:
        raise ParameterError(
            f"a speckle window of {size} pixels is larger than an image of {image}; take a smaller one"
        )
