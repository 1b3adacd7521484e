"""The sliding-window engine: a part of a raster through a network, a row of windows at a time.

Reading, cutting windows, the network, and blending with writing each have a thread, so the network waits for none of
them. Memory grows neither with the height nor with the width of the scene: the engine holds the rows of one column
block that one row of windows covers, and hands rows on as soon as no later window can change them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from landslide_geo.errors import ParameterError
from landslide_geo.inference.ahead import Ahead, Behind, ParallelReader
from landslide_geo.inference.skipping import FLAT, NOTHING, OUTSIDE, SCREENED, Screen, Skips
from landslide_geo.inference.sources import WindowSource
from landslide_geo.inference.windows import ColumnBlock, Part, WindowGrid, blend_profile, summed_weights
from landslide_geo.scene.grid import Block

FloatArray = NDArray[np.float32]
DoubleArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

#: (N, C, window, window) float32 → (N, K, window, window) float32, or (N, K) for a whole window; no NaN goes in.
Predict = Callable[[FloatArray], FloatArray]

#: Batches and rows made before they are needed, and results waiting to be blended. More only takes memory: the
#: threads differ in speed, not in order.
DEPTH = 2


@dataclass(frozen=True)
class Strip:
    """Finished rows of the result of one column block.

    Attributes:
        columns: the column block.
        row: of windows that finished them.
        block: where they lie.
        values: (K, h, w) float32, NaN where the source is not valid.
        coarse: whether the network gave one value per window.
    """

    columns: ColumnBlock
    row: int
    block: Block
    values: FloatArray
    coarse: bool


@dataclass
class Tally:
    """What became of the windows of a scan.

    Attributes:
        total: windows of the scene.
        run: windows that the network saw.
        repeated: of these, those on a border of two parts that were run for both.
        skipped: windows that it did not see, by reason.
    """

    total: int = 0
    run: int = 0
    repeated: int = 0
    skipped: dict[str, int] = field(default_factory=dict)

    def skip(self, reason: str) -> None:
        """Count one window that did not reach the network."""
        self.skipped[reason] = self.skipped.get(reason, 0) + 1

    def add(self, other: Tally) -> None:
        """Add what became of another part's windows."""
        self.run += other.run
        self.repeated += other.repeated
        for reason, count in other.skipped.items():
            self.skipped[reason] = self.skipped.get(reason, 0) + count


@dataclass(frozen=True)
class _Batch:
    """Windows for the network: by column of windows, and the padded input."""

    row: int
    cols: list[int]
    inputs: FloatArray


@dataclass(frozen=True)
class _RowEnd:
    """All windows of a row are through: those with one known value, and where the rows they finish are valid."""

    row: int
    constant: list[tuple[int, float]]
    valid: BoolArray | None


def scan_part(
    source: WindowSource,
    predict: Predict,
    grid: WindowGrid,
    part: Part,
    *,
    batch: int,
    save: Callable[[Strip], None],
    done: Callable[[int], bool] = lambda row: False,
    skips: Skips | None = None,
    screen: Screen | None = None,
    progress: Callable[[int], None] = lambda windows: None,
    readers: int = 1,
) -> Tally:
    """Run a network over a part of a scene and hand on its blended result from top to bottom.

    Every pixel's value is ``Σ w p / Σ w`` over the windows that cover it, summed in one fixed order. Unknown values
    (NaN) reach the network as 0; a hole influences its neighbours through the network's field of view only.

    Args:
        source: what to read.
        predict: the network; always called with ``batch`` windows, the last ones filled up with zeros.
        grid: windows over the scene.
        part: what to compute.
        batch: windows per call.
        save: takes finished strips; called from another thread, in order.
        done: tells of strips, by row of windows, that need not be computed; windows that only they need are not run.
        skips: windows known beforehand not to need the network.
        screen: a cheap filter that decides which of the others need it.
        progress: called with the number of windows of the part's own dealt with since the last call.
        readers: threads that read.

    Returns:
        What became of the windows; ``total`` is left to the caller.

    Raises:
        ParameterError: ``predict`` returns another shape than it should.
    """
    columns, tally = part.columns, Tally()
    wanted = [row for row in range(part.first, part.last) if not done(row)]
    rows = [row for row in range(part.last) if not set(grid.reaches(row)).isdisjoint(wanted)]
    progress(len(set(range(part.first, part.last)) - set(rows)) * (columns.last - columns.first))
    if not rows:
        return tally
    skips = skips or Skips()
    cutter = _Cutter(source, grid, part, rows, batch, skips, screen, tally, progress)
    blender = _Blender(grid, columns, set(wanted), save)
    with ExitStack() as stack:
        reader = stack.enter_context(ParallelReader(source, readers))
        # Left in the reverse order: results first, then windows, then rows, then files.
        increments = stack.enter_context(Ahead(cutter.increments(reader), DEPTH - 1))
        work = stack.enter_context(Ahead(cutter.work(iter(increments)), DEPTH))
        results = stack.enter_context(Behind(DEPTH))
        for item in work:
            if isinstance(item, _RowEnd):
                if blender.outputs is None and (item.constant or item.row in blender.wanted):
                    # No window has been run yet, and only the network knows how many bands it returns.
                    probe = np.zeros((batch, source.count, grid.window, grid.window), dtype=np.float32)
                    blender.expect(_checked(predict(probe), probe))
                results.submit(blender.finish, item)
                continue
            result = _checked(predict(item.inputs), item.inputs)
            blender.expect(result)
            results.submit(blender.add, item.row, item.cols, result)
            own = sum(columns.first <= col for col in item.cols) if part.first <= item.row else 0
            tally.run += len(item.cols)
            tally.repeated += len(item.cols) - own
            progress(own)
    return tally


def _checked(result: FloatArray, inputs: FloatArray) -> FloatArray:
    result = np.asarray(result, dtype=np.float32)
    pixels = result.ndim == 4 and result.shape[2:] == inputs.shape[2:]
    if result.shape[0] != inputs.shape[0] or not (pixels or result.ndim == 2):
        raise ParameterError(
            f"predict returned shape {result.shape} for input {inputs.shape}; it must return (N, K, window, window), "
            "or (N, K) for one value per window"
        )
    return result


class _Cutter:
    """Rows of the scene, read once each and cut into windows."""

    def __init__(
        self,
        source: WindowSource,
        grid: WindowGrid,
        part: Part,
        rows: Sequence[int],
        batch: int,
        skips: Skips,
        screen: Screen | None,
        tally: Tally,
        progress: Callable[[int], None],
    ) -> None:
        self._bands, self._grid, self._part, self._rows, self._batch = source.count, grid, part, rows, batch
        self._skips, self._screen, self._tally, self._progress = skips, screen, tally, progress
        self._height = min(grid.window, grid.height)

    def increments(self, reader: ParallelReader) -> Iterator[tuple[FloatArray, BoolArray]]:
        """For each row of windows that needs reading: the rows of pixels that the one before did not have."""
        bottom = 0
        columns, width = self._part.columns, self._part.columns.read_right - self._part.columns.read_left
        for row in self._rows:
            if self._outside(row):
                continue
            top = self._grid.row_starts[row]
            first = max(top, bottom)
            bottom = top + self._height
            yield reader.read(Block(first, columns.read_left, bottom - first, width))

    def work(self, increments: Iterator[tuple[FloatArray, BoolArray]]) -> Iterator[_Batch | _RowEnd]:
        """Batches of windows row by row, each row with its end."""
        columns, window = self._part.columns, self._grid.window
        width = columns.read_right - columns.read_left
        values = np.zeros((self._bands, self._height, width), dtype=np.float32)
        valid = np.zeros((self._height, width), dtype=bool)
        for row in self._rows:
            own = row >= self._part.first
            if self._outside(row):
                for _ in range(columns.first, columns.last) if own else ():
                    self._tally.skip(OUTSIDE)
                self._progress((columns.last - columns.first) * own)
                yield _RowEnd(row, [], None)
                continue
            new_values, new_valid = next(increments)
            kept = self._height - new_valid.shape[0]
            if kept:
                values[:, :kept] = values[:, -kept:].copy() if 2 * kept > self._height else values[:, -kept:]
                valid[:kept] = valid[-kept:].copy()
            values[:, kept:], valid[kept:] = new_values, new_valid
            del new_values, new_valid

            ask: list[int] = []
            constant: list[tuple[int, float]] = []
            for col in range(columns.reach, columns.last):
                left = self._grid.col_starts[col] - columns.read_left
                reason = self._skips.reason(row, col)
                if reason is None or reason == FLAT:
                    reason = reason if valid[:, left : left + window].any() else NOTHING
                if reason is None:
                    ask.append(col)
                    continue
                if reason == FLAT:
                    constant.append((col, 0.0))
                if own and col >= columns.first:
                    self._tally.skip(reason)
                    self._progress(1)
            if self._screen is not None:
                ask = self._screened(values, row, ask, constant)
            for start in range(0, len(ask), self._batch):
                cols = ask[start : start + self._batch]
                yield _Batch(row, cols, self._cut(values, cols))
            height = self._grid.strip(columns, row).height
            inner = slice(columns.left - columns.read_left, columns.right - columns.read_left)
            yield _RowEnd(row, constant, valid[:height, inner].copy())

    def _outside(self, row: int) -> bool:
        """Whether no window of the row touches the area of interest: then nothing needs to be read."""
        columns = self._part.columns
        return all(self._skips.reason(row, col) == OUTSIDE for col in range(columns.reach, columns.last))

    def _screened(self, values: FloatArray, row: int, ask: list[int], constant: list[tuple[int, float]]) -> list[int]:
        """The windows that the filter lets through; the others take its probability."""
        assert self._screen is not None
        kept = []
        for start in range(0, len(ask), self._batch):
            cols = ask[start : start + self._batch]
            probability = self._screen.probabilities(self._cut(values, cols))[: len(cols)]
            for col, p in zip(cols, probability, strict=True):
                if p >= self._screen.threshold:
                    kept.append(col)
                    continue
                constant.append((col, float(p)))
                if row >= self._part.first and col >= self._part.columns.first:
                    self._tally.skip(SCREENED)
                    self._progress(1)
        return kept

    def _cut(self, values: FloatArray, cols: list[int]) -> FloatArray:
        """Some windows, padded to a full batch."""
        window = self._grid.window
        inputs = np.zeros((self._batch, self._bands, window, window), dtype=np.float32)
        for slot, col in enumerate(cols):
            left = self._grid.col_starts[col] - self._part.columns.read_left
            cut = values[:, :, left : left + window]
            missing = window - cut.shape[1], window - cut.shape[2]
            if any(missing):
                # A scene smaller than a window is mirrored to the right and bottom.
                cut = np.pad(cut, ((0, 0), (0, missing[0]), (0, missing[1])), mode="symmetric")
            inputs[slot] = cut
        return inputs


class _Blender:
    """Weighted sums of the windows' results over the rows under one row of windows."""

    def __init__(self, grid: WindowGrid, columns: ColumnBlock, wanted: set[int], save: Callable[[Strip], None]) -> None:
        self._grid, self._columns, self.wanted, self._save = grid, columns, wanted, save
        self._profile = blend_profile(grid.window, grid.overlap)
        self._weights = np.outer(self._profile, self._profile)
        # Weights of all windows, skipped ones too: a valid pixel's windows all contain a valid pixel and count, run or
        # not. So the sum is known beforehand, a product of what rows and columns give.
        self._row_weights = summed_weights(grid.height, grid.row_starts, self._profile)
        self._col_weights = summed_weights(grid.width, grid.col_starts, self._profile)
        #: Bands of the result, known once the network has been asked.
        self.outputs: int | None = None
        self._coarse = False
        # In float32 the rounding of many equal terms adds up: hundreds of windows over a pixel would cost two digits.
        self._total: DoubleArray | None = None
        self._top = 0

    def expect(self, result: FloatArray) -> None:
        """Learn from a result of the network how many bands to make."""
        self.outputs, self._coarse = result.shape[1], result.ndim == 2

    def add(self, row: int, cols: list[int], result: FloatArray) -> None:
        """Add what the network gave for some windows of a row."""
        for col, values in zip(cols, result, strict=False):
            self._add(row, col, values if values.ndim == 3 else values[:, None, None])

    def finish(self, end: _RowEnd) -> None:
        """Add the windows of one known value, and save the rows that are finished."""
        for col, value in end.constant:
            if value:
                self._add(end.row, col, np.array([value], dtype=np.float32)[:, None, None])
        if end.row not in self.wanted:
            return
        total = self._at(end.row)
        block = self._grid.strip(self._columns, end.row)
        rows = slice(block.row, block.row + block.height)
        cols = slice(block.col, block.col + block.width)
        values = total[:, : block.height] / (self._row_weights[rows, None] * self._col_weights[cols])
        if end.valid is None:
            values[:] = np.nan
        else:
            values[:, ~end.valid] = np.nan
        self._save(Strip(self._columns, end.row, block, values.astype(np.float32), self._coarse))

    def _add(self, row: int, col: int, values: FloatArray) -> None:
        """Add one window; ``values`` may hold fewer bands than the result has, whose others then are 0 there."""
        total = self._at(row)
        # The window's part inside the column block.
        left = self._grid.col_starts[col]
        start = max(left, self._columns.left)
        stop = min(left + self._grid.window, self._columns.right)
        inside = slice(start - left, stop - left)
        height = total.shape[1]
        target = total[: values.shape[0], :, start - self._columns.left : stop - self._columns.left]
        if values.shape[-1] > 1 or self._grid.window == 1:
            values = values[:, :height, inside]
        target += self._weights[:height, inside] * values

    def _at(self, row: int) -> DoubleArray:
        """The sums, moved down to a row of windows."""
        top = self._grid.row_starts[row]
        if self._total is None:
            shape = (
                self.outputs or 1,
                min(self._grid.window, self._grid.height),
                self._columns.right - self._columns.left,
            )
            self._total = np.zeros(shape, dtype=np.float64)
        elif (shift := top - self._top) > 0:
            kept = max(self._total.shape[1] - shift, 0)
            for band in self._total:
                band[:kept] = band[shift:].copy()
            self._total[:, kept:] = 0
        self._top = top
        return self._total
