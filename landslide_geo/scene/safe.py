"""Sentinel-2 products as they are delivered: ``.SAFE`` folders of Level 1C and 2A, of the old and the compact naming.

ESA, Sentinel-2 Products Specification Document (S2-PDGS-TAS-DI-PSD): names of files, and of what is read here of the
metadata of a product and of its granule. Reflectance = (number + offset) / quantification.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from xml.etree.ElementTree import Element

from landslide_geo.bands import SENTINEL2
from landslide_geo.errors import MissingBandError, ParameterError, SourceNotFoundError
from landslide_geo.scene.item import ItemScene
from landslide_geo.scene.metadata import local_name, number, read_xml, texts
from landslide_geo.scene.sentinel2 import SHIFTED_SINCE
from landslide_geo.scene.sun import SunPosition
from landslide_geo.scene.told import NUMBERS, Codes, Level, Scaling

#: ``MTD_MSIL2A.xml``, and before December 2016 ``S2A_OPER_MTD_SAFL1C_….xml``.
_PRODUCT: Final = re.compile(r"^(?:MTD_MSI|S2[A-D]_[A-Z]+_MTD_SAF)L(1C|2A).*\.xml$")
#: ``MTD_TL.xml``, and before ``S2A_OPER_MTD_L1C_TL_….xml``.
_TILE: Final = re.compile(r"^(?:MTD_TL|S2[A-D]_[A-Z]+_MTD_L(?:1C|2A)_TL_.*)\.xml$")
#: ``…_B04.jp2``, ``…_B04_10m.jp2``.
_BAND: Final = re.compile(r"_(B(?:0[1-9]|1[0-2]|8A))(?:_([126]0)m)?$")
#: ``…_SCL_20m.jp2``, and before ``S2A_USER_SCL_L2A_TL_…_20m.jp2``.
_CLASSES: Final = re.compile(r"_SCL_(?:.*_)?([26]0)m$")
#: Order of bands in the instrument: what ``band_id`` counts.
_NUMBERED: Final = ("b01", "b02", "b03", "b04", "b05", "b06", "b07", "b08", "b8a", "b09", "b10", "b11", "b12")
#: Metres of a pixel where a file's name does not tell them.
_NATIVE: Final = dict.fromkeys(_NUMBERED, 20) | {
    "b01": 60, "b02": 10, "b03": 10, "b04": 10, "b08": 10, "b09": 60, "b10": 60,
}  # fmt: skip
_GRANULES: Final = "GRANULE"
_TILE_NAME: Final = re.compile(r"_T\d\d[A-Z]{3}_")


def is_safe(path: Path) -> bool:
    """Whether a path is a product's folder, its metadata file, or the folder of one of its granules."""
    if path.is_file():
        return _PRODUCT.match(path.name) is not None
    return path.is_dir() and (path.suffix.upper() == ".SAFE" or _is_granule(path) or bool(_products(path)))


def read_safe(path: Path) -> ItemScene:
    """The bands of a product, each at its best resolution, its classification, day and sun.

    Args:
        path: of the folder, its metadata file, or, of a product with several, a granule's folder.

    Raises:
        SourceNotFoundError: there are no metadata, or no granule.
        ParameterError: several granules, or metadata that cannot be read or do not say what they must.
        MissingBandError: a file that the metadata list is not there.
    """
    path = path.absolute()
    folder = path.parent if path.is_file() else path.parent.parent if _is_granule(path) else path
    told = path if path.is_file() else _product(folder)
    match = _PRODUCT.match(told.name)
    level = Level.SURFACE if match is not None and match.group(1) == "2A" else Level.TOP
    product = read_xml(told)
    granule = path if _is_granule(path) else _granule(folder)
    files, classes = _files(granule)
    bands = _best(told, product, granule, files)
    tile = next((read_xml(each) for each in sorted(granule.glob("*.xml")) if _TILE.match(each.name)), None)
    baseline = _baseline(product)
    return ItemScene(
        bands=tuple((SENTINEL2[band], file) for band, file in bands.items()),
        visibility=classes if level is Level.SURFACE else None,
        pre_visibility=None,
        date=_day(told, product, tile),
        date_pre=None,
        sun=None if tile is None else _sun(tile),
        scene_id=granule.name if granule == path else folder.name.removesuffix(".SAFE"),
        codes=Codes.SCL_BEFORE_4 if baseline is not None and baseline < SHIFTED_SINCE else Codes.SCL,
        scaling=_scaling(told, product, level, tuple(bands)),
        level=level,
    )


def _is_granule(path: Path) -> bool:
    return path.absolute().parent.name == _GRANULES and (path / "IMG_DATA").is_dir()


def _products(folder: Path) -> list[Path]:
    return sorted(each for each in folder.glob("*.xml") if _PRODUCT.match(each.name))


def _product(folder: Path) -> Path:
    found = _products(folder)
    if not found:
        raise SourceNotFoundError(
            f"{folder}: has no metadata of a product (MTD_MSIL2A.xml or MTD_MSIL1C.xml); download it again, with all "
            "of its files"
        )
    if len(found) > 1:
        names = " and ".join(each.name for each in found)
        raise ParameterError(f"{folder}: holds metadata of several products ({names}); name one of the files")
    return found[0]


def _granule(folder: Path) -> Path:
    found = sorted(each for each in (folder / _GRANULES).glob("*") if _is_granule(each))
    if not found:
        raise SourceNotFoundError(
            f"{folder}: has no granule with images (GRANULE/*/IMG_DATA); download it again, with all of its files"
        )
    if len(found) > 1:
        names = ", ".join(each.name for each in found[:3]) + ", …" * (len(found) > 3)
        raise ParameterError(
            f"{folder}: holds {len(found)} granules ({names}); name the folder of one, e.g. {found[0]}"
        )
    return found[0]


def _place(match: re.Match[str]) -> tuple[str, int]:
    """Band and metres of a pixel by a file's name."""
    band = match.group(1).lower()
    return band, int(match.group(2) or _NATIVE[band])


def _files(granule: Path) -> tuple[dict[tuple[str, int], Path], Path | None]:
    """Files of a granule's bands by band and metres of a pixel, and its finest classification."""
    found: dict[tuple[str, int], Path] = {}
    classes: dict[int, Path] = {}
    for path in sorted((granule / "IMG_DATA").rglob("*.jp2")):
        if (match := _BAND.search(path.stem)) is not None:
            other = found.setdefault(_place(match), path)
            if other != path:
                raise ParameterError(f"{granule}: band {match.group(1)} is there twice: {other} and {path}; keep one")
        elif (match := _CLASSES.search(path.stem)) is not None:
            classes[int(match.group(1))] = path
    return found, classes[min(classes)] if classes else None


def _best(told: Path, product: Element, granule: Path, files: dict[tuple[str, int], Path]) -> dict[str, Path]:
    """The finest file of each band, the finest bands first, once the finest that the metadata list are all there."""
    listed: dict[str, tuple[int, str]] = {}
    named = _TILE_NAME.search(granule.name)
    tile = "" if named is None else named.group()
    for name in ((node.text or "").strip() for node in product.iter() if local_name(node).startswith("IMAGE_")):
        match = _BAND.search(name)
        # Paths name their granule; bare names, as old products list them for all granules, its tile.
        *folders, own = name.split("/")
        if match is None or not (granule.name in folders if folders else tile in own):
            continue
        band, metres = _place(match)
        listed[band] = min(listed.get(band, (metres, name)), (metres, name))
    best: dict[str, int] = {}
    for band, metres in files:
        best[band] = min(metres, best.get(band, metres))
    for band, (metres, name) in listed.items():
        if best.get(band, metres + 1) > metres:
            raise MissingBandError(
                f"{granule}: {name.rpartition('/')[2]}.jp2 is missing, and {told.name} lists it; download the product "
                "again, with all of its files"
            )
    if not best:
        raise MissingBandError(f"{granule}: holds no band (IMG_DATA/…_B04.jp2); download the product again")
    order = sorted(best, key=lambda band: (best[band], _NUMBERED.index(band)))
    return {band: files[band, best[band]] for band in order}


def _scaling(told: Path, product: Element, level: Level, bands: Sequence[str]) -> dict[str, Scaling]:
    """Of each band, by its vocabulary name."""
    surface = level is Level.SURFACE
    # Sen2Cor's own products have L2A_ before the name.
    names = ("BOA_QUANTIFICATION_VALUE", "L2A_BOA_QUANTIFICATION_VALUE") if surface else ("QUANTIFICATION_VALUE",)
    values = [text for name in names for text in texts(product, name)]
    quantification = number(told, names[0], values[0] if values else None)
    if quantification <= 0:
        raise ParameterError(f"{told}: tells {quantification:g} for {names[0]}; download the product again")
    key = "BOA_ADD_OFFSET" if surface else "RADIO_ADD_OFFSET"
    offsets: dict[str, float] = {}
    for node in product.iter():
        place = node.get("band_id", "")
        if local_name(node) == key and place.isdecimal() and int(place) < len(_NUMBERED):
            offsets[_NUMBERED[int(place)]] = number(told, f"{key} of band {place}", node.text)
    baseline = _baseline(product)
    missing = [band.upper() for band in bands if band not in offsets]
    if missing and (offsets or (baseline is not None and baseline >= SHIFTED_SINCE)):
        raise ParameterError(
            f"{told}: does not tell {key} of {', '.join(missing)}, without which reflectance is wrong; download the "
            "product again"
        )
    gain = NUMBERS / quantification
    return {SENTINEL2[band]: Scaling(gain, offsets.get(band, 0.0) * gain) for band in bands}


def _baseline(product: Element) -> float | None:
    try:
        return float(next(iter(texts(product, "PROCESSING_BASELINE")), ""))
    except ValueError:
        return None


def _day(told: Path, product: Element, tile: Element | None) -> dt.date:
    """Of the granule, where that tells it: an old product may span midnight."""
    for text in [*([] if tile is None else texts(tile, "SENSING_TIME")), *texts(product, "PRODUCT_START_TIME")]:
        try:
            return dt.datetime.fromisoformat(text).date()
        except ValueError:
            continue
    raise ParameterError(f"{told}: does not tell when it was acquired (PRODUCT_START_TIME); download the product again")


def _sun(tile: Element) -> SunPosition | None:
    mean = next((node for node in tile.iter() if local_name(node) == "Mean_Sun_Angle"), None)
    if mean is None:
        return None
    try:
        zenith, azimuth = (float(texts(mean, name)[0]) for name in ("ZENITH_ANGLE", "AZIMUTH_ANGLE"))
    except (IndexError, ValueError):
        return None
    return SunPosition(azimuth, 90 - zenith)
