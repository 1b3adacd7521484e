"""Bundles as STAC items with the extension for models."""

from __future__ import annotations

import json
from importlib.resources import files

import pytest
from pystac.extensions.mlm import MLMExtension
from stac_items import check_item, checked_assets

from landslide_geo.models import load_model
from landslide_geo.models.stac import model_item

SHIPPED = files("landslide_geo") / "bundles"


@pytest.mark.parametrize("name", ["default", "rdndvi", "red_minus_green"])
def test_items_of_shipped_bundles_are_valid(name):
    folder = SHIPPED / name
    raw = json.loads((folder / "item.json").read_text(encoding="utf-8"))
    item = check_item(raw, extensions={"mlm", "classification"})
    checked_assets(item, folder)
    manifest = load_model(name).manifest
    told = MLMExtension.ext(item)
    assert (told.mlm_name, told.architecture) == (manifest.name, manifest.architecture)
    (taken,), (given,) = told.input, told.output
    assert [band.name for band in taken.bands] == [band.name for band in manifest.bands]
    assert taken.input.shape == [-1, len(manifest.bands), manifest.window, manifest.window]
    assert [one.name for one in given.classes] == ["landslide"]


def test_items_that_are_made_now_are_those_that_were_shipped():
    manifest = load_model("red_minus_green").manifest
    made = model_item(manifest, parameters=0, weight_bytes=0)
    shipped = json.loads((SHIPPED / "red_minus_green/item.json").read_text(encoding="utf-8"))
    assert made["stac_extensions"] == shipped["stac_extensions"]
    assert set(made["properties"]) == set(shipped["properties"])
