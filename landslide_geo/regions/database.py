"""SQLite files that several programs use at a time: one transaction, all of it or none, and one line where it fails."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from landslide_geo.errors import InventoryError, OutputError

#: How long another program may hold a file before that is said.
BUSY_S: Final = 60.0


@contextmanager
def transaction(
    path: Path, *, busy_s: float = BUSY_S, prepare: Callable[[sqlite3.Connection], None] | None = None
) -> Iterator[sqlite3.Connection]:
    """A connection inside a transaction that is committed if the block ends well, and undone if not.

    The right to write is had before the block begins, so that what it reads is still so when it writes. What a killed
    process left unfinished is undone by SQLite when the file is opened.

    Args:
        path: of the file, made where it is missing.
        busy_s: how long another program is waited for.
        prepare: called with the connection before the transaction.

    Raises:
        OutputError: another program holds the file, or it cannot be written.
        InventoryError: it is no SQLite file.
    """
    try:
        with contextlib.closing(sqlite3.connect(path, timeout=busy_s, isolation_level=None)) as database:
            if prepare is not None:
                prepare(database)
            database.execute("BEGIN IMMEDIATE")
            try:
                yield database
                # Readers of a file without a log keep this from happening, and are waited for as well.
                database.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    database.execute("ROLLBACK")
                raise
    except sqlite3.OperationalError as error:
        raise OutputError(f"{path}: {_told(error, busy_s)}") from error
    except sqlite3.DatabaseError as error:
        raise InventoryError(f"{path}: is no database that can be used ({error}); restore it from a copy") from error


def _told(error: sqlite3.OperationalError, busy_s: float) -> str:
    text = str(error)
    if "locked" in text or "busy" in text:
        return (
            f"another program has held it for {busy_s:g} s; save or drop the edits there (in QGIS, end editing) and "
            "run again"
        )
    return f"cannot be written ({text}); check permissions and free disk space of its folder, and run again"
