"""What the engine reads: band values and where they are valid, a block at a time."""

from __future__ import annotations

import hashlib
import json
import warnings
from dataclasses import astuple
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import rasterio
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from rasterio.errors import NotGeoreferencedWarning

from landslide_geo.files import file_sha256
from landslide_geo.scene.grid import Block
from landslide_geo.scene.raster_io import open_raster
from landslide_geo.scene.scene import Scene
from landslide_geo.scene.sources import BandSource
from landslide_geo.scene.told import Codes
from landslide_geo.scene.visibility import is_valid

FloatArray = NDArray[np.float32]
BoolArray = NDArray[np.bool_]


class WindowSource(Protocol):
    """Anything the engine can scan. It is read by several threads, each of which closes what it opened.

    It may have one more attribute, ``key``: a text that is the same only while the source gives the same values.
    Without one nobody can tell whether unfinished work is of the same source, so that it is never taken up.
    """

    @property
    def geobox(self) -> GeoBox:
        """The grid."""

    @property
    def count(self) -> int:
        """Number of bands."""

    def read(self, block: Block) -> tuple[FloatArray, BoolArray]:
        """Values (band, h, w) float32 with NaN where unknown, and the pixels (h, w) that shall get a result."""

    def close(self) -> None:
        """Close the files that this thread has open; reading opens them again."""


class RasterSource:
    """All bands of one GeoTIFF on its own grid; a pixel is valid where every band has a value."""

    def __init__(self, path: Path) -> None:
        with open_raster(path) as dataset:
            self.geobox = GeoBox.from_rio(dataset)
            self.count = dataset.count
        self._path = path.absolute()
        bands = tuple(BandSource(f"band_{i}", path, i) for i in range(1, self.count + 1))
        # A scene of its own kind: it keeps open files for each thread, and travels to other processes without them.
        self._scene = Scene(self.geobox, bands).absolute()

    @property
    def key(self) -> str:
        """As in `WindowSource`."""
        return content_sha256(self._path)

    def read(self, block: Block) -> tuple[FloatArray, BoolArray]:
        """As in `WindowSource`."""
        values = self._scene.read(self._scene.names, block)
        valid: BoolArray = np.asarray(np.isfinite(values).all(axis=0))
        return values, valid

    def close(self) -> None:
        """As in `WindowSource`."""
        self._scene.close()


class SceneSource:
    """Some bands of a scene; a pixel is valid where all have a value, it can be seen, and it lies in the AOI."""

    def __init__(self, scene: Scene, bands: tuple[str, ...] | None = None) -> None:
        self._scene = scene
        self._bands = scene.names if bands is None else bands
        self.geobox = scene.geobox
        self.count = len(self._bands)

    @property
    def key(self) -> str:
        """As in `WindowSource`."""
        scene = self._scene
        told = [path for path in (scene.visibility_path, scene.pre_visibility_path) if path is not None]
        paths = {band.path for band in scene.bands} | ({scene.dem} if scene.dem else set()) | set(told)
        sums = {path: content_sha256(path) for path in paths}
        kinds = (scene.visibility_codes, scene.pre_visibility_codes)
        meaning = [  # of stored numbers, where they are not taken as they are
            [[band.name, astuple(band.scaling)] for band in scene.bands if band.scaling is not None],
            [codes.value for codes in kinds] if told and set(kinds) != {Codes.VISIBILITY} else [],
        ]
        clouds = [scene.cloudless, scene.pre_cloudless]
        unit = [] if scene.dem_unit == "m" else [scene.dem_unit]
        facts = [
            [[band.name, band.index, sums[band.path]] for band in scene.bands],
            None if scene.dem is None else [scene.dem_band, sums[scene.dem], *unit],
            None if scene.aoi is None else scene.aoi.wkt,
            self._bands,
            scene.sun,
            scene.reflectance_scale,
            *([[sums[path] for path in told]] if told else []),
            *(meaning if any(meaning) else []),
            *([clouds] if any(clouds) else []),
        ]
        return hashlib.sha256(json.dumps(facts, default=str).encode()).hexdigest()

    def read(self, block: Block) -> tuple[FloatArray, BoolArray]:
        """As in `WindowSource`."""
        values, visibility = self._scene.observe(self._bands, block)
        return values, is_valid(visibility) & self._scene.inside_aoi(block)

    def close(self) -> None:
        """As in `WindowSource`."""
        self._scene.close()


def content_sha256(path: Path) -> str:
    """Checksum of all that decides a raster's values, wherever it lies.

    That of the file itself where there is no more to it. Otherwise masks beside it count, the sources of a VRT and
    theirs, and what an ``.aux.xml`` says of them but for statistics. Overviews do not: values come from full
    resolution. Sources that are not files on a disk count by their names in the VRT only.

    Raises:
        RasterioError: GDAL cannot open the raster.
        OSError: a file cannot be read.
    """
    files, beside = _parts(path, {})
    sums = [file_sha256(file) for file in files]
    if len(sums) == 1 and not beside:
        return sums[0]
    return hashlib.sha256(json.dumps([sums, beside]).encode()).hexdigest()


def _parts(path: Path, found: dict[Path, None]) -> tuple[list[Path], list[str]]:
    """Files of a raster in GDAL's order, those of the rasters behind it included, and what ``.aux.xml`` files say."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)  # masks beside rasters, for one
        return _listed(path, found)


def _listed(path: Path, found: dict[Path, None]) -> tuple[list[Path], list[str]]:
    with rasterio.open(path) as dataset:
        listed = [Path(name) for name in dataset.files]
        told = _interpretation(dataset)
    beside = []
    if any(file.name.endswith(".aux.xml") for file in listed):
        with rasterio.Env(GDAL_PAM_ENABLED=False), rasterio.open(path) as dataset:
            if told != _interpretation(dataset):
                beside.append(told)
    for file in listed:
        if file in found or file.name.endswith((".aux.xml", ".ovr")) or not file.is_file():
            continue
        found[file] = None
        if file != path:
            try:
                beside += _listed(file, found)[1]
            except rasterio.RasterioIOError:
                continue  # no raster itself, such as a header or a world file
    return list(found), beside


def _interpretation(dataset: Any) -> str:
    """What is said about stored values that changes what they mean."""
    return repr(
        (
            dataset.nodatavals,
            dataset.mask_flag_enums,
            dataset.scales,
            dataset.offsets,
            dataset.descriptions,
            dataset.transform,
            None if dataset.crs is None else dataset.crs.to_wkt(),
        )
    )
