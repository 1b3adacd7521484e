"""``inventory.gpkg``: the landslides of a region from all of its scans, in one file that others may have open.

A scan is entered in one SQLite transaction, together with the row that says that it is in: entering it again does
nothing, and a kill leaves the file as it was before or as it is after. The file is never replaced, so that QGIS may
hold it open, and what an analyst saved before is told from the file's own record first, as ``landslide review import``
does.

The file stays in whichever journal mode it is. It is made with a rollback journal: then it is one file, which can be
copied and read from a folder without the right to write. QGIS puts it into WAL mode while it has it open, and back.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import pandas as pd
import shapely

from landslide_geo.errors import BrokenScanError, InventoryError, LockLostError, OutputError, SourceNotFoundError
from landslide_geo.files import clear_parts, make_parent, replacing
from landslide_geo.inventory import schema
from landslide_geo.inventory.geopackage import read_inventory, write_layers
from landslide_geo.inventory.layers import Inventory
from landslide_geo.inventory.traced import refresh_record
from landslide_geo.regions import features
from landslide_geo.regions.database import BUSY_S, transaction
from landslide_geo.regions.edited import Rows
from landslide_geo.regions.features import Table, table_of
from landslide_geo.regions.fields import LANDSLIDES, LAYERS, SCANS, empty, status_of
from landslide_geo.regions.merging import Merged, merge

#: Numbers of owners of the region that wrote the file; not listed by GDAL and QGIS.
_FENCE: Final = "gpkgext_landslide_geo_fence"


@dataclass(frozen=True)
class Applied:
    """What entering a scan did.

    Attributes:
        counts: as `landslide_geo.regions.merging.Merged` has them, and ``edited`` and ``unusable``: landslides that an
            analyst changed since the last scan, and that were left alone, for their outline cannot be used.
        fresh: False where the scan was in already.
    """

    counts: dict[str, int]
    fresh: bool


def apply_scan(
    path: Path,
    scan: Path,
    *,
    scan_id: str,
    when: date,
    after_detections: int,
    token: int = 0,
    guard: Callable[[], None] | None = None,
    busy_s: float = BUSY_S,
) -> Applied:
    """Enter the ``landslides.gpkg`` of a finished scan into a running inventory, which is made where it is missing.

    Args:
        path: of the running inventory.
        scan: the GeoPackage of the scan.
        scan_id: names the scan.
        when: the scene's later date.
        after_detections: detections that confirm a landslide without review.
        token: number of the owner of the region; the file refuses one below another that wrote it.
        guard: called last, inside the transaction; what it raises undoes all.
        busy_s: how long another program that holds the file is waited for.

    Raises:
        BrokenScanError: the scan cannot be used.
        InventoryError: the running inventory cannot be used.
        OutputError: the inventory is held by another program, or cannot be written.
        LockLostError: another run has taken the region over.
    """
    try:
        found = read_inventory(scan)
    except (InventoryError, SourceNotFoundError) as error:
        raise BrokenScanError(f"{error}; remove the folder {scan.parent}, and the next run makes it anew") from error
    if not path.exists():
        _make(path, found.landslides.crs)
    with transaction(path, busy_s=busy_s, prepare=features.prepare) as database:
        _pass_fence(database, token, path)
        scans = table_of(database, SCANS)
        before = features.read(database, scans)
        known = before[before["scan_id"] == scan_id]
        if len(known):
            row = known.iloc[0]
            counts = {"found": row["n_landslides"], "new": row["n_new"], "again": row["n_again"]}
            counts |= {"not_found": row["n_not_found"]}
            return Applied({name: int(value) for name, value in counts.items()}, fresh=False)
        table = table_of(database, LANDSLIDES)
        there = Rows.of(database, table)
        merged = merge(there.frame, found, scan_id=scan_id, when=when, after_detections=after_detections)
        there.write(database, merged.landslides)
        _write_crowns(database, merged)
        if before["date_post"].dropna().empty or when >= before["date_post"].dropna().max():
            _write_visibility(database, found.visibility)
        features.insert(database, scans, features.rows_of(scans, _scan_row(found, scan_id, when, merged, scans)))
        features.touch(database, scans)
        refresh_record(database)
        if guard is not None:
            guard()
    return Applied(merged.counts | there.counts, fresh=True)


def read_running(path: Path, *, layer: schema.LayerSchema = LANDSLIDES) -> gpd.GeoDataFrame:
    """A layer of a running inventory, in the types of its schema, indexed by the numbers of its features.

    Raises:
        SourceNotFoundError: there is no such file: nothing was entered yet.
        InventoryError: it cannot be used.
    """
    if not path.is_file():
        raise SourceNotFoundError(f"{path}: nothing was entered yet; run the region first")
    with transaction(path, prepare=features.prepare) as database:
        return features.read(database, table_of(database, layer))


def applied_scans(path: Path) -> list[str]:
    """Names of the scans that are in, in the order they were entered; none where there is no inventory yet."""
    return [str(name) for name in read_running(path, layer=SCANS)["scan_id"]] if path.is_file() else []


def fence(path: Path) -> int:
    """The highest number of an owner that wrote a running inventory; 0 where there is none yet."""
    if not path.is_file():
        return 0
    with transaction(path) as database:
        return _fence(database)


def refresh_status(path: Path, *, after_detections: int) -> None:
    """Bring the status of landslides up to date with what an analyst decided since the last scan."""
    with transaction(path, prepare=features.prepare) as database:
        table = table_of(database, LANDSLIDES)
        there = Rows.of(database, table)
        status = pd.Series(status_of(there.frame, after_detections=after_detections), there.frame.index, dtype="object")
        if there.write(database, there.frame.assign(status=status)):
            refresh_record(database)


def copy_inventory(path: Path, target: Path, *, busy_s: float = BUSY_S) -> None:
    """Copy a running inventory as it is at one moment, edits in the log beside it included.

    A copy that is there is brought up to date in one transaction of its own: whoever has it open sees the old or the
    new state. Replacing the file would leave them with the log of another one.

    Args:
        path: of the inventory.
        target: of the copy.
        busy_s: how long readers of the copy are waited for.

    Raises:
        OutputError, InventoryError: it cannot be read, or the copy not be written.
    """
    if target.exists():
        _back_up(path, target, busy_s)
        return
    make_parent(target)
    clear_parts(target)
    with replacing(target) as part:
        _back_up(path, part, busy_s)


def _back_up(path: Path, target: Path, busy_s: float) -> None:
    begun = time.monotonic()

    def waited(status: int, remaining: int, total: int) -> None:
        # Python would try for ever.
        if status in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED) and time.monotonic() - begun > busy_s:
            raise TimeoutError

    # The transaction makes good what a killed process left, and keeps others from writing while the copy is made.
    with transaction(path), closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(target)) as copy:
        copy.execute("PRAGMA busy_timeout = 100")
        try:
            source.backup(copy, progress=waited)
        except TimeoutError:
            raise OutputError(
                f"{target}: another program has held it for {busy_s:g} s; close it there, the next run tries it again"
            ) from None
        except sqlite3.Error as error:
            raise OutputError(
                f"{target}: cannot be written ({error}); check permissions and free disk space of its folder"
            ) from None


def _make(path: Path, crs: Any) -> None:
    make_parent(path)
    clear_parts(path)
    write_layers(path, {layer: empty(layer, crs=crs) for layer in LAYERS})


def _pass_fence(database: sqlite3.Connection, token: int, path: Path) -> None:
    known = _fence(database)
    if token < known:
        raise LockLostError(f"{path}: a later run of the region wrote it; nothing of this one is entered, run again")
    database.execute(f"CREATE TABLE IF NOT EXISTS {_FENCE} (token INTEGER NOT NULL)")
    if token > known:
        database.execute(f"DELETE FROM {_FENCE}")
        database.execute(f"INSERT INTO {_FENCE} VALUES (?)", (token,))


def _fence(database: sqlite3.Connection) -> int:
    if database.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (_FENCE,)).fetchone() is None:
        return 0
    return int(database.execute(f"SELECT coalesce(max(token), 0) FROM {_FENCE}").fetchone()[0])


def _write_crowns(database: sqlite3.Connection, merged: Merged) -> None:
    table = table_of(database, schema.CROWNS)
    database.executemany('DELETE FROM "crowns" WHERE landslide_id = ?', [(name,) for name in merged.outlined])
    features.insert(database, table, features.rows_of(table, merged.crowns))
    features.touch(database, table)


def _write_visibility(database: sqlite3.Connection, visibility: gpd.GeoDataFrame) -> None:
    """The inventory shows what the latest scene could see."""
    table = table_of(database, schema.VISIBILITY)
    database.execute('DELETE FROM "visibility"')
    features.insert(database, table, features.rows_of(table, visibility.to_crs(table.crs)))
    features.touch(database, table)


def _scan_row(found: Inventory, scan_id: str, when: date, merged: Merged, table: Table) -> gpd.GeoDataFrame:
    visible = found.visibility[found.visibility["visible"].to_numpy(dtype=bool)]
    box = shapely.MultiPolygon([shapely.box(*found.visibility.to_crs(table.crs).total_bounds)])
    before, models = found.landslides["date_pre"].dropna(), found.landslides["model_id"].dropna()
    columns = {
        "scan_id": [scan_id],
        "date_pre": [before.iloc[0] if len(before) else None],
        "date_post": [when],
        "n_landslides": [merged.counts["found"]],
        "n_new": [merged.counts["new"]],
        "n_again": [merged.counts["again"]],
        "n_not_found": [merged.counts["not_found"]],
        "visible_m2": [float(visible["area_m2"].sum())],
        "visible_share": [float(visible["share"].sum())],
        "model_id": [models.iloc[0] if len(models) else None],
        "applied_at": [datetime.now(UTC)],
    }
    return schema.frame(SCANS, columns, [box], crs=table.crs)
