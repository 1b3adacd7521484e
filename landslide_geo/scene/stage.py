"""Warp once: bands on other grids are put on the scene's grid before windows are cut and layers derived."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import rasterio
from odc.geo.geobox import GeoBox

from landslide_geo.files import replacing
from landslide_geo.scene.grid import Block
from landslide_geo.scene.raster_io import all_cores, open_raster
from landslide_geo.scene.scene import Scene
from landslide_geo.scene.sources import BandSource

_TILE = 512


def staged(scene: Scene, folder: Path) -> Scene:
    """The same scene, every band of it on its grid.

    A scan reads each pixel several times (statistics, windows, layers), and warping costs ten times what reading does.
    Bands that lie on the grid already are read where they are.

    Args:
        scene: to stage.
        folder: for the warped bands; those that lie there already are not warped again.

    Raises:
        OutputError: the folder cannot be written.
        UnreadableRasterError: a band cannot be read.
    """
    bands = list(scene.bands)
    if scene.dem is not None and "elevation" not in scene.names:
        bands.append(BandSource("elevation", scene.dem, scene.dem_band))
    moved: dict[str, Path] = {}
    for band in bands:
        with open_raster(band.path) as dataset:
            if GeoBox.from_rio(dataset) != scene.geobox:
                moved[band.name] = folder / f"{band.name}.tif"
    if not moved:
        return scene
    folder.mkdir(parents=True, exist_ok=True)
    for name, path in moved.items():
        if not path.exists():
            _warp(scene, name, path)
    return replace(
        scene,
        bands=tuple(BandSource(band.name, moved[band.name]) if band.name in moved else band for band in bands),
    )


def _warp(scene: Scene, name: str, path: Path) -> None:
    with (
        all_cores(),
        replacing(path) as part,
        rasterio.open(
            part, "w", driver="GTiff", height=scene.height, width=scene.width, count=1, dtype="float32",
            nodata=np.nan, crs=str(scene.geobox.crs), transform=scene.geobox.transform, tiled=True, blockxsize=_TILE,
            blockysize=_TILE, BIGTIFF="IF_SAFER",
        ) as target,
    ):  # fmt: skip
        for top in range(0, scene.height, _TILE):
            block = Block(top, 0, _TILE, scene.width).clipped(scene.height, scene.width)
            values = scene.read_elevation(block) if name == "elevation" else scene.read([name], block)[0]
            target.write(values, 1, window=block.window)
