"""The folder a scan writes to: unfinished work apart, finished files moved in by rename, ``scan.json`` last."""

from __future__ import annotations

import contextlib
import fcntl
import json
import shutil
from pathlib import Path
from typing import IO, Any, Final

from landslide_geo.errors import LandslideError, OutputError
from landslide_geo.inventory import refuse_open_database

RECORD: Final = "scan.json"
REVIEW: Final = "review"
_LOCK: Final = ".lock"

#: Files a scan may write, in the order they are moved into place; the record is the commit mark.
FILES: Final = (
    "probability.tif",
    "probability.qml",
    "uncertainty.tif",
    "rdndvi.tif",
    "review/post.tif",
    "review/pre.tif",
    "review/hillshade.tif",
    "review/visibility.tif",
    "review/change.tif",
    "landslides.gpkg",
    "review.qgz",
    "quicklook.png",
    "report.html",
    "item.json",
    RECORD,
)


class Workspace:
    """One scan's output folder and its partial folder inside.

    Attributes:
        out: the output folder.
        partial: where files lie until all are finished.
    """

    def __init__(self, out: Path, key: str) -> None:
        self.out, self.key = out, key
        self.partial = out / f".partial-{key}"
        self._made: list[Path] = []
        self._held: IO[str] | None = None
        self._committing = False
        self._taken_up = False

    def finished(self) -> dict[str, Any] | None:
        """The record of a finished scan with this key, or None."""
        record = read_record(self.out)
        if record is None or record.get("key") != self.key:
            return None
        return record if all((self.out / name).exists() for name in record["outputs"]) else None

    def open(self, *, resume: bool, overwrite: bool) -> None:
        """Make the folders, taking up or discarding what an earlier run with the same key left.

        Raises:
            OutputError: the folder cannot be written, holds another scan and ``overwrite`` is off, or the same scan is
                being written there by another process.
        """
        try:
            other = [name for name in FILES if (self.out / name).exists()]
            record = read_record(self.out)
            committing = record is None and self.partial.is_dir() and resume
            if other and not overwrite and not committing and (record is None or record.get("key") != self.key):
                raise OutputError(
                    f"{self.out}: holds another scan ({other[0]}); choose another folder with --out, "
                    "or replace it with --overwrite"
                )
            refuse_open_database(self.out / "landslides.gpkg")
            self._made = [folder for folder in (self.out, *self.out.parents) if not folder.exists()]
            self._taken_up = resume and self.partial.is_dir()
            self._lock()
            if not resume:
                self._clear()
            (self.partial / REVIEW).mkdir(parents=True, exist_ok=True)
            probe = self.partial / ".writable"
            probe.touch()
            probe.unlink()
        except LandslideError:
            raise
        except OSError as error:
            raise OutputError(
                f"{self.out}: cannot be written ({error.strerror}); choose a folder you can write with --out"
            ) from None

    def commit(self, record: dict[str, Any]) -> None:
        """Move finished files into place one by one, the record last, and remove the partial folder.

        Files of an earlier scan that this one does not write are removed before the record appears.

        Raises:
            OutputError: a file cannot be moved.
        """
        refuse_open_database(self.out / "landslides.gpkg")
        self._committing = True
        try:
            (self.partial / RECORD).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
            # From here until the new record is in place, the folder counts as unfinished.
            (self.out / RECORD).unlink(missing_ok=True)
            for name in FILES:
                source, target = self.partial / name, self.out / name
                if source.exists():
                    target.parent.mkdir(parents=True, exist_ok=True)
                    source.replace(target)
                elif name != RECORD and name not in record["outputs"]:
                    target.unlink(missing_ok=True)
            # What interrupted scans with other settings left is of no use beside a finished one.
            self._release()
            for leftover in self.out.glob(".partial-*"):
                # What `predict_raster` may be at has a name before its key.
                ours = "-" not in leftover.name.removeprefix(".partial-")
                if ours and not _is_locked(leftover / _LOCK):
                    shutil.rmtree(leftover)
        except OSError as error:
            raise OutputError(
                f"{self.out}: cannot be written ({error.strerror}); mend that and run again with --resume"
            ) from None

    def discard(self) -> None:
        """Remove what this run wrote: after an error of the user's, nothing half-written stays.

        What an earlier run had finished and this one took up is kept: a wrong address must not cost it. Once files are
        being moved into place, the rest of them is kept for ``--resume`` too: removing them would leave neither the old
        result nor the new one.
        """
        self._release()
        if self._committing or self._taken_up:
            return
        shutil.rmtree(self.partial, ignore_errors=True)
        for folder in self._made:
            # Folders that were made on the way stay only if something else has been put there.
            with contextlib.suppress(OSError):
                folder.rmdir()

    def _lock(self) -> None:
        """Keep other processes from writing the same scan; the system ends the lock with this process, even a kill."""
        self.partial.mkdir(parents=True, exist_ok=True)
        self._held = (self.partial / _LOCK).open("a")
        try:
            fcntl.flock(self._held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._release()
            raise OutputError(
                f"{self.out}: the same scan is being written there by another process; wait for it, or choose another "
                "folder with --out"
            ) from None

    def _release(self) -> None:
        if self._held is not None:
            self._held.close()
            self._held = None

    def _clear(self) -> None:
        """Remove what an earlier run left, but for the lock."""
        for path in self.partial.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name != _LOCK:
                path.unlink()


def _is_locked(path: Path) -> bool:
    """Whether another process holds a lock."""
    with contextlib.suppress(FileNotFoundError), path.open("r") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def read_record(out: Path) -> dict[str, Any] | None:
    """The content of ``scan.json`` in a folder, or None where there is none that can be read."""
    try:
        value = json.loads((out / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None
