"""A scene as networks want it: normalised by statistics that are computed once, on a grid of the scene's own."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landslide_geo.config import FixedParams, Normalisation
from landslide_geo.inference.sources import SceneSource
from landslide_geo.scene.grid import Block
from landslide_geo.scene.scene import Scene
from landslide_geo.scene.stretch import LocalStatistics, cell_statistics, grid_shape, stretch
from landslide_geo.scene.visibility import is_valid

FloatArray = NDArray[np.float32]
BoolArray = NDArray[np.bool_]

#: Pixels of a row of cells that one thread reads at a time; bounds the memory, whatever the width of the scene.
_SEGMENT = 2048


def scene_statistics(scene: Scene, bands: Sequence[str], params: Normalisation, *, threads: int = 2) -> LocalStatistics:
    """Centre and scale of each band in each cell of the scene, over what can be seen; a few cells at a time.

    Clouds do not count, and the area of interest plays no part: a pixel's normalised value depends on the scene alone.
    """
    if isinstance(params, FixedParams):
        return LocalStatistics.fixed(params, bands=len(bands), height=scene.height, width=scene.width)
    rows, cols = grid_shape(scene.height, scene.width, params)
    centre = np.full((len(bands), rows, cols), np.nan, dtype=np.float32)
    scale = np.full_like(centre, np.nan)
    cells = max(_SEGMENT // params.cell, 1)

    def measure(lane: int) -> None:
        # A thread keeps to its columns, so that tiles it has decoded serve the next row of cells too.
        try:
            for i in range(rows):
                for first in range(lane * cells, cols, threads * cells):
                    block = Block(i * params.cell, first * params.cell, params.cell, cells * params.cell)
                    values, visibility = scene.observe(bands, block.clipped(scene.height, scene.width))
                    values[:, ~is_valid(visibility)] = np.nan
                    for j in range(first, min(first + cells, cols)):
                        left = (j - first) * params.cell
                        cell = values[:, :, left : left + params.cell]
                        centre[:, i, j], scale[:, i, j] = cell_statistics(cell, params)
        finally:
            scene.close()

    with ThreadPoolExecutor(threads) as pool:
        for future in [pool.submit(measure, lane) for lane in range(threads)]:
            future.result()
    return LocalStatistics.from_cells(centre, scale, params=params, height=scene.height, width=scene.width)


@dataclass(frozen=True)
class Normalised:
    """Some bands and how they are normalised.

    Attributes:
        bands: by name.
        params: of the normalisation.
        statistics: JSON file with the scene's statistics of these bands, by `LocalStatistics.to_json`.
    """

    bands: tuple[str, ...]
    params: Normalisation
    statistics: Path

    def load(self) -> LocalStatistics:
        """The statistics."""
        return LocalStatistics.from_json(json.loads(self.statistics.read_text(encoding="utf-8")))


class NormalisedSource:
    """Bands of a scene, each group normalised in its own way; what can be mapped is decided on the scene itself.

    Members of an ensemble differ in bands and normalisation: the scene is read once for all of them.
    """

    def __init__(self, scene: Scene, groups: Sequence[Normalised]) -> None:
        self._groups = tuple(groups)
        union = tuple(dict.fromkeys(name for group in self._groups for name in group.bands))
        self._raw = SceneSource(scene, union)
        self._channels = [[union.index(name) for name in group.bands] for group in self._groups]
        self.geobox = self._raw.geobox
        self.count = sum(len(group.bands) for group in self._groups)
        self._statistics = [group.load() for group in self._groups]

    def __getstate__(self) -> dict[str, Any]:
        """Statistics stay behind: another process reads them from their files."""
        return {key: value for key, value in self.__dict__.items() if key != "_statistics"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore."""
        self.__dict__.update(state)
        self._statistics = [group.load() for group in self._groups]

    def read(self, block: Block) -> tuple[FloatArray, BoolArray]:
        """As in `WindowSource`."""
        values, valid = self._raw.read(block)
        parts = [
            stretch(values[channels], block.row, block.col, statistics, group.params)
            for channels, statistics, group in zip(self._channels, self._statistics, self._groups, strict=True)
        ]
        return parts[0] if len(parts) == 1 else np.concatenate(parts), valid

    def close(self) -> None:
        """As in `WindowSource`."""
        self._raw.close()
