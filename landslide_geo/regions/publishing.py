"""What a region's results are published to, one sink after the other: one that fails keeps no other from it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from landslide_geo.errors import LandslideError, LockLostError, OutputError, PublishError
from landslide_geo.files import clear_parts, make_parent, replacing_folder
from landslide_geo.regions.catalogue import write_catalogue
from landslide_geo.regions.history import History
from landslide_geo.regions.inventory import applied_scans, copy_inventory, refresh_status
from landslide_geo.regions.lock import Lease
from landslide_geo.regions.notify import notify
from landslide_geo.regions.postgis import write_postgis
from landslide_geo.regions.region import Region


def publish(region: Region, lease: Lease) -> dict[str, Any]:
    """Bring every sink of a region up to date; the same again changes nothing.

    Returns:
        What was done, by sink; nothing where no scan was entered yet.

    Raises:
        LockLostError: another run has taken the region over.
        PublishError: a sink could not be reached or written; the others are up to date. The next run tries it again.
    """
    lease.check()
    if not region.inventory.exists():
        return {}
    refresh_status(region.inventory, after_detections=region.params.after_detections)
    sinks = region.params.sinks
    steps: dict[str, Callable[[], Any]] = {}
    if sinks.stac:
        steps["stac"] = lambda: _catalogue(region.folder, region)
    if (folder := region.beside(sinks.folder)) is not None:
        steps["folder"] = lambda: _public(folder, region)
    if sinks.postgis is not None:
        steps["postgis"] = lambda: write_postgis(region)
    if sinks.webhook is not None or sinks.mail is not None:
        # Last, so that what is told of is to be found.
        steps["told"] = lambda: notify(region)
    done, failed = {}, {}
    for name, step in steps.items():
        try:
            lease.check()
            done[name] = step()
        except LockLostError:
            raise
        except LandslideError as error:
            failed[name] = str(error)
    history = History(region.history)
    if failed:
        history.note("publishing_failed", **failed)
        raise PublishError("; ".join(f"{name}: {reason}" for name, reason in failed.items()))
    history.note("published", **done)
    return done


def _catalogue(base: Path, region: Region) -> str | None:
    path = write_catalogue(base, region.name, applied_scans(region.inventory))
    return None if path is None else str(path)


def _public(folder: Path, region: Region) -> dict[str, Any]:
    """Copies for others to read: scans, catalogue, and the inventory last."""
    copied = [key for key in applied_scans(region.inventory) if _copy_scan(region.scans / key, folder / "scans" / key)]
    if region.params.sinks.stac:
        _catalogue(folder, region)
    target = folder / region.inventory.name
    copy_inventory(region.inventory, target)
    return {"inventory": str(target), "scans": len(copied)}


def _copy_scan(source: Path, target: Path) -> bool:
    """Copy the files that a scan's item names; returns whether that was to be done."""
    item = source / "item.json"
    if not item.exists() or ((target / item.name).exists() and (target / item.name).read_bytes() == item.read_bytes()):
        return False
    try:
        names = [asset["href"] for asset in json.loads(item.read_text(encoding="utf-8"))["assets"].values()]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise OutputError(f"{item}: cannot be read as a STAC item ({error}); scan it again") from None
    make_parent(target)
    clear_parts(target)
    with replacing_folder(target, overwrite=True, option="sinks.folder") as made:
        for name in [*names, item.name]:
            path = (source / name).resolve()
            if path.is_relative_to(source.resolve()) and path.is_file():
                copy = made / path.relative_to(source.resolve())
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(path, copy)
    return True
