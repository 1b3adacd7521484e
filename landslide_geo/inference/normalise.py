"""A scene as networks want it: normalised by statistics that are computed once, on a grid of the scene's own."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from landslide_geo.config import FixedParams, Normalisation
from landslide_geo.inference.sight import SensorSource, Sight, source_of
from landslide_geo.inference.sources import SceneSource
from landslide_geo.scene.grid import Block
from landslide_geo.scene.scene import Scene
from landslide_geo.scene.stretch import LocalStatistics, cell_statistics, grid_shape, stretch
from landslide_geo.scene.visibility import is_valid

FloatArray = NDArray[np.float32]
BoolArray = NDArray[np.bool_]

#: Pixels of a row of cells that one thread reads at a time; bounds the memory, whatever the width of the scene.
_SEGMENT = 2048


def scene_statistics(
    scene: Scene,
    bands: Sequence[str],
    params: Normalisation,
    *,
    factors: Sequence[float] | None = None,
    threads: int = 2,
) -> LocalStatistics:
    """Centre and scale of each band in each cell of the scene, over what can be seen; a few cells at a time.

    Clouds do not count, and the area of interest plays no part: a pixel's normalised value depends on the scene alone.

    Args:
        scene: that is normalised.
        bands: by name.
        params: of the normalisation.
        factors: of each band, from the scene's unit to the one that is normalised; none: as they are.
        threads: that read.
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
                    if factors is not None:
                        values *= np.array(factors, np.float32)[:, None, None]
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
        factors: of each band, from the scene's unit to the one that is normalised; none: as they are.
    """

    bands: tuple[str, ...]
    params: Normalisation
    statistics: Path
    factors: tuple[float, ...] | None = None

    def load(self) -> LocalStatistics:
        """The statistics."""
        return LocalStatistics.from_json(json.loads(self.statistics.read_text(encoding="utf-8")))


#: What stands for zero among raw values: the engine makes unknown pixels 0, so 0 itself must mean unknown.
_ZERO: Final = np.finfo(np.float32).tiny


def marked(values: FloatArray, valid: BoolArray) -> FloatArray:
    """(band, y, x) raw values with NaN on pixels that are not valid, and no zero elsewhere."""
    values[values == 0] = _ZERO
    values[:, ~valid] = np.nan
    return values


def unmarked(windows: FloatArray) -> FloatArray:
    """(N, band, y, x) windows of `marked` values as the engine hands them on → NaN where unknown."""
    return np.where(windows == 0, np.float32(np.nan), windows)


@dataclass(frozen=True)
class Raw:
    """Some bands as they are, for a filter that knows units.

    Attributes:
        bands: by name.
        factors: of each, from the scene's unit to the one that is wanted.
    """

    bands: tuple[str, ...]
    factors: tuple[float, ...]


class NormalisedSource:
    """Bands of a scene, each group normalised in its own way; what can be mapped is decided on the scene itself.

    Members of an ensemble differ in bands and normalisation: the scene is read once for all of them. Behind their
    channels may come raw ones, `marked` for whoever asks `unmarked` of them.

    Args:
        scene: what to read.
        groups: for the members.
        raw: bands of theirs that are wanted as they are, too.
        sight: which of the bands the scene has; what is missing is 0. None: all of them.
    """

    def __init__(
        self, scene: Scene, groups: Sequence[Normalised], raw: Raw | None = None, *, sight: Sight | None = None
    ) -> None:
        self._groups = tuple(groups)
        self._wanted = raw
        union = tuple(dict.fromkeys(name for group in self._groups for name in group.bands))
        self._raw = SceneSource(scene, union) if sight is None else source_of(scene, sight)
        union = union if sight is None else (*sight.bands, *sight.made)
        self._channels = [[union.index(name) for name in group.bands if name in union] for group in self._groups]
        self._filled = [[i for i, name in enumerate(group.bands) if name in union] for group in self._groups]
        self.geobox = scene.geobox
        networks = sum(len(group.bands) for group in self._groups)
        self.count = networks + (0 if raw is None else len(raw.bands))
        #: Of the raw bands, among all channels of a window.
        self.raw_channels = slice(networks, self.count)
        self._asis = [] if raw is None else [union.index(name) for name in raw.bands]
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
        parts = [self._normalised(index, values, block) for index in range(len(self._groups))]
        if self._wanted is not None:
            factors = np.array(self._wanted.factors, np.float32)[:, None, None]
            parts.append(marked(values[self._asis] * factors, valid))
        return parts[0] if len(parts) == 1 else np.concatenate(parts), valid

    def _normalised(self, index: int, values: FloatArray, block: Block) -> FloatArray:
        """The channels of a group."""
        group, filled = self._groups[index], self._filled[index]
        own = values[self._channels[index]]
        if group.factors is not None:
            own *= np.array(group.factors, np.float32)[filled, None, None]
        if len(filled) < len(group.bands):
            whole = np.full((len(group.bands), *values.shape[1:]), np.nan, np.float32)
            whole[filled] = own
            own = whole
        result = stretch(own, block.row, block.col, self._statistics[index], group.params)
        if len(filled) < len(group.bands) or isinstance(self._raw, SensorSource):
            result[np.isnan(result)] = 0  # one sensor is blind, or not there, where another sees
        return result

    def close(self) -> None:
        """As in `WindowSource`."""
        self._raw.close()
