"""What an analyst does in QGIS between two commands of a page, done by a program: ``python analyst.py FILE.gpkg``.

The largest landslides are confirmed, the smallest ones rejected, and all of the scene was looked through. A file that
was reviewed before is left alone.
"""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path

import geopandas as gpd
import pyogrio
from shapely import MultiPolygon, box

CONFIRMED, REJECTED = 20, 5


def review(path: Path) -> None:
    """Enter decisions, as QGIS writes them into the tables."""
    frame = pyogrio.read_dataframe(path, layer="landslides", fid_as_index=True)
    if (frame["review_status"] != "unreviewed").any():
        return
    by_size = frame.sort_values("area_m2", ascending=False).index.tolist()
    assert len(by_size) > CONFIRMED + REJECTED, f"{path}: too few landslides to review"
    with sqlite3.connect(path) as database:
        for name in ("ST_IsEmpty", "ST_MinX", "ST_MaxX", "ST_MinY", "ST_MaxY"):
            database.create_function(name, 1, lambda _: 0)  # of triggers, which no column changed here fires
        database.executemany(
            "UPDATE landslides SET review_status = 'confirmed', confidence = 8 WHERE fid = ?",
            [(fid,) for fid in by_size[:CONFIRMED]],
        )
        database.executemany(
            "UPDATE landslides SET review_status = 'rejected', reject_reason = 'field' WHERE fid = ?",
            [(fid,) for fid in by_size[-REJECTED:]],
        )
    database.close()
    seen = gpd.GeoDataFrame(
        {"reviewer": ["A. Geologist"]}, geometry=[MultiPolygon([box(*frame.total_bounds)])], crs=frame.crs
    )
    pyogrio.write_dataframe(seen, path, layer="reviewed_extent", append=True)


if __name__ == "__main__":
    review(Path(sys.argv[1]))
