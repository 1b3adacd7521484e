"""How sure a scan is of a landslide, in the codes of the USGS inventories: one table.

A scan gives 1 (possible), 2 (probable) or 3 (likely); 5 and 8 come only from an analyst.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

#: For each code, the least value of each attribute. An object gets the highest code whose conditions all hold, and 1
#: otherwise. A null attribute never lowers the code: what was not measured is not held against a landslide.
TABLE: Final[dict[int, dict[str, float]]] = {
    3: {
        "prob_mean": 0.70,
        "prob_max": 0.85,
        "area_m2": 1800.0,  # eighteen Sentinel-2 pixels: shape and texture can be made out
        "slope_p90_deg": 15.0,
        "visible_fraction": 0.80,
        "change_score": 0.05,
    },
    2: {
        "prob_mean": 0.50,
        "prob_max": 0.60,
        "area_m2": 900.0,
        "slope_p90_deg": 10.0,
        "visible_fraction": 0.50,
        "change_score": 0.0,
    },
}
POSSIBLE: Final = 1


def confidence(attributes: pd.DataFrame) -> NDArray[np.int64]:
    """Codes 1–3, one per row, by `TABLE`.

    Args:
        attributes: columns named in `TABLE`; a column that is missing counts as null.
    """
    codes = np.full(len(attributes), POSSIBLE, dtype=np.int64)
    for code in sorted(TABLE):
        holds = np.ones(len(attributes), dtype=bool)
        for name, least in TABLE[code].items():
            if name in attributes:
                values = attributes[name].to_numpy(dtype=np.float64, na_value=np.nan)
                holds &= ~(values < least)
        codes[holds] = code
    return codes
