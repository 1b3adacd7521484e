"""What the engine reads: band values and where they are valid, a block at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from landslide_geo.scene.grid import Block
from landslide_geo.scene.raster_io import open_raster
from landslide_geo.scene.reader import BandReader
from landslide_geo.scene.scene import Scene
from landslide_geo.scene.sources import BandSource

FloatArray = NDArray[np.float32]
BoolArray = NDArray[np.bool_]


class WindowSource(Protocol):
    """Anything the engine can scan."""

    @property
    def geobox(self) -> GeoBox:
        """The grid."""

    @property
    def count(self) -> int:
        """Number of bands."""

    def read(self, block: Block) -> tuple[FloatArray, BoolArray]:
        """Values (band, h, w) float32 with NaN where unknown, and the pixels (h, w) that shall get a result."""


class RasterSource:
    """All bands of one GeoTIFF on its own grid; a pixel is valid where every band has a value."""

    def __init__(self, path: Path) -> None:
        with open_raster(path) as dataset:
            self.geobox = GeoBox.from_rio(dataset)
            self.count = dataset.count
        self._reader = BandReader([BandSource(f"band_{i}", path, i) for i in range(1, self.count + 1)], self.geobox)

    def read(self, block: Block) -> tuple[FloatArray, BoolArray]:
        """As in `WindowSource`."""
        values = self._reader.read(block)
        valid: BoolArray = np.asarray(np.isfinite(values).all(axis=0))
        return values, valid


class SceneSource:
    """Some bands of a scene; a pixel is valid where all have a value, it can be seen, and it lies in the AOI."""

    def __init__(self, scene: Scene, bands: tuple[str, ...] | None = None) -> None:
        self._scene = scene
        self._bands = scene.names if bands is None else bands
        self.geobox = scene.geobox
        self.count = len(self._bands)

    def read(self, block: Block) -> tuple[FloatArray, BoolArray]:
        """As in `WindowSource`."""
        return self._scene.read(self._bands, block), self._scene.read_valid(block, needed=self._bands)
