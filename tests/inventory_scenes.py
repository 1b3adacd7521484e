"""Small rasters with known answers for the tests of inventory and report."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine

from landslide_geo.inventory import Layers, Provenance

CRS = "EPSG:32654"
PIXEL = 10.0
LEFT, TOP = 580000.0, 4730000.0
GRID = Affine(PIXEL, 0, LEFT, 0, -PIXEL, TOP)

PROVENANCE = Provenance(
    scene_id="scene-1",
    scene_ids=("scene-1", "scene-0"),
    detected_at=datetime(2026, 11, 20, 12, 30, tzinfo=UTC),
    sensor="sentinel-2",
    date_post=date(2018, 9, 8),
    model_id="default",
    model_sha256="ab" * 32,
    dem_source="dsm.tif",
)


def write(
    path: Path, values: np.ndarray, *, crs: str = CRS, transform: Affine = GRID, nodata: float | None = None
) -> Path:
    """Write (y, x) or (band, y, x) ``values`` as a GeoTIFF."""
    bands = values[None] if values.ndim == 2 else values
    profile = {
        "driver": "GTiff", "count": bands.shape[0], "height": bands.shape[1], "width": bands.shape[2],
        "dtype": bands.dtype, "crs": crs, "transform": transform, "nodata": nodata,
    }  # fmt: skip
    with rasterio.open(path, "w", **profile) as target:
        target.write(bands)
    return path


def layers(folder: Path, mask: np.ndarray, *, dem: Path | None = None, visibility: np.ndarray | None = None) -> Layers:
    """The rasters of a scan whose probability is 0.9 within ``mask`` and 0.1 elsewhere."""
    folder.mkdir(parents=True, exist_ok=True)
    probability = np.where(mask, 0.9, 0.1).astype(np.float32)
    seen = np.ones(mask.shape, np.uint8) if visibility is None else visibility.astype(np.uint8)
    return Layers(
        probability=write(folder / "probability.tif", probability, nodata=float("nan")),
        visibility=write(folder / "visibility.tif", seen),
        dem=dem,
    )


def ramp(path: Path, shape: tuple[int, int], *, east: float = 0.0, north: float = 0.0, base: float = 500.0) -> Path:
    """A plane elevation model on the scene's grid and one cell around, rising ``east`` and ``north`` (m/m)."""
    rows, cols = np.mgrid[-1 : shape[0] + 1, -1 : shape[1] + 1]
    z = base + east * (cols + 0.5) * PIXEL - north * (rows + 0.5) * PIXEL
    return write(path, z.astype(np.float32), transform=GRID @ Affine.translation(-1, -1), nodata=-9999.0)


def square(shape: tuple[int, int], top: int, left: int, size: int) -> np.ndarray:
    """A mask of one square of ``size`` pixels."""
    mask = np.zeros(shape, dtype=bool)
    mask[top : top + size, left : left + size] = True
    return mask
