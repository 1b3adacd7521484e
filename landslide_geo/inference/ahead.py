"""Work done ahead of time, so that reading, the network and writing overlap."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from landslide_geo.inference.sources import WindowSource
from landslide_geo.scene.grid import Block

FloatArray = NDArray[np.float32]
BoolArray = NDArray[np.bool_]

_T = TypeVar("_T")
_END: Any = object()
#: Columns that one thread reads at a time: a multiple of the usual tile sizes, so that no tile is decoded by two.
_SEGMENT = 1024


class Ahead(Generic[_T]):
    """The items of an iterator, made by a thread of its own, at most ``depth`` before they are asked for.

    A context: leaving it stops the thread. What the iterator raises is raised where the item is asked for.
    """

    def __init__(self, items: Iterator[_T], depth: int) -> None:
        self._items = items
        self._pool = ThreadPoolExecutor(1)
        self._pending: deque[Future[_T]] = deque(self._submit() for _ in range(depth))

    def __enter__(self) -> Ahead[_T]:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop, after the item that is being made."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def __iter__(self) -> Iterator[_T]:
        while True:
            item = self._pending.popleft().result()
            if item is _END:
                return
            self._pending.append(self._submit())
            yield item
            # Not kept while the next one is awaited: a batch or a row of the scene is large.
            del item

    def _submit(self) -> Future[_T]:
        return self._pool.submit(next, self._items, _END)


class Behind:
    """Calls done in order by a thread of its own, at most ``depth`` of them waiting.

    A context: leaving it without an error waits for all calls. What a call raises is raised by a later `submit` or on
    leaving, and the calls after it are not done: they would build on what is missing.
    """

    def __init__(self, depth: int) -> None:
        self._depth = depth
        self._pool = ThreadPoolExecutor(1)
        self._pending: deque[Future[None]] = deque()
        self._failed = False

    def __enter__(self) -> Behind:
        """Itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Wait for the calls, or drop them after an error."""
        try:
            while kind is None and self._pending:
                self._pending.popleft().result()
        finally:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def submit(self, call: Callable[..., None], *arguments: object) -> None:
        """Queue a call; waits while too many are queued."""
        while len(self._pending) >= self._depth:
            self._pending.popleft().result()
        self._pending.append(self._pool.submit(self._do, call, *arguments))

    def _do(self, call: Callable[..., None], *arguments: object) -> None:
        if self._failed:
            return
        try:
            call(*arguments)
        except BaseException:
            self._failed = True
            raise


class ParallelReader:
    """Reads blocks of a source with several threads, each its own columns, aligned to tiles.

    A context: leaving it closes the files that its threads opened.
    """

    def __init__(self, source: WindowSource, threads: int) -> None:
        self._source = source
        self._pools = [ThreadPoolExecutor(1) for _ in range(threads)]

    def __enter__(self) -> ParallelReader:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close all files."""
        close = getattr(self._source, "close", lambda: None)
        for pool in self._pools:
            pool.submit(close)
            pool.shutdown(wait=True)

    def read(self, block: Block) -> tuple[FloatArray, BoolArray]:
        """As `WindowSource.read`, but unknown values are 0: what the network is shown."""
        values = np.empty((self._source.count, *block.shape), dtype=np.float32)
        valid = np.empty(block.shape, dtype=bool)

        def fill(segment: Block) -> None:
            rows, cols = segment.inside(block)
            read, known = self._source.read(segment)
            part = values[:, rows, cols]
            part[...] = read
            np.copyto(part, 0, where=~np.isfinite(part))
            valid[rows, cols] = known

        bounds = _segments(block.col, block.col + block.width)
        # A segment always goes to the same thread, whose open files have the tiles of the row above in GDAL's cache.
        futures = [
            self._pools[left // _SEGMENT % len(self._pools)].submit(
                fill, Block(block.row, left, block.height, right - left)
            )
            for left, right in bounds
        ]
        for future in futures:
            future.result()
        return values, valid


def _segments(left: int, right: int) -> list[tuple[int, int]]:
    cuts = [left, *range((left // _SEGMENT + 1) * _SEGMENT, right, _SEGMENT), right]
    return list(pairwise(cuts))
