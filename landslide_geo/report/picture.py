"""Reading rasters for pictures: decimated from overviews, so that no picture ever needs a whole scene in memory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from odc.geo.geom import BoundingBox
from rasterio.enums import Resampling
from rasterio.io import DatasetReader
from rasterio.windows import Window, from_bounds

from landslide_geo.scene.raster_io import open_raster, reading

#: Percentiles of the valid pixels that become black and white.
STRETCH = (1.0, 99.0)
#: Exponent that lifts shadows and forest, which are most of a mountain scene, off black.
GAMMA = 0.8


@dataclass(frozen=True)
class Picture:
    """Pixels (y, x[, rgb]) and the ground they cover; masked values are nodata."""

    values: np.ma.MaskedArray
    bounds: BoundingBox

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """Left, right, bottom, top, as matplotlib wants it."""
        box = self.bounds
        return box.left, box.right, box.bottom, box.top


def read_single(path: Path, *, size: int, bounds: BoundingBox | None = None) -> Picture:
    """The first band of a raster as float32, at most ``size`` pixels a side.

    Args:
        path: raster, ideally with overviews.
        size: largest number of pixels along the longer side.
        bounds: ground to show, in the raster's CRS; none shows all.
    """
    with open_raster(path) as source, reading(path):
        window, shape, box = _view(source, size, bounds)
        values = source.read(
            1, window=window, out_shape=shape, masked=True, boundless=False, resampling=Resampling.average,
            out_dtype="float32",
        )  # fmt: skip
    return Picture(np.ma.masked_invalid(values), box)


def read_rgb(path: Path, *, size: int, bounds: BoundingBox | None = None) -> Picture:
    """The first three bands as uint8, stretched together between percentiles; masked where nodata or transparent.

    The stretch is that of the whole raster, also for a part of it, so that a detail has the colours of the overview.
    Arguments as in `read_single`.
    """
    with open_raster(path) as source, reading(path):
        window, shape, box = _view(source, size, bounds)
        values = source.read([1, 2, 3], window=window, out_shape=(3, *shape), resampling=Resampling.average)
        seen = _seen(source, shape, window=window)
        whole = _view(source, 512, None)[1]
        sample = source.read([1, 2, 3], out_shape=(3, *whole))
        known = _seen(source, whole)
    # One stretch per band removes the blue cast of haze, as in the usual natural-colour composites.
    rgb = np.zeros((*shape, 3), dtype=np.uint8)
    for band in range(3):
        low, high = np.percentile(sample[band][known], STRETCH) if known.any() else (0.0, 1.0)
        scaled = (values[band].astype(np.float32) - low) / max(high - low, 1e-6)
        rgb[..., band] = np.round(np.clip(scaled, 0, 1) ** GAMMA * 255)
    return Picture(np.ma.masked_array(rgb, np.repeat(~seen[..., None], 3, axis=2)), box)


def over_paper(picture: Picture, paper: tuple[int, int, int] = (232, 232, 232)) -> NDArray[np.uint8]:
    """RGB with nodata in the colour of ``paper``."""
    mask = np.ma.getmaskarray(picture.values)
    return np.where(mask, np.array(paper, dtype=np.uint8), picture.values.filled(0))


def _seen(source: DatasetReader, shape: tuple[int, int], window: Window | None = None) -> NDArray[np.bool_]:
    """Where there is a picture: by nodata value, mask, or a fourth band, whether or not that is declared as alpha."""
    seen = source.dataset_mask(window=window, out_shape=shape) > 0
    if source.count >= 4:
        seen &= source.read(4, window=window, out_shape=shape) > 0
    return np.asarray(seen)


def _view(source: DatasetReader, size: int, bounds: BoundingBox | None) -> tuple[Window, tuple[int, int], BoundingBox]:
    box = source.bounds
    left, bottom, right, top = box
    if bounds is not None:
        left, bottom = max(left, bounds.left), max(bottom, bounds.bottom)
        right, top = min(right, bounds.right), min(top, bounds.top)
    window = from_bounds(left, bottom, right, top, source.transform)
    factor = max(1.0, max(window.width, window.height) / size)
    shape = (max(1, round(window.height / factor)), max(1, round(window.width / factor)))
    return window, shape, BoundingBox(left, bottom, right, top, crs=str(source.crs))
