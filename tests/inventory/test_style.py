from __future__ import annotations

from itertools import pairwise
from xml.etree import ElementTree

import pytest

from landslide_geo.inventory import schema, style
from landslide_geo.scene.visibility import Visibility


def luminance(colour: str) -> float:
    red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_every_code_has_a_colour() -> None:
    assert set(style.category_colours("landslides")) == {int(code) for code, _ in schema.CONFIDENCE}
    assert set(style.category_colours("visibility")) == {code.value for code in Visibility}


def test_confidence_darkens_so_that_it_reads_without_colour_vision() -> None:
    colours = style.category_colours("landslides")
    light = [luminance(colours[code]) for code in (1, 2, 3)]
    assert light == sorted(light, reverse=True)
    assert min(a - b for a, b in pairwise(light)) > 0.15


@pytest.mark.parametrize("layer", schema.LAYERS, ids=lambda layer: layer.name)
def test_forms_show_every_field_and_offer_the_closed_values(layer: schema.LayerSchema) -> None:
    root = style.layer_qml(layer)
    names = [field.name for field in layer.fields]
    assert [alias.get("field") for alias in root.iter("alias")] == names
    assert {alias.get("name") for alias in root.iter("alias")} == {field.label for field in layer.fields}
    for field in layer.fields:
        offered = root.findall(f"./fieldConfiguration/field[@name='{field.name}']//Option[@value]")
        values = {option.get("value") for option in offered if option.get("type") == "QString"}
        assert {value for value, _ in field.values} <= values


def test_raster_styles_are_well_formed_and_probability_fades_out() -> None:
    for name in ("uncertainty", "visibility_raster", "hillshade", "rgb"):
        assert ElementTree.fromstring(style.style_text(name)).find(".//rasterrenderer") is not None
    items = ElementTree.fromstring(style.style_text("probability")).iter("item")
    assert all((item.get("alpha") == "0") == (float(item.get("value", "")) <= 0.05) for item in items)
