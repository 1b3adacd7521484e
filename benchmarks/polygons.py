"""From a mask to polygons: streamed labels and GDAL's polygoniser on a file, beside the whole array at once.

The rival is what notebooks do: threshold the array, `rasterio.features.shapes` on it, and GeoPandas to dissolve what
touches. Both give the same objects of 900 m² and more.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from pathlib import Path

import geopandas as gpd
import numpy as np
import rasterio
import shapely
from rasterio.features import shapes
from rasterio.transform import from_origin
from scipy import ndimage

from benchmarks.memory import highest_resident
from landslide_geo.files import replacing
from landslide_geo.inference.budget import gdal_memory
from landslide_geo.inventory.objects import hysteresis_mask
from landslide_geo.inventory.polygons import trace
from landslide_geo.pipeline.vectorize import MEMORY_MB
from landslide_geo.scene.cog import TILE

THRESHOLD, MIN_AREA_M2, PIXEL = 0.5, 900.0, 10.0
_CRS = "EPSG:32654"
#: Smooth noise whose peaks are the objects, of tiles that continue one another.
_SMOOTH, _LEVEL = 3.0, 1.75
#: Smoother, for memory: 100,000 objects in 16384².
_SMOOTHER = 5.4
OURS, THEIRS = "landslide, streamed", "whole array: shapes, dissolve"


@dataclass(frozen=True)
class Held:
    """Memory of polygonising one raster, in a process of its own.

    Attributes:
        size: height and width of the raster.
        objects: polygons found.
        growth_mb: what it added to the process with everything imported.
        seconds: that it took.
    """

    size: int
    objects: int
    growth_mb: float
    seconds: float


def probability(folder: Path, size: int, *, smooth: float = _SMOOTH) -> Path:
    """A raster of probabilities with many objects, fewer and larger ones the smoother; made once, tile by tile."""
    path = folder / f"probability-{size}-{smooth:g}.tif"
    if path.exists():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    profile = {
        "driver": "GTiff", "height": size, "width": size, "count": 1, "dtype": "float32", "crs": _CRS,
        "transform": from_origin(500_000, 4_700_000, PIXEL, PIXEL), "nodata": float("nan"), "tiled": True,
        "blockxsize": TILE, "blockysize": TILE, "compress": "deflate", "zlevel": 1, "BIGTIFF": "IF_SAFER",
    }  # fmt: skip
    rng = np.random.default_rng(0)
    # One tile, periodic, so that it continues itself.
    noise = ndimage.gaussian_filter(rng.standard_normal((4 * TILE, 4 * TILE)), smooth, mode="wrap")
    tile = (1 / (1 + np.exp(-2 * (noise / noise.std() - _LEVEL)))).astype(np.float32)
    with replacing(path) as part, rasterio.open(part, "w", **profile) as target:
        for top in range(0, size, len(tile)):
            rows = min(len(tile), size - top)
            values = np.tile(tile[:rows], (1, ceil(size / len(tile))))[:, :size]
            target.write(values, 1, window=((top, top + rows), (0, size)))
    return path


def contestants(folder: Path, size: int) -> dict[str, Callable[[], object]]:
    """Both ways, by name."""
    source = probability(folder, size)
    return {OURS: lambda: _streamed(source, folder / "mask.tif"), THEIRS: lambda: _at_once(source)}


def _streamed(source: Path, mask: Path) -> int:
    with gdal_memory(MEMORY_MB):
        hysteresis_mask(source, mask, threshold=THRESHOLD, min_pixels=ceil(MIN_AREA_M2 / PIXEL**2))
        return len(trace(mask, min_area_m2=MIN_AREA_M2, min_hole_m2=0).polygons)


def _at_once(source: Path) -> int:
    with rasterio.open(source) as dataset:
        mask = dataset.read(1) >= THRESHOLD
        found = shapes(mask.astype(np.uint8), mask=mask, connectivity=4, transform=dataset.transform)
        outlines = [shapely.Polygon(geometry["coordinates"][0], geometry["coordinates"][1:]) for geometry, _ in found]
        frame = gpd.GeoDataFrame(geometry=outlines, crs=dataset.crs)
    whole = frame.dissolve().explode(ignore_index=True)
    return int((whole.area >= MIN_AREA_M2).sum())


def held(folder: Path, size: int) -> Held:
    """Measure memory in a fresh process."""
    probability(folder, size, smooth=_SMOOTHER)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "benchmarks.polygons", str(folder), str(size)],
        check=True, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    objects, growth, seconds = done.stdout.split()[-3:]
    return Held(size, int(objects), float(growth), float(seconds))


def _main(folder: Path, size: int) -> None:
    import time

    _streamed(probability(folder, TILE), folder / "mask.tif")
    before = highest_resident()  # not getrusage: its record goes back to before this process was this program
    start = time.perf_counter()
    objects = _streamed(probability(folder, size, smooth=_SMOOTHER), folder / "mask.tif")
    seconds = time.perf_counter() - start
    print(objects, (highest_resident() - before) / 2**20, seconds)


if __name__ == "__main__":
    _main(Path(sys.argv[1]), int(sys.argv[2]))
