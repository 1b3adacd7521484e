"""Landsat scenes of Collection 2 as they are delivered: a folder of TIFFs with an ``_MTL`` file, Level 1 or 2.

USGS, Landsat 8-9 Collection 2 Level 1 and Level 2 Data Format Control Books (LSDS-1822, LSDS-1328): names of groups and
keys. Reflectance = gain · number + offset; of Level 1 that is divided by the sine of the sun's elevation.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from pathlib import Path
from typing import Final

from landslide_geo.bands import LANDSAT_OLI
from landslide_geo.errors import MissingBandError, ParameterError
from landslide_geo.scene.item import ItemScene
from landslide_geo.scene.metadata import Groups, number, read_groups
from landslide_geo.scene.sun import SunPosition
from landslide_geo.scene.told import NUMBERS, Codes, Level, Scaling

_METADATA: Final = re.compile(r"_MTL\.(txt|json|xml)$", re.IGNORECASE)
#: Bands by their numbers. Panchromatic and thermal ones are no bands of a scene.
_OLI: Final = {name.removeprefix("sr_b"): band for name, band in LANDSAT_OLI.items()} | {"9": "cirrus"}
_TM: Final = {"1": "blue", "2": "green", "3": "red", "4": "nir", "5": "swir16", "7": "swir22"}
_SENSORS: Final = {"OLI_TIRS": _OLI, "OLI": _OLI, "ETM": _TM, "TM": _TM}


def is_landsat(path: Path) -> bool:
    """Whether a path is a scene's metadata file, or a folder that holds one."""
    return bool(_metadata(path)) if path.is_dir() else _METADATA.search(path.name) is not None


def read_landsat(path: Path) -> ItemScene:
    """The bands of a scene, its quality band, day and sun.

    Args:
        path: of the folder or of the ``_MTL`` file in it.

    Raises:
        SourceNotFoundError: no such file.
        ParameterError: several scenes in a folder, another collection or sensor, or metadata that cannot be read or do
            not say what they must.
        MissingBandError: a file that the metadata list is not there.
    """
    told = _only(path) if path.is_dir() else path
    groups = read_groups(told)
    contents, image = groups.get("PRODUCT_CONTENTS", {}), groups.get("IMAGE_ATTRIBUTES", {})
    if contents.get("COLLECTION_NUMBER", "").lstrip("0") != "2":
        raise ParameterError(f"{told}: is not of a scene of Collection 2; download the scene again, from Collection 2")
    level = contents.get("PROCESSING_LEVEL", "")
    if not level.startswith(("L1", "L2")):
        raise ParameterError(f"{told}: tells the level {level!r} (PROCESSING_LEVEL); name a scene of Level 1 or 2")
    surface = level.startswith("L2")
    sensor = image.get("SENSOR_ID", "")
    if sensor not in _SENSORS:
        raise ParameterError(f"{told}: is of sensor {sensor or '(not told)'}; name a scene of {', '.join(_SENSORS)}")
    listed = {
        band: (key, name)
        for key, band in _SENSORS[sensor].items()
        if (name := contents.get(f"FILE_NAME_BAND_{key}")) is not None
    }
    if not listed:
        raise MissingBandError(f"{told}: lists no band (FILE_NAME_BAND_…); download the scene again")
    quality = contents.get("FILE_NAME_QUALITY_L1_PIXEL")
    sun = _sun(told, image, needed=not surface)
    return ItemScene(
        bands=tuple((band, _file(told, name)) for band, (_, name) in listed.items()),
        visibility=None if quality is None else _file(told, quality),
        pre_visibility=None,
        date=_day(told, image),
        date_pre=None,
        sun=sun,
        scene_id=contents.get("LANDSAT_PRODUCT_ID") or _METADATA.sub("", told.name),
        codes=Codes.QA_PIXEL,
        scaling={band: _scaling(told, groups, key, sun=None if surface else sun) for band, (key, _) in listed.items()},
        level=Level.SURFACE if surface else Level.TOP,
    )


def _metadata(folder: Path) -> list[Path]:
    return sorted(each for each in folder.iterdir() if _METADATA.search(each.name) and each.is_file())


def _only(folder: Path) -> Path:
    """The metadata file of a folder; of one scene's three forms any."""
    found = {_METADATA.sub("", each.name): each for each in _metadata(folder)}
    if len(found) > 1:
        names = " and ".join(each.name for each in found.values())
        raise ParameterError(f"{folder}: holds several Landsat scenes ({names}); name one of these files")
    return next(iter(found.values()))


def _file(told: Path, name: str) -> Path:
    """A file beside the metadata; a path in its name would lead elsewhere."""
    path = told.parent / Path(name).name
    if not path.is_file():
        raise MissingBandError(f"{path}: is missing, and {told.name} lists it; download the scene again")
    return path


def _scaling(told: Path, groups: Groups, key: str, *, sun: SunPosition | None) -> Scaling:
    """Of a band by its number; with the sun's direction for top-of-atmosphere reflectance."""
    group = groups.get("LEVEL2_SURFACE_REFLECTANCE_PARAMETERS" if sun is None else "LEVEL1_RADIOMETRIC_RESCALING", {})
    gain, offset = (
        number(told, name, group.get(name)) for name in (f"REFLECTANCE_MULT_BAND_{key}", f"REFLECTANCE_ADD_BAND_{key}")
    )
    if gain <= 0:
        raise ParameterError(f"{told}: tells {gain:g} for REFLECTANCE_MULT_BAND_{key}; download the scene again")
    factor = NUMBERS / (1.0 if sun is None else math.sin(math.radians(sun.altitude)))
    return Scaling(gain * factor, offset * factor)


def _sun(told: Path, image: dict[str, str], *, needed: bool) -> SunPosition | None:
    if not needed and not {"SUN_AZIMUTH", "SUN_ELEVATION"} <= set(image):
        return None
    azimuth, altitude = (number(told, name, image.get(name)) for name in ("SUN_AZIMUTH", "SUN_ELEVATION"))
    if needed and altitude <= 0:
        raise ParameterError(f"{told}: the sun was below the horizon (SUN_ELEVATION {altitude:g}); name a scene by day")
    return SunPosition(azimuth % 360, altitude)


def _day(told: Path, image: dict[str, str]) -> dt.date:
    text = image.get("DATE_ACQUIRED", "")
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise ParameterError(f"{told}: tells {text!r} for DATE_ACQUIRED; download the scene again") from None
