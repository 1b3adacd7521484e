"""How well polygons agree with a reference inventory: object by object, by area, along outlines, and cell by cell."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy import sparse, stats

from landslide_geo.errors import NoOverlapError, ParameterError
from landslide_geo.inventory.overlap import Pairs, Shapes, overlapping
from landslide_geo.inventory.sizes import size_frequency

DoubleArray = NDArray[np.float64]

#: Bounds of size classes in m²: pixels of 10 m make the smallest hard, those above the largest are few.
SIZE_CLASSES: Final = (0.0, 900.0, 2_500.0, 10_000.0, 50_000.0, np.inf)
#: Intersections over union from which two outlines are the same object.
IOUS: Final = (0.1, 0.3, 0.5)


@dataclass(frozen=True)
class Matches:
    """How many objects agree. ``precision`` is of the mapped ones, ``recall`` of the reference's."""

    mapped: int
    reference: int
    mapped_matched: int
    reference_matched: int

    @property
    def precision(self) -> float | None:
        """Share of the mapped objects that are in the reference; None where nothing was mapped."""
        return self.mapped_matched / self.mapped if self.mapped else None

    @property
    def recall(self) -> float | None:
        """Share of the reference's objects that were mapped; None for an empty reference."""
        return self.reference_matched / self.reference if self.reference else None

    @property
    def f1(self) -> float | None:
        """Harmonic mean of both; None where one is."""
        if self.precision is None or self.recall is None:
            return None
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0

    def to_json(self) -> dict[str, Any]:
        """Counts and scores."""
        return asdict(self) | {"precision": self.precision, "recall": self.recall, "f1": self.f1}


def matched(pairs: Pairs, mapped: int, reference: int, *, iou: float) -> Matches:
    """Objects matched one to one where their intersection over union reaches ``iou``: as many as can be.

    Above 0.5 nobody has two to choose from. Below, the largest matching is taken (Hopcroft and Karp 1973), so that the
    score depends neither on an order nor on greed.
    """
    good = pairs.shared >= iou * pairs.union
    rows, cols = pairs.mapped[good], pairs.reference[good]
    graph = sparse.csr_array((np.ones(len(rows), dtype=bool), (rows, cols)), shape=(mapped, reference))
    count = int((sparse.csgraph.maximum_bipartite_matching(graph, perm_type="column") >= 0).sum()) if len(rows) else 0
    return Matches(mapped, reference, count, count)


def touched(pairs: Pairs, mapped: int, reference: int) -> Matches:
    """Objects that share any ground with one of the other side, however many."""
    return Matches(mapped, reference, len(np.unique(pairs.mapped)), len(np.unique(pairs.reference)))


def by_size(pairs: Pairs, reference_m2: DoubleArray) -> list[dict[str, Any]]:
    """Recall by any overlap in each of the `SIZE_CLASSES` of the reference."""
    found = np.zeros(len(reference_m2), dtype=bool)
    found[pairs.reference] = True
    rows = []
    for low, high in pairwise(SIZE_CLASSES):
        inside = (reference_m2 >= low) & (reference_m2 < high)
        count = int(inside.sum())
        rows.append(
            {
                "from_m2": low,
                "to_m2": None if np.isinf(high) else high,
                "reference": count,
                "found": int(found[inside].sum()),
                "recall": float(found[inside].mean()) if count else None,
            }
        )
    return rows


def boundary_score(mapped: Shapes, reference: Shapes, *, tolerance_m: float) -> dict[str, float | None]:
    """Boundary F-score (Martin et al. 2004) of outlines, sampled every half tolerance.

    Args:
        mapped: valid shapes in a metric CRS.
        reference: likewise.
        tolerance_m: an outline's point counts where the other side has an outline no farther away.

    Returns:
        precision (of mapped outlines), recall (of the reference's), f1.
    """

    def share(of: Shapes, near: Shapes) -> float | None:
        lines = shapely.segmentize(shapely.boundary(of), tolerance_m / 2)
        points = shapely.points(shapely.get_coordinates(lines))
        if not len(points):
            return None
        if not len(near):
            return 0.0
        tree = shapely.STRtree(shapely.boundary(near))
        hits = tree.query(points, predicate="dwithin", distance=tolerance_m)[0]
        return len(np.unique(hits)) / len(points)

    precision, recall = share(mapped, reference), share(reference, mapped)
    f1 = None
    if precision is not None and recall is not None:
        f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    return {"tolerance_m": tolerance_m, "precision": precision, "recall": recall, "f1": f1}


def cell_correlation(mapped: Shapes, reference: Shapes, *, cell_m: float) -> dict[str, Any]:
    """Spearman's rank correlation of the landslide area in the cells of a regular grid over both.

    Cells are aligned to multiples of ``cell_m``. Those where neither has anything are left out: they would count as
    agreement, and there are as many of them as one draws the extent wide.

    Returns:
        cell_m, cells, rho, p_value; None with fewer than three cells, or where one side is the same everywhere.
    """
    areas = [_cell_areas(shapes, cell_m) for shapes in (mapped, reference)]
    cells = sorted(set(areas[0]) | set(areas[1]))
    result: dict[str, Any] = {"cell_m": cell_m, "cells": len(cells), "rho": None, "p_value": None}
    columns = [np.array([side.get(cell, 0.0) for cell in cells]) for side in areas]
    if len(cells) < 3 or any(np.ptp(column) == 0 for column in columns):
        return result
    rho, p = stats.spearmanr(*columns)
    return result | {"rho": float(rho), "p_value": float(p)}


def _cell_areas(shapes: Shapes, cell_m: float) -> dict[tuple[int, int], float]:
    """Area in m² by column and row of cells."""
    found: dict[tuple[int, int], float] = {}
    if not len(shapes):
        return found
    first = np.floor(shapely.bounds(shapes)[:, :2] / cell_m).astype(int)
    last = np.floor(shapely.bounds(shapes)[:, 2:] / cell_m).astype(int)
    for shape, (col0, row0), (col1, row1) in zip(shapes, first, last, strict=True):
        for col in range(col0, col1 + 1):
            for row in range(row0, row1 + 1):
                whole = (col0, row0) == (col1, row1)
                box = shapely.box(col * cell_m, row * cell_m, (col + 1) * cell_m, (row + 1) * cell_m)
                area = float(shapely.area(shape if whole else shapely.intersection(shape, box)))
                if area > 0:
                    found[col, row] = found.get((col, row), 0.0) + area
    return found


def score(mapped: Shapes, reference: Shapes, *, tolerance_m: float = 20.0, cell_m: float = 1000.0) -> dict[str, Any]:
    """All scores of mapped outlines against a reference.

    Args:
        mapped: (n,) valid shapely Polygons or MultiPolygons in a metric CRS.
        reference: (m,) likewise, in the same CRS.
        tolerance_m: of the boundary score; two pixels of a 10 m scene.
        cell_m: side of the cells of the rank correlation.

    Raises:
        NoOverlapError: the two lie in different places altogether.
        ParameterError: a length is not positive.
    """
    if tolerance_m <= 0 or cell_m <= 0:
        raise ParameterError(f"tolerance {tolerance_m} m and cell {cell_m} m must both be positive")
    if len(mapped) and len(reference):
        (w, s, e, n), (w2, s2, e2, n2) = shapely.total_bounds(mapped), shapely.total_bounds(reference)
        if w > e2 or w2 > e or s > n2 or s2 > n:
            raise NoOverlapError(
                "the polygons and the reference do not overlap anywhere; give inventories of the same region"
            )
    pairs = overlapping(mapped, reference)
    mapped_m2, reference_m2 = shapely.area(mapped), shapely.area(reference)
    total = float(reference_m2.sum())
    return {
        "mapped": {"count": len(mapped), "area_m2": float(mapped_m2.sum())},
        "reference": {"count": len(reference), "area_m2": total},
        "area_ratio": float(mapped_m2.sum()) / total if total else None,
        "any_overlap": touched(pairs, len(mapped), len(reference)).to_json(),
        **{f"iou_{iou}": matched(pairs, len(mapped), len(reference), iou=iou).to_json() for iou in IOUS},
        "recall_by_size": by_size(pairs, reference_m2),
        "boundary": boundary_score(mapped, reference, tolerance_m=tolerance_m),
        "size_frequency": {"mapped": size_frequency(mapped_m2), "reference": size_frequency(reference_m2)},
        "cells": cell_correlation(mapped, reference, cell_m=cell_m),
    }
