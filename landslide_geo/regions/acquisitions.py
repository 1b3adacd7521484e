"""Acquisitions of a region that are not known yet: what a catalogue has listed since."""

from __future__ import annotations

import datetime as dt
import re

from landslide_geo.regions.history import Entry, History
from landslide_geo.regions.region import Region
from landslide_geo.scene.stac.access import Access
from landslide_geo.scene.stac.catalogues import PRODUCTS, catalogue_of, collection_of
from landslide_geo.scene.stac.plan import Searcher
from landslide_geo.scene.stac.search import Acquisition, collections_of, moment, open_catalogue


def find_new(region: Region, *, until: dt.datetime | None = None) -> list[str]:
    """Search the region's catalogue and enter what is new into its history; returns the keys of that, oldest first.

    The first search looks back by ``look_back_days``, after an event to its day. Later ones look back to ``late_days``
    before the last acquisition that was done with, for catalogues list some of them late. What was acquired less than
    ``settle_hours`` ago waits for its other tiles.

    Args:
        region: to look after.
        until: moment up to which acquisitions count, aware; none takes the time.

    Raises:
        FetchError: the catalogue does not answer.
        LandslideError: the region's area or catalogue cannot be used.
    """
    params, history = region.params, History(region.history)
    last = until or dt.datetime.now(dt.UTC)
    if params.event is None:
        first = last - dt.timedelta(days=params.look_back_days)
        last -= dt.timedelta(hours=params.settle_hours)
    else:
        first = dt.datetime.combine(params.event.day + dt.timedelta(days=1), dt.time(), dt.UTC)
    begun = dt.datetime.fromisoformat(history.begun(first.isoformat()))
    known = history.entries()
    settled = [entry for entry in known if entry.state in ("done", "skipped")]
    # Where the clock was ahead when the region was begun, nothing would be found until that time came.
    since = begun if known else min(begun, first)
    if settled:
        newest = max(dt.datetime.fromisoformat(entry.last) for entry in settled)
        since = max(begun, newest - dt.timedelta(days=params.late_days))
    if since >= last:
        return []
    return history.add(entries(search(region, since, last)))


def search(region: Region, since: dt.datetime, until: dt.datetime) -> list[Acquisition]:
    """Acquisitions over a region between two moments, oldest first.

    Raises:
        FetchError: the catalogue does not answer.
        ParameterError: it has no product of the region's sensor.
    """
    product = PRODUCTS[region.params.sensor]
    catalogue = catalogue_of(region.params.ingest.stac)
    client = open_catalogue(catalogue)
    collection = collection_of(product, catalogue, collections_of(client, catalogue))
    return Searcher(client, Access(catalogue), region.ground).find(product, collection, (since, until))


def entries(found: list[Acquisition]) -> list[Entry]:
    """What the history keeps of acquisitions, each under a key of its own."""
    made: dict[str, Entry] = {}
    for one in found:
        times = sorted(moment(item) for item in one.items)
        base, number = _key(one, times[0]), 1
        key = base
        while key in made:
            number += 1
            key = f"{base}-{number}"
        items = tuple(sorted(item.id for item in one.items))
        made[key] = Entry(key, one.name, times[0].isoformat(), times[-1].isoformat(), items)
    return list(made.values())


def _key(one: Acquisition, first: dt.datetime) -> str:
    """Sensor, day, satellite and orbit, in signs that any file system takes.

    A satellite comes by on one orbit once a day at most, so that tiles listed later do not change the key.
    """
    told = [one.sensor, f"{first:%Y%m%d}", one.platform, one.orbit_state if one.sensor == "s1" else None]
    told.append(f"{first:%H%M}" if one.relative_orbit is None else f"r{one.relative_orbit:03d}")
    return re.sub(r"[^a-z0-9]+", "-", "-".join(part for part in told if part).lower()).strip("-")
