"""Polygons measured on rasters: zonal statistics, and what could be seen around them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from exactextract import exact_extract
from exactextract.feature import Feature, FeatureSource
from exactextract.raster import RasterioRasterSource
from numpy.typing import NDArray
from rasterio.windows import Window

from landslide_geo.scene.raster_io import open_raster
from landslide_geo.scene.visibility import Visibility

#: Cells exactextract reads at a time (16 MB of float32). It goes through the raster once, part by part, which is three
#: times faster than a read per polygon.
MAX_CELLS = 4_000_000
#: Polygons measured at a time: all cells they cover are held. They are sorted, so that those of a group are neighbours.
_GROUP = 5_000
#: Rim in pixels around an outline within which hidden ground may hide more of the same landslide.
RIM_PIXELS = 3

#: How many times as far as its sides a growing outline's corners may move: GEOS's limit.
_MITRE = 5
#: Side in pixels of the squares that `seen` first looks for hidden ground in.
_SQUARE = 32
_VALID_CODES = [code.value for code in Visibility if code.valid]


@dataclass(frozen=True)
class Cells:
    """The cells of some bands that polygons cover, polygon by polygon.

    Attributes:
        count: number of polygons.
        owner: (n,) which polygon a cell is covered by, ascending; a cell under two polygons is there twice.
        coverage: (n,) share of the cell that is covered, 0–1.
        values: (band, n) float64, `zonal`'s ``unknown`` where the raster has no data.
    """

    count: int
    owner: NDArray[np.intp]
    coverage: NDArray[np.float64]
    values: NDArray[np.float64]

    def known(self, band: int = 0) -> NDArray[np.bool_]:
        """(n,) where there is a value."""
        return np.isfinite(self.values[band])

    def covered(self, which: NDArray[np.bool_]) -> NDArray[np.float64]:
        """How many cells, of those that are True in ``which`` (n,), each polygon covers."""
        return np.bincount(self.owner[which], self.coverage[which], minlength=self.count).astype(np.float64)

    def mean(self, band: int = 0) -> NDArray[np.float64]:
        """Mean by covered area; NaN where a polygon meets no value, as in all of these."""
        known = self.known(band)
        owner, coverage = self.owner[known], self.coverage[known]
        total = np.bincount(owner, coverage * self.values[band, known], minlength=self.count)
        with np.errstate(invalid="ignore", divide="ignore"):
            return total / np.bincount(owner, coverage, minlength=self.count)

    def maximum(self, band: int = 0) -> NDArray[np.float64]:
        """Greatest value of all cells that are covered at all."""
        known = self.known(band)
        out = np.full(self.count, -np.inf)
        np.maximum.at(out, self.owner[known], self.values[band, known])
        return np.where(np.isneginf(out), np.nan, out)

    def quantile(self, q: float, band: int = 0) -> NDArray[np.float64]:
        """The value that a share ``q`` of the covered area does not exceed: the inverse of the distribution.

        exactextract's own ``quantile`` interpolates between distinct values however often they occur, so that of 0.3
        on nine tenths and −1 on the rest it makes a median of −0.35.
        """
        known = self.known(band)
        owner, coverage, values = self.owner[known], self.coverage[known], self.values[band, known]
        order = np.lexsort((values, owner))
        coverage, values = coverage[order], values[order]
        edges = np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=self.count))])
        out = np.full(self.count, np.nan)
        for polygon, (first, last) in enumerate(pairwise(edges)):
            if first < last:
                weight = np.cumsum(coverage[first:last])
                # A rounding error in the sum must not push the quantile to the next value.
                out[polygon] = values[first + np.searchsorted(weight, q * weight[-1] * (1 - 1e-12))]
        return out


def zonal(
    raster: Path | Sequence[Path],
    polygons: gpd.GeoSeries,
    statistics: Callable[[Cells], Sequence[NDArray[np.float64]]],
    *,
    bands: Sequence[int] = (1,),
    unknown: float = np.nan,
) -> NDArray[np.float64]:
    """Statistics of some bands within each polygon, every pixel weighted by the share of it that is covered.

    Args:
        raster: any grid; polygons in another CRS are reprojected to it, never the raster. Of several on one
            grid, the bands follow each other.
        polygons: outlines; geometries may be empty.
        statistics: from the cells of some polygons to one array for each statistic.
        bands: 1-based, of each raster; the outlines are laid over the grid once for all of them.
        unknown: stands for nodata among the values.

    Returns:
        Shape (polygons, statistics).
    """
    with ExitStack() as stack:
        paths = [raster] if isinstance(raster, Path) else raster
        sources = [stack.enter_context(open_raster(path)) for path in paths]
        source = sources[0]
        shapes = polygons.to_crs(source.crs) if polygons.crs != source.crs else polygons
        rasters = [
            (_Floating if np.isnan(unknown) else RasterioRasterSource)(each, band, name=f"raster{number}band{band}")
            for number, each in enumerate(sources)
            for band in bands
        ]
        parts = []
        for start in range(0, max(len(shapes), 1), _GROUP):
            cells = _cells(rasters, shapes.to_numpy()[start : start + _GROUP], source.crs.to_wkt(), unknown)
            parts.append(np.column_stack([np.asarray(found, dtype=np.float64) for found in statistics(cells)]))
    return np.concatenate(parts)


def _cells(rasters: Sequence[RasterioRasterSource], shapes: NDArray[np.object_], wkt: str, unknown: float) -> Cells:
    """All cells that some polygons cover; raster and polygons have one CRS."""
    if len(shapes) == 0:
        return Cells(0, np.empty(0, dtype=np.intp), np.empty(0), np.empty((len(rasters), 0)))
    operations = [f"{name}(default_value={unknown})" for name in ("values", "coverage")]
    table = exact_extract(
        list(rasters), _Outlines(shapely.to_wkb(shapes), wkt), operations, output="pandas",
        strategy="raster-sequential", max_cells_in_memory=MAX_CELLS,
    )  # fmt: skip
    # One raster's columns bear the operation's name alone.
    names = [f"{raster.name()}_" if len(rasters) > 1 else "" for raster in rasters]
    lengths = [len(part) for part in table[f"{names[0]}coverage"]]
    return Cells(
        count=len(shapes),
        owner=np.repeat(np.arange(len(shapes)), lengths),
        coverage=np.concatenate(table[f"{names[0]}coverage"].to_list()).astype(np.float64),
        values=np.stack([np.concatenate(table[f"{name}values"].to_list()).astype(np.float64) for name in names]),
    )


class _Floating(RasterioRasterSource):
    """Whole numbers as floating point ones: among them there is no NaN for what is unknown."""

    def nodata_value(self) -> float | None:
        nodata = super().nodata_value()
        return None if nodata is None else float(nodata)

    def read_window(self, x0: int, y0: int, nx: int, ny: int) -> NDArray[np.floating[Any]]:
        values = super().read_window(x0, y0, nx, ny)
        return values if np.issubdtype(values.dtype, np.floating) else values.astype(np.float64)


class _Outlines(FeatureSource):
    """Polygons as exactextract reads them, in binary: through GeoJSON, its way, takes as long as the measuring."""

    def __init__(self, shapes: NDArray[np.object_], wkt: str) -> None:
        super().__init__()
        self._shapes, self._wkt = shapes, wkt

    def count(self) -> int:
        return len(self._shapes)

    def __iter__(self) -> Iterator[Feature]:
        return (_Outline(shape) for shape in self._shapes)

    def srs_wkt(self) -> str:
        return self._wkt


class _Outline(Feature):
    def __init__(self, shape: bytes) -> None:
        super().__init__()
        self._shape = shape

    def geometry(self) -> bytes:
        return self._shape

    def fields(self) -> list[str]:
        return []


def seen(visibility: Path, polygons: gpd.GeoSeries, *, pixel: float) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """How much of each polygon and its surroundings could be seen, and whether it borders on the end of the data.

    Args:
        visibility: uint8 codes of `Visibility`, on the polygons' grid.
        polygons: pixel-edge outlines.
        pixel: edge of a pixel in metres.

    Returns:
        The clear or water share (0–1) of the outline grown by `RIM_PIXELS`, and whether no-data pixels or the raster's
        rim lie next to the outline. Ground beyond the raster counts as not seen.
    """
    fraction, edge = np.ones(len(polygons)), np.zeros(len(polygons), dtype=bool)
    hidden = _near_hidden(visibility, polygons.bounds.to_numpy(), reach=_MITRE * RIM_PIXELS * pixel)
    some = polygons[hidden]
    rim = some.buffer(RIM_PIXELS * pixel, join_style="mitre")
    near = some.buffer(pixel / 2, join_style="mitre")
    cell = pixel * pixel
    nodata = Visibility.NODATA.value
    valid = zonal(visibility, rim, lambda c: [c.covered(np.isin(c.values[0], _VALID_CODES))], unknown=nodata)
    data = zonal(visibility, near, lambda c: [c.covered(c.values[0] != nodata)], unknown=nodata)
    fraction[hidden] = np.clip(valid[:, 0] * cell / rim.area.to_numpy(), 0, 1)
    edge[hidden] = data[:, 0] * cell < near.area.to_numpy() - 0.01 * cell
    return fraction, edge


def _near_hidden(visibility: Path, bounds: NDArray[np.float64], *, reach: float) -> NDArray[np.bool_]:
    """Which boxes (left, bottom, right, top), grown by ``reach``, may hold hidden ground or lie beyond the raster.

    Most do not, which is found out at a tenth of the cost of growing outlines: the raster is summed up in squares of
    `_SQUARE` pixels, and counts of hidden squares in boxes come from running totals.
    """
    with open_raster(visibility) as source:
        lines = []
        for top in range(0, source.height, _SQUARE):
            codes = source.read(1, window=Window(0, top, source.width, min(_SQUARE, source.height - top)))
            columns = ~np.isin(codes, _VALID_CODES).all(axis=0)
            lines.append(np.logical_or.reduceat(columns, np.arange(0, source.width, _SQUARE)))
        hidden = np.stack(lines)
        height, width, to_pixel = source.height, source.width, ~source.transform
    totals = np.pad(hidden.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    left, bottom, right, top = bounds.T
    first_col, first_row = to_pixel @ (left - reach, top + reach)
    last_col, last_row = to_pixel @ (right + reach, bottom - reach)
    beyond = (first_row < 0) | (first_col < 0) | (last_row > height) | (last_col > width)

    def square(pixel: NDArray[np.float64], count: int) -> NDArray[np.intp]:
        return np.clip(pixel // _SQUARE, 0, count - 1).astype(np.intp)

    r0, r1 = square(first_row, hidden.shape[0]), square(last_row, hidden.shape[0]) + 1
    c0, c1 = square(first_col, hidden.shape[1]), square(last_col, hidden.shape[1]) + 1
    return np.asarray(beyond | (totals[r1, c1] - totals[r0, c1] - totals[r1, c0] + totals[r0, c0] > 0))
