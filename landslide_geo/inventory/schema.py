"""The fields of every layer of ``landslides.gpkg``: the one place where names, types, units and aliases live.

Writers, empty layers, attribute forms and ``docs/inventory.md`` follow these tables. A null always means "no source yet
or not determinable", never zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

import geopandas as gpd
import numpy as np
import pandas as pd

from landslide_geo.inventory.vocabulary import CATEGORIES, TRIGGERS, choices

Kind = Literal["text", "int", "real", "bool", "date", "datetime"]


@dataclass(frozen=True)
class Field:
    """One attribute. ``unit`` is empty for names, codes and shares; ``values`` lists what a form offers.

    What older or other programs stored beside it stays readable.
    """

    name: str
    kind: Kind
    alias: str
    unit: str = ""
    values: tuple[tuple[str, str], ...] = ()  # (stored value, label shown in a form)
    editable: bool = False  # an analyst's field; all others are the program's

    @property
    def label(self) -> str:
        """The alias with its unit, as forms and tables show it."""
        return f"{self.alias} ({self.unit})" if self.unit else self.alias


@dataclass(frozen=True)
class LayerSchema:
    """A layer of the GeoPackage: its name, geometry type, what it is, and its fields in order."""

    name: str
    geometry: Literal["MultiPolygon", "Point"]
    title: str
    abstract: str
    fields: tuple[Field, ...]


CONFIDENCE: Final = (
    ("1", "1 possible"),
    ("2", "2 probable"),
    ("3", "3 likely"),
    ("5", "5 confident, consequential"),
    ("8", "8 high confidence"),
)
REVIEW_STATUS: Final = ("unreviewed", "confirmed", "rejected", "edited", "added")
REJECT_REASON: Final = (
    "cloud", "snow", "field", "river_bar", "quarry", "road", "clear_cut", "burn_scar", "old_landslide", "other",
)  # fmt: skip


def _choices(values: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    return tuple((value, value.replace("_", " ")) for value in values)


LANDSLIDES: Final = LayerSchema(
    name="landslides",
    geometry="MultiPolygon",
    title="Landslides",
    abstract=(
        "Outlines of landslides, each with its attributes. A scan gives confidences 1 to 3; a review decides. "
        "Null means that there is no source or that the value cannot be told, never zero."
    ),
    fields=(
        Field("landslide_id", "text", "Identifier"),
        Field("parent_id", "text", "Identifier of the polygon it was split from"),
        Field("confidence", "int", "Confidence", values=CONFIDENCE, editable=True),
        Field("prob_mean", "real", "Probability, mean"),
        Field("prob_max", "real", "Probability, maximum"),
        Field("uncertainty_mean", "real", "Uncertainty, mean"),
        Field("area_m2", "real", "Area", "m²"),
        Field("perimeter_m", "real", "Perimeter", "m"),
        Field("compactness", "real", "Compactness"),
        Field("length_m", "real", "Length, crown to toe", "m"),
        Field("width_m", "real", "Width", "m"),
        Field("lon", "real", "Longitude", "°"),
        Field("lat", "real", "Latitude", "°"),
        Field("elev_min_m", "real", "Elevation, lowest", "m"),
        Field("elev_max_m", "real", "Elevation, highest", "m"),
        Field("relief_m", "real", "Relief", "m"),
        Field("reach_angle_deg", "real", "Reach angle", "°"),
        Field("slope_mean_deg", "real", "Slope, mean", "°"),
        Field("slope_p90_deg", "real", "Slope, 90th percentile", "°"),
        Field("aspect_deg", "real", "Aspect", "° from north"),
        Field("volume_m3", "real", "Volume", "m³"),
        Field("volume_low_m3", "real", "Volume, low", "m³"),
        Field("volume_high_m3", "real", "Volume, high", "m³"),
        Field("volume_relation", "text", "Area–volume relation"),
        Field("amalgamated", "bool", "Amalgamated"),
        Field("touches_edge", "bool", "Touches the edge of the data"),
        Field("visible_fraction", "real", "Visible share of outline and rim"),
        Field("change_score", "real", "Vegetation lost"),
        Field("date_pre", "date", "Date before"),
        Field("date_post", "date", "Date after"),
        Field("event_id", "text", "Event"),
        Field("event_date", "date", "Date of the event"),
        Field("n_detections", "int", "Detections"),
        Field("sensor", "text", "Sensor"),
        Field("scene_ids", "text", "Scenes"),
        Field("dem_source", "text", "Elevation model"),
        Field("model_id", "text", "Model"),
        Field("model_sha256", "text", "Checksum of the model"),
        Field("threshold", "real", "Threshold on probability"),
        Field("detected_at", "datetime", "Detected at"),
        Field("review_status", "text", "Review", values=_choices(REVIEW_STATUS), editable=True),
        Field("reject_reason", "text", "Reason of rejection", values=_choices(REJECT_REASON), editable=True),
        Field("category", "text", "Type of movement", values=choices(CATEGORIES), editable=True),
        Field("trigger", "text", "Trigger", values=choices(TRIGGERS), editable=True),
        Field("reviewer", "text", "Reviewer", editable=True),
        Field("reviewed_at", "datetime", "Reviewed at", editable=True),
        Field("notes", "text", "Notes", editable=True),
    ),
)
CROWNS: Final = LayerSchema(
    name="crowns",
    geometry="Point",
    title="Crowns (highest points)",
    abstract="The highest point of each landslide by the elevation model.",
    fields=(Field("landslide_id", "text", "Identifier"), Field("elevation_m", "real", "Elevation", "m")),
)
VISIBILITY: Final = LayerSchema(
    name="visibility",
    geometry="MultiPolygon",
    title="What could be seen",
    abstract=(
        "Classes of the whole scene without gaps. Densities of landslides are per visible area; nothing is "
        "known about the rest."
    ),
    fields=(
        Field("class", "text", "Class"),
        Field("code", "int", "Code"),
        Field("visible", "bool", "Landslides can be mapped here"),
        Field("area_m2", "real", "Area, counted on the full raster", "m²"),
        Field("share", "real", "Share of the scene"),
    ),
)
REVIEWED_EXTENT: Final = LayerSchema(
    name="reviewed_extent",
    geometry="MultiPolygon",
    title="Reviewed ground",
    abstract="Drawn by analysts: only inside is unmarked ground known to be free of landslides.",
    fields=(
        Field("reviewer", "text", "Reviewer", editable=True),
        Field("reviewed_at", "datetime", "Reviewed at", editable=True),
        Field("notes", "text", "Notes", editable=True),
    ),
)
STATUS: Final = (
    "new", "grown", "unchanged", "shrunk", "merged", "split", "no longer visible", "not visible", "rejected",
)  # fmt: skip
CHANGES: Final = LayerSchema(
    name="changes",
    geometry="MultiPolygon",
    title="Changes between two inventories",
    abstract="What became of each landslide of an older inventory, and which are new.",
    fields=(
        Field("status", "text", "Status", values=_choices(STATUS)),
        Field("landslide_id", "text", "Identifier"),
        Field("old_ids", "text", "Identifiers in the old inventory"),
        Field("new_ids", "text", "Identifiers in the new inventory"),
        Field("area_old_m2", "real", "Area before, of the whole group", "m²"),
        Field("area_new_m2", "real", "Area now, of the whole group", "m²"),
        Field("change_m2", "real", "Area gained", "m²"),
        Field("seen_before", "bool", "The old scene showed the ground"),
    ),
)
#: Layers of ``landslides.gpkg``.
LAYERS: Final = (LANDSLIDES, CROWNS, VISIBILITY, REVIEWED_EXTENT)


def frame(schema: LayerSchema, columns: dict[str, Any], geometry: Any, *, crs: Any) -> gpd.GeoDataFrame:
    """A layer with all fields of ``schema``, in order and in their types.

    Args:
        schema: the layer.
        columns: values by field name, one per geometry, or one value for all; fields left out become null.
        geometry: geometries, possibly none.
        crs: coordinate reference system of the geometries.

    Raises:
        KeyError: a column is not in the schema (a slip of the programmer, not of the user).
    """
    unknown = sorted(set(columns) - {field.name for field in schema.fields})
    if unknown:
        raise KeyError(f"layer {schema.name} has no field {unknown[0]!r}")
    geometry = np.asarray(geometry, dtype=object)
    index = pd.RangeIndex(len(geometry))
    data = {field.name: _column(columns.get(field.name), field.kind, index) for field in schema.fields}
    return gpd.GeoDataFrame(pd.DataFrame(data, index=index), geometry=gpd.GeoSeries(geometry, index=index, crs=crs))


def _column(values: Any, kind: Kind, index: pd.RangeIndex) -> pd.Series:
    many = isinstance(values, (list, tuple, np.ndarray, pd.Series))
    items = list(values) if many else [values] * len(index)
    if kind in ("text", "date"):
        return pd.Series([None if pd.isna(item) else item for item in items], index, dtype="object")
    if kind == "bool":
        return pd.Series([pd.NA if pd.isna(item) else bool(item) for item in items], index, dtype="boolean")
    if kind == "datetime":
        return pd.Series(pd.DatetimeIndex(pd.to_datetime(items, utc=True)).as_unit("ms"), index)
    numbers = pd.Series([np.nan if pd.isna(item) else float(item) for item in items], index, dtype="float64")
    return numbers.astype("Int64") if kind == "int" else numbers
