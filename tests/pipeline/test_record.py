from __future__ import annotations

import geopandas as gpd
import numpy as np
import rasterio.shutil
from rasters import write_raster
from shapely import box

from landslide_geo import open_scene
from landslide_geo.files import file_sha256
from landslide_geo.pipeline.record import describe_inputs


def test_every_input_has_a_checksum_that_knows_what_is_behind_it(tmp_path):
    values = (np.arange(400) % 250 + 1).astype("uint8").reshape(1, 20, 20)
    red, green = (write_raster(tmp_path / f"{name}.tif", values) for name in ("red", "green"))
    rasterio.shutil.copy(green, tmp_path / "green.vrt", driver="VRT")
    aoi = tmp_path / "area.shp"
    gpd.GeoDataFrame(geometry=[box(500_000, 4_699_900, 500_100, 4_700_000)], crs="EPSG:32654").to_file(aoi)
    scene = open_scene([f"red={red}", f"green={tmp_path / 'green.vrt'}"], aoi=aoi)
    before = {entry["role"]: entry["sha256"] for entry in describe_inputs(scene, aoi)}
    assert before["red"] == file_sha256(red)
    write_raster(green, values[:, ::-1])
    (tmp_path / "area.prj").write_text((tmp_path / "area.prj").read_text() + " ")
    after = {entry["role"]: entry["sha256"] for entry in describe_inputs(scene, aoi)}
    assert {role for role in before if before[role] != after[role]} == {"green", "aoi"}
