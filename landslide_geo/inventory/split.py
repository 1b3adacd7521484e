"""Several landslides in one outline: cut where the ground parts the ways down, told where it does not.

Landslides that lie side by side are often outlined as one. By the elevation model two cases can be told. Where each has
a toe of its own, the ground between them is a divide, from which it falls to one toe or the other: the outline is cut
along it. Where they meet below, at one toe, but have a crown each, no line parts their deposits: the outline stays
whole and is called amalgamated. Landslides side by side on an even slope cannot be told from one wide one.

What a toe or a crown of its own is, `landslide_geo.inventory.basins` tells. Its constants and `PART` were chosen on
mapped landslides of the Kaghan valley and on simulated ones; the figures are in ``docs/inventory.md``.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import ceil
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from affine import Affine
from numpy.typing import NDArray
from pyproj import Transformer
from rasterio.enums import Resampling
from rasterio.errors import NotGeoreferencedWarning
from rasterio.features import rasterize, shapes
from rasterio.io import DatasetReader
from rasterio.windows import Window
from scipy import ndimage

from landslide_geo.inventory import polygons, terrain
from landslide_geo.inventory.basins import basins
from landslide_geo.scene.raster_io import open_raster

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int32]
Point = tuple[float, float]

#: Least area of either part, in minimum areas of a landslide and in cells of the elevation model; what is below twice
#: this is not looked at.
PART: Final = 2.0
#: Pixels of the largest bounding box that is looked at; a larger one is amalgamated without asking. Bounds memory to
#: 220 MB. At 10 m this is 20 km × 20 km, wider than any landslide on land that an image could show as new.
MAX_PIXELS: Final = 4_000_000
#: Pixels of a sheet of small outlines, and of its rows.
_SHEET, _SHEET_WIDTH = 500_000, 1000


@dataclass(frozen=True, kw_only=True)
class Parts:
    """Outlines after cutting, from north to south, and which of them still hold several landslides.

    Attributes:
        outlines: pixel-edge Polygons; together they cover what the outlines before covered, without overlap.
        amalgamated: (n,) boolean, null where the elevation model leaves a gap in the outline.
    """

    outlines: gpd.GeoSeries
    amalgamated: pd.Series


def split(outlines: gpd.GeoSeries, terrain_raster: Path, *, grid: Affine, min_area_m2: float) -> Parts:
    """Cut outlines along divides, and tell which of the parts have several crowns.

    Each outline is judged by itself, so neither order nor blocks matter.

    Args:
        outlines: Polygons along the pixel edges of ``grid``.
        terrain_raster: as `terrain.prepare` writes it.
        grid: transform of the probability raster: north-up, square pixels, metres.
        min_area_m2: of a landslide.
    """
    whole = outlines.to_numpy()
    several = np.zeros(len(whole))  # NaN is unknown
    parts: dict[int, list[tuple[shapely.Polygon, bool]]] = {}
    with open_raster(terrain_raster) as source:
        elevation_at = _Elevation(source, outlines.crs, grid)
        least = ceil(PART * max(min_area_m2, elevation_at.cell_m2) / grid.a**2)
        for sheet in _sheets(whole, np.flatnonzero(shapely.area(whole) >= 2 * least * grid.a**2), grid):
            if np.prod(sheet.shape) > MAX_PIXELS:
                several[sheet.members] = True
            else:
                several[sheet.members] = _judged(sheet, whole, elevation_at, least, parts)
    keep = np.array([i not in parts for i in range(len(whole))], dtype=bool)
    cut = [part for found in parts.values() for part in found]
    every = np.concatenate([whole[keep], np.array([shape for shape, _ in cut], dtype=object)])
    flags = np.concatenate([several[keep], np.array([flag for _, flag in cut], dtype=float)])
    order = polygons.southward(every)
    amalgamated = pd.Series(flags[order]).astype("boolean")
    return Parts(outlines=gpd.GeoSeries(every[order], crs=outlines.crs), amalgamated=amalgamated)


@dataclass(frozen=True)
class _Sheet:
    """Outlines side by side in one array, a pixel apart: a thousand small ones cost what one large one does."""

    grid: Affine  # of the raster
    members: NDArray[np.intp]  # which outlines
    places: NDArray[np.intp]  # (n, 2) row and column of their boxes in the sheet
    origins: NDArray[np.intp]  # (n, 2) the same in the raster
    sizes: NDArray[np.intp]  # (n, 2) rows and columns
    shape: tuple[int, int]

    def burnt(self, shapes_: NDArray[np.object_]) -> IntArray:
        """Which pixels belong to which member, from 1; ``shapes_`` in map coordinates."""
        xy, owner = shapely.get_coordinates(shapes_, return_index=True)
        shift = (self.places - self.origins)[owner]
        col, row = (xy[:, 0] - self.grid.c) / self.grid.a, (xy[:, 1] - self.grid.f) / self.grid.e
        moved = shapely.set_coordinates(shapes_.copy(), np.column_stack([col + shift[:, 1], row + shift[:, 0]]))
        return np.asarray(rasterize(zip(moved, range(1, len(moved) + 1), strict=True), self.shape, dtype="int32"))

    def coordinates(self, rows: Any, cols: Any, members: Any) -> tuple[FloatArray, FloatArray]:
        """Map coordinates of the centres of pixels that belong to members."""
        shift = (self.origins - self.places)[members]
        t = self.grid
        return t.c + t.a * (cols + shift[:, 1] + 0.5), t.f + t.e * (rows + shift[:, 0] + 0.5)

    def outline(self, member: int, rings: list[list[Point]]) -> shapely.Polygon:
        """A polygon of the sheet in map coordinates, placed as GDAL places pixel edges: common corners stay common."""
        row, col = self.origins[member] - self.places[member]
        t = self.grid
        shell, *holes = [[(t.c + t.a * (col + x), t.f + t.e * (row + y)) for x, y in ring] for ring in rings]
        return shapely.Polygon(shell, holes)


def _sheets(outlines: NDArray[np.object_], which: NDArray[np.intp], grid: Affine) -> Iterator[_Sheet]:
    """All of ``which``, in rows of boxes on sheets of at most `_SHEET` pixels or one outline."""
    left, bottom, right, top = shapely.bounds(outlines[which]).reshape(-1, 4).T
    rows, cols = np.rint((top - grid.f) / grid.e), np.rint((left - grid.c) / grid.a)
    origins = np.column_stack([rows, cols]).astype(np.intp)
    sizes = np.column_stack([np.rint((bottom - top) / grid.e), np.rint((right - left) / grid.a)]).astype(np.intp)
    start = 0
    while start < len(which):
        places: list[tuple[int, int]] = []
        wide = max(_SHEET_WIDTH, int(sizes[start, 1]))
        row = col = tall = 0
        for height, width in sizes[start:]:
            if col + width > wide:
                row, col, tall = row + tall + 1, 0, 0
            if places and (width > wide or (row + max(tall, height)) * wide > _SHEET):
                break
            places.append((row, col))
            col, tall = col + width + 1, max(tall, height)
        members = slice(start, start + len(places))
        start = members.stop
        at = np.array(places)
        high, wide = (at + sizes[members]).max(axis=0)
        yield _Sheet(grid, which[members], at, origins[members], sizes[members], (int(high), int(wide)))


def _judged(
    sheet: _Sheet,
    outlines: NDArray[np.object_],
    elevation_at: _Elevation,
    least: int,
    parts: dict[int, list[tuple[shapely.Polygon, bool]]],
) -> FloatArray:
    """Whether each member has several crowns, NaN where unknown; ``parts`` takes up those that are cut."""
    owner = sheet.burnt(outlines[sheet.members])
    elevation = np.zeros(sheet.shape)
    rows, cols = np.nonzero(owner)
    elevation[rows, cols] = elevation_at(*sheet.coordinates(rows, cols, owner[rows, cols] - 1))
    count = len(sheet.members) + 1
    several = np.zeros(count)
    several[np.unique(owner[np.isnan(elevation)])] = np.nan
    owner[np.isnan(several)[owner]] = 0
    elevation[owner == 0] = 0
    labels, found = basins(elevation, owner > 0, least=least)
    of = np.zeros(found + 1, dtype=np.intp)
    of[labels] = owner
    is_cut = np.bincount(of[1:], minlength=count) > 1
    crowns, found = basins(-elevation, (owner > 0) & ~is_cut[owner], least=least)
    under = np.zeros(found + 1, dtype=np.intp)
    under[crowns] = np.where(crowns > 0, owner, 0)
    several[np.bincount(under[1:], minlength=count) > 1] = True
    boxes = ndimage.find_objects(np.where(is_cut[owner], labels, 0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)  # pixels are what is wanted
        traced = list(shapes(labels, mask=is_cut[owner], connectivity=polygons.CONNECTIVITY))
    corners = {point for geometry, _ in traced for ring in geometry["coordinates"] for point in ring}
    for geometry, value in traced:
        label, member = int(value), int(of[int(value)]) - 1
        box = boxes[label - 1]
        flag = basins(-elevation[box], labels[box] == label, least=least)[1] > 1
        shape = sheet.outline(member, [_noded(ring, corners) for ring in geometry["coordinates"]])
        parts.setdefault(int(sheet.members[member]), []).append((shape, flag))
    return several[1:]


def _noded(ring: list[Point], corners: set[Point]) -> list[Point]:
    """A ring of pixel edges with all ``corners`` that lie on it: where three parts meet, each of them has the point."""
    out = ring[:1]
    for (x0, y0), (x1, y1) in pairwise(ring):
        steps = round(max(abs(x1 - x0), abs(y1 - y0)))
        along = [(x0 + (x1 - x0) / steps * i, y0 + (y1 - y0) / steps * i) for i in range(1, steps + 1)]
        out += [point for point in along if point in corners]
    return out


class _Elevation:
    """Elevation at points, interpolated bilinearly; a model finer than the pixels is averaged first."""

    def __init__(self, source: DatasetReader, crs: Any, grid: Affine) -> None:
        self._source = source
        self._metre = 1 / source.crs.linear_units_factor[1]
        self._to_source = None if source.crs == crs else Transformer.from_crs(crs, source.crs, always_xy=True)
        self._fold = max(int(grid.a * self._metre / source.transform.a), 1)

    @property
    def cell_m2(self) -> float:
        return abs(self._source.transform.a * self._source.transform.e) / self._metre**2

    def __call__(self, x: FloatArray, y: FloatArray) -> FloatArray:
        """(n,) metres at map coordinates, NaN where unknown; points next to each other are best near each other."""
        if self._to_source is not None:
            x, y = self._to_source.transform(x, y)
        t = self._source.transform
        c, r = (x - t.c) / t.a, (y - t.f) / t.e
        out = np.full(len(c), np.nan)
        # Points come in rows of outlines; a large scene's do not fit into one window.
        waiting = [np.arange(len(c))]
        while waiting:
            these = waiting.pop()
            window = self._window(c[these], r[these])
            if window.width * window.height > MAX_PIXELS and len(these) > 1:
                along = r[these] if window.height > window.width else c[these]
                order = these[np.argsort(along, kind="stable")]
                waiting += [order[: len(order) // 2], order[len(order) // 2 :]]
            elif window.width > 0 and window.height > 0:
                out[these] = self._sampled(window, c[these], r[these])
        return out

    def _window(self, c: FloatArray, r: FloatArray) -> Window:
        """Cells around points; begins with whole cells of the averaged model, wherever the points lie."""
        fold, source = self._fold, self._source
        col0, row0 = (max(int(np.floor(v.min())) - fold, 0) // fold * fold for v in (c, r))
        col1, row1 = (
            min(ceil((v.max() + 1 + fold) / fold) * fold, length)
            for v, length in ((c, source.width), (r, source.height))
        )
        return Window(col0, row0, max(col1 - col0, 0), max(row1 - row0, 0))

    def _sampled(self, window: Window, c: FloatArray, r: FloatArray) -> FloatArray:
        size = (ceil(window.height / self._fold), ceil(window.width / self._fold))
        values = self._source.read(terrain.ELEVATION, window=window, out_shape=size, resampling=Resampling.average)
        at = [
            (r - window.row_off) * size[0] / window.height - 0.5,
            (c - window.col_off) * size[1] / window.width - 0.5,
        ]  # fmt: skip
        return np.asarray(ndimage.map_coordinates(values, at, output=np.float64, order=1, cval=np.nan))
