"""A scene: bands, visibility and elevation on one grid, read a block at a time."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from rasterio.enums import Resampling
from rasterio.features import geometry_mask
from shapely.geometry.base import BaseGeometry

from landslide_geo.bands import PRE, TERRAIN, is_optical, is_pre
from landslide_geo.errors import MissingBandError
from landslide_geo.scene import cloudless
from landslide_geo.scene.cast_shadow import CastShadows
from landslide_geo.scene.cloud_shadow import cell_size, on_pixels, thrown_over
from landslide_geo.scene.grid import Block
from landslide_geo.scene.heights import HeightUnit
from landslide_geo.scene.reader import BandReader
from landslide_geo.scene.sources import BandSource
from landslide_geo.scene.sun import SunPosition
from landslide_geo.scene.terrain import illumination, terrain_band, terrain_margin
from landslide_geo.scene.told import Codes, Level, Scaling, told_visibility
from landslide_geo.scene.visibility import Visibility, classify, completed, is_valid, margin

if TYPE_CHECKING:
    # Half a second that a scan, which streams blocks by itself, need not spend.
    import dask.array as da
    import xarray as xr

FloatArray = NDArray[np.float32]
ByteArray = NDArray[np.uint8]
BoolArray = NDArray[np.bool_]

_CHUNK = 1024
_VISIBILITY_BANDS = ("blue", "green", "red", "nir", "swir16")
_SEEN = "visibility"  # no name of a band
_CAST = ("cast shadow",)
_TOLD = {False: "told visibility", True: "told visibility of the earlier date"}


@dataclass(frozen=True)
class Seen:
    """A raster of `Visibility` codes on a scene's grid.

    Attributes:
        path: uint8.
        needed: bands without any of which a pixel is nodata there.
    """

    path: Path
    needed: frozenset[str]


@dataclass(frozen=True, eq=False)
class Scene:
    """Bands on one grid, lazily read. Make one with `landslide_geo.open_scene`.

    Attributes:
        geobox: the grid: projected, north up, square pixels.
        bands: where each band's pixels are.
        reflectance_scale: factor from stored values to reflectance 0–1; None where units are unknown (8-bit images).
        dem: elevation model, on any grid, or None.
        dem_band: 1-based index of the elevation in that file.
        dem_unit: of the elevations in it; those that are read are in metres.
        aoi: area of interest in the grid's CRS, or None for everywhere.
        date, date_pre: acquisition days of the bands without and with ``pre_``.
        sun: direction of the sun at the later date, or None where it is not known.
        scene_id: names the scene in outputs.
        seen: what of the later date can be seen, worked out before by `landslide_geo.scene.stage.seen_once`; None works
            it out wherever it is asked for.
        visibility_path, pre_visibility_path: rasters of `Visibility` codes that came with the scene, on any grid, for
            the two dates: they stand instead of the rules. None where there is none.
        visibility_codes, pre_visibility_codes: what the values of these rasters mean, where they are a producer's own.
        level, pre_level: of the reflectance of the two dates; None where nothing tells.
        cloudless, pre_cloudless: whether s2cloudless tells the clouds of the two dates rather than the rules
            (`landslide_geo.scene.cloudless`).
    """

    geobox: GeoBox
    bands: tuple[BandSource, ...]
    reflectance_scale: float | None = None
    dem: Path | None = None
    dem_band: int = 1
    dem_unit: HeightUnit = "m"
    aoi: BaseGeometry | None = None
    date: dt.date | None = None
    date_pre: dt.date | None = None
    sun: SunPosition | None = None
    scene_id: str = "scene"
    seen: Seen | None = None
    visibility_path: Path | None = None
    pre_visibility_path: Path | None = None
    visibility_codes: Codes = Codes.VISIBILITY
    pre_visibility_codes: Codes = Codes.VISIBILITY
    level: Level | None = None
    pre_level: Level | None = None
    cloudless: bool = False
    pre_cloudless: bool = False
    _local: threading.local = field(init=False, default_factory=threading.local, repr=False, compare=False)
    _once: dict[str, BoolArray] = field(init=False, default_factory=dict, repr=False, compare=False)
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock, repr=False, compare=False)

    def __getstate__(self) -> dict[str, Any]:
        """Open files stay behind; the other process opens its own."""
        return {key: value for key, value in self.__dict__.items() if key not in ("_local", "_lock")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore, with no file open."""
        self.__dict__.update(state)
        object.__setattr__(self, "_local", threading.local())
        object.__setattr__(self, "_lock", threading.Lock())

    def absolute(self) -> Scene:
        """The same scene with absolute paths, for processes that run in other folders."""
        return replace(
            self,
            bands=tuple(replace(band, path=band.path.absolute()) for band in self.bands),
            dem=None if self.dem is None else self.dem.absolute(),
            seen=None if self.seen is None else replace(self.seen, path=self.seen.path.absolute()),
            visibility_path=None if self.visibility_path is None else self.visibility_path.absolute(),
            pre_visibility_path=None if self.pre_visibility_path is None else self.pre_visibility_path.absolute(),
        )

    @property
    def height(self) -> int:
        """Rows of the grid."""
        return int(self.geobox.shape.y)

    @property
    def width(self) -> int:
        """Columns of the grid."""
        return int(self.geobox.shape.x)

    @property
    def extent(self) -> Block:
        """The whole grid as one block."""
        return Block(0, 0, self.height, self.width)

    @property
    def names(self) -> tuple[str, ...]:
        """The bands' names."""
        return tuple(band.name for band in self.bands)

    @property
    def elevation(self) -> BandSource | None:
        """Where the elevation model is, None where there is none."""
        if self.dem is None:
            return None
        return BandSource("elevation", self.dem, self.dem_band, Scaling.to_metres(self.dem_unit))

    def require(self, names: Sequence[str], *, by: str) -> None:
        """Check that the scene has bands.

        Raises:
            MissingBandError: one is missing; the message names it, who needs it, and what there is.
        """
        missing = [name for name in names if name not in self.names]
        if missing:
            raise MissingBandError(
                f"{by} needs band {', '.join(missing)}, which the scene lacks (it has {', '.join(self.names)}); "
                f"add e.g. {missing[0]}=FILE.tif"
            )

    def read(self, names: Sequence[str], block: Block) -> FloatArray:
        """Bands of a block as stored: (band, h, w) float32, NaN where unknown; the block may reach outside.

        Bands of the terrain that the scene has no file of are made of its elevation model.
        """
        made = [name for name in names if name in TERRAIN and name not in self.names and name != "elevation"]
        if not made or self.dem is None:
            return self._reader(tuple(names)).read(block)
        stored = [name for name in names if name not in made]
        values = dict(zip(stored, self._reader(tuple(stored)).read(block), strict=True)) if stored else {}
        wide = block.padded(max(terrain_margin(name, self.resolution) for name in made))
        # At the rim of the scene terrain is one-sided, not unknown.
        known = wide.clipped(self.height, self.width)
        elevation = self._reader(("elevation",)).read(known)[0]
        inner = block.clipped(self.height, self.width)
        for name in made:
            values[name] = np.full(block.shape, np.nan, dtype=np.float32)
            if inner.height and inner.width:
                band = terrain_band(name, elevation, self.resolution)
                values[name][inner.inside(block)] = band[inner.inside(known)]
        return np.stack([values[name] for name in names])

    def read_elevation(self, block: Block) -> FloatArray | None:
        """Elevation of a block on the scene's grid, (h, w) float32 in metres, or None where the scene has no DEM."""
        if self.dem is None:
            return None
        return self._reader(("elevation",)).read(block)[0]

    def read_visibility(self, block: Block, *, needed: Sequence[str] = (), pre: bool = False) -> ByteArray:
        """`Visibility` codes of a block, (h, w) uint8, independent of the block they are read in.

        Args:
            block: may reach outside the scene, where it is nodata.
            needed: bands without which a pixel is nodata; none means all optical bands of the date.
            pre: judge the earlier date instead.
        """
        optical = [name for name in self.names if is_optical(name) and is_pre(name) == pre]
        names = list(needed) or optical or list(self.names)
        if (known := self._known_visibility(names, block, pre=pre)) is not None:
            return known
        return self.observe(names, block, pre=pre)[1]

    def observe(self, names: Sequence[str], block: Block, *, pre: bool = False) -> tuple[FloatArray, ByteArray]:
        """Bands of a block and what of it can be seen, with every file read once.

        Args:
            names: bands to read, without any of which a pixel is nodata.
            block: may reach outside the scene.
            pre: judge the visibility of the earlier date instead.

        Returns:
            As `read` and `read_visibility` return.
        """
        if (known := self._known_visibility(names, block, pre=pre)) is not None:
            return self.read(names, block), known
        return self._judged(names, block, pre=pre, thrown=None if pre else self._thrown())

    def _judged(
        self, names: Sequence[str], block: Block, *, pre: bool, thrown: BoolArray | None
    ) -> tuple[FloatArray, ByteArray]:
        """As `observe`, worked out; ``thrown`` are the cells of the scene that clouds may shade."""
        wide = block.padded(margin(self.resolution[0]))
        prefix = PRE if pre else ""
        told = self._told_visibility(names, wide, pre=pre)
        rules = [prefix + name for name in _VISIBILITY_BANDS if prefix + name in self.names and told is None]
        union = list(dict.fromkeys([*names, *rules]))
        values = dict(zip(union, self.read(union, wide), strict=True))
        seen = np.all([np.isfinite(values[name]) for name in names], axis=0)
        scale = self.reflectance_scale
        reflectance = {} if scale is None else {name.removeprefix(PRE): values[name] * scale for name in rules}
        light, cast = (None, None) if pre else self._sunlight(wide)
        inner = block.inside(wide)
        if told is None:
            shaded = None if thrown is None else on_pixels(thrown, wide, cell_size(self.resolution[0]))
            visibility = classify(
                reflectance, seen=seen, illumination=light, pixel=self.resolution[0], cast=cast, thrown=shaded,
                cloudy=self._cloudy(wide, pre=pre),
            )[inner]  # fmt: skip
        else:
            visibility = completed(told, seen=seen, illumination=light, cast=cast)[inner]
        return np.stack([values[name][inner] for name in names]), visibility

    def _cloudy(self, block: Block, *, pre: bool) -> BoolArray | None:
        """Clouds of a date by s2cloudless, where it tells them."""
        scale = self.reflectance_scale
        if not (self.pre_cloudless if pre else self.cloudless) or scale is None:
            return None
        names = [(PRE if pre else "") + name for name in cloudless.BANDS]
        return cloudless.cloudy(lambda part: self.read(names, part) * scale, block, pixel=self.resolution[0])

    def _sunlight(self, block: Block) -> tuple[FloatArray | None, BoolArray | None]:
        """Cosine of the sun's incidence at the later date, and where other terrain keeps the sun away."""
        if self._grid_sun is None or (elevation := self.read_elevation(block)) is None:
            return None, None
        sun, readers = self._grid_sun, self._local.__dict__.setdefault("readers", {})
        if _CAST not in readers:
            assert self.elevation is not None
            # Of its own file, staged or not: shadows need what lies beside the scene.
            readers[_CAST] = CastShadows(self.elevation, self.geobox, sun)
        light = illumination(elevation, self.resolution, azimuth=sun.azimuth, altitude=sun.altitude)
        return light, readers[_CAST].read(block)

    @cached_property
    def _grid_sun(self) -> SunPosition | None:
        return None if self.sun is None else self.sun.on_grid(self.geobox)

    def _thrown(self) -> BoolArray | None:
        """Cells that clouds may shade at the later date, worked out once over the whole scene.

        None where the rules do not hold, or where a band or the sun's true direction is missing: a shadow looked for a
        few degrees off is some hundred metres off.
        """
        needed, scale = ("blue", "green", "red", "nir"), self.reflectance_scale
        if self.visibility_path is not None or scale is None or not {*needed} <= {*self.names}:
            return None
        if (sun := self._grid_sun) is None or sun.estimated:
            return None

        def judged(block: Block) -> tuple[FloatArray, ByteArray]:
            values, codes = self._judged(needed, block, pre=False, thrown=None)
            return values[-1] * scale, codes

        with self._lock:
            if "thrown" not in self._once:
                self._once["thrown"] = thrown_over(
                    judged,
                    self.height,
                    self.width,
                    pixel=self.resolution[0],
                    azimuth=sun.azimuth,
                    altitude=sun.altitude,
                )
        return self._once["thrown"]

    def _known_visibility(self, names: Sequence[str], block: Block, *, pre: bool) -> ByteArray | None:
        """What `seen` holds of a block, where it answers this question."""
        if self.seen is None or pre or self.seen.needed != frozenset(names):
            return None
        codes = self._reader((_SEEN,)).read(block)[0]
        return np.nan_to_num(codes, nan=Visibility.NODATA).astype(np.uint8)

    def _told_visibility(self, names: Sequence[str], block: Block, *, pre: bool) -> ByteArray | None:
        """What came with the scene about a block: it is about optical bands, radar sees what they do not."""
        if (self.pre_visibility_path if pre else self.visibility_path) is None:
            return None
        if not any(is_optical(name) for name in names):
            return None
        values = self._reader((_TOLD[pre],)).read(block)[0]
        return told_visibility(values, self.pre_visibility_codes if pre else self.visibility_codes)

    def read_valid(self, block: Block, *, needed: Sequence[str] = ()) -> BoolArray:
        """Where a block can be mapped: clear or water, and inside the area of interest; (h, w)."""
        valid = is_valid(self.read_visibility(block, needed=needed))
        return valid if self.aoi is None else valid & self.inside_aoi(block)

    def inside_aoi(self, block: Block) -> BoolArray:
        """Which pixel centres of a block lie in the area of interest; (h, w)."""
        if self.aoi is None:
            return np.ones(block.shape, dtype=bool)
        transform = self.geobox.transform
        shifted = transform * transform.translation(block.col, block.row)
        return geometry_mask([self.aoi], out_shape=block.shape, transform=shifted, invert=True)

    @property
    def resolution(self) -> tuple[float, float]:
        """Pixel width and height in metres."""
        return abs(self.geobox.resolution.x), abs(self.geobox.resolution.y)

    @property
    def data(self) -> xr.DataArray:
        """The bands as a lazy (band, y, x) float32 array, NaN where there is no value."""
        import dask.array as da

        names = self.names
        lazy = da.stack([self._lazy(lambda block, n=name: self.read([n], block)[0], np.float32) for name in names])
        lazy = lazy.rechunk((len(names), _CHUNK, _CHUNK))
        array = _on_grid(lazy, self.geobox, nodata=np.nan, axis=1)
        return array.rename({array.dims[0]: "band"}).assign_coords(band=list(names))

    @property
    def visibility(self) -> xr.DataArray:
        """The `Visibility` code of each pixel as a lazy (y, x) uint8 array."""
        return _on_grid(self._lazy(self.read_visibility, np.uint8), self.geobox)

    @property
    def valid(self) -> xr.DataArray:
        """Where the scene can be mapped, as a lazy (y, x) bool array."""
        return _on_grid(self._lazy(self.read_valid, np.bool_), self.geobox)

    def _lazy(self, read: Any, dtype: Any) -> da.Array:
        import dask.array as da

        chunks = da.core.normalize_chunks((_CHUNK, _CHUNK), (self.height, self.width))

        def load(block_info: Any = None) -> Any:
            (top, bottom), (left, right) = block_info[None]["array-location"]
            return read(Block(top, left, bottom - top, right - left))

        return da.map_blocks(load, chunks=chunks, dtype=dtype, meta=np.empty((0, 0), dtype=dtype))

    def _reader(self, names: tuple[str, ...]) -> BandReader:
        """This thread's open reader for some bands: GDAL datasets must not be shared between threads."""
        readers: dict[tuple[str, ...], BandReader] = self._local.__dict__.setdefault("readers", {})
        if names not in readers:
            by_name = {band.name: band for band in self.bands}
            if self.elevation is not None:
                by_name.setdefault("elevation", self.elevation)
            if self.seen is not None:
                by_name[_SEEN] = BandSource(_SEEN, self.seen.path)
            for path, name in ((self.visibility_path, _TOLD[False]), (self.pre_visibility_path, _TOLD[True])):
                if path is not None:
                    by_name[name] = BandSource(name, path)
            classes = names[0] in _TOLD.values()
            readers[names] = BandReader(
                [by_name[name] for name in names],
                self.geobox,
                resampling=Resampling.nearest if classes else Resampling.bilinear,
            )
        return readers[names]

    def close(self) -> None:
        """Close the files this thread has open; reading opens them again."""
        for reader in self._local.__dict__.pop("readers", {}).values():
            reader.__exit__(None, None, None)


def _on_grid(lazy: da.Array, geobox: GeoBox, **options: Any) -> xr.DataArray:
    from odc.geo.xr import wrap_xr

    return wrap_xr(lazy, geobox, **options)
