"""Hard negatives: patches without landslides, cut from a scene of city, fields, hills and bare ground.

The scene is warped to square 10 m pixels of its UTM zone first (its own are geographic, 9.2 × 9.9 m), and every patch
is then written the way Landslide4Sense-RGB patches are: divided by their own maximum, with 8 bits. Otherwise a network
could tell negatives by their finer grey levels.

A strip across the scene (forested hills, fields, bare ground, villages) is held out: patches there never meet
training, and measure false positives.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import rasterio
from odc.geo.crs import CRS
from rasterio.enums import Resampling
from rasterio.errors import RasterioError
from rasterio.vrt import WarpedVRT
from rasterio.warp import calculate_default_transform

from landslide_geo.bands import canonical_name
from landslide_geo.chips.collection import Chip, Collection
from landslide_geo.chips.landslide4sense_rgb import BANDS, SIZE, UNIT, Patches
from landslide_geo.config import L4S_GAINS
from landslide_geo.errors import DatasetError

GSD_M: Final = 10.0
HELD_OUT: Final = (0.30, 0.45)
"""The strip that is held out, as shares of the scene's rows from the north."""


def collection(root: Path, *, seed: int) -> Collection:
    """Cut all patches: those to train on overlap by half, those of the held-out strip (the test) do not.

    The values are those of Landslide4Sense-RGB, digital numbers up to one factor per chip.

    Args:
        root: the scene, a raster with red, green and blue in its band descriptions, or a folder with one in it.
        seed: not used: the strip is the same for all.

    Raises:
        DatasetError: the file cannot be read, lacks one of the three bands, or is too small.
    """
    if root.is_dir():
        scenes = sorted(root.glob("*.tif"))
        if len(scenes) != 1:
            raise DatasetError(f"{root}: holds {len(scenes)} scenes (*.tif) instead of one; name the file")
        root = scenes[0]
    scene = read_rgb(root)
    cuts = {"train": cut(scene, held_out=False), "test": cut(scene, held_out=True, stride=SIZE)}
    splits = {split: [(patches, i) for i in range(len(patches))] for split, patches in cuts.items() if len(patches)}
    if not splits:
        raise DatasetError(
            f"{root}: holds no patch of {SIZE} × {SIZE} pixels of {GSD_M:g} m that is half valid; take a larger scene"
        )
    upper = round(scene.shape[1] * HELD_OUT[0])

    def read(entry: tuple[Patches, int]) -> Chip:
        patches, i = entry
        name = patches.ids[i]
        # Patches of one side of the strip overlap.
        side = "strip" if patches is cuts["test"] else "north" if int(name.split("_")[1]) < upper else "south"
        truth = np.zeros((SIZE, SIZE), np.uint8)
        return Chip(f"{root.stem}/{name}", f"{root.stem}/{side}", patches.digital_numbers(i), truth)

    return Collection("negatives", BANDS, (UNIT,) * len(BANDS), GSD_M, splits, read, quantum=L4S_GAINS)


def read_rgb(path: Path) -> npt.NDArray[np.float32]:
    """(3, y, x) float32 digital numbers of red, green and blue at 10 m in UTM, NaN where there are none.

    Raises:
        DatasetError: the file cannot be read or lacks one of the three bands.
    """
    try:
        with rasterio.open(path) as source:
            names = [canonical_name(name) for name in source.descriptions if name]
            indexes = [names.index(band) + 1 for band in BANDS]
            lon, lat = (source.bounds.left + source.bounds.right) / 2, (source.bounds.bottom + source.bounds.top) / 2
            crs = CRS.utm(lon, lat) if source.crs.is_geographic else CRS(source.crs)
            transform, width, height = calculate_default_transform(
                source.crs, crs.to_wkt(), source.width, source.height, *source.bounds, resolution=GSD_M
            )
            with WarpedVRT(
                source,
                crs=crs.to_wkt(),
                transform=transform,
                width=width,
                height=height,
                resampling=Resampling.bilinear,
            ) as vrt:
                values = vrt.read(indexes, out_dtype="float32", masked=True)
    except (RasterioError, ValueError) as error:
        raise DatasetError(f"{path}: no scene with the bands {', '.join(BANDS)}: {error}") from None
    filled: npt.NDArray[np.float32] = values.filled(np.nan)
    filled[:, ~np.isfinite(filled).all(axis=0)] = np.nan
    return filled


def cut(scene: npt.NDArray[np.float32], *, held_out: bool, stride: int = SIZE // 2, min_valid: float = 0.5) -> Patches:
    """Patches on a regular grid, without landslides.

    Args:
        scene: (3, y, x) float32 digital numbers, NaN where not valid.
        held_out: the strip that is held out instead of the rest; a patch lies in one of them entirely.
        stride: pixels from one patch to the next.
        min_valid: least share of valid pixels.

    Returns:
        Patches with empty masks; invalid pixels are zero.
    """
    rows = scene.shape[1]
    upper, lower = (round(rows * share) for share in HELD_OUT)
    spans = [(upper, lower)] if held_out else [(0, upper), (lower, rows)]
    starts = [row for first, last in spans for row in range(first, last - SIZE + 1, stride)]
    gains = np.asarray(L4S_GAINS, np.float32)[:, None, None]
    ids, images, valids = [], [], []
    for row in starts:
        for col in range(0, scene.shape[2] - SIZE + 1, stride):
            block = scene[:, row : row + SIZE, col : col + SIZE] / gains
            valid = np.isfinite(block[0])
            if valid.mean() < min_valid:
                continue
            block = np.where(valid, block, 0)
            images.append(np.floor(255 * block.astype(np.float64) / block.max()).astype(np.uint8))
            valids.append(valid)
            ids.append(f"negative_{row}_{col}")
    shape = (len(ids), SIZE, SIZE)
    stacked = np.stack(images) if images else np.empty((0, 3, SIZE, SIZE), np.uint8)
    return Patches(tuple(ids), stacked, np.zeros(shape, bool), np.stack(valids) if valids else np.empty(shape, bool))
