"""Memory that has been freed, and given back."""

from __future__ import annotations

import ctypes
import sys
from contextlib import suppress
from typing import Final

#: The parameter of glibc's ``mallopt`` that bounds the number of heaps.
_M_ARENA_MAX: Final = -8


def share_heap() -> None:
    """Let threads that start from now on share one heap of the C library.

    By default each thread gets a heap of its own and keeps there what its large arrays leave behind, which no other
    thread can use: a pipeline of threads then takes the more memory the longer it runs. Does nothing where the C
    library is not glibc.
    """
    _call("mallopt", _M_ARENA_MAX, 1)


def release() -> None:
    """Give memory that has been freed back to the system, where the C library is glibc."""
    _call("malloc_trim", 0)


def _call(function: str, *arguments: int) -> None:
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            getattr(ctypes.CDLL("libc.so.6"), function)(*arguments)
