"""What the engine reads: band values and where they are valid, a block at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from landslide_geo.scene.grid import Block
from landslide_geo.scene.raster_io import open_raster
from landslide_geo.scene.scene import Scene
from landslide_geo.scene.sources import BandSource
from landslide_geo.scene.visibility import is_valid

FloatArray = NDArray[np.float32]
BoolArray = NDArray[np.bool_]


class WindowSource(Protocol):
    """Anything the engine can scan. It is read by several threads, each of which closes what it opened."""

    @property
    def geobox(self) -> GeoBox:
        """The grid."""

    @property
    def count(self) -> int:
        """Number of bands."""

    def read(self, block: Block) -> tuple[FloatArray, BoolArray]:
        """Values (band, h, w) float32 with NaN where unknown, and the pixels (h, w) that shall get a result."""

    def close(self) -> None:
        """Close the files that this thread has open; reading opens them again."""


class RasterSource:
    """All bands of one GeoTIFF on its own grid; a pixel is valid where every band has a value."""

    def __init__(self, path: Path) -> None:
        with open_raster(path) as dataset:
            self.geobox = GeoBox.from_rio(dataset)
            self.count = dataset.count
        bands = tuple(BandSource(f"band_{i}", path, i) for i in range(1, self.count + 1))
        # A scene of its own kind: it keeps open files for each thread, and travels to other processes without them.
        self._scene = Scene(self.geobox, bands).absolute()

    def read(self, block: Block) -> tuple[FloatArray, BoolArray]:
        """As in `WindowSource`."""
        values = self._scene.read(self._scene.names, block)
        valid: BoolArray = np.asarray(np.isfinite(values).all(axis=0))
        return values, valid

    def close(self) -> None:
        """As in `WindowSource`."""
        self._scene.close()


class SceneSource:
    """Some bands of a scene; a pixel is valid where all have a value, it can be seen, and it lies in the AOI."""

    def __init__(self, scene: Scene, bands: tuple[str, ...] | None = None) -> None:
        self._scene = scene
        self._bands = scene.names if bands is None else bands
        self.geobox = scene.geobox
        self.count = len(self._bands)

    def read(self, block: Block) -> tuple[FloatArray, BoolArray]:
        """As in `WindowSource`."""
        values, visibility = self._scene.observe(self._bands, block)
        return values, is_valid(visibility) & self._scene.inside_aoi(block)

    def close(self) -> None:
        """As in `WindowSource`."""
        self._scene.close()
