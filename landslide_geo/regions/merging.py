"""What a scan makes of a running inventory: a pure function of the two."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from landslide_geo.inventory import schema
from landslide_geo.inventory.compare import SEEN, SHARED
from landslide_geo.inventory.inherit import MAPPED, SAME_IOU, different, matches
from landslide_geo.inventory.layers import Inventory
from landslide_geo.inventory.overlap import Shapes, covered, overlapping
from landslide_geo.regions.fields import HISTORY, LANDSLIDES, status_of

#: A landslide was taken up by the new outline of another one that covers at least this share of it.
TAKEN_UP: Final = 0.5
#: What a new outline does not bring along: identity, what an analyst enters, and the history.
_KEPT: Final = {
    "landslide_id", "parent_id", "n_detections", "scene_ids",
    *(field.name for field in schema.LANDSLIDES.fields if field.editable and field.name != "confidence"),
    *(field.name for field in HISTORY),
}  # fmt: skip


@dataclass(frozen=True)
class Merged:
    """A running inventory with a scan in it.

    Attributes:
        landslides: rows of before, in their order, then new ones.
        crowns: rows of `schema.CROWNS` for landslides that are new or have a new outline.
        outlined: identifiers of those.
        counts: ``found`` outlines of the scan; ``new`` landslides; ``again``: rows seen once more; ``outlined``: rows
            with a new outline; ``mapped``: outlines left out, for what they cover is in; ``merged``: rows taken up by
            another; ``not_found``: rows whose ground was shown, and that were not seen.
    """

    landslides: gpd.GeoDataFrame
    crowns: gpd.GeoDataFrame
    outlined: list[str]
    counts: dict[str, int]


def merge(rows: gpd.GeoDataFrame, scan: Inventory, *, scan_id: str, when: date, after_detections: int) -> Merged:
    """Enter a scan into a running inventory.

    Outlines are matched in this order, each once. With reviewed landslides, rejected ones included, from an
    intersection over union of `SAME_IOU` on, also with all parts of one that was split in review: the reviewed outline
    stands. What then lies on accepted landslides but for a tenth is mapped. With unreviewed ones: first from `SAME_IOU`
    on, then by the greatest common area, at least `SHARED` of the smaller: the landslide grew, shrank or moved, and
    takes on the new outline with all that was measured on it, unless it was seen at a later date already. What remains
    and is not covered but for a tenth is new; where it shares ground with a landslide, that is its parent.

    An unreviewed landslide without an outline of its own that another one's new outline covers by half is merged into
    it. One that new outlines cover less counts as seen from `SHARED` of the smaller on. Nothing is removed, and what an
    analyst enters is not touched.

    Args:
        rows: of `LANDSLIDES`, with usable outlines and identifiers that are all different.
        scan: with the layers of its ``landslides.gpkg``, projected to the CRS of ``rows``.
        scan_id: names the scan; no landslide counts it twice.
        when: the scene's later date.
        after_detections: as `status_of` takes it.
    """
    return _Merging(rows.reset_index(drop=True), scan, scan_id, when).done(after_detections)


class _Merging:
    """One scan being entered. Rows are those of before, outlines those of the scan, by number."""

    def __init__(self, rows: gpd.GeoDataFrame, scan: Inventory, scan_id: str, when: date) -> None:
        self.rows, self.scan_id, self.when = rows, scan_id, when
        self.scan = scan.landslides.to_crs(rows.crs).reset_index(drop=True)
        self.crowns = scan.crowns.to_crs(rows.crs)
        visible = scan.visibility[scan.visibility["visible"].to_numpy(dtype=bool)].to_crs(rows.crs)
        self.shapes: Shapes = rows.geometry.to_numpy().copy()
        self.new: Shapes = self.scan.geometry.to_numpy()
        self.shown = covered(self.shapes, visible.geometry.to_numpy()) >= SEEN
        merged = rows["merged_into"].notna().to_numpy()
        reviewed = (rows["review_status"] != "unreviewed").to_numpy(dtype=bool)
        self.decided = np.flatnonzero(reviewed & ~merged)
        self.plain = np.flatnonzero(~reviewed & ~merged)
        self.open = np.ones(len(self.scan), dtype=bool)
        self.seen = np.zeros(len(rows), dtype=bool)
        self.outline: dict[int, int] = {}  # row: outline that is its own now
        self.counts = dict.fromkeys(("found", "new", "again", "outlined", "mapped", "merged", "not_found"), 0)
        self.counts["found"] = len(self.scan)

    def done(self, after_detections: int) -> Merged:
        self._reviewed()
        own = self._unreviewed()
        into = self._taken_up(own)
        fresh, parents = self._fresh()
        old = self._old(own, into)
        landslides = _joined([old, self._entered(fresh, parents)], self.rows.crs)
        landslides["status"] = pd.Series(status_of(landslides, after_detections=after_detections), dtype="object")
        names = [*(self.rows["landslide_id"][j] for j in self.outline), *landslides["landslide_id"][len(self.rows) :]]
        numbers = [*self.outline.values(), *fresh]
        named = dict(zip(self.scan["landslide_id"][numbers], names, strict=True))
        tops = self.crowns.assign(landslide_id=self.crowns["landslide_id"].map(named))
        self.counts |= {
            "new": len(fresh),
            "again": int(self.seen.sum()),
            "outlined": len(self.outline),
            "merged": len(into),
            "not_found": int((self.shown & ~self.seen & self.rows["merged_into"].isna().to_numpy()).sum()),
        }
        return Merged(landslides, tops[tops["landslide_id"].notna()].reset_index(drop=True), names, self.counts)

    def _reviewed(self) -> None:
        """Outlines of landslides that were reviewed, and those that lie on accepted ones."""
        drawn = self.shapes[self.decided]
        parents = self.rows["parent_id"][self.decided].reset_index(drop=True)
        families = [list(rows) for rows in parents.groupby(parents).indices.values() if len(rows) > 1]
        whole = np.array([shapely.union_all(drawn[rows]) for rows in families], dtype=object)
        members = [*([j] for j in range(len(drawn))), *families]
        for i, j in matches(self.new, np.concatenate([drawn, whole]), SAME_IOU):
            self.open[i] = False
            self.seen[self.decided[members[j]]] = True
        stands = (self.rows["review_status"] != "rejected").to_numpy(dtype=bool)
        accepted = self.decided[stands[self.decided]]
        rest = np.flatnonzero(self.open)
        mapped = rest[covered(self.new[rest], self.shapes[accepted]) >= MAPPED]
        pairs = _joining(self.new[mapped], self.shapes[accepted])
        self.seen[accepted[[j for _, j, _ in pairs]]] = True
        self.open[mapped] = False
        self.counts["mapped"] += len(mapped)

    def _unreviewed(self) -> dict[int, int]:
        """Outlines of landslides that nobody reviewed: row and outline."""
        rest = np.flatnonzero(self.open)
        own = {
            int(self.plain[j]): int(rest[i])
            for i, j in matches(self.new[rest], self.shapes[self.plain], SAME_IOU)
        }  # fmt: skip
        used = set(own.values())
        left = np.array([i for i in rest if i not in used], dtype=np.intp)
        free = np.array([j for j in self.plain if j not in own], dtype=np.intp)
        for i, j, _ in sorted(
            _joining(self.new[left], self.shapes[free]), key=lambda pair: (-pair[2], pair[0], pair[1])
        ):
            if int(free[j]) not in own and int(left[i]) not in used:
                own[int(free[j])] = int(left[i])
                used.add(int(left[i]))
        self.open[list(used)] = False
        self.seen[list(own)] = True
        for j, i in own.items():
            last = self.rows["last_seen"][j]
            if pd.isna(last) or self.when >= last:
                self.outline[j] = i
                self.shapes[j] = self.new[i]
        return own

    def _taken_up(self, own: dict[int, int]) -> dict[int, int]:
        """Landslides without an outline of their own: which other took them up, and which were seen all the same."""
        free = np.array([j for j in self.plain if j not in own], dtype=np.intp)
        takers = np.array(sorted(self.outline), dtype=np.intp)
        into: dict[int, int] = {}
        pairs = overlapping(self.shapes[free], self.shapes[takers])
        share = pairs.shared / shapely.area(self.shapes[free][pairs.mapped])
        for k in np.lexsort((pairs.reference, -share)):
            if share[k] >= TAKEN_UP:
                into.setdefault(int(free[pairs.mapped[k]]), int(takers[pairs.reference[k]]))
        for _, j, _ in _joining(self.new, self.shapes[free]):
            self.seen[free[j]] = True
        return into

    def _fresh(self) -> tuple[list[int], list[str | None]]:
        """Outlines that are new landslides, and the landslide of which each is a part, if any."""
        rest = np.flatnonzero(self.open)
        known = covered(self.new[rest], self.shapes[self.plain]) >= MAPPED
        self.counts["mapped"] += int(known.sum())
        fresh = rest[~known]
        parent: dict[int, tuple[float, int]] = {}
        before = self.rows.geometry.to_numpy()[self.plain]
        for i, j, shared in _joining(self.new[fresh], before):
            parent[i] = max(parent.get(i, (0.0, -1)), (shared, -int(self.plain[j])))
        ids = self.rows["landslide_id"]
        return [int(i) for i in fresh], [ids[-parent[i][1]] if i in parent else None for i in range(len(fresh))]

    def _old(self, own: dict[int, int], into: dict[int, int]) -> gpd.GeoDataFrame:
        columns = {field.name: list(self.rows[field.name]) for field in LANDSLIDES.fields}
        for name in [name for name in columns if name in self.scan and name not in _KEPT]:
            values = list(self.scan[name])
            for j, i in self.outline.items():
                columns[name][j] = values[i]
        for j in map(int, np.flatnonzero(self.seen | self.shown)):
            if not pd.isna(columns["merged_into"][j]):
                continue
            scenes = [] if pd.isna(columns["scene_ids"][j]) else str(columns["scene_ids"][j]).split(";")
            columns["n_shown"][j] = _plus_one(columns["n_shown"][j])
            columns["last_shown"][j] = _later(columns["last_shown"][j], self.when)
            if self.seen[j]:
                columns["n_detections"][j] = _plus_one(columns["n_detections"][j])
                columns["last_seen"][j] = _later(columns["last_seen"][j], self.when)
                first = columns["first_seen"][j]
                columns["first_seen"][j] = self.when if pd.isna(first) else min(first, self.when)
                columns["scene_ids"][j] = ";".join(dict.fromkeys([*scenes, self.scan_id]))
        for j, taker in into.items():
            columns["merged_into"][j] = self.rows["landslide_id"][taker]
        return schema.frame(LANDSLIDES, columns, self.shapes, crs=self.rows.crs)

    def _entered(self, fresh: list[int], parents: list[str | None]) -> gpd.GeoDataFrame:
        part = self.scan.iloc[fresh]
        columns: dict[str, Any] = {field.name: list(part[field.name]) for field in schema.LANDSLIDES.fields}
        columns["landslide_id"] = different(columns["landslide_id"], set(self.rows["landslide_id"]))
        columns["parent_id"] = parents
        number = len(fresh)
        columns |= {"n_detections": [1] * number, "n_shown": [1] * number, "scene_ids": [self.scan_id] * number}
        columns |= {name: [self.when] * number for name in ("first_seen", "last_seen", "last_shown")}
        return schema.frame(LANDSLIDES, columns, part.geometry.to_numpy(), crs=self.rows.crs)


def _joining(new: Shapes, old: Shapes) -> list[tuple[int, int, float]]:
    """Pairs that share at least `SHARED` of the smaller: number of the new one, of the old one, area in m²."""
    pairs = overlapping(new, old)
    least = np.minimum(shapely.area(new)[pairs.mapped], shapely.area(old)[pairs.reference])
    there: NDArray[np.intp] = np.flatnonzero(pairs.shared >= SHARED * least)
    return [(int(pairs.mapped[k]), int(pairs.reference[k]), float(pairs.shared[k])) for k in there]


def _joined(frames: list[gpd.GeoDataFrame], crs: Any) -> gpd.GeoDataFrame:
    columns = {field.name: [value for frame in frames for value in frame[field.name]] for field in LANDSLIDES.fields}
    return schema.frame(LANDSLIDES, columns, np.concatenate([frame.geometry.to_numpy() for frame in frames]), crs=crs)


def _plus_one(count: Any) -> int:
    return 1 if pd.isna(count) else int(count) + 1


def _later(day: Any, when: date) -> date:
    return when if pd.isna(day) else max(day, when)
