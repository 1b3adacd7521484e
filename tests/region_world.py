"""A small world seen by a satellite: acquisitions of a STAC catalogue that show bare squares in a forest."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from catalogue import Catalogue
from odc.geo.geobox import GeoBox

from landslide_geo.regions.region import Region, read_region

GRID = GeoBox.from_bbox((600000, 4700000, 601280, 4701280), crs="EPSG:32654", resolution=10)
#: Inside the grid.
BBOX = [142.2172, 42.4467, 142.2297, 42.4558]
FIRST = datetime(2026, 3, 1, 1, 27)
#: Row, column and side of squares, in pixels.
Square = tuple[int, int, int]


def when(day: int) -> datetime:
    return FIRST + timedelta(days=day)


def acquire(made: Catalogue, day: int, bare: Sequence[Square], *, cloud: float = 0.0, orbit: int = 74) -> None:
    """Add an image of a day; ``cloud`` is the share of rows that are hidden."""
    shape = GRID.shape
    noise = np.random.default_rng(day).integers(-20, 20, (3, *shape))
    bands = {name: np.full(shape, value) + noise[i] for i, (name, value) in enumerate(
        (("red", 400), ("green", 700), ("nir", 3500)))}  # fmt: skip
    for row, column, side in bare:
        for name, value in (("red", 2600), ("green", 1500), ("nir", 2800)):
            bands[name][row : row + side, column : column + side] = value
    classes = np.full(shape, 4, np.uint8)
    classes[: round(cloud * shape[0])] = 9
    rasters = {name: values.astype(np.uint16) for name, values in bands.items()} | {"scl": classes}
    made.add(
        f"S2A_54TXN_{when(day):%Y%m%d}", "sentinel-2-l2a", when(day), rasters, GRID, platform="sentinel-2a",
        sat__relative_orbit=orbit, eo__cloud_cover=100 * cloud, s2__processing_baseline="02.14",
    )  # fmt: skip


def region_on(folder: Path, url: str, **changes: Any) -> Region:
    """A region over that world, its file in a folder."""
    values: dict[str, Any] = {
        "name": "small", "bbox": BBOX, "look_back_days": 40, "settle_hours": 0,
        "reference": ["2026-03-01", "2026-03-01"],
        "ingest": {"stac": url, "sensors": ["s2"], "bands": ["red", "green", "nir"], "align": False},
        "scan": {"model": "rdndvi", "window": 64, "overlap": 16, "min_slope_deg": 0, "flat_slope_deg": 0},
    }  # fmt: skip
    (folder / "regions").mkdir(exist_ok=True)
    (folder / "regions/small.yaml").write_text(yaml.safe_dump(values | changes))
    return read_region("small", regions=folder / "regions", work=folder / "data")
