"""Searching a STAC API: an area and dates → acquisitions, each with all of its tiles."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pystac
import pystac_client
import requests
import shapely
import shapely.geometry
from pystac_client.exceptions import APIError
from pystac_client.stac_api_io import StacApiIO
from shapely.geometry.base import BaseGeometry
from urllib3 import Retry

from landslide_geo.errors import NoAnswerError
from landslide_geo.scene.stac.catalogues import Catalogue
from landslide_geo.scene.stac.region import Region, unwrapped

#: Answers that may be another one a moment later.
PASSING: Final = (429, 500, 502, 503, 504)
_RETRIES: Final = 4
_BACK_OFF_S: Final = 0.5
_TIMEOUT_S: Final = 60.0
_PAGE: Final = 200
#: Tiles of one pass lie minutes apart at most; the next pass of the same orbit is days away.
_ONE_PASS: Final = dt.timedelta(minutes=20)
_ORBIT_IN_NAME: Final = re.compile(r"_R(\d{3})_")
_BASELINE_IN_NAME: Final = re.compile(r"_N(\d{2})(\d{2})_")


@dataclass(frozen=True, eq=False)
class Acquisition:
    """What one pass of a satellite shows of an area: one tile or several.

    Attributes:
        sensor: as in `landslide_geo.scene.stac.catalogues.PRODUCTS`.
        when: in the middle of its tiles, aware.
        items: its tiles; where they overlap, the first one counts.
        platform: the satellite.
        relative_orbit: number of the track, or for Landsat of the path; None where it is not told.
        orbit_state: ascending or descending, where it is told.
        cloud: share (0–1) by the catalogue's own figure, of the whole tiles; None where it is not told.
        coverage: share of the area inside its footprint.
    """

    sensor: str
    when: dt.datetime
    items: tuple[pystac.Item, ...]
    platform: str
    relative_orbit: int | None
    orbit_state: str | None
    cloud: float | None
    coverage: float

    @property
    def name(self) -> str:
        """Satellite, day and orbit, for people: ``sentinel-2a 2018-09-11 R074``."""
        orbit = "" if self.relative_orbit is None else f" R{self.relative_orbit:03d}"
        state = "" if self.orbit_state is None or self.sensor != "s1" else f" {self.orbit_state}"
        return f"{self.platform or self.sensor} {self.when:%Y-%m-%d}{orbit}{state}"

    @property
    def key(self) -> str:
        """Its tiles, as one text."""
        return "+".join(item.id for item in self.items)


def open_catalogue(catalogue: Catalogue) -> pystac_client.Client:
    """Connect to a STAC API, with retries.

    Raises:
        NoAnswerError: it does not answer, or not as a STAC API.
    """
    retry = Retry(
        total=_RETRIES,
        backoff_factor=_BACK_OFF_S,
        status_forcelist=PASSING,
        allowed_methods=None,
        raise_on_status=False,
    )
    try:
        return pystac_client.Client.open(catalogue.url, stac_io=StacApiIO(max_retries=retry, timeout=_TIMEOUT_S))
    except (APIError, requests.RequestException, pystac.STACError, OSError, ValueError, KeyError) as error:
        raise _unanswered(catalogue, error) from None


def collections_of(client: pystac_client.Client, catalogue: Catalogue) -> dict[str, pystac.Collection]:
    """The collections of a catalogue, by name.

    Raises:
        NoAnswerError: it does not answer.
    """
    try:
        return {collection.id: collection for collection in client.get_collections()}
    except (APIError, requests.RequestException, pystac.STACError, OSError, ValueError, KeyError) as error:
        raise _unanswered(catalogue, error) from None


def search(
    client: pystac_client.Client,
    catalogue: Catalogue,
    collection: str,
    region: Region,
    dates: tuple[dt.datetime, dt.datetime] | None,
) -> list[pystac.Item]:
    """Items that meet a region and dates, oldest first.

    Servers differ in what they understand of queries; here they are asked for place and time only, and all else is done
    with what they answer.

    Args:
        client: of the catalogue.
        catalogue: for the message.
        collection: to search.
        region: to cover.
        dates: first and last moment, aware; None for items that have no date that matters, such as elevation models.

    Raises:
        NoAnswerError: it does not answer.
    """
    found: dict[str, pystac.Item] = {}
    try:
        for box in region.boxes:
            asked: dict[str, Any] = {"collections": [collection], "bbox": list(box), "limit": _PAGE}
            if dates is not None:
                asked["datetime"] = list(dates)
            for item in client.search(**asked).items():
                found.setdefault(item.id, item)
    except (APIError, requests.RequestException, pystac.STACError, OSError, ValueError, KeyError) as error:
        raise _unanswered(catalogue, error) from None
    inside = [
        item
        for item in found.values()
        if item.geometry is not None
        and region.covered(_footprint([item])) > 0
        and (dates is None or dates[0] <= moment(item) <= dates[1])
    ]
    return sorted(inside, key=lambda item: (moment(item), item.id))


def acquisitions(items: Iterable[pystac.Item], sensor: str, region: Region) -> list[Acquisition]:
    """Items put together by pass, oldest first.

    Items of one satellite and orbit that lie minutes apart are one acquisition: a pass is cut into tiles, and where it
    reaches over midnight, into days. Of tiles that overlap, those of a later processing come first.
    """
    groups: list[list[pystac.Item]] = []
    for item in sorted(items, key=lambda item: (_pass(item), moment(item), item.id)):
        last = groups[-1][-1] if groups else None
        if last is not None and _pass(last) == _pass(item) and moment(item) - moment(last) <= _ONE_PASS:
            groups[-1].append(item)
        else:
            groups.append([item])
    found = [_acquisition(group, sensor, region) for group in groups]
    return sorted(found, key=lambda one: (one.when, one.key))


def moment(item: pystac.Item) -> dt.datetime:
    """When an item was acquired, aware."""
    text = item.properties.get("start_datetime")
    when = item.datetime or (dt.datetime.fromisoformat(text) if text else dt.datetime(1, 1, 1, tzinfo=dt.UTC))
    return when if when.tzinfo is not None else when.replace(tzinfo=dt.UTC)


def relative_orbit(item: pystac.Item) -> int | None:
    """The track an item was acquired from: of Landsat, the path."""
    for name in ("sat:relative_orbit", "landsat:wrs_path"):
        value = item.properties.get(name)
        if value is not None and str(value).isdecimal():
            return int(value)
    told = _ORBIT_IN_NAME.search(f"_{item.properties.get('s2:product_uri') or item.id}_")
    return None if told is None else int(told[1])


def baseline(item: pystac.Item) -> float | None:
    """The processing baseline of a Sentinel-2 item, as 5.10, or None where it is not told."""
    for name in ("s2:processing_baseline", "sentinel:processing_baseline", "processing:version"):
        try:
            return float(item.properties[name])
        except (KeyError, TypeError, ValueError):
            continue
    told = _BASELINE_IN_NAME.search(f"_{item.properties.get('s2:product_uri') or item.id}_")
    return None if told is None else float(f"{told[1]}.{told[2]}")


def _acquisition(items: Sequence[pystac.Item], sensor: str, region: Region) -> Acquisition:
    ordered = sorted(items, key=lambda item: (-(baseline(item) or 0), item.id))
    clouds = [item.properties["eo:cloud_cover"] for item in items if "eo:cloud_cover" in item.properties]
    shares = [region.covered(_footprint([item])) for item in items]
    total = sum(shares) or 1.0
    known = len(clouds) == len(items)
    first = items[0].properties
    middle = moment(items[0]) + (moment(items[-1]) - moment(items[0])) / 2
    return Acquisition(
        sensor=sensor,
        when=middle,
        items=tuple(ordered),
        platform=str(first.get("platform", "")).lower(),
        relative_orbit=relative_orbit(items[0]),
        orbit_state=_text(first.get("sat:orbit_state")),
        cloud=sum(c / 100 * share for c, share in zip(clouds, shares, strict=True)) / total if known else None,
        coverage=region.covered(_footprint(items)),
    )


def _pass(item: pystac.Item) -> tuple[str, int, str]:
    own = item.properties
    return str(own.get("platform", "")).lower(), relative_orbit(item) or 0, _text(own.get("sat:orbit_state")) or ""


def _text(value: Any) -> str | None:
    return None if value is None else str(value).lower()


def _footprint(items: Sequence[pystac.Item]) -> BaseGeometry:
    shapes = [shapely.make_valid(unwrapped(shapely.geometry.shape(item.geometry))) for item in items if item.geometry]
    return shapely.union_all(shapes)


def _unanswered(catalogue: Catalogue, error: Exception) -> NoAnswerError:
    code = getattr(error, "status_code", None)
    told = f"HTTP {code}" if code else type(error).__name__
    return NoAnswerError(
        f"{catalogue.url}: does not answer as a STAC API ({told}); check --stac and the network, and run again"
    )
