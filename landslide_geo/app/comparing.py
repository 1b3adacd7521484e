"""Two scans beside one another: what became of each landslide, worked out once for each pair of files."""

from __future__ import annotations

import hashlib
import threading
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pyogrio
import shapely

from landslide_geo.app.folder import INVENTORY, AppFolder
from landslide_geo.app.inventories import MOST, collection, mark_of, pixel_at, simplified
from landslide_geo.inventory import schema
from landslide_geo.pipeline.inventories import compare_files

#: Comparisons that are kept.
_KEPT: Final = 8
_WORKING: Final = threading.Lock()


def changes(folder: AppFolder, old: str, new: str) -> Path:
    """The GeoPackage of what changed from one scan to another.

    Args:
        folder: the work folder.
        old: name of the earlier scan.
        new: of the later one.

    Raises:
        LandslideError: there is no such scan, or the two cannot be compared.
    """
    files = [folder.scan(name) / INVENTORY for name in (old, new)]
    marks = [f"{path} {mark_of(path)}" for path in files]
    key = hashlib.sha256("\n".join(marks).encode()).hexdigest()[:24]
    made = folder.scratch / f"changes-{key}.gpkg"
    with _WORKING:  # two windows that ask for the same wait for one answer
        if not made.exists():
            compare_files(files[0], files[1], made)
            kept = sorted(folder.scratch.glob("changes-*.gpkg"), key=lambda path: path.stat().st_mtime)
            for path in kept[:-_KEPT]:
                path.unlink(missing_ok=True)
    return made


def summary(path: Path) -> dict[str, Any]:
    """Of each status how many outlines there are and what they cover, and ``bounds`` of all in degrees."""
    frame = pyogrio.read_dataframe(path, layer=schema.CHANGES.name)
    rows = []
    for status in schema.STATUS:
        those = frame[frame["status"] == status]
        if len(those):
            rows.append({"status": status, "count": len(those), "area_m2": float(shapely.area(those.geometry).sum())})
    bounds = None if frame.empty else [float(value) for value in frame.to_crs(4326).total_bounds]
    return {"changes": rows, "bounds": bounds}


def view(path: Path, *, bounds: tuple[float, float, float, float], zoom: float) -> dict[str, Any]:
    """GeoJSON of the changes on a screen, as `Landslides.view` gives landslides."""
    frame = _in_degrees(path)
    here = frame.iloc[frame.sindex.query(shapely.box(*bounds))]
    shown = here.iloc[np.argsort(-shapely.area(here.geometry.to_numpy()), kind="stable")[:MOST]]
    properties = [
        {"status": row.status, "landslide_id": row.landslide_id, "change_m2": round(float(row.change_m2))}
        for row in shown.itertuples()
    ]
    return collection(simplified(shown.geometry.to_numpy(), pixel_at(zoom)), properties) | {"total": len(here)}


@lru_cache(maxsize=4)
def _in_degrees(path: Path) -> gpd.GeoDataFrame:
    """The changes of a file, which is never written again."""
    return pyogrio.read_dataframe(path, layer=schema.CHANGES.name).to_crs(4326)
