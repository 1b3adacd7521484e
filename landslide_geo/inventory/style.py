"""Styles that travel inside a GeoPackage: QGIS reads them from the table ``layer_styles`` when a layer is opened."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from importlib import resources
from typing import Final
from xml.etree import ElementTree

from landslide_geo.inventory import schema

DOCTYPE: Final = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"

#: As QGIS itself creates the table when it saves a style to a GeoPackage.
_CREATE: Final = """
CREATE TABLE IF NOT EXISTS layer_styles (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    f_table_catalog TEXT(256), f_table_schema TEXT(256), f_table_name TEXT(256), f_geometry_column TEXT(256),
    styleName TEXT(30), styleQML TEXT, styleSLD TEXT, useAsDefault BOOLEAN, description TEXT, owner TEXT(30),
    ui TEXT(30), update_time DATETIME DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now'))
)"""

_REGISTER: Final = """
INSERT OR REPLACE INTO gpkg_contents (table_name, data_type, identifier, description)
VALUES ('layer_styles', 'attributes', 'layer_styles', 'Styles of the other layers, as QGIS stores them')"""

_STYLE: Final = """
INSERT INTO layer_styles (f_table_catalog, f_table_schema, f_table_name, f_geometry_column, styleName, styleQML,
                          styleSLD, useAsDefault, description, owner)
VALUES ('', '', ?, ?, ?, ?, '', ?, ?, '')"""

#: Files and names (at most 30 characters) of a layer's styles, where it has more than its own.
_STYLES: Final = {
    schema.LANDSLIDES.name: (
        ("landslides", "landslides by confidence"),
        ("landslides_review", "landslides by review status"),
    )
}
#: Of a layer that tells what became of its landslides, the same before those.
_BY_STATUS: Final = ("landslides_status", "landslides by status")


def style_text(name: str) -> str:
    """The QML file ``name`` of ``inventory/styles``, without its ending."""
    return (resources.files("landslide_geo.inventory") / "styles" / f"{name}.qml").read_text(encoding="utf-8")


def layer_qml(layer: schema.LayerSchema, style: str | None = None) -> ElementTree.Element:
    """A layer's style with the attribute form made from the schema: aliases, drop-downs, and what may be edited.

    Args:
        layer: whose fields the form shows.
        style: name of the QML file; none takes the layer's own.
    """
    root = ElementTree.fromstring(style_text(style or layer.name))
    root.set("styleCategories", "AllStyleCategories")
    widgets = ElementTree.SubElement(root, "fieldConfiguration")
    aliases = ElementTree.SubElement(root, "aliases")
    editable = ElementTree.SubElement(root, "editable")
    for index, field in enumerate(layer.fields, start=1):  # 0 is the feature id
        widgets.append(_widget(field))
        ElementTree.SubElement(aliases, "alias", field=field.name, index=str(index), name=field.label)
        ElementTree.SubElement(editable, "field", name=field.name, editable=str(int(field.editable)))
    return root


def _widget(field: schema.Field) -> ElementTree.Element:
    kind = "ValueMap" if field.values else {"date": "DateTime", "datetime": "DateTime", "bool": "CheckBox"}.get(
        field.kind, "TextEdit"
    )  # fmt: skip
    root = ElementTree.Element("field", name=field.name)
    widget = ElementTree.SubElement(root, "editWidget", type=kind)
    options = ElementTree.SubElement(ElementTree.SubElement(widget, "config"), "Option", type="Map")
    if field.values:
        entries = ElementTree.SubElement(options, "Option", type="List", name="map")
        for value, label in field.values:
            entry = ElementTree.SubElement(entries, "Option", type="Map")
            ElementTree.SubElement(entry, "Option", type="QString", name=label, value=value)
    if kind == "DateTime":
        shown = "yyyy-MM-dd" if field.kind == "date" else "yyyy-MM-dd HH:mm:ss"
        for name, value in (("display_format", shown), ("field_format", shown)):
            ElementTree.SubElement(options, "Option", type="QString", name=name, value=value)
        for name in ("allow_null", "calendar_popup"):
            ElementTree.SubElement(options, "Option", type="bool", name=name, value="true")
    return root


def category_colours(name: str) -> dict[int, str]:
    """Fill colours (``#rrggbb``) by code of a categorised style, so that pictures look like the map in QGIS."""
    root = ElementTree.fromstring(style_text(name))
    symbols = {symbol.get("name"): symbol for symbol in root.iter("symbol")}
    colours = {}
    for category in root.iter("category"):
        if category.get("value", "").isdecimal():
            option = symbols[category.get("symbol")].find(".//Option[@name='color']")
            rgb = ("" if option is None else option.get("value", "")).split(",")[:3]
            colours[int(category.get("value", ""))] = "#" + "".join(f"{int(part):02x}" for part in rgb)
    return colours


def add_styles(database: sqlite3.Connection, layers: Sequence[schema.LayerSchema] = schema.LAYERS) -> None:
    """Store the styles of layers in an open GeoPackage and register the table.

    QGIS finds a style only if catalog and schema are empty strings, not null, and the geometry column is the one in
    ``gpkg_geometry_columns``. Of several styles of a layer the first is the one that it opens with.
    """
    database.execute(_CREATE)
    database.execute(_REGISTER)
    geometry = dict(database.execute("SELECT table_name, column_name FROM gpkg_geometry_columns"))
    for layer in layers:
        styles = _STYLES.get(layer.name, ((layer.name, layer.name),))
        if layer.name == schema.LANDSLIDES.name and any(field.name == "status" for field in layer.fields):
            styles = (_BY_STATUS, *styles)
        for index, (file, title) in enumerate(styles):
            text = DOCTYPE + ElementTree.tostring(layer_qml(layer, file), encoding="unicode")
            database.execute(_STYLE, (layer.name, geometry[layer.name], title, text, index == 0, layer.title))
