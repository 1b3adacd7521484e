"""A folder of files of one band each, whose names end in the bands' names: ``scene_B04.tif``, ``red.tif``."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path
from typing import Final

from landslide_geo.bands import LANDSAT_OLI, OTHER, PRE, SENTINEL2, SENTINEL2_SHORT, VOCABULARY, canonical_name, is_pre
from landslide_geo.errors import ParameterError
from landslide_geo.scene.item import PRE_VISIBILITY, VISIBILITY, ItemScene
from landslide_geo.scene.raster_io import open_raster
from landslide_geo.scene.sentinel2 import SHIFTED_DAY

_RASTERS: Final = (".tif", ".tiff", ".jp2")
#: Sizes of pixels, as Sentinel-2's files have them behind the band.
_METRES: Final = re.compile(r"_[126]0m$", re.IGNORECASE)
#: Names of bands, the longest first; one letter may end any name, so that such are none here.
_NAMES: Final = sorted(
    (name for name in VOCABULARY | set(SENTINEL2 | SENTINEL2_SHORT | LANDSAT_OLI | OTHER) if len(name) > 1),
    key=lambda name: (-len(name), name),
)
#: The name stands by itself, or is a number such as B4 behind a small letter or a digit.
_ENDING: Final = re.compile(
    rf"(?:^|[^A-Za-z0-9]|(?<=[a-z0-9])(?=B\d))((?i:(?:{PRE})?(?:{'|'.join(map(re.escape, _NAMES))})))$"
)
#: Numbers that mean one band to Sentinel-2 and another to Landsat, and names that only Sentinel-2 has.
_UNCLEAR: Final = frozenset({"b5", "b6", "b7", "b9", "b10", "b11"})
_SENTINEL2_ONLY: Final = frozenset(SENTINEL2) - {"b10", "b11"}
_LANDSAT: Final = re.compile(r"^L[COTEM]0\d_L\w+_", re.IGNORECASE)
_ESA: Final = re.compile(r"(?:^|_)T\d\d[A-Z]{3}_(\d{8})T\d{6}_")


def is_band_folder(path: Path) -> bool:
    """Whether a path is a folder with a file of one band.

    A folder with rasters of visibility was written by ``landslide ingest``, which tells itself whether it is finished.
    """
    if not path.is_dir() or any((path / f"{name}.tif").exists() for name in (VISIBILITY, PRE_VISIBILITY)):
        return False
    return any(_ending(each) for each in _rasters(path))


def read_band_folder(path: Path) -> ItemScene:
    """The bands of a folder, the finest pixels first. Nothing tells their day, their level, or what can be seen.

    Raises:
        ParameterError: a band has several files, a file several bands, or it is not clear which band or which numbers
            they are.
        UnreadableRasterError, MissingCRSError: a file cannot be used.
    """
    told = {file: ending for file in _rasters(path) if (ending := _ending(file))}
    names = frozenset(ending.removeprefix(PRE) for ending in told.values())
    found: dict[str, Path] = {}
    for file, ending in told.items():
        band = canonical_name(ending)
        other = found.setdefault(band, file)
        if other != file:
            raise ParameterError(
                f"{path}: two files are {band}: {other.name} and {file.name}; keep one, or name the bands singly, e.g. "
                f"{band}={file}"
            )
        _refuse_unclear(file, ending, names)
    sizes = {band: _pixel(band, file) for band, file in found.items()}
    order = sorted(found, key=lambda band: (is_pre(band), sizes[band]))
    return ItemScene(
        bands=tuple((band, found[band]) for band in order),
        visibility=None, pre_visibility=None, date=None, date_pre=None, sun=None,
        scene_id=path.absolute().name or "scene",
    )  # fmt: skip


def _rasters(folder: Path) -> list[Path]:
    return sorted(each for each in folder.iterdir() if each.suffix.lower() in _RASTERS and each.is_file())


def _ending(path: Path) -> str:
    """The band's name at the end of a file's name, in small letters; empty where there is none."""
    match = _ENDING.search(_METRES.sub("", path.stem))
    return "" if match is None else match.group(1).lower()


def _refuse_unclear(file: Path, ending: str, names: frozenset[str]) -> None:
    """Names that mean several bands, and files whose numbers only their metadata turn into reflectance."""
    stem, band = ending.removeprefix(PRE), canonical_name(ending)
    if _LANDSAT.match(file.name) or stem in LANDSAT_OLI:
        raise ParameterError(
            f"{file}: is Landsat's, and the metadata (…_MTL.txt), which tell what its numbers mean, are not there; put "
            "them beside it"
        )
    if stem in _UNCLEAR and not names & _SENTINEL2_ONLY:
        raise ParameterError(
            f"{file}: is {band} by Sentinel-2's numbers and another band by Landsat's; name the bands singly, e.g. "
            f"{band}={file}"
        )
    match = _ESA.search(file.name)
    if match is not None and file.suffix.lower() == ".jp2" and _acquired(match.group(1)) >= SHIFTED_DAY:
        raise ParameterError(
            f"{file}: its numbers have an offset, which only the metadata of its product tell; name the .SAFE folder"
        )


def _acquired(text: str) -> dt.date:
    try:
        return dt.date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return dt.date.min


def _pixel(band: str, path: Path) -> float:
    """Size of a pixel in the file's own units."""
    with open_raster(path, what=f"band {band}") as dataset:
        if dataset.count != 1:
            raise ParameterError(
                f"{path}: has {dataset.count} bands, and its name tells one ({band}); give each band a file of its own"
            )
        return float(abs(dataset.res[0]))
