"""The rasters that are scanned: made by rule, block by block, the same on every machine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import rasterio
from odc.geo.geobox import GeoBox
from rasterio.transform import from_origin
from scipy.ndimage import zoom

from landslide_geo.files import replacing
from landslide_geo.scene.cog import write_cog
from landslide_geo.scene.grid import Block

BANDS = 4
TILE = 512
CRS = "EPSG:32654"
TRANSFORM = from_origin(500_000, 4_700_000, 10, 10)


def ground(row: int, col: int) -> np.ndarray:
    """A tile of something like reflectance × 10⁴: (band, 512, 512) uint16, smooth with grain, deflated to a half."""
    rng = np.random.default_rng((row, col))
    smooth = zoom(rng.random((BANDS, 18, 18)), (1, 32, 32), order=1)[:, :TILE, :TILE]
    grain = rng.normal(scale=30, size=(BANDS, TILE, TILE))
    return np.clip(500 + 3000 * smooth + grain, 1, 65535).astype("uint16")


def cog(folder: Path, size: int) -> Path:
    """A square scene of four bands as a deflated COG; made once."""
    path = folder / f"scene-{size}.tif"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)

        def read(block: Block) -> np.ndarray:
            cols = range(block.col // TILE, -(-(block.col + block.width) // TILE))
            tiles = [ground(block.row // TILE, col)[:, : block.height] for col in cols]
            return np.concatenate(tiles, axis=2)[:, :, : block.width]

        write_cog(
            path, GeoBox((size, size), TRANSFORM, CRS), read, count=BANDS, dtype="uint16", nodata=0,
            descriptions=["red", "green", "blue", "nir"],
        )  # fmt: skip
    return path


def mosaic(folder: Path, height: int, width: int) -> Path:
    """A scene of any size as a tiled GeoTIFF, fast to write: one tile again and again; made once."""
    path = folder / f"mosaic-{height}x{width}.tif"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        tile = ground(0, 0)
        with (
            replacing(path) as part,
            rasterio.open(
                part, "w", driver="GTiff", height=height, width=width, count=BANDS, dtype="uint16", nodata=0, crs=CRS,
                transform=TRANSFORM, tiled=True, blockxsize=TILE, blockysize=TILE, compress="deflate", zlevel=1,
                interleave="pixel", num_threads="all_cpus", BIGTIFF="IF_SAFER",
            ) as target,
        ):  # fmt: skip
            for top in range(0, height, TILE):
                rows = min(TILE, height - top)
                values = np.tile(tile[:, :rows], (1, 1, -(-width // TILE)))[:, :, :width]
                target.write(values, window=Block(top, 0, rows, width).window)
    return path
