"""Cloud-optimised GeoTIFFs, written atomically and with bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import rasterio.shutil
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from rasterio.enums import Resampling
from rasterio.vrt import WarpedVRT

from landslide_geo.files import replacing
from landslide_geo.memory import release
from landslide_geo.parallel import in_order
from landslide_geo.scene.grid import Block
from landslide_geo.scene.raster_io import all_cores

TILE = 512
#: Of compression: half the time of GDAL's own choice (6) at 2 % more bytes of a probability raster.
_LEVEL = 1
#: Columns written at a time, a multiple of the tile: wide mosaics take no more memory than a scene does, and what a
#: block is worked out from stays in the processor's cache.
_WIDTH = 2 * TILE
#: Blocks that are worked out at a time.
THREADS = 2


def write_cog(
    path: Path,
    geobox: GeoBox,
    read: Callable[[Block], NDArray[Any]],
    *,
    count: int,
    dtype: str,
    nodata: float | None,
    descriptions: Sequence[str],
    overview_resampling: Resampling = Resampling.average,
    tags: dict[str, str] | None = None,
) -> None:
    """Write a COG from a function that gives any block of it.

    The COG driver written to directly holds the whole raster in memory; so blocks go to a tiled GeoTIFF beside the
    target first, and GDAL copies that. The target appears by rename, complete or not at all.

    Args:
        path: of the file to write; replaced if it exists.
        geobox: its grid.
        read: gives (count, h, w) values for blocks of whole tiles, row by row from top to bottom, without gaps; called
            by several threads.
        count: number of bands.
        dtype: of the bands.
        nodata: value that stands for unknown; None for none.
        descriptions: one for each band.
        overview_resampling: how the overviews are made; mode for classes.
        tags: metadata of the file.

    Raises:
        OutputError: the file cannot be written, or the disk is full.
    """
    height, width = geobox.shape
    profile = {
        "driver": "GTiff",
        "height": height,
        "width": width,
        "count": count,
        "dtype": dtype,
        "nodata": nodata,
        "crs": str(geobox.crs),
        "transform": geobox.transform,
        "tiled": True,
        "blockxsize": TILE,
        "blockysize": TILE,
        # Read once and thrown away: packing it would take as long as all the rest.
        "interleave": "band",
        "BIGTIFF": "IF_SAFER",
    }
    with all_cores(), replacing(path) as copied:
        staged = copied.with_name("staged.tif")
        with rasterio.open(staged, "w", **profile) as target:
            for index, text in enumerate(descriptions, start=1):
                target.set_band_description(index, text)
            target.update_tags(**(tags or {}))
            tiles = tile_blocks(height, width)
            for block, values in in_order(lambda block: (block, read(block)), tiles, threads=THREADS):
                target.write(values.astype(dtype, copy=False), window=block.window)
        if levels := _overviews(height, width):
            # The driver would make them too, but in packed files that it reads again: four times the work.
            with rasterio.open(staged, "r+") as target:
                target.build_overviews(levels, overview_resampling)
        release()
        rasterio.shutil.copy(
            staged,
            copied,
            driver="COG",
            COMPRESS="DEFLATE",
            LEVEL=str(_LEVEL),
            PREDICTOR="YES",
            BLOCKSIZE=str(TILE),
            BIGTIFF="IF_SAFER",
        )


def _overviews(height: int, width: int) -> list[int]:
    """Factors of the overviews, the last of which fits one tile."""
    factors: list[int] = []
    while max(height, width) > TILE * 2 ** len(factors):
        factors.append(2 ** (len(factors) + 1))
    return factors


def tile_blocks(height: int, width: int) -> Iterator[Block]:
    """Blocks of whole tiles over a raster, in the order they lie in: as large as memory allows."""
    for top in range(0, height, TILE):
        for left in range(0, width, _WIDTH):
            yield Block(top, left, min(TILE, height - top), min(_WIDTH, width - left))


def write_view(path: Path, source: Path, geobox: GeoBox) -> None:
    """Write a VRT that shows a coarse raster on a fine grid, each of its pixels as many: for who needs one grid.

    Args:
        path: VRT to write; it holds the absolute path of ``source``.
        source: of the same CRS.
        geobox: the fine grid.

    Raises:
        OutputError: it cannot be written.
    """
    height, width = geobox.shape
    with (
        replacing(path) as part,
        rasterio.open(source.absolute()) as coarse,
        WarpedVRT(
            coarse, crs=coarse.crs, transform=geobox.transform, height=height, width=width,
            resampling=Resampling.nearest, nodata=np.nan,
        ) as shown,
    ):  # fmt: skip
        rasterio.shutil.copy(shown, part, driver="VRT")
