from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyogrio
import pytest
from inventory_scenes import PROVENANCE, layers, square

from landslide_geo.inventory import Inventory, metadata, schema, vectorize, write_geopackage

SHAPE = (60, 60)


def found(folder: Path, mask: np.ndarray, **changes: object) -> Inventory:
    source = replace(PROVENANCE, **changes)  # type: ignore[arg-type]
    return vectorize(layers(folder, mask), source, threshold=0.5, min_area_m2=900, min_slope_deg=0)


def test_provenance_tells_all_sources_once_each(tmp_path: Path) -> None:
    mask = square(SHAPE, 5, 5, 10) | square(SHAPE, 30, 30, 10)
    first, second = (
        found(tmp_path, mask).landslides,
        found(tmp_path, mask, model_id="other", dem_source=None).landslides,
    )
    told = metadata.provenance(pd.concat([first, second]))
    assert told == {
        "scene_ids": "scene-1;scene-0",
        "sensor": "sentinel-2",
        "date_post": "2018-09-08",
        "dem_source": "dsm.tif",
        "model_id": "default; other",
        "model_sha256": "ab" * 32,
        "threshold": "0.5",
        "detected_at": "2026-11-20T12:30:00Z",
    }


@pytest.mark.parametrize("empty", [False, True])
def test_gdal_lists_what_a_layer_is_and_where_it_comes_from(empty: bool, tmp_path: Path) -> None:
    mask = np.zeros(SHAPE, dtype=bool) if empty else square(SHAPE, 5, 5, 10)
    write_geopackage(tmp_path / "l.gpkg", found(tmp_path, mask))
    for layer in schema.LAYERS:
        told = pyogrio.read_info(tmp_path / "l.gpkg", layer=layer.name)["layer_metadata"]
        assert (told["TITLE"], told["ABSTRACT"]) == (layer.title, layer.abstract)
        assert told.get("model_id") == ("default" if layer is schema.LANDSLIDES and not empty else None)
