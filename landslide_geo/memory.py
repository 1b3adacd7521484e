"""Memory that has been freed, and given back."""

from __future__ import annotations

import ctypes
import sys
from contextlib import suppress
from typing import Final

#: Parameters of glibc's ``mallopt``: when free memory goes back to the system, how many arrays the system provides one
#: by one, the number of heaps.
_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_MAX: Final = -4
_M_ARENA_MAX: Final = -8
#: Free bytes at the end of the heap that stay with the process until `release`.
_KEPT: Final = 1 << 30


def share_heap() -> None:
    """Let threads that start from now on share one heap of the C library, which keeps what is freed until `release`.

    By default each thread gets a heap of its own and keeps there what its large arrays leave behind, which no other
    thread can use: a pipeline of threads then takes the more memory the longer it runs. And the largest arrays come
    from the system, which clears every page of them each time: a quarter of the time of a network in PyTorch. Does
    nothing where the C library is not glibc.
    """
    _call("mallopt", _M_ARENA_MAX, 1)
    _call("mallopt", _M_MMAP_MAX, 0)
    _call("mallopt", _M_TRIM_THRESHOLD, _KEPT)


def release() -> None:
    """Give memory that has been freed back to the system, where the C library is glibc."""
    _call("malloc_trim", 0)


def _call(function: str, *arguments: int) -> None:
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            getattr(ctypes.CDLL("libc.so.6"), function)(*arguments)
