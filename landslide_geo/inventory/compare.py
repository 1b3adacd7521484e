"""What became of landslides from one inventory to the next: the graph of outlines that share ground."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy import sparse

from landslide_geo.errors import ParameterError
from landslide_geo.inventory.overlap import Shapes, overlapping

DoubleArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

#: Two outlines are of one landslide where they share this much of the smaller: a common rim of a pixel is less.
SHARED: Final = 0.1
#: An area that changed by no more than this share did not change: a rim of half a pixel is as much for most.
TOLERANCE: Final = 0.2
#: An outline was looked at where this share of it could be seen.
SEEN: Final = 0.5
#: An outline was rejected where rejected ones cover this share of it.
REJECTED: Final = 0.5


class Status(Enum):
    """What became of a landslide; the values are written to files."""

    NEW = "new"
    UNCHANGED = "unchanged"
    GROWN = "grown"
    SHRUNK = "shrunk"
    MERGED = "merged"
    SPLIT = "split"
    GONE = "no longer visible"
    NOT_VISIBLE = "not visible"
    REJECTED = "rejected"


@dataclass(frozen=True)
class Change:
    """One outline of the comparison.

    Attributes:
        status: what became of it.
        old: indices of the old outlines it belongs to; none where it is new.
        new: indices of the new outlines of the same group; none where it is gone, rejected or could not be seen.
        at: index of the outline that is drawn: of the new ones, or of the old ones where there is no new one.
        area_old_m2: of all old outlines of the group.
        area_new_m2: of all new ones.
        seen_before: of a new one, whether the old scene showed at least half of the ground; None where that is unknown.
    """

    status: Status
    old: tuple[int, ...]
    new: tuple[int, ...]
    at: int
    area_old_m2: float
    area_new_m2: float
    seen_before: bool | None = None

    @property
    def change_m2(self) -> float:
        """Area gained; negative where it was lost. Of a group, gained by all of it together."""
        return self.area_new_m2 - self.area_old_m2


def compare(
    old: Shapes,
    new: Shapes,
    *,
    visible_new: DoubleArray | None = None,
    visible_old: DoubleArray | None = None,
    rejected: DoubleArray | None = None,
    shared: float = SHARED,
    tolerance: float = TOLERANCE,
) -> list[Change]:
    """Match outlines of two inventories, one to many, and tell what became of each.

    Outlines hang together where they share at least ``shared`` of the smaller one's area. Of a group with one outline
    on either side the areas tell whether it grew. One old outline with several new ones was split; several with one, or
    with fewer, merged; several with as many or more, split. An old one alone is gone, or was rejected by a reviewer, or
    could not be seen.

    Args:
        old: (n,) valid shapely shapes in a metric CRS.
        new: (m,) likewise, in the same CRS.
        visible_new: (n,) share of each old outline that the new scene shows, 0–1; none means all of it.
        visible_old: (m,) share of each new outline that the old scene shows; none means unknown.
        rejected: (n,) share of each old outline that those cover which were rejected in the new inventory.
        shared: see above, 0–1.
        tolerance: relative change of area up to which an outline is unchanged.

    Returns:
        One entry for each new outline, in their order, then one for each old outline without a new one.

    Raises:
        ParameterError: a share is not between 0 and 1.
    """
    if not (0 < shared <= 1 and 0 <= tolerance < 1):
        raise ParameterError(f"shared {shared} and tolerance {tolerance} must be shares between 0 and 1")
    old_m2, new_m2 = shapely.area(old), shapely.area(new)
    pairs = overlapping(new, old)
    joined = pairs.shared >= shared * np.minimum(new_m2[pairs.mapped], old_m2[pairs.reference])
    groups = _groups(pairs.mapped[joined], pairs.reference[joined], len(new), len(old))
    of_new: dict[int, tuple[tuple[int, ...], tuple[int, ...]]] = {i: group for group in groups for i in group[0]}
    changes = []
    for i in range(len(new)):
        news, olds = of_new[i]
        before, after = float(old_m2[list(olds)].sum()), float(new_m2[list(news)].sum())
        known = None if olds or visible_old is None else bool(visible_old[i] >= SEEN)
        status = _status(len(olds), len(news), before, after, tolerance)
        changes.append(Change(status, olds, news, i, before, after, known))
    for news, olds in groups:
        if not news:
            (i,) = olds
            status = Status.GONE if visible_new is None or visible_new[i] >= SEEN else Status.NOT_VISIBLE
            if rejected is not None and rejected[i] >= REJECTED:
                status = Status.REJECTED
            changes.append(Change(status, olds, (), i, float(old_m2[i]), 0.0))
    return changes


def totals(changes: list[Change]) -> dict[str, dict[str, Any]]:
    """By status: number of outlines, their groups' old and new area in m², each group counted once."""
    found: dict[str, dict[str, Any]] = {}
    for status in Status:
        those = [change for change in changes if change.status is status]
        groups = {(change.old, change.new): change for change in those}.values()
        before, after = sum(g.area_old_m2 for g in groups), sum(g.area_new_m2 for g in groups)
        found[status.value] = {
            "count": len(those),
            "area_old_m2": before,
            "area_new_m2": after,
            "change_m2": after - before,
        }
    return found


def _status(old: int, new: int, before: float, after: float, tolerance: float) -> Status:
    if not old:
        return Status.NEW
    if old == new == 1:
        if after > before * (1 + tolerance):
            return Status.GROWN
        return Status.SHRUNK if after < before * (1 - tolerance) else Status.UNCHANGED
    return Status.MERGED if new < old else Status.SPLIT


def _groups(
    new: NDArray[np.intp], old: NDArray[np.intp], new_count: int, old_count: int
) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Indices of the new and the old outlines that hang together, each once, by their first member."""
    size = new_count + old_count
    graph = sparse.coo_array((np.ones(len(new), dtype=bool), (new, old + new_count)), shape=(size, size))
    _, owner = sparse.csgraph.connected_components(graph, directed=False)
    members: dict[int, tuple[list[int], list[int]]] = {}
    for node, group in enumerate(owner):
        news, olds = members.setdefault(int(group), ([], []))
        (news if node < new_count else olds).append(node if node < new_count else node - new_count)
    return [(tuple(news), tuple(olds)) for news, olds in members.values()]
