"""How much of each chip is under clouds, as its optical bands or its cloud mask tell."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from landslide_geo.bands import MASKS
from landslide_geo.scene.clouds import SCALES, cloud_cover, cloudy

FloatArray = NDArray[np.float32]


def cloud_covers(images: FloatArray, bands: Sequence[str], units: Sequence[str]) -> FloatArray | None:
    """Share of clouds among the known pixels of chips, by `landslide_geo.scene.clouds.cloudy`.

    Args:
        images: (N, band, y, x), NaN where unknown; clouds still in them.
        bands: their names.
        units: of each band.

    Returns:
        (N,) 0–1, NaN where nothing is known; none where there is neither a cloud mask nor red in a unit that tells
        what is bright.
    """
    if MASKS[0] in bands:
        return cloud_cover(images[:, list(bands).index(MASKS[0])])
    red = list(bands).index("red") if "red" in bands else None
    if red is None or units[red] not in SCALES:
        return None
    return cloud_cover(cloudy(images[:, red], scale=SCALES[units[red]]))
