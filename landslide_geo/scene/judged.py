"""What can be seen by the bands alone, block by block: for products that come without a classification."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from landslide_geo.scene import cloudless
from landslide_geo.scene.cloud_shadow import cell_size, on_pixels, thrown_over
from landslide_geo.scene.grid import Block
from landslide_geo.scene.sun import SunPosition
from landslide_geo.scene.visibility import classify, margin

FloatArray = NDArray[np.float32]
ByteArray = NDArray[np.uint8]
BoolArray = NDArray[np.bool_]

#: Bands that the rules look at.
RULES: Final = ("blue", "green", "red", "nir", "swir16")


class Judged:
    """Visibility by the rules, clouds by s2cloudless where it is installed, and the clouds' shadows.

    Args:
        read: gives the reflectance of some bands in a block inside of the grid, (band, h, w), NaN where there is none;
            called by several threads.
        geobox: the grid, square pixels.
        sun: where it truly stood, or None: then there are no shadows.
    """

    def __init__(
        self, read: Callable[[Sequence[str], Block], FloatArray], geobox: GeoBox, sun: SunPosition | None
    ) -> None:
        self._read, self._pixel = read, abs(geobox.resolution.x)
        self._height, self._width = int(geobox.shape.y), int(geobox.shape.x)
        self._sun = None if sun is None else sun.on_grid(geobox)
        self._lock = threading.Lock()
        self._cells: BoolArray | None = None

    @staticmethod
    def bands() -> tuple[str, ...]:
        """What is read of an acquisition."""
        return tuple(dict.fromkeys((*RULES, *(cloudless.BANDS if cloudless.available() else ()))))

    def codes(self, block: Block) -> ByteArray:
        """(h, w) `Visibility` codes of a block, independent of the block."""
        return self._codes(block, self._thrown())[1]

    def _thrown(self) -> BoolArray | None:
        if self._sun is None:
            return None
        with self._lock:  # whoever comes first works it out for all
            if self._cells is None:
                self._cells = thrown_over(
                    lambda block: self._codes(block, None), self._height, self._width, pixel=self._pixel,
                    azimuth=self._sun.azimuth, altitude=self._sun.altitude,
                )  # fmt: skip
            return self._cells

    def _codes(self, block: Block, thrown: BoolArray | None) -> tuple[FloatArray, ByteArray]:
        """Near infrared, and codes."""
        wide = block.padded(margin(self._pixel))
        values = dict(zip(RULES, self._padded(RULES, wide), strict=True))
        cloudy = None
        if cloudless.available():
            cloudy = cloudless.cloudy(lambda part: self._padded(cloudless.BANDS, part), wide, pixel=self._pixel)
        codes = classify(
            values, seen=np.all([np.isfinite(band) for band in values.values()], axis=0), illumination=None,
            pixel=self._pixel, thrown=None if thrown is None else on_pixels(thrown, wide, cell_size(self._pixel)),
            cloudy=cloudy,
        )  # fmt: skip
        inner = block.inside(wide)
        return values["nir"][inner], codes[inner]

    def _padded(self, names: Sequence[str], block: Block) -> FloatArray:
        """Of a block that may reach beyond the grid, where nothing is known."""
        out = np.full((len(names), *block.shape), np.nan, dtype=np.float32)
        part = block.clipped(self._height, self._width)
        if part.height and part.width:
            out[(slice(None), *part.inside(block))] = self._read(names, part)
        return out
