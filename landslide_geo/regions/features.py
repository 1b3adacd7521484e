"""Features of a GeoPackage read and written inside an open transaction, row by row: other programs edit it too.

The format: OGC 12-128r18, clause 2.1.3 (geometry blobs). Spatial indices are kept by triggers that call functions of
the geometry, which every writer must bring along.
"""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from pyproj import CRS

from landslide_geo.errors import InventoryError
from landslide_geo.inventory import schema
from landslide_geo.inventory.schema import LayerSchema

#: Doubles of an envelope by the code in a blob's flags.
_ENVELOPE: Final = {0: 0, 1: 4, 2: 6, 3: 6, 4: 8}
_EMPTY: Final = 0x10


@dataclass(frozen=True)
class Table:
    """A layer in an open GeoPackage.

    Attributes:
        layer: its fields.
        geometry: name of the column that holds outlines.
        srs_id: number of its CRS in the file.
        crs: its CRS.
    """

    layer: LayerSchema
    geometry: str
    srs_id: int
    crs: CRS

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns in the order in which rows are read and written, but for the number of the feature."""
        return (self.geometry, *(field.name for field in self.layer.fields))


def prepare(database: sqlite3.Connection) -> None:
    """Give a connection the functions that the triggers of spatial indices call."""
    database.create_function("ST_IsEmpty", 1, _is_empty, deterministic=True)
    for index, name in enumerate(("ST_MinX", "ST_MinY", "ST_MaxX", "ST_MaxY")):
        database.create_function(name, 1, lambda blob, index=index: _bounds(blob)[index], deterministic=True)


def table_of(database: sqlite3.Connection, layer: LayerSchema) -> Table:
    """A layer of an open GeoPackage.

    Raises:
        InventoryError: it has none of this name, or it lacks a field.
    """
    row = database.execute(
        "SELECT g.column_name, g.srs_id, s.definition FROM gpkg_geometry_columns g JOIN gpkg_spatial_ref_sys s "
        "USING (srs_id) WHERE g.table_name = ?", (layer.name,)
    ).fetchone()  # fmt: skip
    if row is None:
        raise InventoryError(f"the running inventory has no layer {layer.name!r}; restore it from a copy")
    there = {column[1] for column in database.execute(f'PRAGMA table_info("{layer.name}")')}
    missing = [field.name for field in layer.fields if field.name not in there]
    if missing:
        raise InventoryError(
            f"layer {layer.name!r} of the running inventory lacks the field {missing[0]!r}; restore it from a copy"
        )
    return Table(layer, row[0], int(row[1]), CRS.from_user_input(row[2]))


def read(database: sqlite3.Connection, table: Table, *, name: str | None = None) -> gpd.GeoDataFrame:
    """All features, in the types of the schema, indexed by their numbers in the file.

    Args:
        database: open.
        table: of the layer.
        name: of another table of the same form.
    """
    columns = ", ".join(f'"{column}"' for column in table.columns)
    rows = database.execute(f'SELECT fid, {columns} FROM "{name or table.layer.name}" ORDER BY fid').fetchall()
    shapes = np.array([geometry(row[1]) for row in rows] + [None], dtype=object)[:-1]
    values: dict[str, list[Any]] = {}
    for place, field in enumerate(table.layer.fields, start=2):
        values[field.name] = [row[place] for row in rows]
        if (known := _READ.get(field.kind)) is not None:
            values[field.name] = [None if value is None else known(value) for value in values[field.name]]
    frame = schema.frame(table.layer, values, shapes, crs=table.crs)
    return frame.set_index(pd.Index([row[0] for row in rows], dtype="int64", name="fid"))


def rows_of(table: Table, frame: gpd.GeoDataFrame) -> list[tuple[Any, ...]]:
    """Features as they are stored, in the order of `Table.columns`."""
    columns = [[None if shape is None else blob(shape, table.srs_id) for shape in frame.geometry]]
    columns += [[_stored(value, field.kind) for value in frame[field.name]] for field in table.layer.fields]
    return list(zip(*columns, strict=True))


def insert(database: sqlite3.Connection, table: Table, rows: Iterable[Sequence[Any]]) -> None:
    """Add features."""
    names = ", ".join(f'"{column}"' for column in table.columns)
    marks = ", ".join("?" * len(table.columns))
    database.executemany(f'INSERT INTO "{table.layer.name}" ({names}) VALUES ({marks})', rows)


def update(database: sqlite3.Connection, table: Table, fid: int, old: Sequence[Any], new: Sequence[Any]) -> bool:
    """Write what differs of a feature; returns whether anything did."""
    changed = [(name, now) for name, then, now in zip(table.columns, old, new, strict=True) if then != now]
    if changed:
        names = ", ".join(f'"{name}" = ?' for name, _ in changed)
        values = (*(value for _, value in changed), fid)
        database.execute(f'UPDATE "{table.layer.name}" SET {names} WHERE fid = ?', values)
    return bool(changed)


def touch(database: sqlite3.Connection, table: Table) -> None:
    """Set the extent of a layer, and when it was changed."""
    bounds = [_bounds(shape) for (shape,) in database.execute(f'SELECT "{table.geometry}" FROM "{table.layer.name}"')]
    boxes = np.array([box for box in bounds if box[0] is not None], dtype=np.float64)
    extent = [*boxes[:, :2].min(axis=0), *boxes[:, 2:].max(axis=0)] if len(boxes) else [None] * 4
    database.execute(
        "UPDATE gpkg_contents SET min_x = ?, min_y = ?, max_x = ?, max_y = ?, last_change = "
        "strftime('%Y-%m-%dT%H:%M:%fZ', 'now') WHERE table_name = ?",
        (*(None if value is None else float(value) for value in extent), table.layer.name),
    )


def blob(shape: shapely.Geometry, srs_id: int) -> bytes:
    """A geometry as a GeoPackage stores it: header, envelope where it is no point, and WKB."""
    head = struct.pack("<2sBBi", b"GP", 0, 0x01 | (_EMPTY if shape.is_empty else 0x02), srs_id)
    if shape.is_empty:
        return head + shapely.to_wkb(shape, byte_order=1)
    left, bottom, right, top = shape.bounds
    return head + struct.pack("<4d", left, right, bottom, top) + shapely.to_wkb(shape, byte_order=1)


def geometry(value: bytes | None) -> shapely.Geometry | None:
    """The geometry of a blob; None where there is none, or none that can be understood."""
    if value is None or len(value) < 8 or value[:2] != b"GP":
        return None
    start = 8 + 8 * _ENVELOPE.get(value[3] >> 1 & 7, 0)
    try:
        return shapely.from_wkb(value[start:])
    except shapely.errors.GEOSException:
        return None


def _is_empty(value: bytes | None) -> int | None:
    if value is None:
        return None
    shape = geometry(value)
    return int(shape is None or shape.is_empty)


def _bounds(value: bytes | None) -> tuple[float | None, float | None, float | None, float | None]:
    if value is not None and len(value) >= 40 and value[:2] == b"GP" and value[3] >> 1 & 7:
        left, right, bottom, top = struct.unpack(("<" if value[3] & 1 else ">") + "4d", value[8:40])
        return left, bottom, right, top
    shape = geometry(value)
    if shape is None or shape.is_empty:
        return None, None, None, None
    left, bottom, right, top = shape.bounds
    return left, bottom, right, top


def _time(value: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def _day(value: Any) -> Any:
    found = _time(value)
    return None if found is None else found.date()


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) else None


#: SQLite keeps any value in any column; what is none of the field's kind is not known.
_READ: Final[dict[str, Callable[[Any], Any]]] = {
    "date": _day, "datetime": _time, "int": _number, "real": _number, "bool": _number, "text": str,
}  # fmt: skip


def _stored(value: Any, kind: schema.Kind) -> Any:
    if pd.isna(value):
        return None
    if kind == "date":
        return value.isoformat()
    if kind == "datetime":
        return value.tz_convert("UTC").strftime("%Y-%m-%dT%H:%M:%S.") + f"{value.microsecond // 1000:03d}Z"
    return {"int": int, "bool": int, "real": float, "text": str}[kind](value)
