"""Layers of a region's inventory: those of ``landslides.gpkg``, and what became of each landslide over time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd

from landslide_geo.inventory import schema
from landslide_geo.inventory.schema import Field, LayerSchema

#: What a landslide of the running inventory is, in the order in which it is asked.
STATUS: Final = ("rejected", "merged", "no_longer_visible", "confirmed", "provisional")
#: Reviews that make a landslide one.
ACCEPTED: Final = ("confirmed", "edited", "added")

HISTORY: Final = (
    Field("status", "text", "Status", values=tuple((name, name.replace("_", " ")) for name in STATUS)),
    Field("first_seen", "date", "First seen"),
    Field("last_seen", "date", "Last seen"),
    Field("last_shown", "date", "Last shown by a scene"),
    Field("n_shown", "int", "Scenes that showed its ground"),
    Field("merged_into", "text", "Identifier of the landslide that took it up"),
)
LANDSLIDES: Final = replace(
    schema.LANDSLIDES,
    abstract=(
        "Landslides of a region, from all scans of it. Each keeps its identifier for life, and what an analyst "
        "entered. Null means that there is no source or that the value cannot be told, never zero."
    ),
    fields=(*schema.LANDSLIDES.fields, *HISTORY),
)
SCANS: Final = LayerSchema(
    name="scans",
    geometry="MultiPolygon",
    title="Scans",
    abstract="Every scan that the inventory is made of, over the rectangle that it covers.",
    fields=(
        Field("scan_id", "text", "Scan"),
        Field("date_pre", "date", "Date before"),
        Field("date_post", "date", "Date after"),
        Field("n_landslides", "int", "Landslides found"),
        Field("n_new", "int", "Of them new"),
        Field("n_again", "int", "Landslides seen again"),
        Field("n_not_found", "int", "Landslides shown, and not found"),
        Field("visible_m2", "real", "Area that could be seen", "m²"),
        Field("visible_share", "real", "Share of the scene that could be seen"),
        Field("model_id", "text", "Model"),
        Field("applied_at", "datetime", "Entered at"),
    ),
)
#: Layers of ``inventory.gpkg``.
LAYERS: Final = (LANDSLIDES, schema.CROWNS, schema.VISIBILITY, schema.REVIEWED_EXTENT, SCANS)


def empty(layer: LayerSchema, *, crs: Any) -> gpd.GeoDataFrame:
    """A layer without a feature."""
    return schema.frame(layer, {}, [], crs=crs)


def status_of(rows: pd.DataFrame, *, after_detections: int) -> list[str]:
    """Status of each landslide.

    ``rejected`` by review; ``merged`` into another one; ``no_longer_visible`` where the last scene that showed its
    ground did not show it; ``confirmed`` by review or so many detections; else ``provisional``.
    """
    review = rows["review_status"].to_numpy()
    times = rows["n_detections"].fillna(0).to_numpy(dtype=np.int64)
    hidden = [
        not pd.isna(seen) and not pd.isna(shown) and shown > seen
        for seen, shown in zip(rows["last_seen"], rows["last_shown"], strict=True)
    ]
    rejected, merged = review == "rejected", rows["merged_into"].notna().to_numpy()
    accepted = np.isin(review.astype(str), ACCEPTED) | (times >= after_detections)
    found = np.select([rejected, merged, np.array(hidden, dtype=bool), accepted], STATUS[:4], STATUS[4])
    return [str(name) for name in found]
