"""One process at a time works on a region: a lock with an owner that shows that it is alive, and a rising number.

The owner counts up a heartbeat in the region's database. Whoever waits watches the count, by its own steady clock: an
owner whose count has stood still for the whole term is dead, and so is one of this machine whose process is no more.
No two clocks are compared, so a clock that is put forward or back ends no lock. Who takes over is decided by one
transaction. Each owner has a number above all before it, which the inventory remembers: one that was taken for dead and
wakes up again finds its number outdated before it can write.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psutil

from landslide_geo.errors import LandslideError, LockLostError, RegionBusyError
from landslide_geo.regions.database import transaction
from landslide_geo.regions.history import now, opened

#: How long an owner's count may stand still.
TERM_S: Final = 60.0
#: Beats in a term.
_BEATS: Final = 10
_TABLE: Final = (
    "CREATE TABLE IF NOT EXISTS holder (one INTEGER PRIMARY KEY CHECK (one = 1), token INTEGER NOT NULL, held INTEGER "
    "NOT NULL, beat INTEGER NOT NULL, host TEXT, boot TEXT, space TEXT, pid INTEGER, started REAL, since TEXT)"
)


@dataclass(frozen=True)
class Lease:
    """The right to work on a region, while it lasts.

    Attributes:
        path: of the region's database.
        token: above that of every owner before.
    """

    path: Path
    token: int

    def check(self) -> None:
        """Make sure that nobody has taken over.

        Raises:
            LockLostError: somebody has.
        """
        with transaction(self.path, prepare=_make) as database:
            row = database.execute("SELECT token, held FROM holder").fetchone()
        if row is None or tuple(row) != (self.token, 1):
            raise LockLostError(
                f"{self.path.parent}: another run has taken the region over, for this one gave no sign of life; "
                "nothing of it is published, run again"
            )


@contextmanager
def holding(path: Path, *, floor: int = 0, wait_s: float = 0.0, term_s: float = TERM_S) -> Iterator[Lease]:
    """Hold a region while the block runs.

    Args:
        path: of the region's database.
        floor: the token is above this one: the last that wrote the inventory.
        wait_s: how long a living owner is waited for.
        term_s: how long an owner's count may stand still.

    Raises:
        RegionBusyError: another run holds it.
    """
    lease = _take(path, floor=floor, wait_s=wait_s, term_s=term_s)
    ended = threading.Event()
    beating = threading.Thread(target=_beat, args=(lease, ended, term_s / _BEATS), daemon=True, name="region-lock")
    beating.start()
    try:
        yield lease
    finally:
        ended.set()
        beating.join()
        with contextlib.suppress(LandslideError), transaction(path, prepare=_make) as database:
            database.execute("UPDATE holder SET held = 0 WHERE token = ?", (lease.token,))


def holder(path: Path) -> dict[str, Any] | None:
    """Who holds a region, as JSON takes it; None where nobody does, or who did is dead."""
    if not path.exists():
        return None
    with transaction(path, prepare=_make) as database:
        row = _row(database)
    if row is None or not row["held"] or _dead(row):
        return None
    return {name: row[name] for name in ("host", "pid", "since", "token")}


def _take(path: Path, *, floor: int, wait_s: float, term_s: float) -> Lease:
    begun = time.monotonic()
    watched: tuple[int, int] | None = None
    since, moved = begun, False
    while True:
        with transaction(opened(path), prepare=_make) as database:
            row = _row(database)
            # From here to the end of the transaction nobody else can take it, nor can its owner show life.
            seen = None if row is None else (row["token"], row["beat"])
            if row is None or not row["held"] or _dead(row):
                return _own(database, path, max(floor, 0 if row is None else row["token"]) + 1)
            if seen != watched:
                moved, watched, since = watched is not None, seen, time.monotonic()
            elif time.monotonic() - since >= term_s:
                return _own(database, path, max(floor, row["token"]) + 1)
        if moved and time.monotonic() - begun >= wait_s:
            raise RegionBusyError(
                f"{path.parent}: another run holds the region (process {row['pid']} on {row['host']}, since "
                f"{row['since']}); wait for it, or end that process"
            )
        time.sleep(min(term_s / _BEATS / 2, 1.0))


def _own(database: sqlite3.Connection, path: Path, token: int) -> Lease:
    row = (token, *_self(), now())
    database.execute("INSERT OR REPLACE INTO holder VALUES (1, ?, 1, 0, ?, ?, ?, ?, ?, ?)", row)
    return Lease(path, token)


def _beat(lease: Lease, ended: threading.Event, every_s: float) -> None:
    while not ended.wait(every_s):
        # A full disk or a file held by others keeps a beat from being counted; the next may be.
        with contextlib.suppress(LandslideError), transaction(lease.path, busy_s=every_s) as database:
            database.execute("UPDATE holder SET beat = beat + 1 WHERE token = ? AND held = 1", (lease.token,))


def _self() -> tuple[str, str, str, int, int | None]:
    """Host, its start, the space that process numbers are of, this process and its start."""
    return socket.gethostname(), _boot(), _space(), os.getpid(), _started(os.getpid())


def _dead(row: dict[str, Any]) -> bool:
    """Whether an owner is known to be no more. Of another machine, or another container, nothing is known."""
    host, boot, space, _, _ = _self()
    if (row["host"], row["boot"], row["space"]) != (host, boot, space):
        return False
    if not psutil.pid_exists(row["pid"]):
        return True
    # Numbers of processes are used again.
    return row["started"] is not None and _started(row["pid"]) != row["started"]


def _started(pid: int) -> int | None:
    """When a process began, in ticks since the machine's start, which no change of the clock moves; None: unknown.

    Of a process that has ended and waits for its parent to notice, it is −1.
    """
    try:
        # The name in the middle may hold anything; state is the 3rd and starttime the 22nd field, see proc(5).
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        return -1 if fields[0] in "ZX" else int(fields[19])
    except (OSError, ValueError, IndexError):
        return None


def _boot() -> str:
    with contextlib.suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return str(round(psutil.boot_time()))


def _space() -> str:
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


def _make(database: sqlite3.Connection) -> None:
    database.execute(_TABLE)


def _row(database: sqlite3.Connection) -> dict[str, Any] | None:
    asked = database.execute("SELECT * FROM holder")
    found = asked.fetchone()
    return None if found is None else dict(zip((column[0] for column in asked.description), found, strict=True))
