"""Items → lazy bands on one grid, by odc-stac: every file looked at first, none left out in silence."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import odc.stac
import pystac
import rasterio
import shapely.geometry
from odc.geo.geobox import GeoBox
from pystac.extensions.projection import ProjectionExtension
from shapely.geometry.base import BaseGeometry

from landslide_geo.errors import MissingCRSError, NoOverlapError
from landslide_geo.scene.grid import crs_name, geographic_footprint
from landslide_geo.scene.heights import HeightUnit, unit_named, unit_told
from landslide_geo.scene.stac.access import Access, Driver, plain
from landslide_geo.scene.stac.catalogues import Product
from landslide_geo.scene.stac.region import unwrapped
from landslide_geo.scene.stac.strips import CHUNKS

if TYPE_CHECKING:
    import dask.array as da

#: Files looked at at a time; it is waiting that takes the time.
_THREADS: Final = 8
_BAND: Final = "band"
#: Share of a file that must lie where its item says.
_AGREES: Final = 0.5


@dataclass(frozen=True, eq=False)
class Asset:
    """A file of an item, as it was found.

    Attributes:
        item: it is of.
        key: of the asset.
        href: as the catalogue has it.
        geobox: its grid.
        nodata: that it tells itself.
        notes: where its metadata were wrong.
        unit: of elevations, as the file or the catalogue tells it; None where neither does.
    """

    item: pystac.Item
    key: str
    href: str
    geobox: GeoBox
    nodata: float | None
    notes: tuple[str, ...]
    unit: HeightUnit | None = None


def look_at(
    items: Sequence[pystac.Item], product: Product, bands: Sequence[str], access: Access
) -> dict[str, list[Asset]]:
    """Open the files of bands, before any is loaded.

    Args:
        items: to load.
        product: that they are of.
        bands: by vocabulary name, and ``classes``.
        access: to the files.

    Returns:
        By band, an asset for each item, in their order.

    Raises:
        MissingBandError: an item lacks a band.
        FetchError: a file cannot be had.
        MissingCRSError: a file has no CRS.
        NoOverlapError: a file does not lie where its item says.
    """
    wanted = [(band, item, product.asset(item, band)) for band in bands for item in items]
    with ThreadPoolExecutor(_THREADS) as pool:
        assets = list(pool.map(lambda one: _look(one[1], one[2], access), wanted))
    found: dict[str, list[Asset]] = {band: [] for band in bands}
    for (band, _, _), asset in zip(wanted, assets, strict=True):
        found[band].append(asset)
    return found


def load(
    assets: Sequence[Asset],
    geobox: GeoBox,
    access: Access,
    *,
    dtype: str,
    nodata: float,
    resampling: str,
    chunks: dict[str, int] | None = None,
) -> da.Array:
    """One band of several items on one grid.

    Args:
        assets: one for each item.
        geobox: the grid.
        access: to the files.
        dtype: of the values.
        nodata: where an item has none.
        resampling: by which files on other grids are read; nearest for classes.
        chunks: tiles; none takes `CHUNKS`.

    Returns:
        (item, y, x), lazy, each item by itself.
    """
    items = [_single(asset, number) for number, asset in enumerate(assets)]
    config: Any = {"*": {"assets": {"*": {"data_type": dtype, "nodata": nodata}}, "warnings": "ignore"}}
    loaded = odc.stac.load(
        items,
        [_BAND],
        groupby=lambda item, parsed, index: index,
        geobox=geobox,
        chunks=dict(CHUNKS if chunks is None else chunks),
        dtype=dtype,
        nodata=nodata,
        resampling=resampling,
        stac_cfg=config,
        driver=Driver(access, {asset.href: asset.geobox for asset in assets}),
        fail_on_error=True,
    )
    lazy: da.Array = loaded[_BAND].data
    if lazy.shape[0] != len(items):
        raise AssertionError(f"{len(items)} items were asked for, {lazy.shape[0]} came")
    return lazy


def _look(item: pystac.Item, key: str, access: Access) -> Asset:
    try:
        return _found(item, key, access, anew=False)
    except (MissingCRSError, NoOverlapError):
        # Where the connection broke off in its head, a file has no place either.
        return _found(item, key, access, anew=True)


def _found(item: pystac.Item, key: str, access: Access, *, anew: bool) -> Asset:
    href = str(item.assets[key].get_absolute_href() or item.assets[key].href)

    def opened(address: str) -> tuple[GeoBox | None, float | None, HeightUnit | None]:
        with rasterio.open(address) as dataset:
            grid = None if dataset.crs is None else GeoBox.from_rio(dataset)
            return grid, dataset.nodatavals[0], unit_told(dataset)

    geobox, nodata, unit = access.attempt(href, opened, anew=anew)
    if geobox is None:
        raise MissingCRSError(f"{plain(href)}: has no CRS; choose other dates, or another catalogue with --stac")
    told, own = _told_crs(item, item.assets[key]), crs_name(geobox)
    outline = unwrapped(shapely.make_valid(geographic_footprint(geobox)[0]))
    if item.geometry is not None and _shared(outline, shapely.geometry.shape(item.geometry)) < _AGREES:
        raise NoOverlapError(
            f"{plain(href)}: lies elsewhere than its item {item.id} says ({own}"
            + (f", the catalogue says {told}" if told else "")
            + "): its metadata are wrong; choose other dates, or another catalogue with --stac"
        )
    notes: tuple[str, ...] = ()
    if told is not None and geobox.crs != told:
        notes = (f"{item.id}: the catalogue says {told} of {key}, its file {own}; the file lies right and was taken",)
    return Asset(item, key, href, geobox, nodata, notes, unit or _catalogue_unit(item.assets[key]))


def _shared(outline: BaseGeometry, told: BaseGeometry) -> float:
    """Share of the smaller one of two footprints that both have: items may show the part with data only."""
    told = unwrapped(shapely.make_valid(told))
    shared = max(
        shapely.transform(told, lambda xy, turn=turn: xy + np.array([turn, 0])).intersection(outline).area
        for turn in (-360, 0, 360)
    )
    return float(shared / max(min(outline.area, told.area), 1e-12))


def _catalogue_unit(asset: pystac.Asset) -> HeightUnit | None:
    """The unit that a catalogue tells of an asset's first band."""
    bands = asset.extra_fields.get("raster:bands") or asset.extra_fields.get("bands") or [{}]
    return unit_named(str(bands[0].get("unit", "")))


def _told_crs(item: pystac.Item, asset: pystac.Asset) -> str | None:
    """The CRS that metadata tell of an asset."""
    for own in (asset.extra_fields, item.properties):
        if own.get("proj:code"):
            return str(own["proj:code"])
        if own.get("proj:epsg"):
            return f"EPSG:{own['proj:epsg']}"
    return None


def _single(asset: Asset, number: int) -> pystac.Item:
    """An item of one asset under one name, with the file's own grid: catalogues differ in what they tell of it."""
    item = pystac.Item(
        id=f"{number}", geometry=asset.item.geometry, bbox=asset.item.bbox,
        datetime=dt.datetime(2000, 1, 1, tzinfo=dt.UTC) + dt.timedelta(days=number), properties={}, collection="scene",
    )  # fmt: skip
    item.add_asset(_BAND, pystac.Asset(asset.href, media_type=pystac.MediaType.COG, roles=["data"]))
    ProjectionExtension.add_to(item)
    grid = ProjectionExtension.ext(item.assets[_BAND])
    crs = asset.geobox.crs
    assert crs is not None
    if crs.epsg:
        grid.code = f"EPSG:{crs.epsg}"
    else:
        grid.wkt2 = crs.to_wkt()
    grid.shape, grid.transform = list(asset.geobox.shape), list(asset.geobox.transform)[:6]
    return item
