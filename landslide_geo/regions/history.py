"""What is known of a region's acquisitions, and all that was done: a database that only this module knows the form of.

Acquisitions are ``new`` (to be scanned), ``done``, ``skipped`` (may not be taken: clouds, no earlier image) or
``parked`` (failed too often); the last two carry the reason.
"""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from landslide_geo.errors import ParameterError
from landslide_geo.files import make_parent
from landslide_geo.regions.database import transaction

_TABLES: Final = (
    "CREATE TABLE IF NOT EXISTS acquisitions (key TEXT PRIMARY KEY, name TEXT NOT NULL, first TEXT NOT NULL, "
    "last TEXT NOT NULL, items TEXT NOT NULL, state TEXT NOT NULL, failures INTEGER NOT NULL, reason TEXT, "
    "changed_at TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS events (id INTEGER PRIMARY KEY, at TEXT NOT NULL, kind TEXT NOT NULL, key TEXT, "
    "detail TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS messages (id TEXT PRIMARY KEY, sink TEXT NOT NULL, body TEXT NOT NULL, made_at TEXT "
    "NOT NULL, sent_at TEXT)",
    "CREATE TABLE IF NOT EXISTS told (sink TEXT NOT NULL, landslide_id TEXT NOT NULL, message TEXT NOT NULL, "
    "PRIMARY KEY (sink, landslide_id))",
)


@dataclass(frozen=True)
class Entry:
    """What is known of one acquisition.

    Attributes:
        key: names it, its scene and its scan; as short as a file name.
        name: for people.
        first, last: when its first and its last tile were acquired, ISO 8601 with a zone.
        items: its tiles.
        state: see above.
        failures: attempts that went wrong since it was new.
        reason: of the last one, or of its state.
        changed_at: when it came to its state.
    """

    key: str
    name: str
    first: str
    last: str
    items: tuple[str, ...]
    state: str = "new"
    failures: int = 0
    reason: str | None = None
    changed_at: str = ""

    def told(self) -> dict[str, Any]:
        """As JSON takes it."""
        return asdict(self) | {"items": list(self.items)}


class History:
    """The history of a region.

    Args:
        path: of its database, made with its folder where it is missing.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, entries: Iterable[Entry]) -> list[str]:
        """Enter acquisitions that are not known yet; returns their keys."""
        added = []
        with self._open() as database:
            for entry in entries:
                # Tiles of an acquisition that waits may have been listed since.
                database.execute(
                    "UPDATE acquisitions SET items = ?, first = ?, last = ? WHERE key = ? AND state = 'new'",
                    (json.dumps(entry.items), entry.first, entry.last, entry.key),
                )
                row = (entry.key, entry.name, entry.first, entry.last, json.dumps(entry.items), now())
                done = database.execute(
                    "INSERT OR IGNORE INTO acquisitions VALUES (?, ?, ?, ?, ?, 'new', 0, NULL, ?)", row
                )
                if done.rowcount:
                    added.append(entry.key)
                    _note(database, "found", entry.key, {"name": entry.name})
        return added

    def begun(self, when: str) -> str:
        """From when on acquisitions are followed: what the first call said, ISO 8601."""
        with self._open() as database:
            row = database.execute("SELECT detail FROM events WHERE kind = 'begun' ORDER BY id LIMIT 1").fetchone()
            if row is None:
                _note(database, "begun", None, {"from": when})
            return when if row is None else str(json.loads(row[0])["from"])

    def entries(self, state: str | None = None) -> list[Entry]:
        """Acquisitions, of one state or all, the oldest first."""
        with self._open() as database:
            rows = database.execute(
                "SELECT * FROM acquisitions WHERE ? IS NULL OR state = ? ORDER BY first, key", (state, state)
            ).fetchall()
        return [_entry(row) for row in rows]

    def entry(self, key: str) -> Entry:
        """One acquisition.

        Raises:
            ParameterError: it is not known.
        """
        with self._open() as database:
            return _known(database, key, self.path)

    def mark(self, key: str, state: str, *, reason: str | None = None, detail: dict[str, Any] | None = None) -> None:
        """Put an acquisition into a state, and note that; nothing where it is in it for that reason."""
        with self._open() as database:
            entry = _known(database, key, self.path)
            if (entry.state, entry.reason) == (state, reason):
                return
            failures = 0 if state in ("new", "done") else entry.failures
            _set(database, key, state, failures, reason)
            _note(database, state, key, (detail or {}) | ({} if reason is None else {"reason": reason}))

    def failed(self, key: str, reason: str, *, attempts: int) -> Entry:
        """Count an attempt that went wrong, and park the acquisition after so many of them."""
        with self._open() as database:
            entry = _known(database, key, self.path)
            count = entry.failures + 1
            state = "parked" if count >= attempts else entry.state
            _set(database, key, state, count, reason)
            _note(database, "failed", key, {"reason": reason, "failures": count})
            if state == "parked":
                _note(database, "parked", key, {"reason": reason})
            return _known(database, key, self.path)

    def note(self, kind: str, key: str | None = None, **detail: Any) -> None:
        """Note what was done, with values that JSON takes."""
        with self._open() as database:
            _note(database, kind, key, detail)

    def events(self, *, last: int | None = None) -> list[dict[str, Any]]:
        """All that was noted, or the last so many, the oldest first."""
        with self._open() as database:
            rows = database.execute(
                "SELECT at, kind, key, detail FROM events ORDER BY id DESC LIMIT ?", (-1 if last is None else last,)
            ).fetchall()
        return [
            {"at": at, "kind": kind} | ({} if key is None else {"key": key}) | json.loads(detail)
            for at, kind, key, detail in reversed(rows)
        ]

    def told(self, sink: str) -> set[str]:
        """Identifiers of landslides that a sink was told of, or is being told of."""
        with self._open() as database:
            return {name for (name,) in database.execute("SELECT landslide_id FROM told WHERE sink = ?", (sink,))}

    def put_message(self, message: str, sink: str, body: dict[str, Any], landslides: Iterable[str]) -> None:
        """Keep a message that is to be sent: after a kill the same one is sent, under the same name."""
        with self._open() as database:
            row = (message, sink, json.dumps(body), now())
            database.execute("INSERT OR IGNORE INTO messages VALUES (?, ?, ?, ?, NULL)", row)
            rows = [(sink, landslide, message) for landslide in landslides]
            database.executemany("INSERT OR IGNORE INTO told VALUES (?, ?, ?)", rows)

    def unsent(self, sink: str) -> list[tuple[str, dict[str, Any]]]:
        """Messages that are to be sent, by name, the oldest first."""
        with self._open() as database:
            rows = database.execute(
                "SELECT id, body FROM messages WHERE sink = ? AND sent_at IS NULL ORDER BY rowid", (sink,)
            ).fetchall()
        return [(name, json.loads(body)) for name, body in rows]

    def sent(self, message: str, **detail: Any) -> None:
        """Note that a message was sent."""
        with self._open() as database:
            database.execute("UPDATE messages SET sent_at = ? WHERE id = ?", (now(), message))
            _note(database, "told", None, {"message": message} | detail)

    def _open(self) -> Any:
        return transaction(opened(self.path), prepare=_make)


def opened(path: Path) -> Path:
    """A database's path, its folder made where it is missing.

    Raises:
        OutputError: it cannot be made.
    """
    make_parent(path, option="--data")
    return path


def now() -> str:
    """The time, for people: nothing is decided by it."""
    return dt.datetime.now(dt.UTC).isoformat(timespec="seconds")


def _make(database: sqlite3.Connection) -> None:
    for table in _TABLES:
        database.execute(table)


def _known(database: sqlite3.Connection, key: str, path: Path) -> Entry:
    row = database.execute("SELECT * FROM acquisitions WHERE key = ?", (key,)).fetchone()
    if row is None:
        raise ParameterError(f"{key}: no such acquisition in {path}; landslide region status lists them")
    return _entry(row)


def _entry(row: tuple[Any, ...]) -> Entry:
    key, name, first, last, items, state, failures, reason, changed = row
    return Entry(key, name, first, last, tuple(json.loads(items)), state, failures, reason, changed)


def _set(database: sqlite3.Connection, key: str, state: str, failures: int, reason: str | None) -> None:
    database.execute(
        "UPDATE acquisitions SET state = ?, failures = ?, reason = ?, changed_at = ? WHERE key = ?",
        (state, failures, reason, now(), key),
    )


def _note(database: sqlite3.Connection, kind: str, key: str | None, detail: dict[str, Any]) -> None:
    database.execute(
        "INSERT INTO events (at, kind, key, detail) VALUES (?, ?, ?, ?)", (now(), kind, key, json.dumps(detail))
    )
