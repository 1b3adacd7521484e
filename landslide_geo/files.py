"""Files that appear complete or not at all, and folders for unfinished work."""

from __future__ import annotations

import contextlib
import csv
import fcntl
import hashlib
import io
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final

from rasterio.errors import RasterioError

from landslide_geo.errors import LandslideError, OutputError

#: The file by which a process keeps others from a folder.
LOCK: Final = ".lock"
#: Beginning of the names of folders that are being removed.
_REMOVED: Final = ".landslide-removed-"


@contextmanager
def replacing(path: Path, *, also: tuple[type[Exception], ...] = ()) -> Iterator[Path]:
    """A path beside ``path`` that takes its place by rename if the block ends well, and vanishes if not.

    The temporary file has the final one's name, in a hidden folder of its own, so that libraries which write companions
    or look at the suffix behave as they would with the final one.

    Args:
        path: of the file to write; its folder exists.
        also: exceptions of a library that mean the file cannot be written, beside those of the system and GDAL.

    Raises:
        OutputError: the file cannot be written, or the disk is full.
    """
    folder: Path | None = None
    try:
        folder = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
        part = folder / path.name
        yield part
        part.replace(path)
    except LandslideError:
        raise  # something else went wrong inside, an input that cannot be read perhaps
    except (OSError, RasterioError, *also) as error:
        reason = (getattr(error, "strerror", None) or str(error) or type(error).__name__).splitlines()[0]
        raise OutputError(
            f"{path}: cannot be written ({reason}); check permissions and free disk space of its folder"
        ) from error
    finally:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


def clear_replacing(folder: Path) -> None:
    """Remove what `replacing` had begun in a folder when its process was killed; nobody else writes there."""
    for left in folder.glob(".*-*"):
        if left.is_dir():
            remove_folder(left)


def clear_parts(path: Path) -> None:
    """Remove what `replacing` or `replacing_folder` had begun for one path when its process was killed.

    Nobody else writes to that path; what else lies beside it is left alone.
    """
    for left in path.parent.glob(f".{path.name}-*"):
        if left.is_dir():
            remove_folder(left)


@contextmanager
def replacing_folder(target: Path, *, overwrite: bool = False, option: str = "--out") -> Iterator[Path]:
    """A folder that takes the place of ``target`` if the block ends well, and vanishes if not.

    Its parent is for the block's own use, and vanishes in any case.

    Args:
        target: folder to make, and its parents where they are missing.
        overwrite: remove what is there; otherwise it must not be there, or be empty.
        option: by which the user named it.

    Raises:
        OutputError: it cannot be written.
    """
    target = target.absolute()  # "." has no name
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as folder:
            made = Path(folder) / target.name
            made.mkdir()
            yield made
            if overwrite:
                remove_folder(target)
            made.replace(target)
    except LandslideError:
        raise  # something else went wrong inside, an input that cannot be read perhaps
    except OSError as error:
        raise OutputError(f"{target}: cannot be written ({error.strerror or error}); name another {option}") from None


def file_sha256(path: Path) -> str:
    """Checksum of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_text(path: Path, text: str) -> None:
    """Write a text file that a user named, and its folder where that is missing.

    Raises:
        OutputError: the file cannot be written.
    """
    make_parent(path)
    with replacing(path) as part:
        part.write_text(text + "\n", encoding="utf-8")


def csv_text(head: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    """A table as CSV, without the end of its last line, as `write_text` takes it."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)
    return text.getvalue().rstrip("\n")


def make_parent(path: Path, *, option: str = "--out") -> None:
    """Make the folder of a file that a user named.

    Args:
        path: of the file.
        option: by which the user named it.

    Raises:
        OutputError: it cannot be made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror}); name another {option}") from None


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file atomically: a reader finds it whole or not at all.

    Raises:
        OutputError: the file cannot be written.
    """
    with replacing(path) as part:
        part.write_text(json.dumps(value), encoding="utf-8")


class WorkFolder:
    """A folder for unfinished work: used by one process at a time, taken up after a kill, removed as a whole.

    Attributes:
        path: of the folder.
        taken_up: whether it holds what an earlier run left.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.taken_up = False
        self._made: list[Path] = []
        self._held: IO[str] | None = None

    def open(self, *, keep: bool) -> None:
        """Make the folder, and parents where they are missing, and keep other processes out of it.

        Args:
            keep: take up what an earlier run left rather than remove it.

        Raises:
            BlockingIOError: another process uses it.
            OSError: it cannot be made.
        """
        self.close()
        self._made = [folder for folder in self.path.parents if not folder.exists()]
        try:
            self._held = _locked(self.path)
            if not keep and self._is_used():
                with self._held:
                    remove_folder(self.path)
                    self._held = _locked(self.path)
            clear_removed(self.path.parent)
        except OSError:
            self.close()
            self._remove_parents()
            raise
        self.taken_up = self._is_used()

    def remove(self) -> None:
        """Remove the folder and what is in it."""
        remove_folder(self.path)
        self.close()

    def discard(self) -> None:
        """Remove what this run made: parents too, if nothing else has been put there. What it took up stays."""
        if not self.taken_up:
            self.remove()
            self._remove_parents()
        self.close()

    def clear(self) -> None:
        """Remove the folder where it is left over, unless another process uses it."""
        clear_removed(self.path.parent)
        if self.path.is_dir():
            with contextlib.suppress(OSError), _locked(self.path):
                remove_folder(self.path)

    def close(self) -> None:
        """Let other processes use the folder."""
        if self._held is not None:
            self._held.close()
            self._held = None

    def _is_used(self) -> bool:
        return any(path.name != LOCK for path in self.path.iterdir())

    def _remove_parents(self) -> None:
        for folder in self._made:
            with contextlib.suppress(OSError):
                folder.rmdir()


def remove_folder(folder: Path) -> None:
    """Remove a folder, if it is there, with all that is in it, at once: a kill in between leaves none of it in place.

    What such a kill leaves under another name is gone after the next removal beside it, or `clear_removed`.
    """
    try:
        aside = Path(tempfile.mkdtemp(prefix=_REMOVED, dir=folder.parent))
        folder.replace(aside)  # in place of the empty one, whose name is taken by nobody else
    except OSError:
        # No longer there, or in a folder in which nothing can be named anew.
        shutil.rmtree(folder, ignore_errors=True)
    clear_removed(folder.parent)


def clear_removed(parent: Path) -> None:
    """Remove what kills left of folders that were being removed."""
    for leftover in parent.glob(f"{_REMOVED}*"):
        shutil.rmtree(leftover, ignore_errors=True)


def _locked(folder: Path) -> IO[str]:
    """The open lock of a folder, which is made where it is missing; the system ends it with this process, even a kill.

    Raises:
        BlockingIOError: another process has it.
        OSError: the folder cannot be made or written.
    """
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            held = (folder / LOCK).open("a")
        except FileNotFoundError:
            continue  # removed in between
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Whoever had it may have removed the folder; then this is the lock of a folder that is no more.
            if os.path.samestat(os.fstat(held.fileno()), (folder / LOCK).stat()):
                return held
        except FileNotFoundError:
            pass
        except OSError:
            held.close()
            raise
        held.close()
