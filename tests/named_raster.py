"""A raster of named bands on a grid of 10 m, as scenes of tests are made of."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import rasterio
from rasterio.transform import from_origin


def write_named(path: Path, names: Sequence[str], values: np.ndarray) -> Path:
    """(band, y, x) values as float32, NaN where there is none."""
    with rasterio.open(
        path, "w", driver="GTiff", height=values.shape[1], width=values.shape[2], count=len(names), dtype="float32",
        crs="EPSG:32652", transform=from_origin(400_000, 4_000_000, 10, 10), nodata=np.nan,
    ) as target:  # fmt: skip
        target.write(values.astype(np.float32))
        target.descriptions = tuple(names)
    return path
