"""Anything a user names → a scene, with every input checked before work starts."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import geopandas as gpd
import numpy as np
from affine import Affine
from odc.geo.geobox import GeoBox
from pyogrio.errors import DataSourceError
from rasterio.enums import Resampling
from shapely import box
from shapely.geometry.base import BaseGeometry

from landslide_geo.bands import PRE, TERRAIN, is_optical, is_pre
from landslide_geo.errors import (
    EmptyAOIError,
    InventoryError,
    MissingBandError,
    NoOverlapError,
    ParameterError,
    SourceNotFoundError,
)
from landslide_geo.scene import cloudless
from landslide_geo.scene.grid import Block, geographic_centre, ground_sample_distance, scene_geobox
from landslide_geo.scene.heights import HeightUnit, unit_doubts, unit_of_file
from landslide_geo.scene.raster_io import NEAR, covers, open_raster, reading
from landslide_geo.scene.reader import BandReader
from landslide_geo.scene.scene import Scene
from landslide_geo.scene.sources import BandSource, resolve_all
from landslide_geo.scene.sun import overpass_sun
from landslide_geo.scene.told import NUMBERS, Codes, Level, Scaling

#: Places along a side of a scene that its elevations are looked at, to tell whether they can be metres.
_SAMPLE = 256
_LEVELS = ("level", "pre_level")


def open_scene(
    sources: Sequence[str | Path] | str | Path,
    *,
    dem: str | Path | None = None,
    dem_unit: HeightUnit | None = None,
    aoi: str | Path | None = None,
    crs: str | None = None,
    resolution: float | None = None,
    gsd: float = 10.0,
    date: date | None = None,
    date_pre: date | None = None,
    name: str | None = None,
    terrain_only: bool = False,
) -> Scene:
    """Open a scene lazily: files are checked, none is read as a whole.

    Args:
        sources: a GeoTIFF whose band descriptions name its bands, ``NAME=PATH`` for each band, a folder that
            ``landslide ingest`` wrote, a STAC item, or a folder of a Sentinel-2 product, a Landsat scene or files of
            one band each; grids may differ. Days, sun and visibility of an item are taken
            where they are not given.
        dem: elevation model, on any grid.
        dem_unit: of the elevations, there or among the sources; none takes what the file tells, or metres.
        aoi: vector file; the scene is mapped inside its polygons only.
        crs: of the scene's grid, instead of the one `scene_geobox` chooses.
        resolution: of the scene's grid in metres, likewise.
        gsd: pixel size in metres where the first band's own grid cannot be taken.
        date: acquisition day of the later bands.
        date_pre: acquisition day of the earlier bands.
        name: of the scene in outputs; none takes it from the files.
        terrain_only: take a scene that has nothing but its elevation model, too, on that model's own grid, or where it
            is in degrees, at its own pixel size. There is nothing to map on such a scene, but chips to cut.

    Raises:
        LandslideError: an input is missing, unreadable, has no CRS, or does not overlap the first band; the area of
            interest is empty or lies elsewhere; a parameter is out of range.
    """
    listed = [sources] if isinstance(sources, str | Path) else list(sources)
    bands, items = resolve_all(listed)
    first = next((band for band in bands if not is_pre(band.name) and band.name not in TERRAIN), None)
    if first is None and terrain_only:
        first = next((band for band in bands if band.name == "elevation"), None)
        if first is not None:
            gsd = _own_size(first)
    if first is None:
        names = ", ".join(band.name for band in bands)
        raise MissingBandError(f"the scene has only {names}; name at least one band of the event date, e.g. red=B4.tif")
    with open_raster(first.path) as dataset:
        geobox = scene_geobox(GeoBox.from_rio(dataset), gsd=gsd, crs=crs, resolution=resolution)
    inside = next((band for band in bands if band.name == "elevation"), None)
    model = BandSource("elevation", Path(dem).expanduser()) if dem is not None else inside
    dem_path, unit = (None, None) if model is None else (model.path, dem_unit or unit_of_file(model.path, model.index))
    if model is inside and unit is not None:
        bands = tuple(replace(band, scaling=Scaling.to_metres(unit)) if band is inside else band for band in bands)
    for band in bands:
        _check_overlap(band.path, geobox, what=f"band {band.name}", first=first)
    if dem_path is not None:
        _check_overlap(dem_path, geobox, what="elevation model", first=first)
    levels = [next((one for item in items if (one := getattr(item, name)) is not None), None) for name in _LEVELS]
    centre = geographic_centre(geobox)
    own_sun = next((item.sun for item in items if item.sun is not None), None) if date is None else None
    date = date or next((item.date for item in items if item.date is not None), None)
    date_pre = date_pre or next((item.date_pre for item in items if item.date_pre is not None), None)
    scene = Scene(
        geobox=geobox,
        bands=bands,
        reflectance_scale=_reflectance_scale(bands),
        dem=dem_path,
        dem_band=1 if model is None else model.index,
        dem_unit=unit or "m",
        aoi=None if aoi is None else read_aoi(Path(aoi).expanduser(), geobox),
        date=date,
        date_pre=date_pre,
        sun=own_sun or (None if date is None else overpass_sun(centre[0], centre[1], date)),
        scene_id=name or (items[0].scene_id if items else _scene_id(first, bands)),
        visibility_path=next((item.visibility for item in items if item.visibility is not None), None),
        pre_visibility_path=next((item.pre_visibility for item in items if item.pre_visibility is not None), None),
        visibility_codes=next((item.codes for item in items if item.visibility is not None), Codes.VISIBILITY),
        pre_visibility_codes=next(
            (item.pre_codes for item in items if item.pre_visibility is not None), Codes.VISIBILITY
        ),
        level=levels[0],
        pre_level=levels[1],
    )
    if not cloudless.available():
        return scene
    return replace(scene, cloudless=asks_cloudless(scene), pre_cloudless=asks_cloudless(scene, pre=True))


def asks_cloudless(scene: Scene, *, pre: bool = False) -> bool:
    """Whether s2cloudless could tell the clouds of a date: top-of-atmosphere reflectance of all bands that it looks at.

    Not where visibility came with the scene.
    """
    level, told = (scene.pre_level, scene.pre_visibility_path) if pre else (scene.level, scene.visibility_path)
    bands = {(PRE if pre else "") + name for name in cloudless.BANDS}
    return level is Level.TOP and told is None and bands <= {*scene.names}


def doubts_of(scene: Scene, *, told_by_user: bool) -> list[str]:
    """What the user should know of the unit of a scene's elevations, of a sample of them all over it.

    Args:
        scene: with an elevation model, else nothing is in doubt.
        told_by_user: whether the unit was said, whatever the file tells.

    Raises:
        UnreadableRasterError: the elevation model cannot be read.
    """
    if scene.elevation is None:
        return []
    shape = (min(scene.height, _SAMPLE), min(scene.width, _SAMPLE))
    shrunk = Affine.scale(scene.width / shape[1], scene.height / shape[0])
    with BandReader(
        [scene.elevation], GeoBox(shape, scene.geobox.affine * shrunk, scene.geobox.crs), tolerance=NEAR,
        resampling=Resampling.nearest,
    ) as reader:  # fmt: skip
        values = reader.read(Block(0, 0, *shape))
    return unit_doubts(scene.elevation.path.name, scene.dem_unit, values, told_by_user=told_by_user)


def _own_size(band: BandSource) -> float:
    """Side of a square as large as a band's pixels are on the ground, in metres."""
    with open_raster(band.path) as dataset:
        width, height = ground_sample_distance(GeoBox.from_rio(dataset))
    return float(np.sqrt(width * height))


def read_aoi(path: Path, geobox: GeoBox) -> BaseGeometry:
    """The polygons of a vector file as one geometry in the grid's CRS.

    Raises:
        SourceNotFoundError: no such file.
        InventoryError: not a vector file, or it has no CRS.
        EmptyAOIError: it holds no polygon, or none that meets the grid.
    """
    area = read_polygons(path).to_crs(str(geobox.crs)).make_valid().union_all()
    if not area.intersects(geobox.extent.geom):
        raise EmptyAOIError(f"{path}: lies outside the scene; check that area and scene are of the same place")
    return area


def read_polygons(path: Path) -> gpd.GeoSeries:
    """The polygons of a vector file, in its own CRS.

    Raises:
        SourceNotFoundError: no such file.
        InventoryError: not a vector file, or it has no CRS.
        EmptyAOIError: it holds no polygon.
    """
    if not path.exists():
        raise SourceNotFoundError(f"{path}: no such file; check the path of the area of interest")
    try:
        frame = gpd.read_file(path)
    except DataSourceError as error:
        raise InventoryError(f"{path}: cannot be read as a vector file ({str(error).splitlines()[0]})") from None
    geometry = frame.geometry if isinstance(frame, gpd.GeoDataFrame) else gpd.GeoSeries([])
    polygons = geometry[geometry.geom_type.isin(["Polygon", "MultiPolygon"]) & ~geometry.is_empty]
    if polygons.empty:
        raise EmptyAOIError(f"{path}: holds no polygon; draw at least one as the area of interest")
    if polygons.crs is None:
        raise InventoryError(f"{path}: the area of interest has no CRS; save it with one, e.g. EPSG:4326")
    return polygons


def _check_overlap(path: Path, geobox: GeoBox, *, what: str, first: BandSource) -> None:
    with open_raster(path, what=what) as dataset:
        other = GeoBox.from_rio(dataset)
        if other == geobox:
            return
        bounds = dataset.bounds
        # Compared in the raster's own CRS: a far-away raster may have no finite coordinates in the scene's.
        if dataset.crs.is_geographic:
            overlaps = covers(dataset, geobox.boundingbox)
        else:
            footprint = geobox.footprint(str(other.crs)) if other.crs != geobox.crs else geobox.extent
            shared = footprint.geom.intersection(box(bounds.left, bounds.bottom, bounds.right, bounds.top)).area
            overlaps = shared > abs(other.resolution.x * other.resolution.y)  # sharing an edge is no overlap
    if not overlaps:
        raise NoOverlapError(
            f"{path}: the {what} does not overlap {first.name} ({first.path}); check that both are of the same place"
        )


def _reflectance_scale(bands: Sequence[BandSource]) -> float | None:
    """Factor to reflectance by the usual conventions: 16-bit integers hold reflectance × 10,000, floats either.

    Raises:
        ParameterError: bands that are turned into reflectance × 10,000 stand beside such that hold something else.
    """
    optical = [band for band in bands if is_optical(band.name)]
    if not any(band.scaling for band in optical):
        return _scale_of(optical[0]) if optical else None
    for band in optical:
        if band.scaling is None and _scale_of(band) != 1 / NUMBERS:
            raise ParameterError(
                f"{band.path}: {band.name} does not hold reflectance × {NUMBERS:,}, which the scene's other bands are "
                "turned into; multiply it"
            )
    return 1 / NUMBERS


def _scale_of(optical: BandSource) -> float | None:
    """The factor of one band that is taken as it is stored."""
    with open_raster(optical.path) as dataset:
        kind = np.dtype(dataset.dtypes[optical.index - 1])
        if kind.itemsize == 1:
            return None
        if not np.issubdtype(kind, np.floating):
            return 1e-4
        height, width = min(dataset.height, 512), min(dataset.width, 512)
        with reading(optical.path):
            sample = dataset.read(optical.index, out_shape=(height, width), masked=True).compressed()
    finite = sample[np.isfinite(sample)]
    return 1.0 if finite.size == 0 or np.percentile(finite, 99) <= 2 else 1e-4


def _scene_id(first: BandSource, bands: Sequence[BandSource]) -> str:
    """The file's name for one file, else the folder the first band lies in, with a digest of the names behind it."""
    if len({band.path for band in bands}) == 1:
        return first.path.stem
    names = "|".join(sorted(f"{band.name}={band.path.name}" for band in bands))
    parent = first.path.resolve().parent.name
    return f"{parent}-{hashlib.sha256(names.encode()).hexdigest()[:8]}"
