"""``landslide ingest`` of a whole Sentinel-2 tile from a STAC API, beside ``rio warp`` of the same files one by one.

The tile is simulated: four bands of 10 m, two of 20 m and the scene classification, as uint16 and uint8 COGs, and an
elevation model in degrees. Files are read from the disk, for the network's speed is no matter of the program. Both
write DEFLATE COGs on the same grid, in a process of their own; ``rio warp`` runs all files in one process, which spares
it the starts. Beside resampling, ingest searches, checks offsets, makes reflectance and classes, and sums checksums.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pystac
import shapely.geometry
from odc.geo.geobox import GeoBox
from odc.geo.geom import BoundingBox
from rasterio.enums import Resampling

from benchmarks.inputs import CRS, TILE, TRANSFORM, ground
from benchmarks.stac_server import stac_server
from landslide_geo.scene.cog import write_cog
from landslide_geo.scene.grid import Block, geographic_footprint

OURS, THEIRS = "landslide ingest", "rio warp, file by file"
#: Of the whole process, in MB.
LIMIT_MB: Final = 3 * 1024
_DAY: Final = datetime(2023, 5, 20, 1, 27, tzinfo=UTC)
_FINE: Final = ("blue", "green", "red", "nir")
_COARSE: Final = ("swir16", "swir22")
_STEP: Final = 1 / 3600
_COG: Final = ("COMPRESS=DEFLATE", "LEVEL=1", "PREDICTOR=YES", "BLOCKSIZE=512", "NUM_THREADS=ALL_CPUS")


@dataclass
class Peaks:
    """Largest resident sets, in MB, of the processes of each contestant."""

    size: int
    megabytes: dict[str, float] = field(default_factory=dict)


def contestants(folder: Path, size: int, url: str) -> tuple[dict[str, Callable[[], None]], Peaks]:
    """Both ways to a folder of COGs, by name.

    Args:
        folder: for inputs and outputs.
        size: height and width of the tile in pixels of 10 m.
        url: of the API that serves it.
    """
    files, area, peaks = tile(folder, size), folder / f"area-{size}.gpkg", Peaks(size)
    ingested, warped = folder / "ingested", folder / "warped"

    def ours() -> None:
        shutil.rmtree(ingested, ignore_errors=True)
        words = ["--aoi", str(area), "--datetime", f"{_DAY:%Y-%m-%d}", "--stac", url, "--out", str(ingested), "--quiet"]
        _peak(peaks, OURS, "from landslide_geo.cli.main import main; main()", ["ingest", *words])

    def theirs() -> None:
        # The grid is ours: it is known after the first of our rounds, which comes first and does not count.
        shutil.rmtree(warped, ignore_errors=True)
        warped.mkdir()
        like, threads = str(ingested / "red.tif"), str(os.cpu_count() or 1)
        calls = []
        for name, path in files.items():
            how = "nearest" if name == "scl" else "bilinear"
            words = ["warp", str(path), str(warped / path.name), "--driver", "COG", "--like", like, "--resampling", how]
            calls.append([*words, "--threads", threads, *(word for one in _COG for word in ("--co", one))])
        code = (
            "import json, logging, sys; from rasterio.rio.main import main_group; logging.disable(logging.WARNING)\n"
            "for call in json.loads(sys.argv[1]): main_group(call, standalone_mode=False)"
        )
        _peak(peaks, THEIRS, code, [json.dumps(calls)])

    return {OURS: ours, THEIRS: theirs}, peaks


def tile(folder: Path, size: int) -> dict[str, Path]:
    """The files of a tile by asset, and a file of its outline; made once."""
    folder.mkdir(parents=True, exist_ok=True)
    fine = GeoBox((size, size), TRANSFORM, CRS)
    coarse = GeoBox((size // 2, size // 2), TRANSFORM * TRANSFORM.scale(2), CRS)
    files = {name: folder / f"tile-{size}-{name}.tif" for name in (*_FINE, *_COARSE, "scl", "data")}
    for number, name in enumerate((*_FINE, *_COARSE)):
        if not files[name].exists():
            grid = fine if name in _FINE else coarse
            _write(files[name], grid, "uint16", 0, lambda block, band=number % 4: _numbers(block, band))
    if not files["scl"].exists():
        _write(files["scl"], coarse, "uint8", 0, lambda block: np.full(block.shape, 4, np.uint8), classes=True)
    if not files["data"].exists():
        _write(files["data"], _degrees(fine), "float32", float("nan"), _hills)
    outline = folder / f"area-{size}.gpkg"
    if not outline.exists():
        gpd.GeoSeries([shapely.geometry.box(*fine.boundingbox.bbox)], crs=CRS).to_file(outline)
    return files


@contextmanager
def served(folder: Path, size: int) -> Iterator[str]:
    """The address of a STAC API that has the tile and its elevation model, while the block runs."""
    files = tile(folder, size)
    fine = GeoBox((size, size), TRANSFORM, CRS)
    told: dict[str, Any] = {
        "platform": "sentinel-2a", "s2:processing_baseline": "05.09", "sat:relative_orbit": 74, "eo:cloud_cover": 0.0
    }  # fmt: skip
    optical = {name: path for name, path in files.items() if name != "data"}
    items = [
        _item("S2A_54TXN_20230520", "sentinel-2-l2a", fine, optical, told),
        _item("dem", "cop-dem-glo-30", _degrees(fine), {"data": files["data"]}, {}),
    ]
    listed = folder / f"items-{size}.json"
    listed.write_text(json.dumps({"type": "FeatureCollection", "features": items}), encoding="utf-8")
    with stac_server(listed) as url:
        yield url


def _peak(peaks: Peaks, name: str, code: str, arguments: list[str]) -> None:
    """Run code in a process of its own, and keep the largest resident set that any run of that name had."""
    # The process tells it itself: what the system tells of a child counts the parent's memory before it became another.
    told = (
        "import atexit; from benchmarks.memory import highest_resident as most; atexit.register(lambda: print(most()))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", f"{told}\n{code}", *arguments],
        check=True, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    peaks.megabytes[name] = max(peaks.megabytes.get(name, 0.0), int(done.stdout.splitlines()[-1]) / 2**20)


def _numbers(block: Block, band: int) -> np.ndarray:
    """Digital numbers of a band, with the offset of new baselines; blocks begin at whole tiles."""
    rows = range(block.row // TILE, -(-(block.row + block.height) // TILE))
    cols = range(block.col // TILE, -(-(block.col + block.width) // TILE))
    whole = np.concatenate([np.concatenate([ground(row, col)[band] for col in cols], axis=1) for row in rows])
    numbers: np.ndarray = (whole[: block.height, : block.width] // 2 + 1000).astype(np.uint16)
    return numbers


def _hills(block: Block) -> np.ndarray:
    rows, cols = np.mgrid[block.slices]
    hills: np.ndarray = (500 + 200 * np.sin(rows / 40) * np.cos(cols / 60)).astype(np.float32)
    return hills


def _degrees(fine: GeoBox) -> GeoBox:
    """A grid of one second that covers the tile."""
    west, south, east, north = geographic_footprint(fine)[1]
    rim = 10 * _STEP
    return GeoBox.from_bbox(
        BoundingBox(west - rim, south - rim, east + rim, north + rim, "EPSG:4326"), resolution=_STEP
    )


def _write(
    path: Path, grid: GeoBox, dtype: str, nodata: float, read: Callable[[Block], np.ndarray], *, classes: bool = False
) -> None:
    write_cog(
        path, grid, lambda block: read(block)[None], count=1, dtype=dtype, nodata=nodata, descriptions=[path.stem],
        overview_resampling=Resampling.mode if classes else Resampling.average,
    )  # fmt: skip


def _item(
    name: str, collection: str, grid: GeoBox, files: dict[str, Path], properties: dict[str, Any]
) -> dict[str, Any]:
    outline, bbox = geographic_footprint(grid)
    item = pystac.Item(
        name, shapely.geometry.mapping(outline), list(bbox), _DAY, dict(properties), collection=collection
    )
    for key, path in files.items():
        item.add_asset(key, pystac.Asset(path.absolute().as_uri(), media_type=pystac.MediaType.COG, roles=["data"]))
    return item.to_dict(include_self_link=False, transform_hrefs=False)
