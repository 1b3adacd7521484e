"""A STAC item as the source of a scene: the folder that ``landslide ingest`` writes, an item's file, or its address."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

from landslide_geo.bands import PRE, canonical_name, is_optical, is_pre
from landslide_geo.errors import (
    FetchError,
    MissingBandError,
    OutputError,
    ParameterError,
    SourceNotFoundError,
    UnknownBandError,
)
from landslide_geo.scene.sun import SunPosition
from landslide_geo.scene.told import Codes, Level, Scaling

#: The item in a scene's folder. It is written last: a folder without it is unfinished.
ITEM: Final = "item.json"
#: Assets with `landslide_geo.scene.visibility.Visibility` codes of the two dates.
VISIBILITY: Final = "visibility"
PRE_VISIBILITY: Final = PRE + VISIBILITY
#: SHA-256 as the file extension writes it (multihash): its number, and 32 bytes.
_SHA256: Final = "1220"
_RASTERS: Final = (".tif", ".tiff", ".jp2", ".vrt")
_TIMEOUT_S: Final = 60.0


@dataclass(frozen=True)
class ItemScene:
    """What a STAC item, or a folder of files as they are delivered, says of a scene.

    Attributes:
        bands: path and vocabulary name of each.
        visibility, pre_visibility: rasters of `Visibility` codes of the two dates, or None.
        date, date_pre: acquisition days of the bands without and with ``pre_``.
        sun: direction of the sun at the later date, or None where the item does not say.
        scene_id: the item's own.
        codes, pre_codes: what the values of the two rasters mean.
        scaling: of the bands whose stored numbers are no reflectance × 10,000.
        level, pre_level: of the reflectance of the two dates; none: not told.
    """

    bands: tuple[tuple[str, Path], ...]
    visibility: Path | None
    pre_visibility: Path | None
    date: dt.date | None
    date_pre: dt.date | None
    sun: SunPosition | None
    scene_id: str
    codes: Codes = Codes.VISIBILITY
    pre_codes: Codes = Codes.VISIBILITY
    scaling: Mapping[str, Scaling] = field(default_factory=dict)
    level: Level | None = None
    pre_level: Level | None = None


def is_item(source: str) -> bool:
    """Whether a source is an item: a folder, a ``.json`` file, or a web address."""
    return _is_address(source) or source.lower().endswith((".json", ".geojson")) or Path(source).expanduser().is_dir()


def read_item(source: str) -> ItemScene:
    """Read an item. Files behind a web address are copied to the user's cache once.

    Raises:
        SourceNotFoundError: no such file, or a folder without an item.
        FetchError: an address cannot be had.
        ParameterError: it is not a STAC item, or its numbers are no reflectance yet.
        MissingBandError: no asset of it is a band of a scene.
    """
    text, base = _text(source)
    try:
        item = json.loads(text)
    except ValueError:
        raise ParameterError(
            f"{source}: is not JSON; name a STAC item, or a folder that landslide ingest wrote"
        ) from None
    if not isinstance(item, dict) or item.get("type") != "Feature" or not isinstance(item.get("assets"), dict):
        raise ParameterError(f"{source}: is not a STAC item; name one, or a folder that landslide ingest wrote")
    properties = item.get("properties") or {}
    assets = _band_assets(item["assets"])
    if not assets:
        raise MissingBandError(
            f"{source}: none of its assets is a band of a scene (it has {', '.join(item['assets']) or 'none'}); "
            "name a folder that landslide ingest wrote, or the bands' files"
        )
    for name, asset in assets.items():
        _refuse_unscaled(source, name, asset, properties)
    folder = _cache(text) if _is_address(source) else None
    seen = {
        name: _local(source, base, item["assets"][name], folder) if name in item["assets"] else None
        for name in (VISIBILITY, PRE_VISIBILITY)
    }
    level = _level(properties)
    return ItemScene(
        bands=tuple((name, _local(source, base, asset, folder)) for name, asset in assets.items()),
        visibility=seen[VISIBILITY],
        pre_visibility=seen[PRE_VISIBILITY],
        date=_day(properties.get("datetime") or properties.get("start_datetime")),
        date_pre=next((_day(asset.get("datetime")) for name, asset in assets.items() if is_pre(name)), None),
        sun=_sun(properties),
        scene_id=str(item.get("id") or Path(source).name),
        level=level,
        pre_level=level if any(map(is_pre, assets)) else None,
    )


def _text(source: str) -> tuple[str, str]:
    """The item's text, and what addresses in it are relative to."""
    if _is_address(source):
        # Imported where the network is needed: a quarter of a second that a scan of files need not spend.
        import requests

        try:
            answer = requests.get(source, timeout=_TIMEOUT_S)
            answer.raise_for_status()
        except requests.RequestException as error:
            code = "" if error.response is None else f"HTTP {error.response.status_code}"
            raise FetchError(
                f"{source}: cannot be had ({code or type(error).__name__}); check the address and the network"
            ) from None
        return answer.text, source
    path = Path(source).expanduser()
    if path.is_dir():
        if not (path / ITEM).is_file():
            raise SourceNotFoundError(
                f"{path}: is a folder without a scene ({ITEM}); name one that landslide ingest finished, or the bands' "
                "files"
            )
        path = path / ITEM
    if not path.is_file():
        raise SourceNotFoundError(f"{path}: no such file; check the path of the STAC item")
    return path.read_text(encoding="utf-8", errors="replace"), str(path.parent.absolute())


def _band_assets(assets: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Assets that are bands, by vocabulary name: told by their keys, or where none is, by their band names."""
    rasters = {key: asset for key, asset in assets.items() if _is_raster(asset)}
    found: dict[str, dict[str, Any]] = {}
    for key, asset in rasters.items():
        if (name := _known(key)) is not None:
            found.setdefault(name, asset)
    if found:
        return found
    for asset in rasters.values():
        told = asset.get("bands") or asset.get("eo:bands") or [{}]
        first = told[0] if isinstance(told[0], dict) else {}
        if (name := _known(str(first.get("name", "")))) is not None:
            found.setdefault(name, asset)
    return found


def _is_raster(asset: Any) -> bool:
    if not isinstance(asset, dict) or not isinstance(asset.get("href"), str):
        return False
    return urlsplit(asset["href"]).path.lower().endswith(_RASTERS)


def _known(name: str) -> str | None:
    try:
        return canonical_name(name)
    except UnknownBandError:
        return None


def _refuse_unscaled(source: str, name: str, asset: Mapping[str, Any], properties: Mapping[str, Any]) -> None:
    """Values that need a factor or an offset before they are what the vocabulary says are ingest's to turn."""
    told = (asset.get("raster:bands") or asset.get("bands") or [{}])[0]
    scale = asset.get("raster:scale", told.get("scale", told.get("raster:scale")))
    offset = asset.get("raster:offset", told.get("offset", told.get("raster:offset")))
    baseline = str(properties.get("s2:processing_baseline", ""))
    shifted = is_optical(name) and baseline >= "04.00" and not properties.get("earthsearch:boa_offset_applied")
    if offset not in (None, 0) or scale not in (None, 1, 1e-4) or shifted:
        raise ParameterError(
            f"{source}: {name} holds digital numbers with a factor or an offset of their own, as catalogues have them; "
            "landslide ingest makes a scene of them"
        )


def _local(source: str, base: str, asset: Mapping[str, Any], folder: Path | None) -> Path:
    """Where an asset lies; copied into ``folder`` first where it is in the network."""
    href = str(asset["href"])
    if folder is None and not _is_address(href):
        return Path(base, href.removeprefix("file://"))
    if folder is None:
        raise ParameterError(
            f"{source}: its file {href} is in the network; name the item by its own address, or use landslide ingest"
        )
    import pooch
    import requests

    address = urljoin(base, href)
    checksum = str(asset.get("file:checksum") or "")
    name = f"{hashlib.sha256(address.encode()).hexdigest()[:8]}-{Path(urlsplit(address).path).name}"
    pooch.get_logger().setLevel(logging.ERROR)
    try:
        return Path(
            pooch.retrieve(
                address,
                f"sha256:{checksum.removeprefix(_SHA256)}" if checksum.startswith(_SHA256) else None,
                fname=name,
                path=folder,
                downloader=pooch.HTTPDownloader(timeout=_TIMEOUT_S),
            )
        )
    except requests.RequestException as error:
        code = "" if error.response is None else f"HTTP {error.response.status_code}"
        raise FetchError(
            f"{address}: cannot be had ({code or type(error).__name__}); check the network, and run again"
        ) from None
    except ValueError:
        raise FetchError(f"{address}: is not the file whose checksum {source} tells; ask who published it") from None
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written ({error.strerror or error}); free some space") from None


def _cache(text: str) -> Path:
    """A folder for an item's files; another text of the item is another scene."""
    import platformdirs

    name = hashlib.sha256(text.encode()).hexdigest()[:16]
    return Path(platformdirs.user_cache_dir("landslide-geo", appauthor=False), "items", name)


def _is_address(text: str) -> bool:
    return text.lower().startswith(("http://", "https://"))


def _day(text: Any) -> dt.date | None:
    try:
        return dt.datetime.fromisoformat(str(text)).date()
    except ValueError:
        return None


def _level(properties: Mapping[str, Any]) -> Level | None:
    """Of optical bands, by the processing extension: ``L1C``, ``L2A``, ``L2SP``."""
    told = str(properties.get("processing:level") or "").upper()
    return Level.TOP if told.startswith("L1") else Level.SURFACE if told.startswith("L2") else None


def _sun(properties: Mapping[str, Any]) -> SunPosition | None:
    azimuth, altitude = properties.get("view:sun_azimuth"), properties.get("view:sun_elevation")
    if not isinstance(azimuth, int | float) or not isinstance(altitude, int | float):
        return None
    return SunPosition(float(azimuth), float(altitude))
