"""What of a scene could be seen: one class per pixel, by published rules on whichever bands there are."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from landslide_geo.scene.grid import blocks

FloatArray = NDArray[np.float32]
ByteArray = NDArray[np.uint8]
BoolArray = NDArray[np.bool_]


class Visibility(IntEnum):
    """Class of a pixel of ``visibility`` rasters (uint8). ``valid`` pixels are clear or water."""

    NODATA = 0
    CLEAR = 1
    WATER = 2
    CLOUD = 3
    CLOUD_SHADOW = 4
    TERRAIN_SHADOW = 5
    SNOW = 6

    @property
    def label(self) -> str:
        """The name written to files: lower case with underscores."""
        return self.name.lower()

    @property
    def valid(self) -> bool:
        """Whether landslides can be mapped here."""
        return self in (Visibility.CLEAR, Visibility.WATER)


_VALID_CODES: Final = [int(code) for code in Visibility if code.valid]
#: Clouds are grown by this many metres: thin rims look like bare ground. Fmask's three Landsat pixels.
CLOUD_GROWTH_M: Final = 90.0
#: Reflectance in near infrared below which ground may lie in the shadow of a cloud (Braaten's for Sentinel-2).
DARK_NIR: Final = 0.15
#: Clouds are grown in parts of this many pixels a side.
_PART: Final = 256


def margin(pixel: float) -> int:
    """Pixels that must be read around a block so that the classes inside it do not depend on the block.

    Args:
        pixel: size of a pixel in metres.
    """
    # Growth, the opening's reach, and one for the slope of the terrain.
    return math.ceil(CLOUD_GROWTH_M / pixel) + 3


def is_valid(visibility: ByteArray) -> BoolArray:
    """Where landslides can be mapped: clear or water."""
    return np.isin(visibility, _VALID_CODES)


def classify(
    reflectance: Mapping[str, FloatArray],
    *,
    seen: BoolArray,
    illumination: FloatArray | None,
    pixel: float,
    cast: BoolArray | None = None,
    thrown: BoolArray | None = None,
    cloudy: BoolArray | None = None,
) -> ByteArray:
    """The visibility class of each pixel, by what the bands allow.

    - cloud: haze-optimised transform ``blue − 0.5 red − 0.08 > 0`` and whiteness below 0.7 (Zhang et al. 2002, as in
      Fmask, Zhu & Woodcock 2012), opened by one pixel so that roofs do not count, and grown by 90 m (3 pixels of
      Landsat, as in Fmask);
    - snow: NDSI above 0.4 with near infrared above 0.11 and green above 0.1 (Fmask);
    - water: NDVI below 0.01 with near infrared below 0.11, or NDVI below 0.1 with near infrared below 0.05 (Fmask);
    - terrain shadow: slopes turned away from the sun, and ground that other terrain keeps from it;
    - cloud shadow: of clear ground where clouds throw their shadows, what is darker than 0.15 in near infrared, opened
      by one pixel.

    Args:
        reflectance: by band name without prefix, (h, w) float32, 0–1; bands that are missing are not used. Empty
            where the units of the bands are unknown: then everything seen is clear.
        seen: (h, w), where the bands the scan needs have values.
        illumination: (h, w) float32, cosine of the sun's incidence, or None where it is not known.
        pixel: size of a pixel in metres.
        cast: (h, w), ground in the shadow of other terrain (`landslide_geo.scene.cast_shadow`), or None.
        thrown: (h, w), ground that clouds may shade (`landslide_geo.scene.cloud_shadow`), or None.
        cloudy: (h, w), clouds as something better tells them (`landslide_geo.scene.cloudless`), before they are opened
            and grown; None asks the bands.

    Returns:
        (h, w) uint8 of `Visibility` codes. Values within `margin` of the border depend on what lies beyond it.
    """
    out = np.where(seen, np.uint8(Visibility.CLEAR), np.uint8(Visibility.NODATA))
    blue, green, red = (reflectance.get(name) for name in ("blue", "green", "red"))
    nir, swir16 = reflectance.get("nir"), reflectance.get("swir16")
    if red is not None and nir is not None:
        _mark(out, Visibility.WATER, seen & (nir < 0.11), _is_water, red, nir)
    if (dark := _shaded(illumination, cast)) is not None:
        out[seen & dark] = Visibility.TERRAIN_SHADOW
    if green is not None and nir is not None and swir16 is not None:
        _mark(out, Visibility.SNOW, seen & (green > 0.1) & (nir > 0.11), _is_snow, green, swir16)
    if cloudy is None and blue is not None and green is not None and red is not None:
        cloud = np.zeros_like(out)
        hazy = seen & (blue - 0.5 * red - 0.08 > 0) & (out != Visibility.SNOW)
        _mark(cloud, Visibility.CLOUD, hazy, _is_white, blue, green, red)
        cloudy = cloud == Visibility.CLOUD
    if cloudy is not None:
        out[seen & _grown(cloudy, pixel)] = Visibility.CLOUD
    if thrown is not None and nir is not None and thrown.any():
        out[_opened(thrown & (out == Visibility.CLEAR) & (nir < DARK_NIR))] = Visibility.CLOUD_SHADOW
    return out


def _shaded(illumination: FloatArray | None, cast: BoolArray | None) -> BoolArray | None:
    """Where terrain keeps the sun away, its own slope or what stands before it; None where nothing tells."""
    if illumination is None:
        return cast
    return illumination <= 0 if cast is None else (illumination <= 0) | cast


def completed(
    told: ByteArray, *, seen: BoolArray, illumination: FloatArray | None, cast: BoolArray | None = None
) -> ByteArray:
    """Classes that came with a scene, as a reading of it needs them.

    Args:
        told: (h, w) `Visibility` codes, such as a producer's own classification gives.
        seen: (h, w), where the bands that are asked for have values; the rest is nodata.
        illumination: as in `classify`: where the sun does not reach, clear ground is terrain shadow.
        cast: likewise.

    Returns:
        (h, w) uint8.
    """
    out = np.where(seen, told, np.uint8(Visibility.NODATA))
    if (dark := _shaded(illumination, cast)) is not None:
        out[(out == Visibility.CLEAR) & dark] = Visibility.TERRAIN_SHADOW
    return out


def _grown(cloud: BoolArray, pixel: float) -> BoolArray:
    """Clouds opened by one pixel and grown by `CLOUD_GROWTH_M`; most places have none near, and cost nothing."""
    out = np.zeros_like(cloud)
    for part in blocks(cloud.shape[0], cloud.shape[1], _PART):
        wide = part.padded(margin(pixel)).clipped(cloud.shape[0], cloud.shape[1])
        around = cloud[wide.slices]
        if around.any():
            core = _opened(around)
            if core.any():
                distance = ndimage.distance_transform_edt(~core, sampling=pixel)
                out[part.slices] = (distance <= CLOUD_GROWTH_M)[part.inside(wide)]
    return out


def _opened(cloud: BoolArray) -> BoolArray:
    """Opened by a square of three pixels, ten times as fast as by SciPy; beyond the border there is no cloud."""

    def over_rows_and_columns(mask: BoolArray, combine: np.ufunc) -> BoolArray:
        padded = np.pad(mask, 1)
        rows = combine(combine(padded[:-2], padded[1:-1]), padded[2:])
        return np.asarray(combine(combine(rows[:, :-2], rows[:, 1:-1]), rows[:, 2:]))

    return over_rows_and_columns(over_rows_and_columns(cloud, np.logical_and), np.logical_or)


def _mark(
    out: ByteArray, code: Visibility, candidates: BoolArray, rule: Callable[..., BoolArray], *values: FloatArray
) -> None:
    """Mark the candidates that a rule is true of; they are few, and only for them it is worked out."""
    places = np.flatnonzero(candidates)
    if places.size:
        with np.errstate(invalid="ignore", divide="ignore"):
            out.flat[places[rule(*(value.ravel()[places] for value in values))]] = code


def _is_water(red: FloatArray, nir: FloatArray) -> BoolArray:
    """Where near infrared is below 0.11."""
    ndvi = (nir - red) / (nir + red)
    return (ndvi < 0.01) | ((ndvi < 0.1) & (nir < 0.05))


def _is_snow(green: FloatArray, swir16: FloatArray) -> BoolArray:
    """Where green and near infrared are bright enough."""
    return (green - swir16) / (green + swir16) > 0.4


def _is_white(blue: FloatArray, green: FloatArray, red: FloatArray) -> BoolArray:
    mean = (blue + green + red) / 3
    return (np.abs(blue - mean) + np.abs(green - mean) + np.abs(red - mean)) / mean < 0.7
