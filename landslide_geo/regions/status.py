"""Where a region stands: acquisitions by state, the running inventory's totals, who is at work."""

from __future__ import annotations

from collections import Counter
from typing import Any

from landslide_geo.regions.history import History
from landslide_geo.regions.inventory import applied_scans, read_running
from landslide_geo.regions.lock import holder
from landslide_geo.regions.promotion import in_service
from landslide_geo.regions.region import Region


def status_of_region(region: Region) -> dict[str, Any]:
    """What ``landslide region status`` tells, as JSON takes it.

    Raises:
        LandslideError: a file of the region cannot be used.
    """
    known = History(region.history).entries() if region.history.exists() else []
    rows = read_running(region.inventory) if region.inventory.exists() else None
    return {
        "name": region.name,
        "model": in_service(region),
        "held_by": holder(region.history),
        "acquisitions": [entry.told() for entry in known],
        "states": dict(Counter(entry.state for entry in known)),
        "scans": applied_scans(region.inventory),
        "landslides": {} if rows is None else dict(Counter(rows["status"])),
        "inventory": str(region.inventory),
    }
