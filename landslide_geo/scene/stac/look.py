"""A quick look at an acquisition: how much of the area it covers, and how much of that is hidden."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from odc.geo.geobox import GeoBox
from rasterio.features import geometry_mask

from landslide_geo.errors import LandslideError
from landslide_geo.scene.composite import mosaic
from landslide_geo.scene.stac.access import Access
from landslide_geo.scene.stac.catalogues import Product
from landslide_geo.scene.stac.load import load, look_at
from landslide_geo.scene.stac.optical import OPTICAL
from landslide_geo.scene.stac.region import Region
from landslide_geo.scene.stac.search import Acquisition
from landslide_geo.scene.visibility import Visibility, is_valid

#: Side of the grid that a look is taken on, at most: shares to a percent need no more, and overviews have as much.
SIDE: Final = 256


@dataclass(frozen=True)
class Look:
    """What an acquisition shows of an area.

    Attributes:
        coverage: share (0–1) of the area with data.
        cloud: share (0–1) of that which is hidden.
        source: what says so.
    """

    coverage: float
    cloud: float
    source: str


def coarse(region: Region) -> GeoBox:
    """A grid over a region that has few pixels."""
    grid = region.geobox
    return grid.zoom_out(max(1.0, max(grid.shape) / SIDE))


def inside(region: Region, grid: GeoBox) -> np.ndarray:
    """(y, x) which pixels of a grid lie in the area; one that is smaller than any pixel touches some."""
    shape = (int(grid.shape.y), int(grid.shape.x))
    mask = geometry_mask([region.on_grid], out_shape=shape, transform=grid.transform, invert=True)
    return mask if mask.any() else geometry_mask([region.on_grid], shape, grid.transform, invert=True, all_touched=True)


def look(one: Acquisition, product: Product, region: Region, access: Access) -> Look:
    """Look at the classification of an optical acquisition, coarsely.

    Where it has none, or that cannot be read, the catalogue's own figure of the whole tiles stands, and where there is
    none either, half is taken for hidden.
    """
    told = Look(
        one.coverage, 0.5 if one.cloud is None else one.cloud, "eo:cloud_cover" if one.cloud is not None else ""
    )
    kind, grid = OPTICAL.get(product.sensor), coarse(region)
    if kind is None or not all(product.has(item, "classes") for item in one.items):
        return told
    if (tell := kind.classes) is None:
        return told
    try:
        assets = look_at(one.items, product, ["classes"], access)["classes"]
        raw = load(assets, grid, access, dtype=kind.classes_dtype, nodata=kind.classes_nodata, resampling="nearest")
        values = raw.compute(scheduler="synchronous")
    except LandslideError:
        return told
    codes = mosaic(np.stack([tell(layer, item) for layer, item in zip(values, one.items, strict=True)]))
    area = inside(region, grid)
    seen = codes[area] != Visibility.NODATA
    if not seen.any():
        return Look(0.0, 0.0, kind.classes_name)
    hidden = ~is_valid(codes[area][seen])
    return Look(float(seen.mean()), float(hidden.mean()), kind.classes_name)
