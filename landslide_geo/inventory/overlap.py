"""Which outlines of two sets share ground."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

DoubleArray = NDArray[np.float64]
Shapes = NDArray[np.object_]


@dataclass(frozen=True)
class Pairs:
    """Outlines that share ground: indices of both, and the areas in m² of what they share and of their union."""

    mapped: NDArray[np.intp]
    reference: NDArray[np.intp]
    shared: DoubleArray
    union: DoubleArray


def overlapping(mapped: Shapes, reference: Shapes) -> Pairs:
    """All pairs that share more than a line. Shapes are valid, in one metric CRS."""
    i, j = shapely.STRtree(reference).query(mapped, predicate="intersects")
    shared = shapely.area(shapely.intersection(mapped[i], reference[j]))
    there = shared > 0
    i, j, shared = i[there], j[there], shared[there]
    return Pairs(i, j, shared, shapely.area(mapped[i]) + shapely.area(reference[j]) - shared)


def covered(shapes: Shapes, by: Shapes) -> DoubleArray:
    """Share of each shape's area that others cover together."""
    cover = shapely.union_all(by)
    shapely.prepare(cover)
    shared = shapely.area(shapely.intersection(shapes, cover))
    return np.asarray(shared / np.maximum(shapely.area(shapes), 1e-9))
