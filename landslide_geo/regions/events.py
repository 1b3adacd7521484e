"""A region that is there for one event: made when the first response to it starts, gone on with by later ones."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from landslide_geo.errors import ParameterError
from landslide_geo.regions.region import FILES, WORK, Region, add_region, read_region, region_file


def event_region(
    name: str, day: dt.date, values: Mapping[str, Any], *, regions: Path = FILES, work: Path = WORK
) -> Region:
    """The region of an event, whose file is written where there is none.

    Images wait for no further tiles, and all that is found is told of at once, as provisional.

    Args:
        name: of the region; the event is called alike.
        day: of the event.
        values: further fields of the file, ``aoi`` or ``bbox`` at least, where it is to be written.
        regions: folder of region files.
        work: folder of the work of regions.

    Raises:
        ParameterError: there is a region of that name, of another event or none, or of another area than is given.
        LandslideError: a value is wrong.
    """
    if not region_file(name, regions).exists():
        given = {"settle_hours": 0.0} | dict(values) | {"name": name, "event": {"name": name, "day": day}}
        return add_region(given, regions=regions, work=work)
    region = read_region(name, regions=regions, work=work)
    if region.params.event is None or region.params.event.day != day:
        known = "no event" if region.params.event is None else f"the event of {region.params.event.day}"
        raise ParameterError(f"{region.file}: is of {known}, not of {day}; choose another name for this one")
    if not _is_of(region, values):
        raise ParameterError(f"{region.file}: is of another area; edit that file, or choose another name for this one")
    return region


def _is_of(region: Region, values: Mapping[str, Any]) -> bool:
    """Whether the area that is given, if any, is that of a region."""
    bbox, aoi, own = values.get("bbox"), values.get("aoi"), region.beside(region.params.aoi)
    if bbox is not None:
        return region.params.bbox == tuple(map(float, bbox))
    return aoi is None or (own is not None and own.resolve() == Path(aoi).expanduser().resolve())
