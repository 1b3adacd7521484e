"""The folder a scan writes to: unfinished work apart, finished files moved in by rename, ``scan.json`` last."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from landslide_geo.errors import LandslideError, OutputError
from landslide_geo.files import WorkFolder, write_json
from landslide_geo.inventory import refuse_open_database

RECORD: Final = "scan.json"
REVIEW: Final = "review"
#: Written before files are moved into place: the record, and by which marks each of them is known again.
_COMMIT: Final = "commit.json"

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

    Args:
        refuse: asked, before work starts and before anything is moved, whether an inventory may be written over; raises
            a `LandslideError` where not.
    """

    def __init__(self, out: Path, key: str, refuse: Callable[[Path], None] | None = None) -> None:
        self.out, self.key, self._refuse = out, key, refuse
        self.partial = out / f".partial-{key}"
        self._work = WorkFolder(self.partial)
        self._committing = False

    def finished(self) -> dict[str, Any] | None:
        """The record of a finished scan with this key, or None.

        A kill while its files were moved into place, or after that, does not make it unfinished: that is done first.

        Raises:
            OutputError: a file cannot be moved.
        """
        self._finish_commit()
        record = read_record(self.out)
        if record is None or record.get("key") != self.key:
            return None
        if not all((self.out / name).exists() for name in record["outputs"]):
            return None
        self._work.clear()
        return record

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
            self._ask()
            self._work.open(keep=resume)
            (self.partial / REVIEW).mkdir(parents=True, exist_ok=True)
            probe = self.partial / ".writable"
            probe.touch()
            probe.unlink()
        except LandslideError:
            raise
        except BlockingIOError:
            raise OutputError(
                f"{self.out}: the same scan is being written there by another process; wait for it, or choose another "
                "folder with --out"
            ) from None
        except OSError as error:
            raise OutputError(
                f"{self.out}: cannot be written ({error.strerror}); choose a folder you can write with --out"
            ) from None

    def commit(self, record: dict[str, Any]) -> None:
        """Move finished files into place one by one, the record last, and remove the partial folder.

        Files of an earlier scan that this one does not write are removed before the record appears. A kill in between
        is made good by `finished`.

        Raises:
            OutputError: a file cannot be moved.
        """
        self._committing = True
        self._ask()
        try:
            (self.partial / RECORD).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
            marks = {name: _marks(self.partial / name) for name in record["outputs"]}
            write_json(self.partial / _COMMIT, {"record": record, "marks": marks})
        except LandslideError:
            raise
        except OSError as error:
            raise self._unwritable(error) from None
        self._move(record)

    def _ask(self) -> None:
        """Refuse to write over an inventory that is open elsewhere or that holds what would be lost."""
        inventory = self.out / "landslides.gpkg"
        refuse_open_database(inventory)
        if self._refuse is not None:
            self._refuse(inventory)

    def _finish_commit(self) -> None:
        """Go on with a commit that was killed half-way, if all of its files are still what they were."""
        commit = _read(self.partial / _COMMIT)
        # As long as an earlier scan's record is there, nothing has been moved.
        if commit is None or (self.out / RECORD).exists():
            return
        for name, marks in commit["marks"].items():
            if marks not in (_marks(self.partial / name), _marks(self.out / name)):
                return
        try:
            self._work.open(keep=True)
        except OSError:
            return  # another process is at it: `open` says so
        try:
            self._move(commit["record"])
        finally:
            self._work.close()

    def _move(self, record: dict[str, Any]) -> None:
        refuse_open_database(self.out / "landslides.gpkg")
        try:
            # From here until the new record is in place, the folder counts as unfinished.
            (self.out / RECORD).unlink(missing_ok=True)
            for name in FILES:
                source, target = self.partial / name, self.out / name
                if source.exists():
                    target.parent.mkdir(parents=True, exist_ok=True)
                    source.replace(target)
                elif name != RECORD and name not in record["outputs"]:
                    target.unlink(missing_ok=True)
        except OSError as error:
            raise self._unwritable(error) from None
        self._work.remove()
        # What interrupted scans with other settings left is of no use beside a finished one.
        for leftover in self.out.glob(".partial-*"):
            # What `predict_raster` may be at has a name before its key.
            if "-" not in leftover.name.removeprefix(".partial-"):
                WorkFolder(leftover).clear()

    def _unwritable(self, error: OSError) -> OutputError:
        return OutputError(f"{self.out}: cannot be written ({error.strerror}); mend that and run again with --resume")

    def discard(self) -> None:
        """Remove what this run wrote: after an error of the user's, nothing half-written stays.

        What an earlier run had finished and this one took up is kept: a wrong address must not cost it. Once files are
        being moved into place, the rest of them is kept for ``--resume`` too: removing them would leave neither the old
        result nor the new one.
        """
        if self._committing:
            self._work.close()
        else:
            self._work.discard()

    def close(self) -> None:
        """Let other processes write this scan."""
        self._work.close()


def _marks(path: Path) -> list[int] | None:
    """What a file keeps when it is renamed, and no other has."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return [stat.st_ino, stat.st_size, stat.st_mtime_ns]


def _read(path: Path) -> dict[str, Any] | None:
    """A JSON object, or None where there is none that can be read."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def read_record(out: Path) -> dict[str, Any] | None:
    """The content of ``scan.json`` in a folder, or None where there is none that can be read."""
    return _read(out / RECORD)
