"""From a mask to polygons: GDAL's own polygoniser, sizes judged on whole objects.

Nothing is ever cut at a block's seam: GDAL traces the mask as one. Outlines follow pixel edges exactly, so the area of
a polygon is its number of pixels times the pixel's area.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
import shapely
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from rasterio.features import shapes
from rasterio.io import DatasetReader

from landslide_geo.errors import ParameterError
from landslide_geo.scene.grid import is_metric_square
from landslide_geo.scene.raster_io import open_raster

#: Objects hang together by pixel edges; 8-connection would merge neighbours that only touch at a corner.
CONNECTIVITY = 4


@dataclass(frozen=True, kw_only=True)
class Traced:
    """Polygons of one mask, from north to south, and how many were dropped for their size."""

    polygons: NDArray[np.object_]  # shapely Polygons in the raster's CRS
    too_small: int


def open_metric(path: Path) -> DatasetReader:
    """Open a raster whose areas can be measured: projected, north-up, in metres.

    Raises:
        ParameterError: the grid is geographic, rotated or not in metres.
        SourceNotFoundError, UnreadableRasterError, MissingCRSError: the raster cannot be read.
    """
    dataset = open_raster(path)
    crs, transform = dataset.crs, dataset.transform
    if not crs.is_projected or abs(crs.linear_units_factor[1] - 1) > 1e-9 or transform.b or transform.d:
        dataset.close()
        raise ParameterError(f"{path}: areas need a north-up grid in metres; warp it to UTM first (its CRS is {crs})")
    if abs(transform.a + transform.e) < 1e-6 * transform.a and not is_metric_square(GeoBox.from_rio(dataset)):
        dataset.close()
        raise ParameterError(f"{path}: a metre of its CRS ({crs}) is not a metre on the ground; warp it to UTM first")
    return dataset


def trace(mask: Path, *, min_area_m2: float, min_hole_m2: float) -> Traced:
    """Outline the 4-connected objects of a raster of 0 and 1.

    GDAL reads the raster line by line, so memory follows the number and complexity of objects, not the raster's size.

    Args:
        mask: uint8 raster on a metric grid.
        min_area_m2: objects smaller than this are dropped; judged on whole objects, holes filled.
        min_hole_m2: holes smaller than this are filled. Keep it at or below ``min_area_m2``, or a filled hole could
            swallow an object inside it.

    Returns:
        Valid polygons, sorted by their uppermost, then leftmost corner: the order never depends on blocks.
    """
    kept: list[shapely.Polygon] = []
    too_small = 0
    for polygon in _outlines(mask):
        filled = fill_holes(polygon, min_hole_m2)
        if filled.area < min_area_m2:
            too_small += 1
        else:
            kept.append(filled)
    polygons = np.asarray(kept, dtype=object) if kept else np.empty(0, dtype=object)
    return Traced(polygons=polygons[southward(polygons)], too_small=too_small)


def southward(polygons: NDArray[np.object_]) -> NDArray[np.intp]:
    """The order of an inventory: by the uppermost, then leftmost corner."""
    corners = anchors(polygons)
    return np.lexsort((corners[:, 0], -corners[:, 1]))


def _outlines(mask: Path) -> Iterator[shapely.Polygon]:
    with open_raster(mask) as source:
        band = rasterio.band(source, 1)
        for geometry, _ in shapes(band, mask=band, connectivity=CONNECTIVITY, transform=source.transform):
            shell, *holes = geometry["coordinates"]
            yield shapely.Polygon(shell, holes)


def fill_holes(polygon: shapely.Polygon, min_hole_m2: float) -> shapely.Polygon:
    """``polygon`` without its holes under ``min_hole_m2`` (m²)."""
    if not polygon.interiors or min_hole_m2 <= 0:
        return polygon
    holes = [ring for ring in polygon.interiors if shapely.Polygon(ring).area >= min_hole_m2]
    return shapely.Polygon(polygon.exterior, holes)


def anchors(polygons: NDArray[np.object_]) -> NDArray[np.float64]:
    """The uppermost, then leftmost corner of each polygon's outline, shape (n, 2), in the polygons' CRS.

    The pixel to the lower right of that corner belongs to the polygon, so on one grid no two objects share an anchor:
    it serves as the place in an identifier.
    """
    corners = np.empty((len(polygons), 2))
    for i, polygon in enumerate(polygons):
        xy = shapely.get_coordinates(shapely.get_exterior_ring(polygon))
        top = xy[xy[:, 1] == xy[:, 1].max()]
        corners[i] = top[top[:, 0].argmin()]
    return corners


def smoothed(polygons: NDArray[np.object_], *, pixel: float) -> NDArray[np.object_]:
    """Outlines freed of their pixel staircase, for perimeters and compactness only.

    Each pixel edge is replaced by its midpoint, which turns a staircase into its diagonal, and each midpoint, twice, by
    the mean of itself (weight ½) and its two neighbours (¼ each). On disks from 3 pixels' radius the perimeter is then
    within 3 % of 2πr, where the staircase is 27 % too long; sharp corners lose a little (a square of 20 pixels 3 %).

    Args:
        polygons: pixel-edge polygons.
        pixel: edge of a pixel in metres.
    """
    if len(polygons) == 0:
        return polygons
    rings, owner = shapely.get_rings(polygons, return_index=True)
    dense = shapely.segmentize(rings, pixel * 1.0001)
    xy, ring = shapely.get_coordinates(dense, return_index=True)
    inner = ring[1:] == ring[:-1]
    middles, ring = ((xy[1:] + xy[:-1]) / 2)[inner], ring[1:][inner]
    first = np.searchsorted(ring, ring, side="left")
    last = np.searchsorted(ring, ring, side="right") - 1
    place = np.arange(len(ring))
    following = np.where(place == last, first, place + 1)
    preceding = np.where(place == first, last, place - 1)
    for _ in range(2):
        middles = (middles[preceding] + 2 * middles + middles[following]) / 4
    return shapely.polygons(shapely.linearrings(middles, indices=ring), indices=owner)


def usual_edge(outlines: NDArray[np.object_]) -> float:
    """The commonest length of an edge, in metres: the pixel where outlines follow pixels. 10 m without any."""
    rings, _ = shapely.get_rings(outlines, return_index=True)
    xy, ring = shapely.get_coordinates(rings, return_index=True)
    if len(xy) == 0:
        return 10.0
    lengths = np.hypot(*(xy[1:] - xy[:-1]).T)[ring[1:] == ring[:-1]]
    values, counts = np.unique(lengths.round(2), return_counts=True)
    return max(float(values[counts.argmax()]), 0.1)
