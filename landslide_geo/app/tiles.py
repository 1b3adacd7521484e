"""Rasters of a scan as tiles of a web map, cut and coloured when they are asked for."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from matplotlib import colormaps
from numpy.typing import NDArray
from PIL import Image
from rio_tiler.errors import TileOutsideBounds
from rio_tiler.io import Reader

from landslide_geo.errors import SourceNotFoundError
from landslide_geo.report.quicklook import PROBABILITY
from landslide_geo.scene.visibility import Visibility

#: Side of a tile in pixels: few requests for a screen.
SIZE: Final = 512
#: Levels above the one at which it fills a tile that a raster is shown at: farther out, where it is 64 pixels wide and
#: less, GDAL warps for minutes, most of it nothing.
FAR: Final = 3
#: Below this probability nothing is drawn, above twice that all of it: the scene must be seen.
_FAINT: Final = 0.05

Colour = Callable[[NDArray[Any]], NDArray[np.uint8]]


@dataclass(frozen=True)
class Layer:
    """A raster that a map can show.

    Attributes:
        name: as in addresses.
        file: below the scan's folder.
        title: for people.
        colour: (band, y, x) → (4, y, x) uint8 red, green, blue and opacity.
        resampling: GDAL's name.
    """

    name: str
    file: str
    title: str
    colour: Colour
    resampling: Literal["nearest", "bilinear"] = "bilinear"


def _picture(values: NDArray[Any]) -> NDArray[np.uint8]:
    full = np.full((1, *values.shape[1:]), 255, np.uint8)
    bands = values[:3] if len(values) >= 3 else np.repeat(values[:1], 3, axis=0)
    return np.concatenate([bands.astype(np.uint8), full])


def _mapped(cmap: Any, *, faint: float | None = None) -> Colour:
    def colour(values: NDArray[Any]) -> NDArray[np.uint8]:
        share = np.clip(np.nan_to_num(values[0].astype(np.float32)), 0, 1)
        coloured = np.moveaxis(cmap(share, bytes=True), -1, 0).copy()
        if faint is not None:
            coloured[3] = (255 * np.clip((share - faint) / faint, 0, 1)).astype(np.uint8)
        return np.asarray(coloured)

    return colour


#: How ground that cannot be seen is drawn, and water; clear ground is not.
_HIDDEN: Final = {
    Visibility.CLOUD: (230, 230, 230, 200), Visibility.CLOUD_SHADOW: (60, 60, 90, 170),
    Visibility.TERRAIN_SHADOW: (90, 60, 60, 170), Visibility.SNOW: (190, 225, 245, 200),
    Visibility.WATER: (60, 120, 190, 120),
}  # fmt: skip


def _visibility(values: NDArray[Any]) -> NDArray[np.uint8]:
    table = np.zeros((256, 4), np.uint8)
    for code, colour in _HIDDEN.items():
        table[code] = colour
    return np.asarray(np.moveaxis(table[values[0].astype(np.uint8)], -1, 0))


LAYERS: Final = {
    layer.name: layer
    for layer in (
        Layer("post", "review/post.tif", "Image after", _picture),
        Layer("pre", "review/pre.tif", "Image before", _picture),
        Layer("hillshade", "review/hillshade.tif", "Relief", _picture),
        Layer("probability", "probability.tif", "Probability", _mapped(PROBABILITY, faint=_FAINT)),
        Layer("uncertainty", "uncertainty.tif", "Uncertainty", _mapped(colormaps["cividis"])),
        Layer("visibility", "review/visibility.tif", "Not visible", _visibility, "nearest"),
    )
}


def layers_of(folder: Path) -> list[Layer]:
    """The rasters that a scan has."""
    return [layer for layer in LAYERS.values() if (folder / layer.file).is_file()]


def layer_of(folder: Path, name: str) -> Layer:
    """A raster of a scan by its name.

    Raises:
        SourceNotFoundError: the scan has none of this name.
    """
    for layer in layers_of(folder):
        if layer.name == name:
            return layer
    raise SourceNotFoundError(f"layer {name!r}: this scan has none")


def extent(path: Path) -> dict[str, Any]:
    """Where a raster is: ``bounds`` (west, south, east, north in degrees), the zoom levels
    that its pixels fill, and the ``farthest`` at which it is shown.
    """
    with Reader(str(path)) as raster:
        west, south, east, north = raster.get_geographic_bounds("EPSG:4326")
        least, most = _levels(raster)
    return {"bounds": [west, south, east, north], "minzoom": least, "maxzoom": most, "farthest": max(least - FAR, 0)}


def _levels(raster: Reader) -> tuple[int, int]:
    """The levels from which a raster fills a tile and at which its pixels are the map's."""
    # They are told for tiles of 256 pixels.
    return max(int(raster.minzoom) - 1, 0), max(int(raster.maxzoom) - 1, 0)


def tile(folder: Path, layer: Layer, *, z: int, x: int, y: int) -> bytes:
    """A tile of `SIZE` pixels as PNG; a single clear pixel where the raster does not reach, or is a speck.

    Args:
        folder: of the scan.
        layer: of it.
        z: zoom level of the web map's pyramid.
        x: column in it.
        y: row in it.
    """
    try:
        with Reader(str(folder / layer.file)) as raster:
            if z < _levels(raster)[0] - FAR:
                return EMPTY
            found = raster.tile(x, y, z, tilesize=SIZE, resampling_method=layer.resampling)
    except TileOutsideBounds:
        return EMPTY
    known = found.mask > 0
    if not known.any():
        return EMPTY
    picture = layer.colour(found.data)
    picture[3] = np.where(known, picture[3], 0)
    return _png(picture)


def _png(picture: NDArray[np.uint8]) -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.moveaxis(picture, 0, -1)).save(out, "PNG", compress_level=1)
    return out.getvalue()


EMPTY: Final = _png(np.zeros((4, 1, 1), np.uint8))
