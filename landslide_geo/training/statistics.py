"""Fixed normalisation taken from training chips."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from landslide_geo.bands import MASKS, PRE, UNITS, is_optical
from landslide_geo.chips.split import Split
from landslide_geo.config import BIGEARTHNET, FixedParams, Normalisation, StretchParams
from landslide_geo.errors import DatasetError, ParameterError
from landslide_geo.units import NUMBER, gain

#: Mean and standard deviation of ImageNet's pictures, 0 to 255 (torchvision's constants, times 255).
IMAGENET: Final = {
    "red": (0.485 * 255, 0.229 * 255),
    "green": (0.456 * 255, 0.224 * 255),
    "blue": (0.406 * 255, 0.225 * 255),
}


def settled(params: Normalisation, chips: Split) -> Normalisation:
    """The normalisation with centre and scale, taken from chips where it has none.

    Args:
        params: what is wanted.
        chips: for training; their valid pixels count.

    Raises:
        DatasetError: a band is constant or not known anywhere, or nothing is valid.
        ParameterError: what is given is for another number of bands, or no band has published statistics in its unit.
    """
    given = params.gains if isinstance(params, StretchParams) else params.centre
    if given is not None and len(given) != len(chips.bands):
        raise ParameterError(
            f"normalisation is for {len(given)} bands, {chips.name} has {len(chips.bands)} "
            f"({', '.join(chips.bands)}); say which `bands` to take, or another `normalisation`"
        )
    if isinstance(params, StretchParams) or given is not None:
        return params
    published = _bigearthnet(chips) if params.how == "bigearthnet" else {}
    moments = np.zeros((len(chips.bands), 4)) if len(published) == len(chips.bands) else _moments(chips)
    centre, scale = [], []
    for name, (mean, deviation, least, largest) in zip(chips.bands, moments, strict=True):
        if name in published:
            centre.append(published[name][0])
            scale.append(published[name][1])
            continue
        if np.isnan(mean):
            raise DatasetError(f"{chips.name}: no pixel of band {name} is valid; train without it")
        if not largest > least:
            raise DatasetError(f"{chips.name}: band {name} is the same everywhere; train without it")
        if params.how == "imagenet" and name in IMAGENET:
            centre.append(IMAGENET[name][0])
            scale.append(IMAGENET[name][1])
        elif params.how == "imagenet":
            centre.append((least + largest) / 2)
            scale.append((largest - least) / 2)
        elif params.how == "range":
            centre.append(least)
            scale.append(largest - least)
        else:
            centre.append(mean)
            scale.append(deviation)
    rounded = {"centre": tuple(float(f"{x:.7g}") for x in centre), "scale": tuple(float(f"{x:.7g}") for x in scale)}
    return FixedParams.model_validate(params.model_dump() | rounded)


def _bigearthnet(chips: Split) -> dict[str, tuple[float, float]]:
    """Centre and scale of those bands that BigEarthNet v2 has statistics of, in their unit; a mask stays as it is."""
    found = {}
    for name, unit in zip(chips.bands, chips.units, strict=True):
        stem = name.removeprefix(PRE)
        turned = gain(name, NUMBER if is_optical(name) else "dB", unit)
        if turned is not None and stem in BIGEARTHNET:
            mean, deviation = BIGEARTHNET[stem]
            found[name] = (mean * turned, deviation * turned)
        elif stem in MASKS and unit == UNITS[stem]:
            found[name] = (0.0, 1.0)
    if not any(name.removeprefix(PRE) in BIGEARTHNET for name in found):
        told = ", ".join(f"{name} ({unit})" for name, unit in zip(chips.bands, chips.units, strict=True))
        raise ParameterError(
            f"{chips.name}: BigEarthNet has statistics of Sentinel-2's digital numbers and reflectance and of "
            f"Sentinel-1's dB, and of none of these bands: {told}; take `how: mean_std`"
        )
    return found


def _moments(chips: Split) -> NDArray[np.float64]:
    """(band, 4) mean, standard deviation, least and largest value over the valid pixels of all chips.

    Each band has pixels of its own: of chips with labels one sensor may be known where another is not. A band of which
    nothing is known has NaN and infinities.
    """
    bands = len(chips.bands)
    count, total, squares = np.zeros(bands), np.zeros(bands), np.zeros(bands)
    least, largest = np.full(bands, np.inf), np.full(bands, -np.inf)
    offset = np.full(bands, np.nan)
    for index in range(len(chips)):
        for band, image in enumerate(chips.image(index)):
            values = image[np.isfinite(image)].astype(np.float64)
            if not values.size:
                continue
            if not count[band]:
                offset[band] = values.mean()  # large means would cost the variance its digits
            moved = values - offset[band]
            count[band] += values.size
            total[band] += moved.sum()
            squares[band] += (moved**2).sum()
            least[band], largest[band] = min(least[band], values.min()), max(largest[band], values.max())
    if not count.any():
        raise DatasetError(f"{chips.name}: no pixel is valid")
    mean = total / np.maximum(count, 1)
    deviation = np.sqrt(np.maximum(squares / np.maximum(count, 1) - mean**2, 0))
    return np.stack([mean + offset, deviation, least, largest], axis=1)
