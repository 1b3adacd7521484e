"""Terrain of landslides where longitudes jump or UTM zones meet: the same plane everywhere gives the same answer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from affine import Affine
from inventory_scenes import PROVENANCE, write
from rasterio.warp import transform as to_crs

from landslide_geo.errors import NoOverlapError
from landslide_geo.inventory import Layers, vectorize

SHAPE = (60, 60)
ARC_SECOND = 1 / 3600


def rasters(folder: Path, crs: str, lon: float, lat: float) -> tuple[Layers, float]:
    """A square landslide of 200 m around a place, and the northing of the scene's upper edge."""
    (x,), (y,) = to_crs("EPSG:4326", crs, [lon], [lat])
    grid = Affine(10, 0, round(x, -1) - 300, 0, -10, round(y, -1) + 300)
    mask = np.zeros(SHAPE, dtype=bool)
    mask[20:40, 20:40] = True
    probability = np.where(mask, 0.9, 0.1).astype(np.float32)
    return Layers(
        probability=write(folder / "p.tif", probability, crs=crs, transform=grid, nodata=float("nan")),
        visibility=write(folder / "v.tif", np.ones(SHAPE, np.uint8), crs=crs, transform=grid),
    ), grid.f


def tile(
    path: Path, crs: str, top: float, *, west: float, lat: float, width: int = 160, size: float = ARC_SECOND
) -> Path:
    """Degrees; falls by 0.5 m per metre to the south of the scene's CRS, at 900 m by its upper edge."""
    height = 160
    grid = Affine(size, 0, west, 0, -size, lat + height / 2 * size)
    cols, rows = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    lon, north = grid @ (cols.ravel(), rows.ravel())
    _, y = to_crs("EPSG:4326", crs, (np.array(lon) + 180) % 360 - 180, north)
    z = (900 + 0.5 * (np.array(y) - top)).reshape(height, width)
    return write(path, z.astype(np.float32), crs="EPSG:4326", transform=grid, nodata=-9999.0)


def split_mosaic(folder: Path, crs: str, top: float, *, lat: float) -> Path:
    """Two tiles on either side of 180° in one virtual raster from -180° to 180°."""
    tiles = [
        tile(folder / "east.tif", crs, top, west=180 - 160 * ARC_SECOND, lat=lat),
        tile(folder / "west.tif", crs, top, west=-180, lat=lat),
    ]
    width = round(360 / ARC_SECOND)
    sources = "".join(
        f"<ComplexSource><SourceFilename>{path}</SourceFilename><SourceBand>1</SourceBand>"
        '<SrcRect xOff="0" yOff="0" xSize="160" ySize="160"/>'
        f'<DstRect xOff="{column}" yOff="0" xSize="160" ySize="160"/><NODATA>-9999</NODATA></ComplexSource>'
        for path, column in zip(tiles, (width - 160, 0), strict=True)
    )
    (folder / "dem.vrt").write_text(
        f'<VRTDataset rasterXSize="{width}" rasterYSize="160"><SRS>EPSG:4326</SRS>'
        f"<GeoTransform>-180,{ARC_SECOND},0,{lat + 80 * ARC_SECOND},0,{-ARC_SECOND}</GeoTransform>"
        f'<VRTRasterBand dataType="Float32" band="1"><NoDataValue>-9999</NoDataValue>{sources}</VRTRasterBand>'
        "</VRTDataset>"
    )
    return folder / "dem.vrt"


def measured(scan: Layers, dem: Path) -> pd.Series:
    layers = Layers(probability=scan.probability, visibility=scan.visibility, dem=dem)
    (row,) = vectorize(layers, PROVENANCE, threshold=0.5, min_area_m2=900, min_slope_deg=0).landslides.itertuples()
    return row


@pytest.mark.parametrize("crs", ["EPSG:32760", "EPSG:32701"])
@pytest.mark.parametrize("kind", ["to 181°", "from -181°", "-180° to 180°"])
def test_terrain_across_the_antimeridian(crs: str, kind: str, tmp_path: Path) -> None:
    scan, top = rasters(tmp_path, crs, 180.0, -17.0)
    if kind == "-180° to 180°":
        dem = split_mosaic(tmp_path, crs, top, lat=-17.0)
    else:
        middle = 180.0 if kind == "to 181°" else -180.0
        dem = tile(tmp_path / "dem.tif", crs, top, west=middle - 80 * ARC_SECOND, lat=-17.0)
    row = measured(scan, dem)
    assert row.slope_mean_deg == pytest.approx(np.degrees(np.arctan(0.5)), abs=0.05)
    assert row.aspect_deg == pytest.approx(180, abs=0.2)
    assert (row.elev_max_m, row.elev_min_m) == pytest.approx((800, 700), abs=0.2)
    assert not pd.isna(row.amalgamated)  # elevation is known everywhere
    assert -180 <= row.lon <= 180
    assert abs(row.lon) > 179.99


def test_a_model_of_many_zones_is_measured_in_the_scene_s(tmp_path: Path) -> None:
    """30° wide and not around the scene: in the zone of its middle, north would be 5° off."""
    scan, top = rasters(tmp_path, "EPSG:32632", 11.9, 47.0)
    size = 30 * ARC_SECOND
    dem = tile(tmp_path / "dem.tif", "EPSG:32632", top, west=11.0, lat=47.0, width=3600, size=size)
    row = measured(scan, dem)
    assert row.aspect_deg == pytest.approx(180, abs=0.3)
    assert row.slope_mean_deg == pytest.approx(np.degrees(np.arctan(0.5)), abs=0.2)


def test_a_model_in_degrees_elsewhere_is_an_error(tmp_path: Path) -> None:
    scan, top = rasters(tmp_path, "EPSG:32760", 180.0, -17.0)
    for west in (170.0, -170.0):
        dem = tile(tmp_path / "dem.tif", "EPSG:32760", top, west=west, lat=-17.0)
        with pytest.raises(NoOverlapError, match="does not cover"):
            measured(scan, dem)
