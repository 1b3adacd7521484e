"""Clouds in Sentinel-2's Level 1C by s2cloudless, where the extra ``l1c`` is installed.

s2cloudless (Sentinel Hub; compared with others in Skakun et al. 2022, "Cloud Mask Intercomparison eXercise (CMIX)",
Remote Sensing of Environment 274) is a gradient-boosted classifier of single pixels by ten bands of top-of-atmosphere
reflectance. Its trees are a text file of the package, which LightGBM reads; nothing is unpickled, and nothing else of
the package is used.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from landslide_geo.scene.grid import Block

if TYPE_CHECKING:
    from lightgbm import Booster

FloatArray = NDArray[np.float32]
BoolArray = NDArray[np.bool_]

#: What it looks at, in its order: B01, B02, B04, B05, B08, B8A, B09, B10, B11 and B12.
BANDS: Final = (
    "coastal", "blue", "red", "rededge071", "nir", "nir08", "nir09", "cirrus", "swir16", "swir22",
)  # fmt: skip
#: Probability above which it is a cloud, the package's own choice.
THRESHOLD: Final = 0.4
#: Side of the cells whose means it is asked about, in metres: the size of B01's, B09's and B10's pixels.
CELL_M: Final = 60.0
#: How to have it.
MEND: Final = "pip install 'landslide-geo[l1c]' has s2cloudless tell them by ten bands"
_MODEL: Final = "models/pixel_s2_cloud_detector_lightGBM_v0.1.txt"
_LOCK: Final = threading.Lock()


def available() -> bool:
    """Whether the extra is installed."""
    return find_spec("lightgbm") is not None and _model() is not None


def probability(reflectance: FloatArray) -> FloatArray:
    """Probability of cloud.

    Args:
        reflectance: (10, …) top-of-atmosphere reflectance of `BANDS`, 0–1, NaN where unknown.

    Returns:
        (…) 0–1, NaN where a band is not known.
    """
    pixels = reflectance.reshape(len(BANDS), -1)
    known = np.isfinite(pixels).all(axis=0)
    out = np.full(pixels.shape[1], np.nan, dtype=np.float32)
    if known.any():
        with _LOCK:
            booster = _booster()
        out[known] = booster.predict(pixels[:, known].T.astype(np.float64), num_threads=1)
    return out.reshape(reflectance.shape[1:])


def cloudy(read: Callable[[Block], FloatArray], block: Block, *, pixel: float) -> BoolArray:
    """Where a block is cloud.

    Asked about the means of cells of `CELL_M`, which are the same whatever block is read, as are the answers.

    Args:
        read: gives the reflectance of `BANDS` in a block, (10, h, w), NaN where there is none; asked for whole cells.
        block: of a scene.
        pixel: size of a pixel in metres.

    Returns:
        (h, w), false where a cell has no pixel that is known in all bands.
    """
    size = max(1, round(CELL_M / pixel))
    row, col = block.row // size, block.col // size
    rows, cols = -(-(block.row + block.height) // size) - row, -(-(block.col + block.width) // size) - col
    whole = Block(row * size, col * size, rows * size, cols * size)
    values = read(whole)
    known = np.isfinite(values).all(axis=0)
    shape = (rows, size, cols, size)
    count = known.reshape(shape).sum(axis=(1, 3))
    sums = np.where(known, values, 0).reshape(len(BANDS), *shape).sum(axis=(2, 4), dtype=np.float64)
    means = np.where(count > 0, sums / np.maximum(count, 1), np.nan).astype(np.float32)
    cloud = probability(means) > THRESHOLD  # NaN is none
    return np.repeat(np.repeat(cloud, size, axis=0), size, axis=1)[block.inside(whole)]


@cache
def _booster() -> Booster:
    from lightgbm import Booster

    return Booster(model_file=str(_model()))


@cache
def _model() -> Path | None:
    """The text file of the trees; the package itself, which imports a client of a service, is not imported."""
    spec = find_spec("s2cloudless")
    places = [] if spec is None else list(spec.submodule_search_locations or [])
    return next((path for place in places if (path := Path(place, _MODEL)).is_file()), None)
