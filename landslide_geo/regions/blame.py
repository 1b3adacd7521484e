"""What no acquisition is to blame for, by the errors that follow from it."""

from __future__ import annotations

import errno
import shutil
import sqlite3
from pathlib import Path
from typing import Final

from landslide_geo.errors import OutputError

_FULL: Final = (errno.ENOSPC, errno.EDQUOT)
#: A disk with less than this left is full, whatever a library calls the error that follows.
_LEAST_BYTES: Final = 64 * 2**20


def is_full(error: BaseException | None, folder: Path) -> bool:
    """Whether an error came of a full disk: by what it says, or by how little is left where a folder lies."""
    if shutil.disk_usage(folder).free < _LEAST_BYTES:
        return True
    while error is not None:
        if isinstance(error, OSError) and error.errno in _FULL:
            return True
        error = error.__cause__ or error.__context__
    return False


def is_held(error: BaseException) -> bool:
    """Whether another program held a database for too long, or it could not be written."""
    return isinstance(error, OutputError) and isinstance(error.__cause__, sqlite3.OperationalError)
