"""Blocks of a lazy band, loaded in strips: each tile of a file is unpacked about once, however blocks lie to tiles."""

from __future__ import annotations

from collections import OrderedDict
from concurrent.futures import Future
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from landslide_geo.scene.cog import TILE
from landslide_geo.scene.grid import Block

if TYPE_CHECKING:
    import dask.array as da

#: Threads that read the files of a strip.
WORKERS: Final = 4
#: A lazy band is read in chunks as high as the tiles that are written, and wide: a file on another grid, or of larger
#: pixels, has tiles that reach into several chunks, and each of these unpacks them again.
CHUNKS: Final = {"y": TILE, "x": 8 * TILE}
#: Columns of a strip: some chunks, which are read at a time. Memory does not grow with the width.
_WIDTH: Final = 4 * CHUNKS["x"]
#: Strips that are kept: blocks are asked for row by row by two threads, one of which may be a strip ahead.
_KEPT: Final = 2


class Strips:
    """What a lazy band holds, block by block.

    Args:
        lazy: (item, y, x), in `CHUNKS`.
    """

    def __init__(self, lazy: da.Array) -> None:
        self._lazy = lazy
        self._loaded: OrderedDict[tuple[int, int], Future[NDArray[Any]]] = OrderedDict()
        self._lock = Lock()

    def read(self, block: Block) -> NDArray[Any]:
        """(item, h, w) values of a block; several threads may ask.

        Raises:
            FetchError: a file cannot be had.
        """
        rows, cols = block.slices
        return np.concatenate(
            [
                np.concatenate([self._part(top, left, rows, cols) for left in _starts(cols, _WIDTH)], axis=2)
                for top in _starts(rows, TILE)
            ],
            axis=1,
        )

    def _part(self, top: int, left: int, rows: slice, cols: slice) -> NDArray[Any]:
        """What a block has of the strip that begins at ``top`` and ``left``."""
        strip = self._strip(top, left)
        return strip[
            :, max(rows.start - top, 0) : rows.stop - top, max(cols.start - left, 0) : cols.stop - left
        ]  # beyond its end a slice ends with the strip

    def _strip(self, top: int, left: int) -> NDArray[Any]:
        key, mine = (top, left), None
        with self._lock:
            if (future := self._loaded.get(key)) is None:
                future = mine = self._loaded[key] = Future()
                while len(self._loaded) > _KEPT:
                    self._loaded.popitem(last=False)
        if mine is not None:
            try:
                part = self._lazy[:, top : top + TILE, left : left + _WIDTH]
                mine.set_result(part.compute(scheduler="threads", num_workers=WORKERS))
            except BaseException as error:
                with self._lock:
                    self._loaded.pop(key, None)
                mine.set_exception(error)
        return future.result()


def _starts(span: slice, step: int) -> range:
    """Where the parts of a length ``step`` begin that a span has something of."""
    return range(span.start - span.start % step, span.stop, step)
