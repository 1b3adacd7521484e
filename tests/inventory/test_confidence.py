from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from landslide_geo.inventory import schema
from landslide_geo.inventory.confidence import TABLE, confidence

SURE = {name: least + 1 for name, least in TABLE[3].items()}


def test_table_names_attributes_and_grows_stricter() -> None:
    fields = {field.name for field in schema.LANDSLIDES.fields}
    for conditions in TABLE.values():
        assert set(conditions) <= fields
    assert all(TABLE[3][name] >= least for name, least in TABLE[2].items())


@pytest.mark.parametrize("name", TABLE[3])
def test_each_attribute_alone_lowers_and_null_never_does(name: str) -> None:
    rows = pd.DataFrame(
        [
            SURE,
            SURE | {name: TABLE[3][name]},
            SURE | {name: np.nextafter(TABLE[3][name], -np.inf)},
            SURE | {name: np.nextafter(TABLE[2][name], -np.inf)},
            SURE | {name: np.nan},
        ]
    )
    assert confidence(rows).tolist() == [3, 3, 2, 1, 3]
    assert confidence(rows.drop(columns=name)).tolist() == [3] * 5


def test_nullable_columns_are_understood() -> None:
    rows = pd.DataFrame([SURE]).assign(change_score=pd.array([pd.NA], dtype="Float64"))
    assert confidence(rows).tolist() == [3]
    assert confidence(rows.head(0)).tolist() == []
