from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import shapely
from inventory_scenes import CRS

from landslide_geo.inventory import schema

DOCS = Path(__file__).resolve().parents[2] / "docs" / "inventory.md"


def test_documentation_has_every_field_with_its_unit() -> None:
    rows = {
        line.split("|")[1].strip(" `"): line
        for line in DOCS.read_text(encoding="utf-8").splitlines()
        if line.startswith("| `")
    }
    for layer in schema.LAYERS:
        for field in layer.fields:
            assert field.name in rows, f"{layer.name}.{field.name} is not in docs/inventory.md"
            assert field.unit.split(" ")[0] in rows[field.name]


def test_frame_fills_what_is_missing_with_nulls_in_every_type() -> None:
    found = schema.frame(schema.LANDSLIDES, {"area_m2": [5]}, [shapely.box(0, 0, 1, 1)], crs=CRS)
    assert found.area_m2[0] == 5.0
    assert found.drop(columns=["area_m2", "geometry"]).isna().all(axis=None)
    assert str(found.dtypes["amalgamated"]) == "boolean"
    assert str(found.dtypes["n_detections"]) == "Int64"
    assert isinstance(found.dtypes["detected_at"], pd.DatetimeTZDtype)


def test_a_slip_in_a_name_is_told() -> None:
    with pytest.raises(KeyError, match="area"):
        schema.frame(schema.LANDSLIDES, {"area": [5]}, [shapely.box(0, 0, 1, 1)], crs=CRS)
