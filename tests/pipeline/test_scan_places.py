"""Scans of scenes across the antimeridian and across UTM zones, by a rule, on a plane that falls to the south."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.warp import Resampling, calculate_default_transform, reproject
from rasterio.warp import transform as to_crs

from landslide_geo import scan
from landslide_geo.config import ScanParams
from landslide_geo.inventory import read_layer

N = 96


def write(path: Path, values: np.ndarray, crs: str, grid: Affine, nodata: float | None = None) -> Path:
    profile = {"driver": "GTiff", "count": 1, "dtype": values.dtype, "crs": crs, "transform": grid, "nodata": nodata}
    with rasterio.open(path, "w", height=values.shape[0], width=values.shape[1], **profile) as target:
        target.write(values, 1)
    return path


def bands(folder: Path, crs: str, lon: float, lat: float) -> tuple[dict[str, Path], float]:
    """Green ground with a red patch of 200 × 360 m, and the northing of its upper edge."""
    (x,), (y,) = to_crs("EPSG:4326", crs, [lon], [lat])
    grid = Affine(10, 0, round(x, -1) - 5 * N, 0, -10, round(y, -1) + 5 * N)
    grain = np.random.default_rng(0).integers(0, 30, (3, N, N))
    values = np.broadcast_to(np.array([500, 600, 550])[:, None, None], (3, N, N)) + grain
    values[0, 38:58, 30:66] = 2400
    names = ("red", "green", "blue")
    return {
        n: write(folder / f"{n}.tif", v.astype(np.uint16), crs, grid) for n, v in zip(names, values, strict=True)
    }, grid.f


def ground(path: Path, scene_crs: str, top: float, crs: str, lon: float, lat: float) -> Path:
    """An elevation model of 160 cells around a place, in degrees or in metres."""
    size = 1 / 3600 if crs == "EPSG:4326" else 30
    x, y = (lon, lat) if crs == "EPSG:4326" else (v[0] for v in to_crs("EPSG:4326", crs, [lon], [lat]))
    grid = Affine(size, 0, x - 80 * size, 0, -size, y + 80 * size)
    cols, rows = np.meshgrid(np.arange(160) + 0.5, np.arange(160) + 0.5)
    places = [np.array(v) for v in grid @ (cols.ravel(), rows.ravel())]
    if crs == "EPSG:4326":
        places[0] = (places[0] + 180) % 360 - 180
    _, north = to_crs(crs, scene_crs, *places)
    z = 900 + 0.5 * (np.array(north) - top)
    return write(path, z.reshape(160, 160).astype(np.float32), crs, grid)


def warped(path: Path, crs: str) -> Path:
    with rasterio.open(path) as source:
        grid, width, height = calculate_default_transform(source.crs, crs, N, N, *source.bounds)
        values = np.zeros((height, width), np.uint16)
        reproject(rasterio.band(source, 1), values, dst_transform=grid, dst_crs=crs, resampling=Resampling.nearest)
    return write(path.with_stem(f"{path.stem}_warped"), values, crs, grid, nodata=0)


@pytest.mark.parametrize(
    ("crs", "lon", "lat", "dem_crs", "dem_lon", "green_crs"),
    [
        ("EPSG:32660", 180.0, 65.0, "EPSG:4326", 180.0, None),
        ("EPSG:32701", -180.0, -17.0, "EPSG:4326", -180.0, "EPSG:32760"),
        ("EPSG:32760", 180.0, -17.0, "EPSG:32701", 180.0, "EPSG:32701"),
        ("EPSG:32632", 12.0, 47.0, "EPSG:32633", 12.0, "EPSG:32633"),
    ],
)
def test_scan_where_longitudes_jump_or_zones_meet(
    crs: str, lon: float, lat: float, dem_crs: str, dem_lon: float, green_crs: str | None, tmp_path: Path
) -> None:
    files, top = bands(tmp_path, crs, lon, lat)
    if green_crs is not None:
        files["green"] = warped(files["green"], green_crs)
    dem = ground(tmp_path / "dem.tif", crs, top, dem_crs, dem_lon, lat)
    sources = [f"{name}={path}" for name, path in files.items()]
    scan(sources, tmp_path / "out", dem=dem, params=ScanParams(model="red_minus_green"))
    (row,) = read_layer(tmp_path / "out" / "landslides.gpkg").itertuples()
    pixel = 0 if green_crs is None else 10  # a band that was warped moves edges by one
    assert row.area_m2 == pytest.approx(72_000, abs=pixel**2 * 10)
    assert row.slope_mean_deg == pytest.approx(np.degrees(np.arctan(0.5)), abs=0.1)
    assert row.relief_m == pytest.approx(100, abs=0.5 + pixel / 2)
    assert row.visible_fraction == 1
    assert -180 <= row.lon <= 180
    item = json.loads((tmp_path / "out" / "item.json").read_text(encoding="utf-8"))
    west, south, east, north = item["bbox"]
    assert (west > east) == (abs(lon) == 180)
    assert (item["geometry"]["type"] == "MultiPolygon") == (abs(lon) == 180)
    assert (east - west) % 360 < 0.03
    assert south < row.lat < north
