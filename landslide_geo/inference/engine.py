"""The sliding-window engine: a raster through a network, a row of windows at a time.

Memory does not grow with the height of the scene: the engine holds the rows that one row of windows covers, and hands
rows on as soon as no later window can change them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from math import ceil

import numpy as np
from numpy.typing import NDArray

from landslide_geo.errors import ParameterError
from landslide_geo.inference.sources import WindowSource
from landslide_geo.inference.windows import WindowGrid, blend_weights
from landslide_geo.scene.grid import Block

FloatArray = NDArray[np.float32]
BoolArray = NDArray[np.bool_]

#: (N, C, window, window) float32 → (N, K, window, window) float32; no NaN goes in.
Predict = Callable[[FloatArray], FloatArray]


@dataclass(frozen=True)
class Strip:
    """Finished rows of the result.

    Attributes:
        index: of the row of windows that finished them.
        block: where they lie; the whole width of the scene.
        values: (K, h, w) float32, NaN where the source is not valid.
    """

    index: int
    block: Block
    values: FloatArray


@dataclass
class Tally:
    """What became of the windows of a scan, and how the time was spent."""

    total: int = 0
    run: int = 0
    skipped: dict[str, int] = field(default_factory=dict)

    def skip(self, reason: str) -> None:
        """Count one window that did not reach the network."""
        self.skipped[reason] = self.skipped.get(reason, 0) + 1


class _Rows:
    """Rows of the scene under one row of windows, read once each: the rows two window rows share are kept."""

    def __init__(self, source: WindowSource, grid: WindowGrid) -> None:
        self._source, self._grid = source, grid
        height = min(grid.window, grid.height)
        self.values = np.full((source.count, height, grid.width), np.nan, dtype=np.float32)
        self.valid = np.zeros((height, grid.width), dtype=bool)
        self._top = -height  # nothing read yet

    def move_to(self, top: int) -> None:
        height = self.valid.shape[0]
        kept = max(self._top + height - top, 0)
        if kept and kept < height:
            self.values[:, :kept] = self.values[:, -kept:].copy()
            self.valid[:kept] = self.valid[-kept:].copy()
        if kept < height:
            block = Block(top + kept, 0, height - kept, self._grid.width)
            self.values[:, kept:], self.valid[kept:] = self._source.read(block)
        self._top = top


def scan_strips(
    source: WindowSource,
    predict: Predict,
    grid: WindowGrid,
    *,
    batch_size: int,
    tally: Tally,
    done: Callable[[int], bool] = lambda index: False,
    progress: Callable[[int], None] = lambda windows: None,
) -> Iterator[Strip]:
    """Run a network over a scene and yield its blended result from top to bottom.

    Every pixel's value is ``Σ w p / Σ w`` over the windows that cover it, summed in one fixed order. Unknown values
    (NaN) reach the network as 0; a hole influences its neighbours through the network's field of view only. Windows
    without a single valid pixel are skipped.

    Args:
        source: what to read.
        predict: the network; always called with the same number of windows, the last batch padded with zeros.
        grid: windows over the scene.
        batch_size: most windows per call.
        tally: filled in on the way.
        done: tells of strips that need not be yielded; windows that only they need are not run.
        progress: called with the number of windows dealt with since the last call.

    Yields:
        One strip for each row of windows that is not done.

    Raises:
        ParameterError: ``predict`` returns another shape than it should.
    """
    weights = blend_weights(grid.window, grid.overlap)
    rows = _Rows(source, grid)
    starts = grid.row_starts
    per_row = len(grid.col_starts)
    # The fewest equal batches per row: with a fixed batch, results do not depend on where a scan was resumed.
    batch = ceil(per_row / ceil(per_row / max(batch_size, 1)))
    height = rows.valid.shape[0]
    # In float32 the rounding of many equal terms adds up: hundreds of windows over a pixel would cost two digits.
    total: NDArray[np.float64] | None = None
    weight = np.zeros((height, grid.width), dtype=np.float64)
    accumulated_top = 0
    tally.total = len(grid)

    for index, top in enumerate(starts):
        bottom = starts[index + 1] if index + 1 < len(starts) else grid.height
        if _unneeded(index, starts, height, done):
            progress(per_row)
            continue
        if top != accumulated_top:
            shift = top - accumulated_top
            for array in (weight,) if total is None else (weight, *total):
                _shift_up(array, shift)
            accumulated_top = top
        rows.move_to(top)
        windows = [block for block in grid.row(index) if _needed(block, rows.valid, tally)]
        progress(per_row - len(windows))
        for start in range(0, len(windows), batch):
            group = windows[start : start + batch]
            result = _run(predict, rows.values, group, grid.window, batch)
            if total is None:
                total = np.zeros((result.shape[1], height, grid.width), dtype=np.float64)
            for block, values in zip(group, result, strict=False):
                part = slice(block.col, min(block.col + grid.window, grid.width))
                used = weights[:height, : part.stop - part.start]
                total[:, :, part] += used * values[:, :height, : part.stop - part.start].astype(np.float64)
                weight[:, part] += used
            tally.run += len(group)
            progress(len(group))
        if done(index):
            continue
        if total is None:
            total = _nothing(predict, source.count, grid, batch, height)
        final = bottom - top
        valid = rows.valid[:final]
        with np.errstate(invalid="ignore", divide="ignore"):
            values = total[:, :final] / weight[:final]
        values[:, ~valid] = np.nan
        yield Strip(index, Block(top, 0, final, grid.width), values.astype(np.float32))


def _unneeded(index: int, starts: list[int], height: int, done: Callable[[int], bool]) -> bool:
    """Whether every strip that this row of windows reaches into is done already."""
    reach = [i for i in range(index, len(starts)) if starts[i] < starts[index] + height]
    return all(done(i) for i in reach)


def _needed(block: Block, valid: BoolArray, tally: Tally) -> bool:
    if valid[:, block.col : block.col + block.width].any():
        return True
    tally.skip("nothing valid")
    return False


def _shift_up(array: NDArray[np.float64], rows: int) -> None:
    """Move rows up in place and clear those that come in from below."""
    if rows < array.shape[0]:
        array[:-rows] = array[rows:].copy()
        array[-rows:] = 0
    else:
        array[:] = 0


def _run(predict: Predict, values: FloatArray, group: list[Block], window: int, batch: int) -> FloatArray:
    """The network on some windows of one row, padded to a full batch."""
    inputs = np.zeros((batch, values.shape[0], window, window), dtype=np.float32)
    for slot, block in enumerate(group):
        cut = np.nan_to_num(values[:, :, block.col : block.col + window], nan=0.0, posinf=0.0, neginf=0.0)
        missing = window - cut.shape[1], window - cut.shape[2]
        if any(missing):
            # A scene smaller than a window is mirrored to the right and bottom.
            cut = np.pad(cut, ((0, 0), (0, missing[0]), (0, missing[1])), mode="symmetric")
        inputs[slot] = cut
    result = np.asarray(predict(inputs), dtype=np.float32)
    if result.ndim != 4 or result.shape[0] != batch or result.shape[2:] != (window, window):
        raise ParameterError(
            f"predict returned shape {result.shape} for input {inputs.shape}; it must return (N, K, window, window)"
        )
    return result


def _nothing(predict: Predict, bands: int, grid: WindowGrid, batch: int, height: int) -> NDArray[np.float64]:
    """An empty accumulator where no window has been run: only the network knows how many bands it returns."""
    probe = np.zeros((batch, bands, grid.window, grid.window), dtype=np.float32)
    return np.zeros((predict(probe).shape[1], height, grid.width), dtype=np.float64)
