"""Memory that has been freed, and given back."""

from __future__ import annotations

import ctypes
import sys
from contextlib import suppress


def release() -> None:
    """Give memory that has been freed back to the system.

    The C library keeps what large arrays leave behind in the heaps of the threads that made them; at the end of a step
    that is a good part of the budget. Does nothing where the C library has no such call.
    """
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL("libc.so.6").malloc_trim(0)
