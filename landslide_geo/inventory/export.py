"""Inventories in the formats that others read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
from odc.geo.geom import Geometry

from landslide_geo.errors import ParameterError
from landslide_geo.files import replacing
from landslide_geo.inventory.geopackage import read_layer
from landslide_geo.inventory.vocabulary import CATEGORIES, TRIGGERS, in_coolr, labels

#: Columns of NASA's Cooperative Open Online Landslide Repository (Juang et al. 2019), in the order of its tables.
COOLR_FIELDS: Final = (
    "source_name", "source_link", "event_id", "event_date", "event_time", "event_title", "event_description",
    "location_description", "location_accuracy", "landslide_category", "landslide_trigger", "landslide_size",
    "landslide_setting", "fatality_count", "injury_count", "storm_name", "photo_link", "notes", "event_import_source",
    "event_import_id", "country_name", "country_code", "admin_division_name", "admin_division_population",
    "gazeteer_closest_point", "gazeteer_distance", "submitted_date", "created_date", "last_edited_date", "longitude",
    "latitude",
)  # fmt: skip


_DAYS: Final = ("date_pre", "date_post", "event_date")

#: Fields of the U.S. Geological Survey's "Landslide Inventories across the United States", version 3.0 of February 2025
#: (ScienceBase item 671eef1fd34ed0f827ea9f12).
USGS_FIELDS: Final = (
    "USGS_ID", "Date_Min", "Date_Max", "Fatalities", "Confidence", "LS_Type", "Inventory", "Inv_URL", "Info_Source",
    "Notes", "Lat_N", "Lon_W",
)  # fmt: skip


def export(inventory: Path, out: Path, *, to: str, rejected: bool = False) -> int:
    """Write the landslides of an inventory in another format.

    Args:
        inventory: ``landslides.gpkg``.
        out: file to write; replaced if it exists.
        to: one of `FORMATS`.
        rejected: write polygons too that a reviewer rejected.

    Returns:
        How many landslides were written.

    Raises:
        ParameterError: no such format, or the file's ending does not suit it.
        LandslideError: the inventory cannot be read, or the file not written.
    """
    if to not in FORMATS:
        raise ParameterError(f"format {to!r} is not known; use one of {', '.join(FORMATS)}")
    ending, write = FORMATS[to]
    if out.suffix != ending:
        raise ParameterError(f"{out}: a file of format {to} ends with {ending}")
    if out.exists() and out.samefile(inventory):
        raise ParameterError(f"{out}: is the inventory itself; give another file with --out")
    frame = read_layer(inventory)
    if not rejected:
        frame = frame[frame["review_status"] != "rejected"].reset_index(drop=True)
    with replacing(out, also=(pyogrio.errors.DataSourceError,)) as part:
        write(frame, part)
    return len(frame)


def _geoparquet(frame: gpd.GeoDataFrame, path: Path) -> None:
    frame.to_parquet(path, index=False, write_covering_bbox=True)


def _flatgeobuf(frame: gpd.GeoDataFrame, path: Path) -> None:
    pyogrio.write_dataframe(_plain(frame), path, driver="FlatGeobuf", layer="landslides")


def _geojson(frame: gpd.GeoDataFrame, path: Path) -> None:
    # RFC 7946: longitude and latitude, outer rings counter-clockwise, seven digits are a centimetre.
    pyogrio.write_dataframe(
        _plain(frame.to_crs(4326)), path, driver="GeoJSON", layer="landslides", RFC7946="YES", COORDINATE_PRECISION=7
    )


def _plain(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Days as text in ISO form: these formats have no type for them, and GDAL would make times of them."""
    plain = frame.copy()
    for name in _DAYS:
        plain[name] = [None if day is None else day.isoformat() for day in frame[name]]
    return plain


def _coolr(frame: gpd.GeoDataFrame, path: Path) -> None:
    """Points with the repository's columns; those that a satellite does not tell stay empty."""
    columns: dict[str, Any] = dict.fromkeys(COOLR_FIELDS)
    detected = [None if pd.isna(when) else when.strftime("%Y-%m-%dT%H:%M:%SZ") for when in frame["detected_at"]]
    columns |= {
        "source_name": [f"landslide-geo, model {name}" for name in frame["model_id"]],
        "event_id": frame["landslide_id"],
        "event_date": frame["event_date"],
        "event_title": frame["event_id"],
        "location_accuracy": "exact",
        "landslide_category": frame["category"].fillna("unknown").replace(in_coolr(CATEGORIES)),
        "landslide_trigger": frame["trigger"].fillna("unknown").replace(in_coolr(TRIGGERS)),
        # The repository's sizes follow from what a landslide did, which its area does not tell.
        "landslide_size": "unknown",
        "landslide_setting": "unknown",
        "notes": [_notes(row) for _, row in frame.iterrows()],
        "event_import_source": "landslide-geo",
        "event_import_id": frame["landslide_id"],
        "submitted_date": detected,
        "created_date": detected,
        "longitude": frame["lon"],
        "latitude": frame["lat"],
    }
    table = pd.DataFrame(columns, index=range(len(frame)), columns=list(COOLR_FIELDS))
    table.to_csv(path, index=False, encoding="utf-8", float_format="%.6f", lineterminator="\n")


def _usgs(frame: gpd.GeoDataFrame, path: Path) -> None:
    """Polygons in longitude and latitude with the compilation's fields.

    Identifiers are given by the survey; ours go into the notes. The days between which a landslide happened are those
    of its event or else of the images. Confidence has the same codes.
    """
    day = {name: [None if when is None else when.isoformat() for when in frame[name]] for name in _DAYS}
    notes = [f"{_notes(row)}; landslide_id {row['landslide_id']}" for _, row in frame.iterrows()]
    columns: dict[str, Any] = dict.fromkeys(USGS_FIELDS)
    columns |= {
        "Date_Min": [event or pre for event, pre in zip(day["event_date"], day["date_pre"], strict=True)],
        "Date_Max": [event or post for event, post in zip(day["event_date"], day["date_post"], strict=True)],
        "Fatalities": pd.array([pd.NA] * len(frame), dtype="Int32"),
        "Confidence": frame["confidence"].astype("Int32"),
        "LS_Type": frame["category"].replace(labels(CATEGORIES)),
        "Inventory": [event or scenes for event, scenes in zip(frame["event_id"], frame["scene_ids"], strict=True)],
        "Info_Source": [f"landslide-geo, model {name}" for name in frame["model_id"]],
        "Notes": notes,
        "Lat_N": frame["lat"],
        "Lon_W": frame["lon"],  # negative in the west, as in the survey's own files
    }
    table = gpd.GeoDataFrame(pd.DataFrame(columns, index=frame.index), geometry=frame.geometry, crs=frame.crs)
    pyogrio.write_dataframe(_geographic(table), path, driver="GPKG", layer="us_ls_v3_poly", promote_to_multi=True)


def _geographic(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """In longitude and latitude; outlines across the antimeridian are cut there, or they would go round the world."""
    found = frame.to_crs(4326)
    bounds = found.bounds
    across = np.flatnonzero(bounds["maxx"] - bounds["minx"] > 180)
    shapes = found.geometry.to_numpy().copy()
    for i in across:
        whole = Geometry(frame.geometry.iloc[i], crs=str(frame.crs))
        shapes[i] = whole.to_crs("EPSG:4326", wrapdateline=True).geom
    return found.set_geometry(gpd.GeoSeries(shapes, index=found.index, crs=4326))


def _notes(row: pd.Series) -> str:
    told = [f"area {row['area_m2']:.0f} m2", f"confidence {row['confidence']}", f"review {row['review_status']}"]
    between = [str(row[name]) for name in ("date_pre", "date_post") if row[name] is not None]
    return "; ".join([*told, f"images of {' and '.join(between)}"] if between else told)


#: By name: the file's ending, and who writes it.
FORMATS: Final[dict[str, tuple[str, Callable[[gpd.GeoDataFrame, Path], None]]]] = {
    "geoparquet": (".parquet", _geoparquet),
    "flatgeobuf": (".fgb", _flatgeobuf),
    "geojson": (".geojson", _geojson),
    "coolr": (".csv", _coolr),
    "usgs": (".gpkg", _usgs),
}
