"""What a file is, told by its first bytes before any library opens it."""

from __future__ import annotations

import json
from enum import Enum
from math import prod
from pathlib import Path
from typing import Any, Final

import numpy as np
import rasterio
from rasterio.enums import Interleaving
from rasterio.errors import RasterioError
from rasterio.windows import Window

from landslide_geo.chips.reading import hdf5
from landslide_geo.errors import DatasetError, ParameterError, UnreadableRasterError

#: Pixels that an uploaded raster may have: a few declared bytes must not stand for days of work.
MOST_PIXELS: Final = 40_000**2
#: Bytes of what must be unpacked at once to read a pixel: a file of some kilobytes may declare any number.
MOST_BLOCK: Final = 512 * 2**20
#: Bands of a raster.
MOST_BANDS: Final = 256
#: Values of an array of an HDF5 file: 1024 × 1024 pixels of 64 bands.
_MOST_VALUES: Final = 2**26
#: Namespaces of metadata by which GDAL opens other files, or addresses: georeference and overviews.
_LEADING_ELSEWHERE: Final = ("GEOLOCATION", "OVERVIEWS")
#: Arrays that are looked for in HDF5 files.
_ARRAYS: Final = ("img", "mask")
#: Levels of lists and objects: a collection of polygons has eight, and properties may have some of their own.
_MOST_LEVELS: Final = 40
#: Bytes of an uploaded area of interest.
MOST_OUTLINE: Final = 20 * 2**20


class Kind(Enum):
    """Kinds of files that can be uploaded; the values are what people call them."""

    TIFF = "GeoTIFF"
    PNG = "PNG"
    JPEG = "JPEG"
    HDF5 = "HDF5"
    GEOJSON = "GeoJSON"


_SUFFIXES: Final = {
    ".tif": Kind.TIFF, ".tiff": Kind.TIFF, ".png": Kind.PNG, ".jpg": Kind.JPEG, ".jpeg": Kind.JPEG, ".h5": Kind.HDF5,
    ".hdf5": Kind.HDF5, ".geojson": Kind.GEOJSON, ".json": Kind.GEOJSON,
}  # fmt: skip
_BEGINNINGS: Final = {
    # Classic and BigTIFF, either byte order.
    Kind.TIFF: (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
    Kind.PNG: (b"\x89PNG\r\n\x1a\n",),
    Kind.JPEG: (b"\xff\xd8\xff",),
    Kind.HDF5: (b"\x89HDF\r\n\x1a\n",),
}


def kind_of_name(name: str, allowed: tuple[Kind, ...] = tuple(Kind)) -> Kind:
    """The kind that a file's name stands for.

    Raises:
        ParameterError: it is not one of those allowed.
    """
    kind = _SUFFIXES.get(Path(name).suffix.lower())
    if kind is None or kind not in allowed:
        endings = ", ".join(suffix for suffix, of in _SUFFIXES.items() if of in allowed)
        raise ParameterError(f"{name}: this kind of file is not taken; give one of {endings}")
    return kind


def check_content(path: Path, name: str, kind: Kind) -> None:
    """Check that a file is what its name says, and safe to be opened.

    Args:
        path: of the file.
        name: the user's name of it, for messages.
        kind: by its name.

    Raises:
        UnreadableRasterError: it is something else, or broken.
        ParameterError: it is too large, or refers to other files.
    """
    if kind is Kind.GEOJSON:
        outline_of(path, name)
        return
    with path.open("rb") as file:
        head = file.read(16)
    if not head.startswith(_BEGINNINGS[kind]):
        raise UnreadableRasterError(f"{name}: is not a {kind.value} file, whatever its name says; {_seems(head)}")
    if kind is Kind.TIFF:
        _check_raster(path, name)
    elif kind is Kind.HDF5:
        _check_arrays(path, name)


def outline_of(path: Path, name: str) -> dict[str, Any]:
    """The content of a GeoJSON file.

    Raises:
        ParameterError: it is none, or too large.
    """
    if path.stat().st_size > MOST_OUTLINE:
        raise ParameterError(f"{name}: an area of interest of more than {MOST_OUTLINE >> 20} MB; simplify it")
    try:
        content = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        content = None
    return area_in(content, name)


def area_in(content: Any, name: str) -> dict[str, Any]:
    """GeoJSON that has polygons, as far as its type tells, and no more levels than GeoJSON has.

    Raises:
        ParameterError: it is none.
    """
    if (
        not isinstance(content, dict)
        or not isinstance(content.get("type"), str)
        or content["type"] not in ("FeatureCollection", "Feature", "Polygon", "MultiPolygon")
        or _deeper(content, _MOST_LEVELS)
    ):
        raise ParameterError(f"{name}: is not GeoJSON with polygons; export it as GeoJSON (EPSG:4326)")
    return content


def _deeper(value: Any, most: int) -> bool:
    """Whether lists and objects lie in one another more than so many times."""
    level = [value]
    for _ in range(most):
        parts = [each for one in level for each in (one.values() if isinstance(one, dict) else one)]
        level = [each for each in parts if isinstance(each, dict | list)]
        if not level:
            return False
    return True


def _check_raster(path: Path, name: str) -> None:
    """Open a TIFF as nothing but a TIFF."""
    try:
        with rasterio.open(path, driver="GTiff") as dataset:
            if dataset.width * dataset.height > MOST_PIXELS:
                raise ParameterError(
                    f"{name}: {dataset.width:,} × {dataset.height:,} pixels are too many for the page; scan it with "
                    "landslide scan"
                )
            if dataset.count > MOST_BANDS:
                raise ParameterError(f"{name}: {dataset.count:,} bands; the page takes {MOST_BANDS} at most")
            if {space.upper() for space in dataset.tag_namespaces()} & set(_LEADING_ELSEWHERE):
                raise ParameterError(
                    f"{name}: takes its georeference or overviews from other files; write it anew, e.g. with gdalwarp"
                )
            if (block := _block_bytes(dataset)) > MOST_BLOCK:
                raise ParameterError(
                    f"{name}: {block / 1e6:,.0f} MB must be unpacked to read one pixel; write it in tiles, e.g. with "
                    "gdal_translate -co TILED=YES -co COMPRESS=DEFLATE"
                )
            dataset.read(1, window=Window(0, 0, 1, 1))
    except RasterioError as error:
        reason = (str(error) or type(error).__name__).splitlines()[0].replace(str(path), name)
        raise UnreadableRasterError(f"{name}: cannot be read as a GeoTIFF ({reason}); export it again") from None


def _block_bytes(dataset: rasterio.DatasetReader) -> int:
    """Bytes of a block, unpacked; where pixels are interleaved of all bands."""
    sizes = [
        height * width * (16 if kind.startswith("complex") else np.dtype(kind).itemsize)
        for (height, width), kind in zip(dataset.block_shapes, dataset.dtypes, strict=True)
    ]
    return sum(sizes) if dataset.interleaving is Interleaving.pixel else max(sizes)


def _check_arrays(path: Path, name: str) -> None:
    """Refuse arrays of an HDF5 file whose values lie in other files, or are more than a patch has."""
    try:
        with hdf5(path) as file:
            for key in _ARRAYS:
                if (link := file.get(key, getlink=True)) is not None:
                    _check_array(file, key, link, name)
    except DatasetError as error:
        raise UnreadableRasterError(str(error).replace(str(path), name)) from None


def _check_array(file: Any, key: str, link: Any, name: str) -> None:
    elsewhere = f"{name}: takes {key!r} from elsewhere; write the values into the file itself"
    # The class of a link is told without following it.
    if type(link).__name__ != "HardLink":
        raise ParameterError(elsewhere)
    array = file[key]
    if not hasattr(array, "dtype"):
        return
    if array.is_virtual or array.external:
        raise ParameterError(elsewhere)
    if array.size is None or array.dtype.kind not in "biuf":
        raise UnreadableRasterError(f"{name}: {key!r} holds no numbers")
    if max(array.size, prod(array.chunks or (1,))) > _MOST_VALUES:
        raise ParameterError(f"{name}: {key!r} has {array.size:,} values; a patch has {_MOST_VALUES:,} at most")


def _seems(head: bytes) -> str:
    if not head:
        return "it is empty"
    kinds = [kind.value for kind, beginnings in _BEGINNINGS.items() if head.startswith(beginnings)]
    if kinds:
        return f"it is {kinds[0]}"
    return "it is text" if all(byte in b"\t\n\r" or 32 <= byte < 127 for byte in head) else "export it again"
