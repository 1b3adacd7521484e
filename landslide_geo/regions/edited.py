"""The landslides of an open running inventory, with what an analyst did to them since the last scan understood."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from landslide_geo.inventory import schema
from landslide_geo.inventory.edits import multi
from landslide_geo.inventory.inherit import different
from landslide_geo.inventory.review import review
from landslide_geo.inventory.traced import TRACED, was_edited
from landslide_geo.regions import features
from landslide_geo.regions.features import Table
from landslide_geo.regions.fields import HISTORY, LANDSLIDES

_POLYGONS: Final = (shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON)


class Rows:
    """The landslides of an open inventory that can be used, and how they stand in the file.

    Attributes:
        frame: of `LANDSLIDES`, with identifiers that are all different, an analyst's edits understood.
        counts: ``edited`` and ``unusable``.
    """

    def __init__(
        self, table: Table, frame: gpd.GeoDataFrame, fids: list[int], stored: list[Any], counts: dict[str, int]
    ) -> None:
        self.table, self.frame, self.fids, self.stored, self.counts = table, frame, fids, stored, counts

    @classmethod
    def of(cls, database: sqlite3.Connection, table: Table) -> Rows:
        """Those of a layer of `LANDSLIDES`, inside a transaction that may write."""
        raw = features.read(database, table)
        shapes, usable = _usable(raw.geometry.to_numpy())
        frame = raw[usable].reset_index(drop=True)
        frame = frame.set_geometry(gpd.GeoSeries(shapes[usable], frame.index, crs=raw.crs))
        # With mended outlines on either side of the comparison, those in the file stay as they were drawn.
        stored = features.rows_of(table, frame)
        fids = [int(fid) for fid in raw.index[usable]]
        counts = {"edited": 0, "unusable": int((~usable).sum())}
        if was_edited(database):
            record = features.read(database, table, name=TRACED)
            left_alone = set(raw["landslide_id"][~usable].dropna())
            then, sound = _usable(record.geometry.to_numpy())
            record = record.set_geometry(gpd.GeoSeries(then, record.index, crs=record.crs))
            record = record[sound & ~record["landslide_id"].isin(left_alone).to_numpy()].reset_index(drop=True)
            frame, counts["edited"] = _understood(frame, record)
            names = different(list(frame["landslide_id"]), left_alone)
            frame = frame.assign(landslide_id=pd.Series(names, frame.index, dtype="object"))
        return cls(table, frame, fids, stored, counts)

    def write(self, database: sqlite3.Connection, frame: gpd.GeoDataFrame) -> bool:
        """Write what differs, and rows that the file does not have; returns whether anything was written."""
        rows = features.rows_of(self.table, frame)
        number = len(self.fids)
        before = zip(self.fids, self.stored, rows[:number], strict=True)
        changed = [features.update(database, self.table, fid, old, new) for fid, old, new in before]
        features.insert(database, self.table, rows[number:])
        if any(changed) or rows[number:]:
            features.touch(database, self.table)
        return any(changed) or bool(rows[number:])


def _usable(shapes: Any) -> tuple[Any, Any]:
    """Outlines as valid multipolygons, and which can be used. What an analyst drew is mended to be matched only."""
    mended = shapes.copy()
    there = ~(shapely.is_missing(shapes) | shapely.is_empty(shapes)) & np.isin(shapely.get_type_id(shapes), _POLYGONS)
    crossing = there & ~shapely.is_valid(shapes)
    mended[crossing] = shapely.make_valid(shapes[crossing], method="structure", keep_collapsed=False)
    there &= np.nan_to_num(shapely.area(mended)) > 0
    mended[there & crossing] = multi(mended[there & crossing])
    single = there & (shapely.get_type_id(mended) == shapely.GeometryType.POLYGON)
    mended[single] = multi(mended[single])
    return mended, there


def _understood(frame: gpd.GeoDataFrame, record: gpd.GeoDataFrame) -> tuple[gpd.GeoDataFrame, int]:
    """Landslides with what an analyst did told in their fields, and how many were changed.

    `landslide_geo.inventory.review.review` tells what was redrawn, split, merged, added and deleted. A confidence that
    an analyst set is a review as well: a scan would write over it.
    """
    written = frame["review_status"].fillna("").astype(object)
    plain = written.map(lambda text: text.strip().lower() or "unreviewed")
    # What is no status is left as it was entered, and is no longer unreviewed.
    edited = frame.assign(review_status=plain.where(plain.isin(schema.REVIEW_STATUS), written))
    names = edited["landslide_id"].replace("", None)
    edited = edited.assign(landslide_id=pd.Series([None if pd.isna(name) else name for name in names], dtype="object"))
    told = review(edited, record, now=datetime.now(UTC))
    found = told.landslides
    before = record.drop_duplicates("landslide_id").set_index("landslide_id")
    history: dict[str, list[Any]] = {field.name: [] for field in HISTORY}
    touched = told.changed.copy()
    touched[len(frame) :] = True
    status = list(found["review_status"])
    for i, (name, parents) in enumerate(zip(found["landslide_id"], found["parent_id"], strict=True)):
        sources = [name] if name in before.index else str(parents or "").split(";")
        base = next((before.loc[each] for each in sources if each in before.index), None)
        for field in HISTORY:
            history[field.name].append(None if base is None else base[field.name])
        if base is not None and name in before.index:
            fields = [field.name for field in schema.LANDSLIDES.fields if field.editable]
            differ = [field for field in fields if not _same(base[field], found[field].iloc[i])]
            touched[i] |= bool(differ)
            if "confidence" in differ and status[i] == "unreviewed":
                status[i] = "edited"
    columns = {field.name: list(found[field.name]) for field in schema.LANDSLIDES.fields} | history
    columns["review_status"] = status
    return schema.frame(LANDSLIDES, columns, found.geometry.to_numpy(), crs=frame.crs), int(touched.sum())


def _same(one: Any, other: Any) -> bool:
    return bool((pd.isna(one) and pd.isna(other)) or (not pd.isna(one) and not pd.isna(other) and one == other))
