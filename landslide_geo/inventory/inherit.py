"""What analysts decided, carried over to a new scan of the same ground."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from landslide_geo.inventory import schema
from landslide_geo.inventory.layers import ID_NAMESPACE, Inventory
from landslide_geo.inventory.overlap import Shapes, overlapping

#: A decision holds for a new outline from this intersection over union on: one rejected field hides no landslide.
SAME_IOU: Final = 0.5
#: A new outline of which this share lies on landslides that analysts drew or confirmed is mapped already.
MAPPED: Final = 0.9


@dataclass(frozen=True)
class Inherited:
    """A new inventory with the decisions of an earlier one, and how many outlines came from where.

    Attributes:
        inventory: reviewed outlines first, as they were, then those of the new scan.
        counts: ``inherited`` reviewed outlines that were found again; ``kept`` ones that were not; ``known`` new
            outlines that bear an earlier, unreviewed one's identifier; ``new`` others; ``mapped`` ones that lie on
            reviewed landslides and were left out.
    """

    inventory: Inventory
    counts: dict[str, int]


def inherit(new: Inventory, reviewed: Inventory) -> Inherited:
    """Carry decisions over: no reviewed outline is changed or lost, and no decision reaches further than its outline.

    New and reviewed outlines are matched one to one, those with the greatest intersection over union first, from
    `SAME_IOU` on. Then the reviewed outline stands for both, with its identifier and all of its fields; it was detected
    once more. A new outline that matches all parts together of one that was split in review stands for them likewise.
    What remains of the new outlines and lies on reviewed landslides, but for a tenth, is left out: it is mapped. So
    parts that were merged in review do not come back. Rejected outlines have no part in that: only a match keeps an
    outline rejected, and all others stay, unreviewed.

    Earlier outlines that nobody reviewed are not carried over; a new one that matches one of them bears its identifier.

    Args:
        new: of the new scan.
        reviewed: with decisions; projected to the CRS of ``new``.
    """
    crs = new.landslides.crs
    old = reviewed.landslides.to_crs(crs)
    status = old["review_status"].to_numpy()
    decided = old[status != "unreviewed"].reset_index(drop=True)
    plain = old[status == "unreviewed"].reset_index(drop=True)
    scan = new.landslides.reset_index(drop=True)
    shapes, drawn = scan.geometry.to_numpy(), decided.geometry.to_numpy()
    open_ = np.ones(len(scan), dtype=bool)
    found: dict[int, int] = {}  # reviewed outline: the new one that it stands for
    families = [list(rows) for rows in decided.groupby("parent_id").indices.values() if len(rows) > 1]
    whole = np.array([shapely.union_all(drawn[rows]) for rows in families], dtype=object)
    members = [*([j] for j in range(len(decided))), *families]
    for i, j in matches(shapes, np.concatenate([drawn, whole]), SAME_IOU):
        found |= {int(row): i for row in members[j] if row not in found}
        open_[i] = False
    accepted = drawn[(decided["review_status"] != "rejected").to_numpy(dtype=bool)]
    mapped = open_.copy()
    mapped[open_] = _share_on(shapes[open_], accepted) >= MAPPED
    open_ &= ~mapped
    rest = scan[open_].reset_index(drop=True)
    known = dict(matches(rest.geometry.to_numpy(), plain.geometry.to_numpy(), SAME_IOU))
    taken = set(decided["landslide_id"])
    names = _names(rest, plain, known, taken)
    again = scan.reindex([found.get(j, -1) for j in range(len(decided))])
    before = plain.reindex([known.get(i, -1) for i in range(len(rest))])
    renamed = rest.assign(landslide_id=pd.Series(names, rest.index, dtype="object"))
    detected = [_detected(decided, decided, again), _detected(renamed, before, rest)]
    landslides = _joined(detected, schema.LANDSLIDES, crs)
    tops = reviewed.crowns.to_crs(crs)
    named = new.crowns["landslide_id"].map(dict(zip(rest["landslide_id"], names, strict=True)))
    crowns = [tops[tops["landslide_id"].isin(taken)], new.crowns.assign(landslide_id=named)[named.notna()]]
    extents = [reviewed.reviewed_extent.to_crs(crs), new.reviewed_extent]
    return Inherited(
        replace(
            new,
            landslides=landslides,
            crowns=_joined(crowns, schema.CROWNS, crs),
            reviewed_extent=_joined(extents, schema.REVIEWED_EXTENT, crs),
        ),
        {
            "inherited": len(found),
            "kept": len(decided) - len(found),
            "known": len(known),
            "new": len(rest) - len(known),
            "mapped": int(mapped.sum()),
        },
    )  # fmt: skip


def without_rejected(inventory: Inventory) -> Inventory:
    """An inventory as maps and totals show it: without what analysts rejected."""
    stands = (inventory.landslides["review_status"] != "rejected").to_numpy(dtype=bool)
    return replace(inventory, landslides=inventory.landslides[stands].reset_index(drop=True))


def matches(new: Shapes, old: Shapes, iou: float) -> list[tuple[int, int]]:
    """Pairs of outlines one to one, the greatest intersection over union first, each at least ``iou``."""
    pairs = overlapping(new, old)
    overlap = pairs.shared / pairs.union
    chosen, left, right = [], set(), set()
    for k in np.lexsort((pairs.reference, pairs.mapped, -overlap)):
        i, j = int(pairs.mapped[k]), int(pairs.reference[k])
        if overlap[k] < iou:
            break
        if i not in left and j not in right:
            left.add(i)
            right.add(j)
            chosen.append((i, j))
    return chosen


def _share_on(shapes: Shapes, ground: Shapes) -> NDArray[np.float64]:
    """Share of each outline that lies on any of some others."""
    share = np.zeros(len(shapes))
    i, j = shapely.STRtree(ground).query(shapes, predicate="intersects")
    for row in np.unique(i):
        covered = shapely.intersection(shapes[row], shapely.union_all(ground[j[i == row]]))
        share[row] = covered.area / shapes[row].area
    return share


def _names(rest: gpd.GeoDataFrame, plain: gpd.GeoDataFrame, known: dict[int, int], taken: set[str]) -> list[str]:
    """Identifiers of outlines of the new scan: the earlier one's, or their own; another where that is taken."""
    inherited = {i: plain["landslide_id"].iloc[j] for i, j in known.items()}
    own = [name for i, name in enumerate(rest["landslide_id"]) if i not in known]
    names = iter(different(own, taken | set(inherited.values())))
    return [inherited[i] if i in known else next(names) for i in range(len(rest))]


def different(names: list[str], taken: set[str]) -> list[str]:
    """Identifiers that nobody has: the same scene and place may have held a landslide that a review drew otherwise.

    Args:
        names: as they are, in order.
        taken: by others; those that are given out join them.
    """
    found = []
    for own in names:
        name = own
        while name in taken:
            name = str(uuid.uuid5(ID_NAMESPACE, f"again|{name}"))
        taken.add(name)
        found.append(name)
    return found


def _detected(frame: gpd.GeoDataFrame, first: pd.DataFrame, then: pd.DataFrame) -> gpd.GeoDataFrame:
    """``frame`` with the detections of two others, row by row: their number and scenes. A row of nulls adds nothing."""
    counts = [
        None if pd.isna(a) and pd.isna(b) else sum(0 if pd.isna(each) else int(each) for each in (a, b))
        for a, b in zip(first["n_detections"], then["n_detections"], strict=True)
    ]
    scenes = [
        ";".join(dict.fromkeys(name for text in both if not pd.isna(text) for name in text.split(";"))) or None
        for both in zip(first["scene_ids"], then["scene_ids"], strict=True)
    ]
    return frame.assign(
        n_detections=pd.Series(counts, frame.index, dtype="Int64"),
        scene_ids=pd.Series(scenes, frame.index, dtype="object"),
    )


def _joined(frames: list[gpd.GeoDataFrame], layer: schema.LayerSchema, crs: Any) -> gpd.GeoDataFrame:
    columns = {field.name: [value for frame in frames for value in frame[field.name]] for field in layer.fields}
    shapes = np.concatenate([frame.geometry.to_numpy() for frame in frames])
    return schema.frame(layer, columns, shapes, crs=crs)
