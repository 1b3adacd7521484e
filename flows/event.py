"""What an event set off: images after it are compared with the last ones before it as they come in."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

from prefect import flow

from flows.regional import regional_scan
from landslide_geo.regions.events import event_region
from landslide_geo.regions.region import FILES, WORK


@flow(name="event-response", flow_run_name="{name}")
def event_response(
    name: str,
    event_date: dt.date,
    aoi: Path | None = None,
    bbox: tuple[float, float, float, float] | None = None,
    options: dict[str, Any] | None = None,
    regions: Path = FILES,
    work: Path = WORK,
    workers: int | None = None,
    scheduler: str | None = None,
) -> dict[str, Any]:
    """Map what an event set off, image by image; each is published, and told of as provisional, when it is scanned.

    The same again takes up images that came in since.

    Args:
        name: of the event, and of the region that is made for it.
        event_date: day of the event; earlier images lie before it.
        aoi: vector file of the area.
        bbox: or its west, south, east and north in degrees.
        options: other fields of a region file, such as scan, ingest and sinks.
        regions: folder of region files.
        work: folder of the work of regions.
        workers: processes that share a scan.
        scheduler: address of a Dask scheduler whose workers share it.
    """
    area = {"aoi": aoi} if bbox is None else {"bbox": bbox}
    event_region(name, event_date, area | (options or {}), regions=regions, work=work)
    return regional_scan(name, regions=regions, work=work, workers=workers, scheduler=scheduler)
