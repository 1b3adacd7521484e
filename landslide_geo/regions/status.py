"""Where a region stands: acquisitions by state, the running inventory's totals, who is at work."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
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


def new_landslides(region: Region, keys: Iterable[str]) -> list[dict[str, Any]]:
    """Landslides that some scans were the first to find, the largest first, as JSON takes them.

    Each has ``landslide_id``, ``status``, ``area_m2``, ``prob_mean``, ``lon``, ``lat``, ``first_seen`` (a day, ISO
    8601) and ``scan``. Those that were rejected or merged into another one since are left out.

    Args:
        region: of the scans.
        keys: of their acquisitions.

    Raises:
        LandslideError: the inventory cannot be used.
    """
    if not region.inventory.exists():
        return []
    rows = read_running(region.inventory)
    first = rows["scene_ids"].str.partition(";")[0] if len(rows) else rows["scene_ids"]
    rows = rows.assign(scan=first)[first.isin(list(keys)) & ~rows["status"].isin(["rejected", "merged"])]
    rows = rows.assign(first_seen=rows["first_seen"].astype("string")).sort_values("area_m2", ascending=False)
    names = ["landslide_id", "status", "area_m2", "prob_mean", "lon", "lat", "first_seen", "scan"]
    told: list[dict[str, Any]] = json.loads(rows[names].to_json(orient="records"))
    return told
