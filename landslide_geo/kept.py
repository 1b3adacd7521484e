"""What takes long to make and follows from known facts, kept from one run to the next in the user's cache folder."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import platformdirs


class Shelf:
    """Folders that were made once, each under the facts it follows from; those not used for longest go first.

    Args:
        name: of the shelf, ``landslide-geo/NAME`` in the user's cache folder (``XDG_CACHE_HOME``).
        most: folders that are kept.
    """

    def __init__(self, name: str, *, most: int) -> None:
        self._name, self._most = name, most
        self._lock = threading.Lock()

    @property
    def folder(self) -> Path:
        """Where it stands."""
        return Path(platformdirs.user_cache_dir("landslide-geo", appauthor=False)) / self._name

    def kept(self, facts: Sequence[Any], make: Callable[[Path], object]) -> Path | None:
        """The folder of what ``make`` wrote, now or in an earlier process.

        Args:
            facts: that decide what is written, as JSON takes them.
            make: writes into the folder that it is given. Its errors are raised, and nothing is kept then.

        Returns:
            A folder that is complete; None where nothing can be kept, for the user's home cannot be written.
        """
        with self._lock:  # two threads that want the same wait for each other
            return self._kept(facts, make)

    def _kept(self, facts: Sequence[Any], make: Callable[[Path], object]) -> Path | None:
        place = self.folder / hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32]
        if place.is_dir():
            with suppress(OSError):
                os.utime(place)  # used just now
            return place
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            part = Path(tempfile.mkdtemp(prefix=".part-", dir=place.parent))
        except OSError:
            return None
        try:
            make(part)
            with suppress(OSError):  # another process was first
                part.rename(place)
        finally:
            shutil.rmtree(part, ignore_errors=True)
        self._forget_oldest()
        return place if place.is_dir() else None

    def forget(self, place: Path) -> None:
        """Remove one that cannot be used."""
        shutil.rmtree(place, ignore_errors=True)

    def _forget_oldest(self) -> None:
        with suppress(OSError):
            places = [path for path in self.folder.iterdir() if path.is_dir() and not path.name.startswith(".")]
            for path in sorted(places, key=lambda path: path.stat().st_mtime)[: -self._most]:
                self.forget(path)
