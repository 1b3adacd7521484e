"""Outlines with fewer corners, or without the staircase of pixels, that still neither overlap nor leave gaps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy import sparse

Shapes = NDArray[np.object_]
DoubleArray = NDArray[np.float64]

#: Shares of its area that may be added to or taken from one outline, and from all of them together.
_MOST_OF_ONE: Final = 0.1
_MOST_OF_ALL: Final = 0.02
#: Taubin's factors of a step inward and of the step outward that follows it, and how often. Waves along an outline
#: that are longer than six pixels keep their height, the staircase's two pixels lose it.
_INWARD, _OUTWARD, _PASSES = 0.5, -0.53, 30
#: Outlines whose points are held at a time, unless more touch one another.
_TOGETHER: Final = 2048


def simplified(polygons: Shapes, tolerance: float, *, areas: DoubleArray | None = None) -> Shapes:
    """Outlines with fewer corners that still neither overlap nor cross.

    Corners are dropped by the area they stand for (Visvalingam and Whyatt 1993), of all outlines together, so that
    those that touch keep touching. An outline whose area would change by a tenth stays as it is, and so do those that
    would run into it; where the area of all would change by 2 %, the tolerance is halved until it does not.

    Args:
        polygons: valid, without common ground, in a metric CRS.
        tolerance: in metres, the square root of the area that a corner may stand for; 0 changes nothing.
        areas: (n,) that changes are measured against; none takes those of ``polygons``.

    Returns:
        As many valid polygons, in their order.
    """
    if len(polygons) == 0 or tolerance <= 0:
        return polygons
    before = shapely.area(polygons) if areas is None else areas
    beside = _along_edges(polygons)
    while True:
        found = shapely.coverage_simplify(polygons, tolerance)
        bad = ~shapely.is_valid(found) | _changed(found, before)
        found = _left_as_they_are(polygons, found, bad, beside)
        if _total_holds(found, before):
            return found
        tolerance /= 2


def smooth(polygons: Shapes, *, pixel: float) -> Shapes:
    """Outlines freed of the staircase of pixels that still neither overlap nor cross.

    Points half a pixel apart on all outlines together are drawn towards the middle of their neighbours and pushed back
    out (Taubin 1995, "Curve and surface smoothing without shrinkage", ICCV), so areas stay. Where borders meet, points
    stay in place; a border of two outlines moves for both. An outline that would cross itself or another one, or whose
    area would change by a tenth, keeps its pixel edges, and so do those that share a border with it.

    Args:
        polygons: valid, along the edges of one grid of pixels, without common ground, in a metric CRS.
        pixel: edge of a pixel in metres.

    Returns:
        As many valid polygons, in their order; the area of all differs by less than 2 %.
    """
    if len(polygons) == 0:
        return polygons
    before = shapely.area(polygons)
    found = np.empty(len(polygons), dtype=object)
    for some in _apart(polygons):
        # Points on what has become straight are of no use.
        found[some] = shapely.coverage_simplify(_without_staircases(polygons[some], pixel), pixel / 4)
    bad = ~shapely.is_valid(found) | _changed(found, before)
    left, right = _overlapping(np.where(bad, polygons, found), np.ones(len(found), dtype=bool))
    bad[left], bad[right] = True, True
    found = _left_as_they_are(polygons, found, bad, _along_edges(polygons))
    return found if _total_holds(found, before) else polygons


def _apart(polygons: Shapes) -> Iterator[NDArray[np.intp]]:
    """Indices of polygons in batches; those that touch are in one, so that each can be worked out by itself."""
    size = len(polygons)
    left, right = shapely.STRtree(polygons).query(polygons, predicate="intersects")
    graph = sparse.coo_array((np.ones(len(left), dtype=bool), (left, right)), shape=(size, size))
    _, group = sparse.csgraph.connected_components(graph, directed=False)
    order = np.argsort(group, kind="stable")
    # A group goes to the batch that its first polygon falls into.
    starts = np.flatnonzero(np.diff(group[order], prepend=-1))
    batch = np.repeat(starts // _TOGETHER, np.diff(starts, append=size))
    yield from np.split(order, np.flatnonzero(np.diff(batch)) + 1)


def _without_staircases(polygons: Shapes, pixel: float) -> Shapes:
    """All polygons with their points moved; some may cross themselves or one another then."""
    rings, owner = shapely.get_rings(polygons, return_index=True)
    xy, ring = shapely.get_coordinates(shapely.segmentize(rings, pixel / 2 * 1.0001), return_index=True)
    return np.asarray(shapely.polygons(shapely.linearrings(_moved(xy, ring, pixel), indices=ring), indices=owner))


def _moved(xy: DoubleArray, ring: NDArray[np.intp], pixel: float) -> DoubleArray:
    """Points of closed rings, (n, 2), smoothed; those at one place move together.

    Args:
        xy: the last point of each ring is its first.
        ring: (n,) number of the ring.
        pixel: points lie on a grid of half of it.
    """
    origin = xy.min(axis=0)
    column, row = np.rint((xy - origin) / (pixel / 2)).astype(np.int64).T
    _, first, point = np.unique(row * (column.max() + 1) + column, return_index=True, return_inverse=True)
    place = xy[first] - origin
    inner = ring[1:] == ring[:-1]
    ends = np.sort(np.stack([point[:-1][inner], point[1:][inner]]), axis=0).astype(np.int64)
    one, other = np.divmod(np.unique(ends[0] * len(place) + ends[1]), len(place))
    # Of each point its neighbours in one run; what has other than two of them is where borders meet.
    start = np.concatenate([one, other])
    order = np.argsort(start, kind="stable")
    neighbour = np.concatenate([other, one])[order]
    count = np.bincount(start, minlength=len(place))
    run = np.cumsum(count) - count
    free = np.flatnonzero(count == 2)
    a, b = neighbour[run[free]], neighbour[run[free] + 1]
    for _ in range(_PASSES):
        for factor in (_INWARD, _OUTWARD):
            place[free] += factor * ((place[a] + place[b]) / 2 - place[free])
    return np.asarray(place[point] + origin)


def _changed(found: Shapes, before: DoubleArray) -> NDArray[np.bool_]:
    return np.asarray(np.abs(shapely.area(found) - before) >= _MOST_OF_ONE * before)


def _total_holds(found: Shapes, before: DoubleArray) -> bool:
    total = float(before.sum())
    return abs(float(shapely.area(found).sum()) - total) < _MOST_OF_ALL * total


def _left_as_they_are(
    polygons: Shapes, found: Shapes, bad: NDArray[np.bool_], beside: tuple[NDArray[np.intp], NDArray[np.intp]]
) -> Shapes:
    """``found``, but for those that are ``bad`` and all that would overlap them or leave a gap beside them."""
    one, other = beside
    while bad.any():
        found = np.where(bad, polygons, found)
        left, right = _overlapping(found, bad)
        worse = bad.copy()
        worse[np.concatenate([left, right])] = True
        worse[other[bad[one]]] = True  # or a gap would open along their common edge
        if (worse == bad).all():
            break
        bad = worse
    return np.asarray(found, dtype=object)


def _overlapping(polygons: Shapes, concerned: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Pairs that share ground, one of them ``concerned``."""
    left, right = shapely.STRtree(polygons).query(polygons, predicate="intersects")
    pairs = (left < right) & (concerned[left] | concerned[right])
    left, right = left[pairs], right[pairs]
    crossing = shapely.area(shapely.intersection(polygons[left], polygons[right])) > 0
    return left[crossing], right[crossing]


def _along_edges(polygons: Shapes) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """All pairs, both ways, that share an edge and not only a corner: parts of one outline that was cut."""
    left, right = shapely.STRtree(polygons).query(polygons, predicate="touches")
    shared = shapely.length(shapely.intersection(polygons[left], polygons[right])) > 0
    return left[shared], right[shared]
