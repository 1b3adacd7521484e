"""The sliding-window engine: a column block of a raster through a network, a row of windows at a time.

Reading, cutting windows, the network, and blending with writing each have a thread, so the network waits for none of
them. Memory grows neither with the height nor with the width of the scene: the engine holds the rows of one column
block that one row of windows covers, and hands rows on as soon as no later window can change them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from landslide_geo.errors import ParameterError
from landslide_geo.inference.ahead import Ahead, Behind, ParallelReader
from landslide_geo.inference.skipping import FLAT, NOTHING, OUTSIDE, SCREENED, Screen, Skips
from landslide_geo.inference.sources import WindowSource
from landslide_geo.inference.windows import ColumnBlock, WindowGrid, blend_profile, summed_weights
from landslide_geo.scene.grid import Block

FloatArray = NDArray[np.float32]
DoubleArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

#: (N, C, window, window) float32 → (N, K, window, window) float32, or (N, K) for a whole window; no NaN goes in.
Predict = Callable[[FloatArray], FloatArray]

#: Batches and rows made before they are needed, and results waiting to be blended. More only takes memory: the
#: threads differ in speed, not in order.
DEPTH = 2


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
class Strip:
    """Finished rows of the result of one column block.

    Attributes:
        columns: the column block.
        row: of windows that finished them.
        block: where they lie.
        values: (K, h, w) float32, NaN where the source is not valid.
        coarse: whether the network gave one value per window.
        tally: what became of its windows, and of those of others that were run for its sake.
    """

    columns: ColumnBlock
    row: int
    block: Block
    values: FloatArray
    coarse: bool
    tally: Tally


@dataclass(frozen=True)
class _Batch:
    """Windows for the network: by column of windows, and the padded input."""

    row: int
    cols: list[int]
    inputs: FloatArray


@dataclass(frozen=True)
class _RowEnd:
    """All windows of a row are through: those with one known value, where the rows they finish are valid, the count."""

    row: int
    constant: list[tuple[int, float]]
    valid: BoolArray | None
    tally: Tally


class Rims(Protocol):
    """Where column blocks leave for their right neighbours what windows on the border gave beyond it.

    A rim is (windows, K, h, w) float32, by row of windows: for the columns ``reach`` up to ``first`` of the neighbour,
    what lies at and right of its ``left``; of no windows where none of them was run.
    """

    def has_rim(self, columns: ColumnBlock, row: int) -> bool:
        """Whether the left neighbour of a column block has left a rim for it."""

    def rim(self, columns: ColumnBlock, row: int) -> FloatArray:
        """The rim that it left."""

    def save_rim(self, columns: ColumnBlock, row: int, rim: FloatArray) -> None:
        """Leave a rim for a column block, the right neighbour of the one that is computed."""


def scan_columns(
    source: WindowSource,
    predict: Predict,
    grid: WindowGrid,
    columns: ColumnBlock,
    rows: range,
    *,
    batch: int,
    save: Callable[[Strip], None],
    done: Callable[[int], bool] = lambda row: False,
    rims: Rims | None = None,
    inherit: bool = False,
    skips: Skips | None = None,
    screen: Screen | None = None,
    progress: Callable[[int], None] = lambda windows: None,
    readers: int = 1,
    callers: int = 1,
) -> Tally:
    """Run a network over rows of a column block and hand on its blended result from top to bottom.

    Every pixel's value is ``Σ w p / Σ w`` over the windows that cover it, summed in one fixed order. Unknown values
    (NaN) reach the network as 0; a hole influences its neighbours through the network's field of view only.

    Args:
        source: what to read.
        predict: the network; always called with ``batch`` windows, the last ones filled up with zeros.
        grid: windows over the scene.
        columns: the column block.
        rows: rows of windows whose strips are wanted.
        batch: windows per call.
        save: takes finished strips; called from another thread, in order.
        done: tells of strips, by row of windows, that need not be computed; windows that only they need are not run.
        rims: where to leave what the right neighbour needs; None leaves nothing.
        inherit: take what the left neighbour left, as far as all of it is there, rather than run its windows again.
        skips: windows known beforehand not to need the network.
        screen: a cheap filter that decides which of the others need it.
        progress: called with the number of windows of the block's own dealt with since the last call.
        readers: threads that read.
        callers: threads that call the network at once: a GPU copies one batch while it computes another.

    Returns:
        What became of the windows; ``total`` is left to the caller.

    Raises:
        ParameterError: ``predict`` returns another shape than it should.
    """
    tally = Tally()
    wanted = {row for row in rows if not done(row)}
    needed = [row for row in range(rows.stop) if not wanted.isdisjoint(grid.reaches(row))]
    progress(len(set(rows) - set(needed)) * (columns.last - columns.first))
    if not needed:
        return tally
    inherited = rims if inherit and rims is not None and all(rims.has_rim(columns, row) for row in needed) else None
    task = _Task(grid, columns, rows, needed, batch, columns.reach if inherited is None else columns.first)
    cutter = _Cutter(task, source.count, skips or Skips(), screen, tally, progress)
    blender = _Blender(task, wanted, save, inherited, rims)
    with ExitStack() as stack:
        reader = stack.enter_context(ParallelReader(source, readers))
        # Left in the reverse order: results first, then windows, then rows, then files.
        increments = stack.enter_context(Ahead(cutter.increments(reader), DEPTH - 1))
        work = stack.enter_context(Ahead(cutter.work(iter(increments)), DEPTH))
        results = stack.enter_context(Behind(DEPTH))
        for item, result in stack.enter_context(closing(_answered(work, predict, callers))):
            if isinstance(item, _RowEnd):
                if blender.outputs is None and (item.constant or item.row in wanted):
                    # No window has been run yet, and only the network knows how many bands it returns.
                    probe = np.zeros((batch, source.count, grid.window, grid.window), dtype=np.float32)
                    blender.expect(_checked(predict(probe), probe))
                results.submit(blender.finish, item)
                continue
            assert result is not None
            blender.expect(result)
            results.submit(blender.add, item.row, item.cols, result)
            own = sum(columns.first <= col for col in item.cols) if item.row in rows else 0
            tally.run += len(item.cols)
            tally.repeated += len(item.cols) - own
            progress(own)
    return tally


@dataclass(frozen=True)
class _Task:
    """What is computed: ``needed`` rows of windows for the strips of ``rows``, from the ``first`` column on."""

    grid: WindowGrid
    columns: ColumnBlock
    rows: range
    needed: list[int]
    batch: int
    first: int

    @property
    def left(self) -> int:
        """First column of pixels that is read."""
        return self.grid.col_starts[self.first]

    @property
    def right(self) -> int:
        """End of the columns of pixels that are read."""
        return self.columns.read_right

    @property
    def height(self) -> int:
        """Rows of pixels under one row of windows."""
        return min(self.grid.window, self.grid.height)


def _answered(
    work: Iterable[_Batch | _RowEnd], predict: Predict, callers: int
) -> Generator[tuple[_Batch | _RowEnd, FloatArray | None], None, None]:
    """Batches with what the network returned, and ends of rows, in their order."""

    def ask(batch: _Batch) -> FloatArray:
        return _checked(predict(batch.inputs), batch.inputs)

    if callers == 1:
        for item in work:
            yield item, ask(item) if isinstance(item, _Batch) else None
        return
    with ThreadPoolExecutor(callers) as pool:
        waiting: deque[tuple[_Batch | _RowEnd, Future[FloatArray] | None]] = deque()
        try:
            for item in work:
                waiting.append((item, pool.submit(ask, item) if isinstance(item, _Batch) else None))
                while sum(future is not None for _, future in waiting) >= callers:
                    first, answer = waiting.popleft()
                    yield first, None if answer is None else answer.result()
            for first, answer in waiting:
                yield first, None if answer is None else answer.result()
        finally:
            pool.shutdown(cancel_futures=True)


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
        task: _Task,
        bands: int,
        skips: Skips,
        screen: Screen | None,
        tally: Tally,
        progress: Callable[[int], None],
    ) -> None:
        self._task, self._bands, self._grid, self._columns = task, bands, task.grid, task.columns
        self._skips, self._screen, self._tally, self._progress = skips, screen, tally, progress
        self._counted = Tally()  # of the row that is being cut

    def increments(self, reader: ParallelReader) -> Iterator[tuple[FloatArray, BoolArray]]:
        """For each row of windows that needs reading: the rows of pixels that the one before did not have."""
        bottom = 0
        for row in self._task.needed:
            if self._outside(row):
                continue
            top = self._grid.row_starts[row]
            first = max(top, bottom)
            bottom = top + self._task.height
            yield reader.read(Block(first, self._task.left, bottom - first, self._task.right - self._task.left))

    def work(self, increments: Iterator[tuple[FloatArray, BoolArray]]) -> Iterator[_Batch | _RowEnd]:
        """Batches of windows row by row, each row with its end."""
        task, columns, window = self._task, self._columns, self._grid.window
        height = task.height
        values = np.zeros((self._bands, height, task.right - task.left), dtype=np.float32)
        valid = np.zeros(values.shape[1:], dtype=bool)
        for row in task.needed:
            if self._outside(row):
                for _ in range(columns.first, columns.last) if row in task.rows else ():
                    self._skipped(OUTSIDE)
                yield _RowEnd(row, [], None, self._count())
                continue
            new_values, new_valid = next(increments)
            kept = height - new_valid.shape[0]
            if kept:
                values[:, :kept] = values[:, -kept:].copy()
                valid[:kept] = valid[-kept:].copy()
            values[:, kept:], valid[kept:] = new_values, new_valid
            del new_values, new_valid

            ask: list[int] = []
            constant: list[tuple[int, float]] = []
            for col in range(task.first, columns.last):
                left = self._grid.col_starts[col] - task.left
                reason = self._skips.reason(row, col)
                if reason is None or reason == FLAT:
                    reason = reason if valid[:, left : left + window].any() else NOTHING
                if reason is None:
                    ask.append(col)
                    continue
                if reason == FLAT:
                    constant.append((col, 0.0))
                if row in task.rows and col >= columns.first:
                    self._skipped(reason)
            # The neighbour's windows in batches of their own: the block's are the same with and without them.
            borrowed = [col for col in ask if col < columns.first]
            for cols in (borrowed, ask[len(borrowed) :]):
                yield from self._batches(values, row, cols, constant)
            strip = self._grid.strip(columns, row).height
            inner = slice(columns.left - task.left, columns.right - task.left)
            yield _RowEnd(row, constant, valid[:strip, inner].copy(), self._count())

    def _outside(self, row: int) -> bool:
        """Whether no window of the row touches the area of interest: then nothing needs to be read."""
        return all(self._skips.reason(row, col) == OUTSIDE for col in range(self._task.first, self._columns.last))

    def _count(self) -> Tally:
        """What became of the windows of the row that ends."""
        counted, self._counted = self._counted, Tally()
        return counted

    def _skipped(self, reason: str) -> None:
        self._tally.skip(reason)
        self._counted.skip(reason)
        self._progress(1)

    def _batches(
        self, values: FloatArray, row: int, cols: list[int], constant: list[tuple[int, float]]
    ) -> Iterator[_Batch]:
        """Windows of a row, padded to full batches; those that the filter keeps back take its probability."""
        batch, screen = self._task.batch, self._screen
        if screen is not None:
            kept = []
            for start in range(0, len(cols), batch):
                asked = cols[start : start + batch]
                for col, p in zip(asked, screen.probabilities(self._cut(values, asked)), strict=False):
                    if not p < screen.threshold:  # a filter that does not know screens nothing
                        kept.append(col)
                        continue
                    constant.append((col, float(p)))
                    if row in self._task.rows and col >= self._columns.first:
                        self._skipped(SCREENED)
            cols = kept
        self._counted.run += len(cols)
        self._counted.repeated += sum(row not in self._task.rows or col < self._columns.first for col in cols)
        for start in range(0, len(cols), batch):
            yield _Batch(row, cols[start : start + batch], self._cut(values, cols[start : start + batch]))

    def _cut(self, values: FloatArray, cols: list[int]) -> FloatArray:
        """Some windows, padded to a full batch."""
        window = self._grid.window
        inputs = np.zeros((self._task.batch, self._bands, window, window), dtype=np.float32)
        for slot, col in enumerate(cols):
            left = self._grid.col_starts[col] - self._task.left
            cut = values[:, :, left : left + window]
            missing = window - cut.shape[1], window - cut.shape[2]
            if any(missing):
                # A scene smaller than a window is mirrored to the right and bottom.
                cut = np.pad(cut, ((0, 0), (0, missing[0]), (0, missing[1])), mode="symmetric")
            inputs[slot] = cut
        return inputs


class _Blender:
    """Weighted sums of the windows' results over the rows under one row of windows."""

    def __init__(
        self,
        task: _Task,
        wanted: set[int],
        save: Callable[[Strip], None],
        inherited: Rims | None,
        rims: Rims | None,
    ) -> None:
        grid = task.grid
        self._task, self._grid, self._columns = task, grid, task.columns
        self._wanted, self._save, self._inherited, self._rims = wanted, save, inherited, rims
        profile = blend_profile(grid.window, grid.overlap)
        self._weights = np.outer(profile, profile)
        # Weights of all windows, skipped ones too: a valid pixel's windows all contain a valid pixel and count, run or
        # not. So the sum is known beforehand, a product of what rows and columns give.
        self._row_weights = summed_weights(grid.height, grid.row_starts, profile)
        self._col_weights = summed_weights(grid.width, grid.col_starts, profile)
        #: Bands of the result, known once the network has been asked.
        self.outputs: int | None = None
        self._coarse = False
        # In float32 the rounding of many equal terms adds up: hundreds of windows over a pixel would cost two digits.
        self._total: DoubleArray | None = None
        self._top = 0
        following = grid.column_blocks[task.columns.index + 1 : task.columns.index + 2]
        self._next = following[0] if following and rims is not None else None
        self._rim: FloatArray | None = None
        #: Windows since the last strip; those of rows whose own strip is not wanted were run once more.
        self._tally = Tally()
        #: What the left neighbour's windows gave where there was no rim to inherit, by column of windows.
        self._borrowed: dict[int, FloatArray] = {}

    def expect(self, result: FloatArray) -> None:
        """Learn from a result of the network how many bands to make."""
        self.outputs, self._coarse = result.shape[1], result.ndim == 2

    def add(self, row: int, cols: list[int], result: FloatArray) -> None:
        """Add what the network gave for some windows of a row."""
        for col, values in zip(cols, result, strict=False):
            self._add(row, col, values if values.ndim == 3 else values[:, None, None])

    def finish(self, end: _RowEnd) -> None:
        """Add what is known without the network, leave the rim, and save the rows that are finished."""
        for col, value in end.constant:
            if value:
                self._add(end.row, col, np.array([value], dtype=np.float32)[:, None, None])
        if self._next is not None and self._rims is not None:
            nothing = np.zeros((0, 0, 0, 0), dtype=np.float32)
            self._rims.save_rim(self._next, end.row, nothing if self._rim is None else self._rim)
            self._rim = None
        # The neighbour's windows last, so that the sum is the same whoever ran them.
        if self._inherited is not None:
            self._add_rim(end.row, self._inherited.rim(self._columns, end.row))
        for col in sorted(self._borrowed):
            self._sum(end.row, col, self._borrowed.pop(col))
        if end.row not in self._wanted:
            self._tally.add(Tally(run=end.tally.run, repeated=end.tally.run))
            return
        tally, self._tally = self._tally, Tally()
        tally.add(end.tally)
        total = self._at(end.row)
        block = self._grid.strip(self._columns, end.row)
        rows, cols = block.slices
        values = total[:, : block.height] / (self._row_weights[rows, None] * self._col_weights[cols])
        if end.valid is None:
            values[:] = np.nan
        else:
            values[:, ~end.valid] = np.nan
        self._save(Strip(self._columns, end.row, block, values.astype(np.float32), self._coarse, tally))

    def _add(self, row: int, col: int, values: FloatArray) -> None:
        """Add one window; ``values`` may hold fewer bands than the result has, whose others then are 0 there."""
        height = self._task.height
        # One value for the whole window is spread over its pixels.
        whole = (values.shape[0], height, self._grid.window)
        values = np.broadcast_to(values[:, : height if values.shape[1] > 1 else None], whole)
        if col < self._columns.first:
            self._borrowed[col] = values
            return
        self._sum(row, col, values)
        if self._next is not None and col >= self._next.reach:
            self._keep(self._next, col, values)

    def _sum(self, row: int, col: int, values: FloatArray) -> None:
        """Add the part of a window that lies inside the column block; ``values`` is (K, h, window)."""
        total = self._at(row)
        height = total.shape[1]
        left = self._grid.col_starts[col]
        start, stop = max(left, self._columns.left), min(left + self._grid.window, self._columns.right)
        inside = slice(start - left, stop - left)
        target = total[: values.shape[0], :, start - self._columns.left : stop - self._columns.left]
        target += self._weights[:height, inside] * values[:, :, inside]

    def _keep(self, following: ColumnBlock, col: int, values: FloatArray) -> None:
        """Remember what a window gave for the neighbour on the right."""
        cols = range(following.reach, following.first)
        if self._rim is None:
            widest = max(self._beyond(following, other).stop for other in cols) - following.left
            shape = (len(cols), self.outputs or values.shape[0], values.shape[1], widest)
            self._rim = np.zeros(shape, dtype=np.float32)
        beyond = self._beyond(following, col)
        part = slice(beyond.start - self._grid.col_starts[col], beyond.stop - self._grid.col_starts[col])
        self._rim[col - following.reach, : values.shape[0], :, : len(beyond)] = values[:, :, part]

    def _add_rim(self, row: int, rim: FloatArray) -> None:
        """Add what the left neighbour's windows gave for this block."""
        if not rim.size:
            return
        if self.outputs is None:
            self.outputs = rim.shape[1]
        total = self._at(row)
        for values, col in zip(rim, range(self._columns.reach, self._columns.first), strict=True):
            beyond = self._beyond(self._columns, col)
            left = self._grid.col_starts[col]
            weights = self._weights[: total.shape[1], beyond.start - left : beyond.stop - left]
            total[: values.shape[0], :, : len(beyond)] += weights * values[:, :, : len(beyond)]

    def _beyond(self, following: ColumnBlock, col: int) -> range:
        """The columns of pixels that a window of the left neighbour has in a block."""
        return range(following.left, min(self._grid.col_starts[col] + self._grid.window, following.right))

    def _at(self, row: int) -> DoubleArray:
        """The sums, moved down to a row of windows."""
        top = self._grid.row_starts[row]
        if self._total is None:
            shape = (self.outputs or 1, self._task.height, self._columns.right - self._columns.left)
            self._total = np.zeros(shape, dtype=np.float64)
        elif (shift := top - self._top) > 0:
            kept = max(self._total.shape[1] - shift, 0)
            for band in self._total:
                band[:kept] = band[shift:].copy()
            self._total[:, kept:] = 0
        self._top = top
        return self._total
