"""Once for a scan: bands on other grids are put on the scene's grid, and what can be seen is worked out."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Final

import numpy as np
import rasterio
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from landslide_geo.bands import is_radar
from landslide_geo.config import SpeckleParams
from landslide_geo.files import replacing
from landslide_geo.parallel import in_order
from landslide_geo.progress import stage
from landslide_geo.scene.cog import THREADS, TILE, tile_blocks
from landslide_geo.scene.grid import Block, blocks
from landslide_geo.scene.raster_io import NEAR, open_raster
from landslide_geo.scene.reader import BandReader
from landslide_geo.scene.sar import despeckled, require_speckle
from landslide_geo.scene.scene import Scene, Seen
from landslide_geo.scene.sources import BandSource

FloatArray = NDArray[np.float32]
ByteArray = NDArray[np.uint8]

#: Threads that warp, at most: each has its own files open, and tiles of them in memory.
_THREADS: Final = 4


def staged(scene: Scene, folder: Path) -> Scene:
    """The same scene, every band of it on its grid.

    A scan reads each pixel several times (statistics, windows, layers), and warping costs ten times what reading does.
    Bands that lie on the grid already are read where they are.

    A pixel is taken from within 1/500 of a source's pixel of where `Scene.read` takes it from, which is exact. The
    error depends on the block that is warped, and blocks are always the same tiles: so are the values.

    Args:
        scene: to stage.
        folder: for the warped bands; those that lie there already are not warped again.

    Raises:
        OutputError: the folder cannot be written.
        UnreadableRasterError: a band cannot be read.
    """
    bands = list(scene.bands)
    if scene.elevation is not None and "elevation" not in scene.names:
        bands.append(scene.elevation)
    moved: list[BandSource] = []
    for band in bands:
        with open_raster(band.path) as dataset:
            if GeoBox.from_rio(dataset) != scene.geobox:
                moved.append(band)
    if not moved:
        return scene
    there = {band.name: band for band in rewritten(moved, scene.geobox, folder)}
    return replace(scene, bands=tuple(there.get(band.name, band) for band in bands))


def rewritten(
    bands: Sequence[BandSource], whence: GeoBox, folder: Path, *, grid: GeoBox | None = None
) -> list[BandSource]:
    """Bands resampled once, each to a file of its own under its name.

    Args:
        bands: to resample, from any grids.
        whence: the places that pixels are taken from.
        folder: for the files; those that lie there already are not made again.
        grid: that they are written on, of the same size; none is where they are taken from.

    Raises:
        OutputError: the folder cannot be written.
        UnreadableRasterError: a band cannot be read.
    """
    folder.mkdir(parents=True, exist_ok=True)
    found = [BandSource(band.name, folder / f"{band.name}.tif") for band in bands]
    missing = [(band, new.path) for band, new in zip(bands, found, strict=True) if not new.path.exists()]
    # GDAL warps all bands of a file at once, so those of one file are resampled together.
    with stage("warp", len(missing), "band") as advance:
        for _, together in groupby(sorted(missing, key=lambda pair: pair[0].path), key=lambda pair: pair[0].path):
            group, paths = zip(*together, strict=True)
            _warp(group, whence, paths, grid=whence if grid is None else grid)
            advance(len(group))
    return found


def despeckled_once(scene: Scene, folder: Path, how: SpeckleParams) -> Scene:
    """The same scene, its radar filtered once and for all, each date by itself.

    A pixel is what the filter makes of the whole band, whatever block it is worked out in: blocks are read with a
    margin, and only at the scene's own rim the filter mirrors.

    Args:
        scene: staged: the filter works on the scene's own pixels.
        folder: for the filtered bands; those that lie there already are taken as they are.
        how: the filter.

    Raises:
        OutputError: the folder cannot be written.
        ParameterError: the scene is smaller than the filter's window.
        UnreadableRasterError: a band cannot be read.
    """
    targets = {name: folder / f"{name}-speckle.tif" for name in scene.names if is_radar(name)}
    if not targets:
        return scene
    require_speckle(how.kind, how.size, image=min(scene.height, scene.width))
    folder.mkdir(parents=True, exist_ok=True)
    missing = [name for name, path in targets.items() if not path.exists()]

    def filtered(block: Block) -> tuple[Block, FloatArray]:
        # Half a window would do for the values; a whole one is never smaller than the filter takes.
        wide = block.padded(how.size).clipped(scene.height, scene.width)
        values = despeckled(scene.read(missing, wide), missing, kind=how.kind, size=how.size)
        return block, values[(slice(None), *block.inside(wide))]

    if missing:
        with ExitStack() as stack:
            try:
                files = _targets(stack, [targets[name] for name in missing], scene.geobox)
                for block, values in in_order(filtered, blocks(scene.height, scene.width, TILE), threads=THREADS):
                    for file, band in zip(files, values, strict=True):
                        file.write(band, 1, window=block.window)
            finally:
                scene.close()
    return replace(
        scene,
        bands=tuple(
            BandSource(band.name, targets[band.name]) if band.name in targets else band for band in scene.bands
        ),
    )


def seen_once(scene: Scene, folder: Path, *, needed: Sequence[str]) -> Scene:
    """The same scene, with what of it can be seen worked out once and for all.

    A scan asks for it with each reading of its pixels, and finding clouds takes longer than the reading.

    Args:
        scene: staged.
        folder: for the raster; one that lies there already is taken as it is.
        needed: bands without which a pixel cannot be mapped; questions about other ones are still worked out anew.

    Raises:
        OutputError: the folder cannot be written.
        UnreadableRasterError: a band cannot be read.
    """
    seen = Seen(folder / "visibility.tif", frozenset(needed))
    if not seen.path.exists():
        folder.mkdir(parents=True, exist_ok=True)

        def codes(block: Block) -> tuple[Block, ByteArray]:
            return block, scene.read_visibility(block, needed=needed)

        profile = {
            "driver": "GTiff", "height": scene.height, "width": scene.width, "count": 1, "dtype": "uint8",
            "crs": str(scene.geobox.crs), "transform": scene.geobox.transform, "tiled": True, "blockxsize": TILE,
            "blockysize": TILE, "compress": "zstd", "zstd_level": 1,
        }  # fmt: skip
        try:
            with replacing(seen.path) as part, rasterio.open(part, "w", **profile) as target:
                for block, values in in_order(codes, tile_blocks(scene.height, scene.width), threads=THREADS):
                    target.write(values, 1, window=block.window)
        finally:
            scene.close()
    return replace(scene, seen=seen)


def _warp(bands: Sequence[BandSource], whence: GeoBox, paths: Sequence[Path], *, grid: GeoBox) -> None:
    """Write bands of one file, as they are at some places, on a grid, each to a file of its own."""
    with ExitStack() as stack:
        targets = _targets(stack, paths, grid)
        for block, values in stack.enter_context(closing(_warped(bands, whence))):
            for target, band in zip(targets, values, strict=True):
                target.write(band, 1, window=block.window)


def _targets(stack: ExitStack, paths: Sequence[Path], geobox: GeoBox) -> list[rasterio.io.DatasetWriter]:
    """Files of one band each on a grid, open for writing, which take their places when the stack is closed well."""
    height, width = geobox.shape
    return [
        stack.enter_context(
            rasterio.open(
                stack.enter_context(replacing(path)), "w", driver="GTiff", height=height, width=width, count=1,
                dtype="float32", nodata=np.nan, crs=str(geobox.crs), transform=geobox.transform, tiled=True,
                blockxsize=TILE, blockysize=TILE, BIGTIFF="IF_SAFER",
            )
        )
        for path in paths
    ]  # fmt: skip


def _warped(bands: Sequence[BandSource], geobox: GeoBox) -> Generator[tuple[Block, FloatArray], None, None]:
    """Blocks of bands in the order they are written in, read a few ahead by threads that each keep to their columns."""
    height, width = geobox.shape
    threads = min(os.cpu_count() or 1, _THREADS)
    with ExitStack() as stack:
        readers = [stack.enter_context(BandReader(bands, geobox, tolerance=NEAR)) for _ in range(threads)]
        pools = [stack.enter_context(ThreadPoolExecutor(1)) for _ in readers]
        waiting: deque[tuple[Block, Future[FloatArray]]] = deque()
        for block in blocks(height, width, TILE):
            # So a thread finds the tiles it has unpacked for the block above.
            lane = block.col // TILE % threads
            waiting.append((block, pools[lane].submit(readers[lane].read, block)))
            if len(waiting) > 2 * threads:
                done, values = waiting.popleft()
                yield done, values.result()
        for done, values in waiting:
            yield done, values.result()
