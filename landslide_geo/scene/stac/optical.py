"""Optical acquisitions of one date, block by block: reflectance as it is stored, and visibility."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pystac
import rasterio
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from landslide_geo.errors import ParameterError
from landslide_geo.files import replacing
from landslide_geo.scene import landsat, sentinel2
from landslide_geo.scene.cog import TILE, tile_blocks
from landslide_geo.scene.composite import mosaic
from landslide_geo.scene.folder import stored_reflectance
from landslide_geo.scene.grid import Block
from landslide_geo.scene.judged import Judged
from landslide_geo.scene.sentinel2 import Offset
from landslide_geo.scene.stac.access import Access
from landslide_geo.scene.stac.catalogues import L1C
from landslide_geo.scene.stac.load import Asset, load
from landslide_geo.scene.stac.search import Acquisition, baseline
from landslide_geo.scene.stac.strips import Strips
from landslide_geo.scene.sun import SunPosition
from landslide_geo.scene.told import NUMBERS

if TYPE_CHECKING:
    import dask.array as da

ByteArray = NDArray[np.uint8]
ShortArray = NDArray[np.uint16]


#: Bands that are written at a time: making overviews and packing one leave a core to the next.
BANDS_AT_A_TIME: Final = 2


@dataclass(frozen=True)
class Kind:
    """How a sensor's files are to be read.

    Attributes:
        classes_name: of its classification.
        classes_dtype: of that.
        classes_nodata: of that.
        classes: classification of an item → `Visibility` codes; None where there is none: then bands tell.
        reflectance: digital numbers and the item's offset → reflectance, NaN where there is none.
        scale: factor of it, as metadata may tell it.
    """

    classes_name: str
    classes_dtype: str
    classes_nodata: int
    classes: Callable[[NDArray[Any], pystac.Item], ByteArray] | None
    reflectance: Callable[[ShortArray, int], NDArray[np.float32]]
    scale: float


OPTICAL: Final[Mapping[str, Kind]] = {
    "s2": Kind(
        classes_name="SCL",
        classes_dtype="uint8",
        classes_nodata=0,
        classes=lambda scl, item: sentinel2.visibility(scl, baseline=baseline(item)),
        reflectance=sentinel2.reflectance,
        scale=1 / sentinel2.QUANTIFICATION,
    ),
    L1C: Kind(
        classes_name="",
        classes_dtype="",
        classes_nodata=0,
        classes=None,
        reflectance=sentinel2.reflectance,
        scale=1 / sentinel2.QUANTIFICATION,
    ),
    "landsat": Kind(
        classes_name="QA_PIXEL",
        classes_dtype="uint16",
        classes_nodata=1,
        classes=lambda qa, item: landsat.visibility(qa),
        reflectance=lambda numbers, offset: landsat.reflectance(numbers),
        scale=landsat.SCALE,
    ),
}


class OpticalDate:
    """Acquisitions of one date on one grid.

    Args:
        acquisitions: the better one first.
        assets: of each acquisition by band and ``classes``, one for each of its items.
        offsets: of each item by its name, of Sentinel-2.
        geobox: the grid.
        access: to the files.
        work: folder for copies of bands that tell what can be seen, where nothing else does.
    """

    def __init__(
        self,
        acquisitions: Sequence[Acquisition],
        assets: Sequence[Mapping[str, Sequence[Asset]]],
        offsets: Mapping[str, Offset],
        geobox: GeoBox,
        access: Access,
        *,
        work: Path,
    ) -> None:
        self.acquisitions, self.sensor = tuple(acquisitions), acquisitions[0].sensor
        self._kind = OPTICAL[self.sensor]
        self._assets, self._offsets, self._geobox, self._access = assets, offsets, geobox, access
        self._strips: dict[str, list[Strips]] = {}
        self._lock = Lock()
        self._tables: dict[int, ShortArray] = {}
        self._work, self._copying = work, Lock()
        self._judges = [self._judge(index) for index in range(len(self.acquisitions))]

    def classes(self, block: Block) -> ByteArray:
        """(acquisition, h, w) `Visibility` codes."""
        tell = self._kind.classes
        if tell is None:
            return np.stack([judge.codes(block) for judge in self._judges])
        out = []
        for one, raw in zip(self.acquisitions, self._read("classes", block), strict=True):
            out.append(mosaic(np.stack([tell(layer, item) for layer, item in zip(raw, one.items, strict=True)])))
        return np.stack(out)

    def _judge(self, index: int) -> Judged:
        """Who tells what an acquisition shows by its bands."""
        sun = sun_of(self.acquisitions[index].items)
        return Judged(
            lambda names, block: np.stack([self._reflectance(name, block, index) for name in names]),
            self._geobox,
            None if sun is None else SunPosition(*sun),
        )

    def _reflectance(self, name: str, block: Block, index: int) -> NDArray[np.float32]:
        """(h, w) reflectance of an acquisition, NaN where there is none."""
        with rasterio.open(self._copy(name, index)) as dataset:
            numbers = dataset.read(1, window=block.window)
        return np.where(numbers == 0, np.float32(np.nan), numbers / np.float32(NUMBERS)).astype(np.float32)

    def _copy(self, name: str, index: int) -> Path:
        """A band of an acquisition, as it is stored, in a file here: blocks of many bands are read, with margins."""
        path = self._work / f"{index}-{name}.tif"
        with self._copying:
            if not path.exists():
                self._work.mkdir(parents=True, exist_ok=True)
                strips = Strips(self._open(self._assets[index][name], name))
                height, width = self._geobox.shape
                profile = {
                    "driver": "GTiff", "height": height, "width": width, "count": 1, "dtype": "uint16", "nodata": 0,
                    "crs": str(self._geobox.crs), "transform": self._geobox.transform, "tiled": True,
                    "blockxsize": TILE, "blockysize": TILE, "BIGTIFF": "IF_SAFER",
                }  # fmt: skip
                with replacing(path) as part, rasterio.open(part, "w", **profile) as target:
                    for block in tile_blocks(height, width):
                        target.write(self._mosaic(index, strips.read(block)), 1, window=block.window)
        return path

    def _mosaic(self, index: int, raw: NDArray[Any]) -> ShortArray:
        """(item, h, w) numbers of an acquisition → (h, w), as `stored_reflectance` has it."""
        items = self.acquisitions[index].items
        layers = [self._stored(self._offset(item))[layer] for layer, item in zip(raw, items, strict=True)]
        return mosaic(np.stack(layers))

    def band(self, name: str, block: Block) -> ShortArray:
        """(acquisition, h, w) uint16 of a band, as `stored_reflectance` has it."""
        return np.stack([self._mosaic(index, raw) for index, raw in enumerate(self._read(name, block))])

    def _stored(self, offset: int) -> ShortArray:
        """What is stored for each digital number: looking it up costs a tenth of working it out for every pixel."""
        if offset not in self._tables:
            numbers = np.arange(2**16, dtype=np.uint16)
            self._tables[offset] = stored_reflectance(self._kind.reflectance(numbers, offset))
        return self._tables[offset]

    def _offset(self, item: pystac.Item) -> int:
        found = self._offsets.get(item.id)
        return 0 if found is None else found.value

    def _read(self, name: str, block: Block) -> Sequence[NDArray[Any]]:
        """(item, h, w) of each acquisition."""
        with self._lock:
            if name not in self._strips:
                self._strips[name] = [Strips(self._open(assets[name], name)) for assets in self._assets]
                # Bands are written in turn: what was kept of earlier ones is not needed any more.
                while len(self._strips) > BANDS_AT_A_TIME:
                    del self._strips[next(iter(self._strips))]
            found = self._strips[name]
        return [strips.read(block) for strips in found]

    def _open(self, assets: Sequence[Asset], name: str) -> da.Array:
        if name == "classes":
            return load(
                assets, self._geobox, self._access, dtype=self._kind.classes_dtype, nodata=self._kind.classes_nodata,
                resampling="nearest",
            )  # fmt: skip
        return load(assets, self._geobox, self._access, dtype="uint16", nodata=0, resampling="bilinear")


def require_scale(assets: Mapping[str, Sequence[Asset]], kind: Kind) -> None:
    """Check that bands have the factor that their product has; offsets are looked at elsewhere.

    Raises:
        ParameterError: metadata tell another one: the catalogue changed the numbers.
    """
    for name, some in assets.items():
        for asset in some if name != "classes" else ():
            fields = asset.item.assets[asset.key].extra_fields
            told = (fields.get("raster:bands") or fields.get("bands") or [{}])[0]
            scale = fields.get("raster:scale", told.get("scale", told.get("raster:scale")))
            if scale is not None and not np.isclose(float(scale), kind.scale):
                raise ParameterError(
                    f"{asset.item.id}: {name} has a factor of {scale:g} to reflectance, where this product has "
                    f"{kind.scale:g}; use another catalogue with --stac"
                )


def sun_of(items: Sequence[pystac.Item]) -> tuple[float, float] | None:
    """Azimuth and altitude of the sun in degrees, the mean of items that tell them; None where none does."""
    found = []
    for item in items:
        own = item.properties
        azimuth = own.get("view:sun_azimuth", own.get("s2:mean_solar_azimuth"))
        altitude = own.get("view:sun_elevation")
        if altitude is None and own.get("s2:mean_solar_zenith") is not None:
            altitude = 90 - float(own["s2:mean_solar_zenith"])
        if azimuth is not None and altitude is not None:
            found.append((np.radians(float(azimuth)), float(altitude)))
    if not found:
        return None
    east, north = (float(np.mean([function(angle) for angle, _ in found])) for function in (np.sin, np.cos))
    return float(np.degrees(np.arctan2(east, north)) % 360), float(np.mean([altitude for _, altitude in found]))
