"""Windows on one grid for a whole scene, the weights they are blended with, and the blocks the work is cut into."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from math import ceil, floor

import numpy as np
from numpy.typing import NDArray

from landslide_geo.errors import ParameterError
from landslide_geo.scene.grid import Block

FloatArray = NDArray[np.float64]

#: Weight of a window's outermost pixels. Above zero, so that a pixel which only one window covers keeps its value.
_RIM_WEIGHT = 1e-2
#: Width of a column block in pixels: memory grows with it.
BLOCK_PX = 4096
#: Windows run twice, as a share of all, that cutting a scene into parts for several processes may cost.
_REPEATED = 0.049
#: What a call of a network costs beside its windows, in windows.
_CALL = 0.1


@dataclass(frozen=True)
class ColumnBlock:
    """Neighbouring columns of windows whose result is computed together, from top to bottom.

    Attributes:
        index: from left to right.
        reach: first column of windows that reaches into it; those before ``first`` belong to its left neighbour, and
            their results beyond their own block are its *rim*.
        first, last: columns of windows of its own, ``first`` up to but not including ``last``.
        left, right: columns of pixels it yields.
        read_left, read_right: columns of pixels its windows cover.
    """

    index: int
    reach: int
    first: int
    last: int
    left: int
    right: int
    read_left: int
    read_right: int


@dataclass(frozen=True)
class Part:
    """What one process computes: some rows of neighbouring column blocks, one block after the other.

    Attributes:
        blocks: column blocks, by index.
        rows: rows of windows whose pixels it yields.
    """

    blocks: range
    rows: range


@dataclass(frozen=True)
class WindowGrid:
    """The windows over a scene: a regular grid whose last row and column are shifted inward.

    Shifting, unlike padding, shows the network real surroundings at the rim. Only a scene smaller than a window in one
    direction has windows that reach outside of it.

    Attributes:
        height, width: of the scene in pixels.
        window: size of the square windows in pixels.
        overlap: least overlap of neighbours in pixels.
        block: width that column blocks are to have in pixels.
    """

    height: int
    width: int
    window: int
    overlap: int
    block: int = field(default_factory=lambda: BLOCK_PX)

    def __post_init__(self) -> None:
        if self.height < 1 or self.width < 1:
            raise ParameterError(f"a scene of {self.height} × {self.width} pixels holds nothing to scan")
        if self.window < 1:
            raise ParameterError(f"window {self.window}: must be at least 1 pixel")
        if not 0 <= self.overlap < self.window:
            raise ParameterError(f"overlap {self.overlap}: must be at least 0 and less than the window ({self.window})")

    @cached_property
    def row_starts(self) -> list[int]:
        """First rows of the rows of windows, ascending."""
        return window_starts(self.height, self.window, self.overlap)

    @cached_property
    def col_starts(self) -> list[int]:
        """First columns of the columns of windows, ascending."""
        return window_starts(self.width, self.window, self.overlap)

    def __len__(self) -> int:
        return len(self.row_starts) * len(self.col_starts)

    @property
    def stride(self) -> int:
        """Distance of neighbouring windows in pixels."""
        return self.window - self.overlap

    @property
    def overlap_cost(self) -> float:
        """By what factor overlap multiplies the pixels that the network sees in a large scene."""
        return (self.window / self.stride) ** 2

    @cached_property
    def column_blocks(self) -> list[ColumnBlock]:
        """The scene cut into blocks of columns, by the windows alone: results never depend on memory."""
        starts = self.col_starts
        # At least as many columns that none reaches further than into the next block, halves included.
        columns = max(2 * (self._reach + 1), round(self.block / self.stride))
        blocks = ceil(len(starts) / columns)
        bounds = _even(len(starts), blocks)
        return [self._columns(i, first, last) for i, (first, last) in enumerate(pairwise(bounds))]

    def whole(self) -> Part:
        """All of the scene, for one process: no window is run twice."""
        return Part(range(len(self.column_blocks)), range(len(self.row_starts)))

    def parts(self) -> Iterator[Part]:
        """The scene in as many parts as keep the windows that are run twice, on borders, under 5 %."""
        blocks, reach = len(self.column_blocks), max(self._reach, 1)
        cuts = []
        for across in range(1, blocks + 1):
            sideways = 1 + (across - 1) * reach / len(self.col_starts)
            down = 1 + floor(max((1 + _REPEATED) / sideways - 1, 0) * len(self.row_starts) / reach)
            if sideways <= 1 + _REPEATED:
                cuts.append((across * down, across, min(down, len(self.row_starts))))
        _, across, down = max(cuts)
        for left, right in pairwise(_even(blocks, across)):
            for first, last in pairwise(_even(len(self.row_starts), down)):
                yield Part(range(left, right), range(first, last))

    def strip(self, columns: ColumnBlock, row: int) -> Block:
        """The pixels of a column block that a row of windows finishes: no window below reaches them."""
        top = self.row_starts[row]
        return Block(
            top, columns.left, self._end(self.row_starts, row, self.height) - top, columns.right - columns.left
        )

    def reaches(self, row: int) -> range:
        """The strips that a row of windows reaches into, by their row of windows; itself the first."""
        end = self.row_starts[row] + self.window
        last = row + 1
        while last < len(self.row_starts) and self.row_starts[last] < end:
            last += 1
        return range(row, last)

    def batch(self, wish: int) -> int:
        """Windows per call of a network: as many as leave little of the last batch of a row empty.

        One size for the whole scene, so that results depend neither on where a scan was resumed nor on who runs a part.

        Args:
            wish: windows per call that suit the network; the answer is at most half as many more.
        """

        def cost(size: int) -> float:
            calls = sum(ceil((block.last - block.first) / size) for block in self.column_blocks)
            return calls * (size + _CALL)

        return min(range(max(wish + wish // 2, 1), 0, -1), key=cost)

    @property
    def _reach(self) -> int:
        """Neighbours on one side that a window overlaps with."""
        return ceil(self.window / self.stride) - 1

    def _columns(self, index: int, first: int, last: int) -> ColumnBlock:
        starts = self.col_starts
        left, right = starts[first], self._end(starts, last - 1, self.width)
        reach = first
        while reach > 0 and starts[reach - 1] + self.window > left:
            reach -= 1
        end = min(starts[last - 1] + self.window, self.width)
        return ColumnBlock(index, reach, first, last, left, right, starts[reach], end)

    @staticmethod
    def _end(starts: list[int], index: int, length: int) -> int:
        return starts[index + 1] if index + 1 < len(starts) else length


def _even(length: int, pieces: int) -> list[int]:
    """Bounds of pieces of nearly equal length."""
    return [round(i * length / pieces) for i in range(pieces + 1)]


def window_starts(length: int, window: int, overlap: int) -> list[int]:
    """First pixels of the windows along one direction: every pixel is covered, the last window shifted inward.

    >>> window_starts(10, 4, 1)
    [0, 3, 6]
    >>> window_starts(11, 4, 1)
    [0, 3, 6, 7]
    >>> window_starts(3, 4, 1)
    [0]
    """
    if length <= window:
        return [0]
    starts = list(range(0, length - window, window - overlap))
    return [*starts, length - window]


def blend_profile(window: int, overlap: int) -> FloatArray:
    """Weights of a window's rows (or columns), (window,) float64 in (0, 1]: a plateau, falling linearly to the rim.

    A pixel's weight is the product of its row's and its column's. Within the overlap two neighbours' weights add up to
    nearly one, so a seam is a cross-fade; the sum of the weights is divided out in any case. The rim keeps a small
    weight above zero.
    """
    if overlap == 0:
        return np.ones(window)
    distance = np.minimum(np.arange(window), np.arange(window)[::-1]) + 0.5
    weights: FloatArray = np.clip(distance / overlap, _RIM_WEIGHT, 1.0)
    return weights


def summed_weights(length: int, starts: list[int], profile: FloatArray) -> FloatArray:
    """Sum of the weights of all windows along one direction, (length,) float64."""
    total = np.zeros(length)
    for start in starts:
        part = total[start : start + len(profile)]
        part += profile[: len(part)]
    return total
