"""`predict_raster`: any network over any raster, into a COG."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import rasterio

from landslide_geo.errors import ClusterError, LandslideError, OutputError, ParameterError
from landslide_geo.files import WorkFolder
from landslide_geo.inference.budget import check_budget, gdal_memory
from landslide_geo.inference.coarse import coarse_geobox, coarsened
from landslide_geo.inference.engine import Predict, Tally
from landslide_geo.inference.progress import reporting
from landslide_geo.inference.run import Cluster, Work, compute
from landslide_geo.inference.skipping import Screen, Skips, outside_aoi
from landslide_geo.inference.sources import RasterSource, SceneSource, WindowSource
from landslide_geo.inference.store import FORMAT, StripStore
from landslide_geo.inference.windows import WindowGrid
from landslide_geo.scene.cog import write_cog
from landslide_geo.scene.scene import Scene

#: Tag of the result that names what it was made from.
_KEY_TAG = "LANDSLIDE_KEY"


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
    screen: Screen | None = None,
    workers: int | None = None,
    scheduler: str | None = None,
) -> Tally:
    """Run a network over a raster in overlapping windows and write the blended result as a COG.

    Args:
        source: path of a GeoTIFF (all its bands, on its own grid), a scene (all its bands), or a source of your own.
        predict: (N, C, window, window) float32 without NaN → (N, K, window, window) float32. Unknown values are 0. One
            that returns (N, K), a value for each window, makes a coarse raster with one pixel per stride. Each call
            returns an array of its own: while the next one is made, another thread still reads it.
        out: path of the COG to write, K float32 bands, NaN where the source is not valid.
        window: size of the windows in pixels.
        overlap: least overlap of neighbouring windows in pixels, less than ``window``.
        batch_size: windows per call of ``predict``, or up to half as many more where a row of windows then divides
            evenly.
        memory_mb: bound on what the scan adds to the process (to each, with workers), GDAL's cache included.
        resume: take up finished strips that an interrupted run with the same source and settings left beside ``out``,
            and leave a finished ``out`` as it is. The caller vouches that ``predict`` is the same; a source of your own
            must have a ``key``, see `WindowSource`.
        progress: show a bar on standard error, or be called with (windows done, windows in all).
        screen: a cheap filter asked before the network.
        workers: spread the work over that many processes of a local Dask cluster; ``predict`` must be picklable.
        scheduler: address of a Dask scheduler instead (``tcp://…``), whose workers see the same files.

    Returns:
        How many windows were run and skipped, by earlier runs that were taken up too; none where ``out`` was finished.

    Raises:
        LandslideError: the source cannot be read, ``out`` cannot be written, or a parameter is out of range.
    """
    target, cluster = Path(out), Cluster(workers, scheduler)
    if isinstance(source, str | Path) and target.exists() and target.samefile(source):
        raise ParameterError(f"{target}: is the raster to be read; name another file for the result")
    opened = as_window_source(source)
    grid = WindowGrid(int(opened.geobox.shape.y), int(opened.geobox.shape.x), window, overlap)
    if resume and getattr(opened, "key", None) is None:
        raise ParameterError(
            f"resume: {type(opened).__name__} does not say whether unfinished work is of the same source; give it an "
            "attribute key that names its content, or start anew without resume"
        )
    key = _key(opened, grid, batch_size, screen)
    folder = WorkFolder(target.parent / f".partial-{target.stem}-{key}")
    if resume and _is_finished(target, key):
        folder.clear()  # a kill may have come between the result and the clearing up
        return Tally(total=len(grid))
    _open(folder, target, resume)
    try:
        store = StripStore(folder.path, grid)
        skips = Skips(outside=outside_aoi(source, grid)) if isinstance(source, Scene) else Skips()
        work = Work(opened, predict, grid, batch_size, skips, screen)
        with reporting(progress, len(grid)) as report, gdal_memory(memory_mb):
            check_budget(grid, opened.count, grid.batch(batch_size), memory_mb)
            tally = compute(work, store, cluster, memory_mb=memory_mb, report=report)
            names = [f"output {index + 1}" for index in range(store.count)]
            coarse = store.coarse
            geobox = coarse_geobox(opened.geobox, grid) if coarse else opened.geobox
            read = coarsened(store.read, grid) if coarse else store.read
            # Inside the partial folder, so that a kill leaves nothing elsewhere.
            made = store.folder / target.name
            write_cog(
                made, geobox, read, count=store.count, dtype="float32", nodata=np.nan, descriptions=names,
                tags={_KEY_TAG: key},
            )  # fmt: skip
            try:
                made.replace(target)
            except OSError as error:
                raise OutputError(
                    f"{target}: cannot be written ({error.strerror}); name a file in a folder you can write"
                ) from None
        folder.remove()
    except ClusterError:
        raise  # no mistake of the user's: what was finished stays for `resume`
    except LandslideError:
        folder.discard()  # but for what an earlier run finished: a wrong address must not cost it
        raise
    finally:
        folder.close()
    return tally


def as_window_source(source: str | Path | Scene | WindowSource) -> WindowSource:
    """What the engine reads, for whatever `predict_raster` takes as its source."""
    if isinstance(source, Scene):
        return SceneSource(source.absolute())
    if isinstance(source, str | Path):
        return RasterSource(Path(source))
    return source


def _open(folder: WorkFolder, target: Path, resume: bool) -> None:
    try:
        folder.open(keep=resume)
    except BlockingIOError:
        raise OutputError(
            f"{target}: the same result is being written by another process; wait for it, or name another file"
        ) from None
    except OSError as error:
        raise OutputError(
            f"{target}: cannot be written ({error.strerror}); name a file in a folder you can write"
        ) from None


def _is_finished(target: Path, key: str) -> bool:
    if not target.exists():
        return False
    try:
        with rasterio.open(target) as dataset:
            return bool(dataset.tags().get(_KEY_TAG) == key)
    except rasterio.RasterioIOError:
        return False


def _key(opened: WindowSource, grid: WindowGrid, batch_size: int, screen: Screen | None = None) -> str:
    """Digest of all that decides a strip's bytes, save ``predict``: a changed input is never mixed with old strips.

    Of the inputs it is their content that counts, not where they lie: the key is part of the result.
    """
    asked = None if screen is None else [screen.name, screen.threshold]
    source = getattr(opened, "key", None)
    facts = [FORMAT, source, repr(opened.geobox), opened.count, repr(grid), batch_size, asked]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]
