"""`predict_raster`: any network over any raster, into a COG."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import rasterio
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from landslide_geo.errors import LandslideError, ParameterError
from landslide_geo.inference.engine import Predict, Tally, scan_strips
from landslide_geo.inference.sources import RasterSource, SceneSource, WindowSource
from landslide_geo.inference.strips import StripStore
from landslide_geo.inference.windows import WindowGrid
from landslide_geo.scene.cog import write_cog
from landslide_geo.scene.scene import Scene


def predict_raster(
    source: str | Path | Scene | WindowSource,
    predict: Predict,
    out: str | Path,
    *,
    window: int = 256,
    overlap: int = 64,
    batch_size: int = 8,
    memory_mb: int = 1024,
    resume: bool = False,
    progress: bool | Callable[[int, int], None] = True,
) -> Tally:
    """Run a network over a raster in overlapping windows and write the blended result as a COG.

    Args:
        source: path of a GeoTIFF (all its bands, on its own grid), or a scene (all its bands).
        predict: (N, C, window, window) float32 without NaN → (N, K, window, window) float32. Unknown values are 0.
        out: path of the COG to write, K float32 bands, NaN where the source is not valid.
        window: size of the windows in pixels.
        overlap: least overlap of neighbouring windows in pixels, less than ``window``.
        batch_size: most windows per call of ``predict``.
        memory_mb: bound on what the scan adds to the process, GDAL's cache included.
        resume: take up finished strips that an interrupted run with the same source and settings left beside ``out``.
            The caller vouches that ``predict`` is the same.
        progress: show a bar on standard error, or be called with (windows done, windows in all).

    Returns:
        How many windows were run and skipped.

    Raises:
        LandslideError: the source cannot be read, ``out`` cannot be written, or a parameter is out of range.
    """
    target = Path(out)
    opened = as_window_source(source)
    grid = WindowGrid(int(opened.geobox.shape.y), int(opened.geobox.shape.x), window, overlap)
    key = _key(source, opened, grid, batch_size)
    store = StripStore(target.parent / f".partial-{target.stem}-{key}", grid)
    if not resume:
        store.remove()
        store = StripStore(store.folder, grid)
    try:
        with reporting(progress, len(grid)) as report, gdal_memory(memory_mb):
            tally = fill_store(store, opened, predict, grid, batch_size=batch_size, memory_mb=memory_mb, report=report)
            names = [f"output {index + 1}" for index in range(store.count)]
            write_cog(
                target, opened.geobox, store.read, count=store.count, dtype="float32", nodata=np.nan, descriptions=names
            )
    except LandslideError:
        store.remove()
        raise
    store.remove()
    return tally


def fill_store(
    store: StripStore,
    source: WindowSource,
    predict: Predict,
    grid: WindowGrid,
    *,
    batch_size: int,
    memory_mb: int,
    report: Callable[[int], None],
) -> Tally:
    """Compute every strip that the store lacks.

    Raises:
        ParameterError: the rows under one row of windows do not fit into ``memory_mb``.
    """
    needed = row_memory_mb(grid, source.count)
    if needed > memory_mb:
        raise ParameterError(
            f"memory of {memory_mb} MB is too little for a scene {grid.width} pixels wide with {source.count} bands "
            f"and windows of {grid.window}; allow at least {int(needed) + 1} MB or choose smaller windows"
        )
    tally = Tally()
    for strip in scan_strips(
        source, predict, grid, batch_size=batch_size, tally=tally, done=store.done, progress=report
    ):
        store.save(strip)
    return tally


def row_memory_mb(grid: WindowGrid, bands: int, outputs: int = 2) -> float:
    """What the rows under one row of windows take, in MB.

    Input in float32, twice while moving down; sums and weights in float64; a strip in both.
    """
    per_pixel = 4 * 2 * bands + 8 * (outputs + 1) + 12 * outputs
    return min(grid.window, grid.height) * grid.width * per_pixel / 2**20


def as_window_source(source: str | Path | Scene | WindowSource) -> WindowSource:
    """What the engine reads, for whatever `predict_raster` takes as its source."""
    if isinstance(source, Scene):
        return SceneSource(source)
    if isinstance(source, str | Path):
        return RasterSource(Path(source))
    return source


def gdal_memory(memory_mb: int) -> rasterio.Env:
    """A GDAL environment whose block cache takes at most a quarter of the budget.

    GDAL reads small numbers as megabytes; rasterio hands the number over as bytes.
    """
    return rasterio.Env(GDAL_CACHEMAX=max(memory_mb // 4, 16) * 2**20)


class reporting:  # noqa: N801 — used like a function
    """A context that turns ``progress`` into a function to call with newly finished windows."""

    def __init__(self, progress: bool | Callable[[int, int], None], total: int, label: str = "windows") -> None:
        self._total, self._done = total, 0
        self._callback = progress if callable(progress) else None
        self._bar: Progress | None = None
        if progress is True:
            from rich.console import Console

            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.completed}/{task.total}"),
                TimeRemainingColumn(),
                console=Console(stderr=True),
                transient=False,
            )
            self._task = self._bar.add_task(label, total=total)

    def __enter__(self) -> Callable[[int], None]:
        if self._bar is not None:
            self._bar.start()
        return self._advance

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def _advance(self, windows: int) -> None:
        self._done += windows
        if self._bar is not None:
            self._bar.update(self._task, completed=self._done)
        if self._callback is not None:
            self._callback(self._done, self._total)


def _key(source: object, opened: WindowSource, grid: WindowGrid, batch_size: int) -> str:
    """Digest of all that decides a strip's bytes, save ``predict``: a changed input is never mixed with old strips."""
    if isinstance(source, Scene):
        paths = [band.path for band in source.bands] + ([source.dem] if source.dem else [])
        what: object = [
            [[band.name, band.index] for band in source.bands],
            None if source.aoi is None else source.aoi.wkt,
            source.sun,
            source.reflectance_scale,
        ]
    elif isinstance(source, str | Path):
        paths, what = [Path(source)], None
    else:
        paths, what = [], repr(source)
    stats = [(str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns) for path in paths]
    facts = [stats, what, repr(opened.geobox), opened.count, repr(grid), batch_size]
    return hashlib.sha256(json.dumps(facts, default=str).encode()).hexdigest()[:16]
