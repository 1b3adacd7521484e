"""What a ``landslides.gpkg`` remembers of how it was written, so that an analyst's edits can be told from it.

Two tables that are not registered as layers, so that GDAL and QGIS do not list them: the landslides as written, and
checksums of the content that decisions were made in.
"""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from landslide_geo.errors import InventoryError, SourceNotFoundError
from landslide_geo.inventory import schema

#: The landslides as written: all fields and outlines. QGIS offers every table that is not registered either, but for
#: those with the prefix of the format's own and of its extensions.
TRACED: Final = "gpkgext_landslide_geo_traced"
#: Checksums: of this file's own content as written, and of the contents that its decisions were taken over from.
_LINEAGE: Final = "gpkgext_landslide_geo_lineage"
_WRITTEN, _SOURCE = "written", "source"


@dataclass(frozen=True)
class History:
    """What a GeoPackage knows of its own past.

    Attributes:
        content: checksum of what an analyst may change: outlines, identifiers, the analyst's fields, reviewed extents.
        written: the same as it was when the file was written; None where the file does not tell.
        sources: checksums of the contents that its decisions were taken over from.
        decided: landslides that were reviewed, and reviewed extents.
    """

    content: str
    written: str | None
    sources: frozenset[str]
    decided: int

    @property
    def edited(self) -> bool:
        """Whether anything changed since the file was written, or may have."""
        return self.content != self.written

    @property
    def lineage(self) -> frozenset[str]:
        """What an inventory that takes over this one's decisions is descended from."""
        return self.sources | {self.content}


def add_record(database: sqlite3.Connection, sources: Iterable[str] = ()) -> None:
    """Keep a copy of the landslides in an open GeoPackage, and the checksums that `read_history` reads."""
    (create,) = database.execute("SELECT sql FROM sqlite_master WHERE name = ?", (schema.LANDSLIDES.name,)).fetchone()
    database.execute(create.replace(f'"{schema.LANDSLIDES.name}"', TRACED, 1))
    database.execute(f"INSERT INTO {TRACED} SELECT * FROM {schema.LANDSLIDES.name}")
    database.execute(f"CREATE TABLE {_LINEAGE} (role TEXT NOT NULL, sha256 TEXT NOT NULL)")
    rows = [(_WRITTEN, _content(database)), *((_SOURCE, each) for each in sorted(sources))]
    database.executemany(f"INSERT INTO {_LINEAGE} VALUES (?, ?)", rows)


def was_edited(database: sqlite3.Connection) -> bool:
    """Whether an open GeoPackage that has a record was changed by others than `refresh_record` since."""
    row = database.execute(f"SELECT sha256 FROM {_LINEAGE} WHERE role = ?", (_WRITTEN,)).fetchone()
    return row is None or row[0] != _content(database)


def refresh_record(database: sqlite3.Connection) -> None:
    """Make the record of an open GeoPackage what its landslides are now; rows that did not change are not written."""
    table = schema.LANDSLIDES.name
    database.execute(f"DELETE FROM {TRACED} WHERE fid NOT IN (SELECT fid FROM {table})")
    database.execute(f"INSERT OR REPLACE INTO {TRACED} SELECT * FROM {table} EXCEPT SELECT * FROM {TRACED}")
    database.execute(f"DELETE FROM {_LINEAGE} WHERE role = ?", (_WRITTEN,))
    database.execute(f"INSERT INTO {_LINEAGE} VALUES (?, ?)", (_WRITTEN, _content(database)))


def read_history(path: Path) -> History:
    """The history of a GeoPackage; of one written by others or by an earlier version only the content is known.

    Raises:
        InventoryError: it cannot be read, or lacks a layer or field.
    """
    try:
        with contextlib.closing(_connect(path)) as database:
            rows = (
                database.execute(f"SELECT role, sha256 FROM {_LINEAGE}").fetchall() if _has(database, _LINEAGE) else ()
            )
            return History(
                _content(database),
                next((sha for role, sha in rows if role == _WRITTEN), None),
                frozenset(sha for role, sha in rows if role == _SOURCE),
                _decided(database),
            )
    except (sqlite3.Error, OSError) as error:
        raise InventoryError(f"{path}: is no landslides.gpkg that can be read ({error})") from None


def has_record(path: Path) -> bool:
    """Whether a GeoPackage that can be read holds its landslides as written."""
    with contextlib.closing(_connect(path)) as database:
        return _has(database, TRACED)


@contextmanager
def snapshot(path: Path) -> Iterator[Path]:
    """A copy of a GeoPackage at one moment, edits that lie only in the log beside it included; the file is not touched.

    Raises:
        SourceNotFoundError: there is no such file.
        InventoryError: it is no GeoPackage, or another program keeps it from being read.
    """
    if not path.is_file():
        raise SourceNotFoundError(f"{path}: no such GeoPackage; check the path")
    with tempfile.TemporaryDirectory(prefix="landslide-") as folder:
        copy = Path(folder) / path.name
        try:
            with contextlib.closing(_connect(path)) as source, contextlib.closing(sqlite3.connect(copy)) as target:
                # Read once before, and hold on to it: copying a file that is locked would wait for ever.
                source.execute("BEGIN")
                source.execute("SELECT count(*) FROM sqlite_master")
                source.backup(target)
                target.execute("PRAGMA journal_mode = DELETE")
        except (sqlite3.Error, OSError) as error:
            busy = "locked" in str(error) or any(Path(f"{path}{log}").exists() for log in ("-wal", "-journal"))
            raise InventoryError(
                f"{path}: cannot be read ({error}); save the edits in the program that has it open, and close it there"
                if busy
                else f"{path}: is no GeoPackage that can be read ({error})"
            ) from None
        yield copy


@contextmanager
def readable(path: Path) -> Iterator[Path]:
    """What GDAL is to read in place of a file: of a GeoPackage with a log a snapshot, otherwise the file itself.

    GDAL warns of one in WAL mode where it lies in a folder that cannot be written, and reads one that another program
    is writing to, whatever is written of it by then.

    Raises:
        InventoryError: another program keeps it from being read.
    """
    if path.suffix == ".gpkg" and path.is_file() and (_in_wal_mode(path) or Path(f"{path}-journal").exists()):
        with snapshot(path) as copy:
            yield copy
    else:
        yield path


def _in_wal_mode(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(20)[18:] == b"\x02\x02"


def _connect(path: Path) -> sqlite3.Connection:
    """An open database that is not written to, not even by making good what a killed program left."""
    # SQLite would leave a new log beside a file in that mode. While nobody else has it open there is none to be read.
    how = "immutable=1" if _in_wal_mode(path) and not Path(f"{path}-wal").exists() else "mode=ro"
    return sqlite3.connect(f"{path.absolute().as_uri()}?{how}", uri=True, timeout=2)


def _has(database: sqlite3.Connection, table: str) -> bool:
    return database.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone() is not None


def _content(database: sqlite3.Connection) -> str:
    geometry = dict(database.execute("SELECT table_name, column_name FROM gpkg_geometry_columns"))
    total = hashlib.sha256()
    for layer in (schema.LANDSLIDES, schema.REVIEWED_EXTENT):
        if layer.name not in geometry:
            raise sqlite3.DatabaseError(f"no layer {layer.name}")
        there = {row[1] for row in database.execute(f"PRAGMA table_info({layer.name})")}
        names = [field.name for field in layer.fields if field.editable or field.name == "landslide_id"]
        columns = ", ".join(f'"{name}"' for name in (geometry[layer.name], *names) if name in there)
        for row in database.execute(f"SELECT {columns} FROM {layer.name} ORDER BY rowid"):
            total.update(repr(row).encode())
    return total.hexdigest()


def _decided(database: sqlite3.Connection) -> int:
    (reviewed,) = database.execute(
        f"SELECT count(*) FROM {schema.LANDSLIDES.name} WHERE review_status <> 'unreviewed'"
    ).fetchone()
    (extents,) = database.execute(f"SELECT count(*) FROM {schema.REVIEWED_EXTENT.name}").fetchone()
    return int(reviewed) + int(extents)
