"""A scene as a network wants it: normalised by statistics that are computed once, on a grid of the scene's own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from landslide_geo.inference.sources import SceneSource
from landslide_geo.scene.grid import Block
from landslide_geo.scene.scene import Scene
from landslide_geo.scene.stretch import LocalStatistics, StretchParams, cell_statistics, grid_shape, stretch
from landslide_geo.scene.visibility import is_valid

FloatArray = NDArray[np.float32]
BoolArray = NDArray[np.bool_]


def scene_statistics(scene: Scene, bands: Sequence[str], params: StretchParams) -> LocalStatistics:
    """Centre and scale of each band in each cell of the scene, over what can be seen; one row of cells at a time.

    Clouds do not count, and the area of interest plays no part: a pixel's normalised value depends on the scene alone.
    """
    rows, cols = grid_shape(scene.height, scene.width, params)
    centre = np.full((len(bands), rows, cols), np.nan, dtype=np.float32)
    scale = np.full_like(centre, np.nan)
    for i in range(rows):
        strip = Block(i * params.cell, 0, params.cell, scene.width).clipped(scene.height, scene.width)
        values = scene.read(bands, strip)
        values[:, ~is_valid(scene.read_visibility(strip, needed=bands))] = np.nan
        for j in range(cols):
            cell = values[:, :, j * params.cell : (j + 1) * params.cell]
            centre[:, i, j], scale[:, i, j] = cell_statistics(cell, params)
    return LocalStatistics.from_cells(centre, scale, params=params, height=scene.height, width=scene.width)


class NormalisedSource:
    """Some bands of a scene, normalised; what can be mapped is decided on the scene itself."""

    def __init__(
        self, scene: Scene, bands: tuple[str, ...], statistics: LocalStatistics, params: StretchParams
    ) -> None:
        self._raw = SceneSource(scene, bands)
        self._statistics, self._params = statistics, params
        self.geobox, self.count = self._raw.geobox, self._raw.count

    def read(self, block: Block) -> tuple[FloatArray, BoolArray]:
        """As in `WindowSource`."""
        values, valid = self._raw.read(block)
        return stretch(values, block.row, block.col, self._statistics, self._params), valid
