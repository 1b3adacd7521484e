"""What a layer is and where it comes from, inside the GeoPackage: GDAL's own form, and the one that QGIS shows.

QGIS reads documents of its own kind only and shows them under the layer's properties; GDAL's are items that ``ogrinfo``
lists. Both follow from the layer's fields, so that whatever writes a layer describes it.
"""

from __future__ import annotations

import sqlite3
from typing import Final
from xml.etree import ElementTree

import geopandas as gpd
import pandas as pd

from landslide_geo.inventory import schema
from landslide_geo.inventory.style import DOCTYPE

_STANDARD: Final = "http://mrcc.com/qgis.dtd"
#: Fields that say where landslides come from.
_PROVENANCE: Final = (
    "scene_ids", "sensor", "date_pre", "date_post", "event_id", "event_date", "dem_source", "model_id", "model_sha256",
    "threshold", "detected_at",
)  # fmt: skip
_INSERT: Final = """
INSERT INTO gpkg_metadata (md_scope, md_standard_uri, mime_type, metadata) VALUES ('dataset', ?, 'text/xml', ?)"""
_REFER: Final = """
INSERT INTO gpkg_metadata_reference (reference_scope, table_name, md_file_id) VALUES ('table', ?, ?)"""


def provenance(frame: gpd.GeoDataFrame) -> dict[str, str]:
    """Where the features of a layer come from, by field: all values that occur, in order, separated by semicolons."""
    found = {}
    for name in _PROVENANCE:
        values = frame[name].dropna().unique() if name in frame else ()
        if len(values):
            found[name] = "; ".join(dict.fromkeys(_text(value) for value in values))
    return found


def items(layer: schema.LayerSchema, frame: gpd.GeoDataFrame) -> dict[str, str]:
    """A layer's metadata as GDAL keeps it: names and values."""
    return {"TITLE": layer.title, "ABSTRACT": layer.abstract, **provenance(frame)}


def add_metadata(database: sqlite3.Connection, frames: dict[schema.LayerSchema, gpd.GeoDataFrame]) -> None:
    """Store the metadata of layers as QGIS reads it, in an open GeoPackage that has GDAL's already."""
    for layer, frame in frames.items():
        text = DOCTYPE + ElementTree.tostring(_document(layer, frame), encoding="unicode")
        row = database.execute(_INSERT, (_STANDARD, text)).lastrowid
        database.execute(_REFER, (layer.name, row))


def _document(layer: schema.LayerSchema, frame: gpd.GeoDataFrame) -> ElementTree.Element:
    root = ElementTree.Element("qgis")
    fields = "\n".join(f"{field.name}: {field.label}" for field in layer.fields)
    source = "Formulas and sources: docs/inventory.md of landslide-geo."
    parts = {
        "identifier": layer.name,
        "type": "dataset",
        "title": layer.title,
        "abstract": f"{layer.abstract}\n\nFields\n{fields}\n\n{source}",
    }
    for name, text in parts.items():
        ElementTree.SubElement(root, name).text = text
    topics = ElementTree.SubElement(root, "keywords", vocabulary="gmd:topicCategory")
    ElementTree.SubElement(topics, "keyword").text = "Geoscientific Information"
    for name, value in provenance(frame).items():
        ElementTree.SubElement(root, "history").text = f"{name}: {value}"
    return root


def _text(value: object) -> str:
    return value.strftime("%Y-%m-%dT%H:%M:%SZ") if isinstance(value, pd.Timestamp) else str(value)
