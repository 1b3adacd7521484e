"""Networks in the form a library takes them, kept from one scan to the next in the user's cache folder.

Importing PyTorch, building a network and translating it takes as long as half a minute of scanning saves; what comes of
it depends on the network and the versions of the libraries only.
"""

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
from typing import Any, Final

import platformdirs

#: Translations that are kept; those not used for longest go first.
_MOST: Final = 8
_LOCK: Final = threading.Lock()


def folder() -> Path:
    """Where translations are kept: ``landslide-geo/networks`` in the user's cache folder (``XDG_CACHE_HOME``)."""
    return Path(platformdirs.user_cache_dir("landslide-geo", appauthor=False)) / "networks"


def kept(facts: Sequence[Any], make: Callable[[Path], object]) -> Path | None:
    """The folder of what ``make`` wrote, now or in an earlier process.

    Args:
        facts: that decide what is written, as JSON takes them.
        make: writes into the folder that it is given. Its errors are raised, and nothing is kept then.

    Returns:
        A folder that is complete; None where nothing can be kept, for the user's home cannot be written.
    """
    with _LOCK:  # two threads that want the same wait for each other
        return _kept(facts, make)


def _kept(facts: Sequence[Any], make: Callable[[Path], object]) -> Path | None:
    place = folder() / hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32]
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
    _forget_oldest(place.parent)
    return place if place.is_dir() else None


def forget(place: Path) -> None:
    """Remove a translation that cannot be used."""
    shutil.rmtree(place, ignore_errors=True)


def _forget_oldest(parent: Path) -> None:
    with suppress(OSError):
        places = [path for path in parent.iterdir() if path.is_dir() and not path.name.startswith(".")]
        for path in sorted(places, key=lambda path: path.stat().st_mtime)[:-_MOST]:
            forget(path)
