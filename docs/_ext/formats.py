"""The tables of file formats, from the schemas that writers and readers go by."""

from __future__ import annotations

from typing import Final

from fields import nested, sections

from landslide_geo.inventory.schema import CHANGES, LAYERS, LayerSchema
from landslide_geo.models import BundleManifest, EnsembleManifest

_KINDS: Final = {
    "text": "text", "int": "integer, 32 bits", "real": "real, 64 bits", "bool": "boolean", "date": "date",
    "datetime": "date and time, UTC",
}  # fmt: skip
#: So many values fit into a cell of a table.
_FEW: Final = 10


def bundle() -> str:
    """All keys of a bundle's ``bundle.json``."""
    return sections(BundleManifest, level=4)


def ensemble() -> str:
    """All keys of an ensemble's ``bundle.json``, without those that it shares with a bundle's."""
    return sections(EnsembleManifest, level=4, skip=frozenset(nested(BundleManifest)))


def geopackage() -> str:
    """Layers and fields of ``landslides.gpkg``, and of what ``landslide compare`` writes."""
    return "\n\n".join(_layer(layer) for layer in (*LAYERS, CHANGES))


def _layer(layer: LayerSchema) -> str:
    lines = ["| field | type | unit | shown as | values | whose |", "| --- | --- | --- | --- | --- | --- |"]
    for field in layer.fields:
        many = len(field.values) > _FEW
        values = "see below" if many else ", ".join(f"`{stored}`" for stored, _ in field.values)
        whose = "analyst" if field.editable else "program"
        lines.append(f"| `{field.name}` | {_KINDS[field.kind]} | {field.unit} | {field.alias} | {values} | {whose} |")
    long = [
        f"`{field.name}`: " + ", ".join(f"`{stored}`" for stored, _ in field.values) + "."
        for field in layer.fields
        if len(field.values) > _FEW
    ]
    return "\n\n".join([f"#### `{layer.name}` ({layer.geometry})", layer.abstract, "\n".join(lines), *long])
