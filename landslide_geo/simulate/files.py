"""A simulated scene on disk: bands of two dates and a DEM on several grids, and the truth."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from pyproj import Transformer
from rasterio.transform import Affine, from_origin

from landslide_geo.errors import OutputError, ParameterError
from landslide_geo.simulate.landscape import Landscape
from landslide_geo.simulate.noise import hashed

Array = NDArray[np.float64]

_CRS = "EPSG:32654"
_WEST, _NORTH = 572_840.0, 4_735_730.0
_PIXEL = 10.0
_ROWS = 256


@dataclass(frozen=True)
class SimulatedScene:
    """Where the files of a simulated scene are.

    Attributes:
        sources: what to give to `open_scene` or ``landslide scan``: NAME=PATH for each band.
        dem: elevation model, 30 m, geographic.
        truth: uint8 raster on the grid of the red band, 1 where the ground has slid.
    """

    sources: tuple[str, ...]
    dem: Path
    truth: Path


def write_scene(
    folder: Path, *, height: int = 768, width: int = 768, seed: int = 0, pre: bool = True, clouds: float = 0.01
) -> SimulatedScene:
    """Write a simulated scene, block by block, so that its size is bounded by the disk only.

    Visible bands and near infrared lie on a 10 m UTM grid, the short-wave infrared on a 20 m one, bands of the earlier
    date on a 10 m grid half a pixel off, and the DEM on a 1″ geographic grid: real scenes are no tidier.

    Args:
        folder: to write to; made where it is missing. Existing files of the same names are replaced.
        height: of the 10 m grid in pixels, at least 16.
        width: likewise.
        seed: another seed gives another landscape.
        pre: also write the bands of the earlier date.
        clouds: share of the sky that is cloudy at the later date, roughly.

    Raises:
        ParameterError: the size is too small.
        OutputError: the folder cannot be written.
    """
    if min(height, width) < 16:
        raise ParameterError(f"a simulated scene of {height} × {width} pixels is too small; use at least 16 × 16")
    land = Landscape(seed=seed, clouds=clouds)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        grid = _Grid(height, width, from_origin(_WEST, _NORTH, _PIXEL, _PIXEL), _CRS)
        sources = _write_bands(folder, "", ("blue", "green", "red", "nir"), grid, land, slid=True, seed=seed)
        coarse = _Grid(-(-height // 2), -(-width // 2), from_origin(_WEST, _NORTH, 2 * _PIXEL, 2 * _PIXEL), _CRS)
        sources += _write_bands(folder, "", ("swir16",), coarse, land, slid=True, seed=seed)
        if pre:
            shifted = _Grid(height, width, from_origin(_WEST - 5, _NORTH + 5, _PIXEL, _PIXEL), _CRS)
            sources += _write_bands(
                folder, "pre_", ("blue", "green", "red", "nir"), shifted, land, slid=False, seed=seed
            )
        truth = folder / "truth.tif"
        _write([truth], grid, "uint8", None, lambda y, x, row: {truth: land.scars(y, x).astype(np.float64)})
        dem = folder / "dem.tif"
        height_map = _dem_grid(height, width)
        _write([dem], height_map, "int16", -32768, lambda y, x, row: {dem: np.round(land.elevation(y, x))})
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written ({error}); choose a folder you can write") from None
    return SimulatedScene(tuple(sources), dem, truth)


@dataclass(frozen=True)
class _Grid:
    height: int
    width: int
    transform: Affine
    crs: str

    def places(self, row: int, rows: int) -> tuple[Array, Array]:
        """Metres south and east of the landscape's origin of the pixel centres of some rows."""
        cols = np.arange(self.width)[None, :] + 0.5
        lines = np.arange(row, row + rows)[:, None] + 0.5
        x = self.transform.c + self.transform.a * cols
        y = self.transform.f + self.transform.e * lines
        if self.crs != _CRS:
            full_x, full_y = np.broadcast_arrays(x, y)
            x, y = Transformer.from_crs(self.crs, _CRS, always_xy=True).transform(full_x, full_y)
        return _NORTH - np.asarray(y), np.asarray(x) - _WEST


def _write_bands(
    folder: Path, prefix: str, names: tuple[str, ...], grid: _Grid, land: Landscape, *, slid: bool, seed: int
) -> list[str]:
    paths = {name: folder / f"{prefix}{name}.tif" for name in names}

    def values(y: Array, x: Array, row: int) -> dict[Path, Array]:
        reflectance = land.reflectance(y, x, slid=slid)
        cols = np.arange(grid.width)[None, :]
        rows = np.arange(row, row + len(reflectance[names[0]]))[:, None]
        noisy = {}
        for number, (name, path) in enumerate(paths.items()):
            grain = hashed(rows, cols, seed + 900 + number + 50 * slid)
            noisy[path] = np.clip(np.round(1e4 * reflectance[name] * (0.97 + 0.06 * grain)), 1, 65535)
        return noisy

    _write(list(paths.values()), grid, "uint16", 0, values)
    return [f"{prefix}{name}={path}" for name, path in paths.items()]


def _write(
    paths: list[Path],
    grid: _Grid,
    dtype: str,
    nodata: float | None,
    values: Callable[[Array, Array, int], dict[Path, Array]],
) -> None:
    """Write several single-band rasters of one grid together: the landscape is computed once for all of them."""
    profile = {
        "driver": "GTiff", "height": grid.height, "width": grid.width, "count": 1, "dtype": dtype, "nodata": nodata,
        "crs": grid.crs, "transform": grid.transform, "tiled": True, "blockxsize": 256, "blockysize": 256,
        "compress": "deflate",
    }  # fmt: skip
    with ExitStack() as stack:
        files = {path: stack.enter_context(rasterio.open(path, "w", **profile)) for path in paths}
        for row in range(0, grid.height, _ROWS):
            rows = min(_ROWS, grid.height - row)
            window = rasterio.windows.Window(0, row, grid.width, rows)
            for path, block in values(*grid.places(row, rows), row).items():
                files[path].write(block.astype(dtype), 1, window=window)


def _dem_grid(height: int, width: int) -> _Grid:
    """A 1″ geographic grid that covers the scene with a margin."""
    to_geographic = Transformer.from_crs(_CRS, "EPSG:4326", always_xy=True)
    east, south = _WEST + width * _PIXEL, _NORTH - height * _PIXEL
    left, bottom, right, top = to_geographic.transform_bounds(_WEST - 200, south - 200, east + 200, _NORTH + 200)
    step = 1 / 3600
    return _Grid(
        int(np.ceil((top - bottom) / step)), int(np.ceil((right - left) / step)), from_origin(left, top, step, step),
        "EPSG:4326",
    )  # fmt: skip
