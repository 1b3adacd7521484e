"""What a scan takes in memory."""

from __future__ import annotations

import rasterio

from landslide_geo.errors import ParameterError
from landslide_geo.inference.engine import DEPTH
from landslide_geo.inference.windows import WindowGrid

_MB = 2**20
#: Share of the budget that GDAL's block cache may take, and the most that is of use: blocks are read and written
#: once, from top to bottom, so that a row of tiles under a column block is all that is wanted twice.
_CACHE_SHARE = 4
_CACHE_MB = 96
#: Planes of float64 that averaging holds of a batch of answers: the sum over a member's symmetries, the sums over all
#: answers that mean and spread follow from, and what is being added to them.
_PLANES = 6


def gdal_memory(memory_mb: int) -> rasterio.Env:
    """A GDAL environment whose block cache takes at most a quarter of the budget, and no more than is of use.

    GDAL reads small numbers as megabytes; rasterio hands the number over as bytes.
    """
    return rasterio.Env(GDAL_CACHEMAX=min(max(memory_mb // _CACHE_SHARE, 16), _CACHE_MB) * _MB)


def engine_memory_mb(grid: WindowGrid, bands: int, batch: int, outputs: int = 2, *, answers: int = 1) -> float:
    """What the engine's arrays take for one part, in MB; the network's own memory and GDAL's cache come on top.

    The rows under one row of windows, and new rows waiting for them; batches of windows going in and out; a turned
    batch and the averages of what networks answered, where one is asked several times; sums, and a strip while it is
    finished.

    Args:
        grid: windows over the scene.
        bands: that are read.
        batch: windows in a call of the network.
        outputs: bands of the result.
        answers: symmetries times members that are averaged; one after the other, so what counts is whether it is one.
    """
    width = max(block.read_right - block.read_left for block in grid.column_blocks)
    height, new = min(grid.window, grid.height), min(grid.stride, grid.height)
    rows = width * (4 * bands + 1) * (height + (DEPTH + 1) * new)
    batches = (DEPTH + 2) * batch * grid.window**2 * 4 * (bands + outputs)
    averages = batch * grid.window**2 * (4 * bands + 8 * _PLANES) if answers > 1 else 0
    sums = width * outputs * (8 * height + (8 + 4 + 4) * new) + 2 * 8 * grid.window**2 * outputs
    return (rows + batches + averages + sums) / _MB


def check_budget(grid: WindowGrid, bands: int, batch: int, memory_mb: int, *, answers: int = 1) -> None:
    """Check that a part fits beside GDAL's cache; arguments as of `engine_memory_mb`.

    Raises:
        ParameterError: it does not; the message says what would do.
    """
    needed = engine_memory_mb(grid, bands, batch, answers=answers)
    if needed > memory_mb * (1 - 1 / _CACHE_SHARE):
        enough = int(needed / (1 - 1 / _CACHE_SHARE)) + 1
        raise ParameterError(
            f"memory of {memory_mb} MB is too little for {bands} bands, windows of {grid.window} pixels and batches of "
            f"{batch}; allow at least {enough} MB, or choose smaller windows or batches"
        )
