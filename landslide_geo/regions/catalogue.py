"""A static STAC catalogue of a region's scans: a collection and an item for each, with relative addresses.

BASE/catalogue/collection.json
BASE/catalogue/KEY/KEY.json      → BASE/scans/KEY/…
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import pystac

from landslide_geo.errors import OutputError
from landslide_geo.files import clear_parts, make_parent, replacing

COLLECTION: Final = "collection.json"


def write_catalogue(base: Path, name: str, keys: Iterable[str], *, licence: str = "other") -> Path | None:
    """Write the catalogue of finished scans; returns the collection's path, or None where there is no scan.

    Files that are as they were are not written. The collection is written last: who reads it finds all of its items.

    Args:
        base: folder that holds ``scans/KEY/item.json`` of each.
        name: of the region.
        keys: of the scans.
        licence: of the results, as STAC has it.

    Raises:
        OutputError: a file cannot be written, or the item of a scan cannot be read.
    """
    root = base.absolute() / "catalogue"
    items = [item for key in sorted(set(keys)) if (item := _item(base.absolute(), key)) is not None]
    if not items:
        return None
    boxes = [item.bbox for item in items if item.bbox is not None]
    outer = [min(b[0] for b in boxes), min(b[1] for b in boxes), max(b[2] for b in boxes), max(b[3] for b in boxes)]
    times = sorted(item.datetime for item in items if item.datetime is not None)
    span: list[dt.datetime | None] = [times[0], times[-1]] if times else [None, None]
    collection = pystac.Collection(
        id=name,
        title=f"Landslide scans of {name}",
        description=f"Every scan of the region {name}: probability, landslides, report.",
        extent=pystac.Extent(pystac.SpatialExtent([outer]), pystac.TemporalExtent([span])),
        license=licence,
        extra_fields={"updated": dt.datetime.now(dt.UTC).isoformat(timespec="seconds")},
    )
    collection.add_items(items)
    collection.normalize_hrefs(str(root))
    collection.make_all_asset_hrefs_relative()
    collection.catalog_type = pystac.CatalogType.SELF_CONTAINED
    for item in items:
        _write(Path(item.self_href), item.to_dict(include_self_link=False))
    _write(root / COLLECTION, collection.to_dict(include_self_link=False))
    return root / COLLECTION


def _item(base: Path, key: str) -> pystac.Item | None:
    """The item of a scan, named by its key, with absolute addresses; None where the scan was removed."""
    path = base / "scans" / key / "item.json"
    if not path.exists():
        return None
    try:
        item = pystac.Item.from_dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError, pystac.STACError) as error:
        raise OutputError(f"{path}: cannot be read as a STAC item ({error}); scan it again") from None
    item.id = key
    item.set_self_href(str(path))
    item.make_asset_hrefs_absolute()
    return item


def _write(path: Path, content: dict[str, Any]) -> None:
    """Write a file unless it says the same already, but for the time."""
    if path.exists():
        try:
            there = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            there = None
        if isinstance(there, dict) and there | {"updated": None} == content | {"updated": None}:
            return
    make_parent(path)
    clear_parts(path)
    with replacing(path) as part:
        part.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
