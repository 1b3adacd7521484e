"""What an analyst did to an inventory in QGIS, told from the record of what was written."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from landslide_geo.inventory import schema
from landslide_geo.inventory.attributes import MEASURED, outline_columns
from landslide_geo.inventory.layers import ID_NAMESPACE
from landslide_geo.inventory.polygons import usual_edge

#: An outline was redrawn where it departs from the record by more than this, in metres.
SAME_M: Final = 0.01
#: A landslide that is gone was taken up by an outline that covers at least this share of it, or else deleted.
TAKEN_UP: Final = 0.5
#: What is known of an outline that was drawn anew, where all recorded ones agree on it.
_SHARED: Final = ("date_pre", "date_post", "event_id", "event_date", "sensor", "scene_ids")
_EDITABLE: Final = tuple(field.name for field in schema.LANDSLIDES.fields if field.editable)


@dataclass(frozen=True)
class Review:
    """An inventory as an analyst left it.

    Attributes:
        landslides: all of `schema.LANDSLIDES`; those that were deleted come last, as rejected.
        changed: (n,) whose outline is not the recorded one: what was measured on rasters is null there.
        counts: outlines by what was done to them.
    """

    landslides: gpd.GeoDataFrame
    changed: NDArray[np.bool_]
    counts: dict[str, int]


@dataclass(frozen=True)
class _Edit:
    """What was done to one outline: the rows of the record that it carries on, and its identifier if it keeps one."""

    kind: str
    rows: tuple[int, ...] = ()
    parents: tuple[str, ...] = ()
    own_id: str | None = None

    @property
    def base(self) -> int:
        """The row whose fields it takes over; −1 for none."""
        return self.rows[0] if self.rows else -1


def review(edited: gpd.GeoDataFrame, record: gpd.GeoDataFrame, *, now: datetime, reviewer: str | None = None) -> Review:
    """Tell what an analyst did, and make an inventory of it.

    An outline whose identifier is in the record and that departs from it by no more than `SAME_M` is the recorded one.
    Otherwise it was *redrawn* (it keeps its identifier) or, where several outlines bear the identifier, *split*, or,
    where it covers at least half of recorded landslides that are gone, *merged*: these get identifiers of their own,
    and ``parent_id`` names what they came from, separated by semicolons. One without an identifier was *added*, unless
    it covers landslides that are gone. All but rejected and added ones become ``edited``. What is gone and covered by
    nothing was *deleted*: it stays as ``rejected`` for the reason ``other``, so that a rescan does not bring it back.

    Fields that are not the analyst's are those of the record, whatever the file says.

    Args:
        edited: as `landslide_geo.inventory.edits.checked_landslides` gives it.
        record: the landslides as written, in the same CRS; identifiers are unique.
        now: time of the review, where the analyst gave none.
        reviewer: name of who reviewed, where the analyst gave none.
    """
    same, row_of = _same(edited, record)
    edits = _told(edited, record, same, row_of)
    gone = sorted(set(range(len(record))) - {row for edit in edits for row in edit.rows})
    base = np.array([edit.base for edit in edits] + gone, dtype=np.intp)
    columns: dict[str, Any] = _recorded(record, base)
    shapes = edited.geometry.to_numpy()[: len(edits)].copy()
    kept = np.array([edit.kind == "unchanged" for edit in edits], dtype=bool)
    shapes[kept] = record.geometry.to_numpy()[base[: len(edits)][kept]]
    shapes = np.concatenate([shapes, record.geometry.to_numpy()[gone]])
    for name in _EDITABLE:
        columns[name] = [*edited[name], *(record[name].iloc[i] for i in gone)]
    crs = edited.crs.to_string()
    for i, edit in enumerate(edits):
        if edit.kind in ("split", "merged", "added"):
            columns["parent_id"][i] = ";".join(edit.parents) or None
        columns["landslide_id"][i] = edit.own_id or _new_id(edit, crs, shapes[i])
        if edit.kind in ("redrawn", "split", "merged") and columns["review_status"][i] != "rejected":
            columns["review_status"][i] = "edited"
        if edit.kind == "added":
            columns["n_detections"][i] = 0
            if columns["review_status"][i] != "rejected":
                columns["review_status"][i] = "added"
        if edit.kind in ("split", "merged"):
            # An analyst who split a landslide has told that each part is one; who merged some, nothing of the kind.
            columns["amalgamated"][i] = False if edit.kind == "split" else None
    for i in range(len(edits), len(base)):
        if columns["review_status"][i] != "rejected":
            columns["review_status"][i], columns["reject_reason"][i] = "rejected", "other"
        columns["notes"][i] = "; ".join(filter(None, [columns["notes"][i], "deleted in review"]))
    changed = np.array([edit.kind != "unchanged" for edit in edits] + [False] * len(gone), dtype=bool)
    _date(columns, record, base, now, reviewer)
    frame = schema.frame(schema.LANDSLIDES, columns, shapes, crs=edited.crs)
    _measure(frame, changed, pixel=usual_edge(record.geometry.to_numpy()))
    return Review(frame, changed, _counts(edits, gone, frame))


def _same(edited: gpd.GeoDataFrame, record: gpd.GeoDataFrame) -> tuple[NDArray[np.bool_], NDArray[np.intp]]:
    """Which outlines are the recorded ones, and the row of the record that bears the same identifier, −1 for none."""
    place = pd.Series(range(len(record)), index=record["landslide_id"].to_numpy(dtype=object))
    row_of = np.array([-1 if name is None else place.get(name, -1) for name in edited["landslide_id"]], dtype=np.intp)
    same = np.zeros(len(edited), dtype=bool)
    known = np.flatnonzero(row_of >= 0)
    now, then = edited.geometry.to_numpy()[known], record.geometry.to_numpy()[row_of[known]]
    equal = shapely.equals_exact(shapely.normalize(now), shapely.normalize(then), tolerance=SAME_M)
    # A corner more on a straight edge changes nothing.
    equal[~equal] = shapely.hausdorff_distance(now[~equal], then[~equal]) <= SAME_M
    same[known] = equal
    # Of copies of one outline the first is the original.
    original = pd.Series(np.where(same, row_of, np.arange(len(edited)) + len(record))).duplicated().to_numpy()
    return same & ~original, row_of


def _told(
    edited: gpd.GeoDataFrame, record: gpd.GeoDataFrame, same: NDArray[np.bool_], row_of: NDArray[np.intp]
) -> list[_Edit]:
    ids = list(edited["landslide_id"])
    names = list(record["landslide_id"])
    times = pd.Series(ids, dtype=object).value_counts().to_dict()
    taken = _taken_up(edited, record, same, row_of)
    edits = []
    for i, name in enumerate(ids):
        more = taken.get(i, [])
        rows = (*((int(row_of[i]),) if row_of[i] >= 0 else ()), *more)
        old = () if name is None else (name,)
        if same[i]:
            edits.append(_Edit("unchanged", rows, own_id=name))
        elif name is None and len(more) == 1:
            edits.append(_Edit("redrawn", rows, own_id=names[more[0]]))
        elif more:
            edits.append(_Edit("merged", rows, (*old, *(names[j] for j in more))))
        elif not rows:
            # Perhaps copied from another inventory: it keeps that one's identifier, if nothing else bears it.
            edits.append(_Edit("added", own_id=name) if times.get(name) == 1 else _Edit("added", parents=old))
        elif times[name] > 1:
            edits.append(_Edit("split", rows, old))
        else:
            edits.append(_Edit("redrawn", rows, own_id=name))
    return edits


def _taken_up(
    edited: gpd.GeoDataFrame, record: gpd.GeoDataFrame, same: NDArray[np.bool_], row_of: NDArray[np.intp]
) -> dict[int, list[int]]:
    """For changed outlines, the rows of the record whose identifiers are gone and whose ground they cover."""
    gone = np.setdiff1d(np.arange(len(record)), row_of)
    drawn = np.flatnonzero(~same)
    there, then = edited.geometry.to_numpy()[drawn], record.geometry.to_numpy()[gone]
    i, j = shapely.STRtree(there).query(then, predicate="intersects")  # i of `gone`, j of `drawn`
    share = shapely.area(shapely.intersection(then[i], there[j])) / shapely.area(then[i])
    found: dict[int, list[int]] = {}
    done: set[int] = set()
    for k in np.lexsort((j, -share)):  # whoever covers most of it
        if share[k] >= TAKEN_UP and int(i[k]) not in done:
            done.add(int(i[k]))
            found.setdefault(int(drawn[j[k]]), []).append(int(gone[i[k]]))
    return {row: sorted(rows) for row, rows in found.items()}


def _recorded(record: gpd.GeoDataFrame, base: NDArray[np.intp]) -> dict[str, list[Any]]:
    rows = record.reset_index(drop=True).reindex(base)
    columns = {field.name: list(rows[field.name]) for field in schema.LANDSLIDES.fields}
    for name in _SHARED:
        values = record[name].dropna().unique()
        if len(values) == 1 and record[name].notna().all():
            columns[name] = [values[0] if row < 0 else value for row, value in zip(base, columns[name], strict=True)]
    return columns


def _new_id(edit: _Edit, crs: str, shape: shapely.Geometry) -> str:
    """UUIDv5 of an outline and what it came from: the same edit always makes the same identifier."""
    outline = hashlib.sha256(shapely.to_wkb(shapely.normalize(shape))).hexdigest()
    return str(uuid.uuid5(ID_NAMESPACE, f"review|{';'.join(edit.parents)}|{crs}|{outline}"))


def _date(
    columns: dict[str, list[Any]], record: gpd.GeoDataFrame, base: NDArray[np.intp], now: datetime, reviewer: str | None
) -> None:
    before = record["review_status"].to_list()
    for i, row in enumerate(base):
        status = columns["review_status"][i]
        if status == "unreviewed":
            continue
        if pd.isna(columns["reviewed_at"][i]) and (row < 0 or before[row] != status):
            columns["reviewed_at"][i] = now
        if columns["reviewer"][i] is None:
            columns["reviewer"][i] = reviewer


def _measure(frame: gpd.GeoDataFrame, changed: NDArray[np.bool_], *, pixel: float) -> None:
    """What follows from the outline alone; the rest becomes null."""
    for name in MEASURED:
        frame.loc[changed, name] = pd.NA if str(frame[name].dtype) in ("boolean", "Int64") else np.nan
    several = frame["amalgamated"][changed].fillna(False).to_numpy(dtype=bool)
    for name, values in outline_columns(frame.geometry[changed], pixel=pixel, amalgamated=several).items():
        frame.loc[changed, name] = values


def _counts(edits: list[_Edit], gone: list[int], frame: gpd.GeoDataFrame) -> dict[str, int]:
    kinds = [edit.kind for edit in edits]
    status = frame["review_status"].value_counts()
    return {
        "landslides": len(frame),
        **{name: int(status.get(name, 0)) for name in schema.REVIEW_STATUS},
        **{name: kinds.count(name) for name in ("redrawn", "split", "merged")},
        "deleted": len(gone),
    }
