from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from rasters import write_raster

from landslide_geo import open_scene
from landslide_geo.files import file_sha256
from landslide_geo.inference.sources import RasterSource, SceneSource, content_sha256

VALUES = np.arange(1, 1201, dtype="float32").reshape(2, 20, 30)


@pytest.fixture
def tif(tmp_path):
    return write_raster(tmp_path / "in.tif", VALUES, nodata=-1)


def vrt(of: Path, name: str = "in.vrt") -> Path:
    path = of.with_name(name)
    rasterio.shutil.copy(of, path, driver="VRT")
    return path


def test_a_single_file_has_its_own_checksum_wherever_it_lies(tif, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    other = tmp_path / "elsewhere/other.tif"
    shutil.copy(tif, other)
    assert content_sha256(tif) == file_sha256(tif) == content_sha256(other)


def test_the_sources_of_a_vrt_count_and_those_behind_them(tif):
    first = vrt(tif)
    second = first.with_name("second.vrt")
    second.write_text(first.read_text().replace("in.tif", "in.vrt"))
    assert str(tif) not in rasterio.open(second).files, "GDAL itself looks one level deep only"
    before = content_sha256(first), content_sha256(second)
    assert before == (content_sha256(first), content_sha256(second))
    write_raster(tif, VALUES + 1, nodata=-1)
    assert content_sha256(first) != before[0]
    assert content_sha256(second) != before[1]


def test_two_sources_that_change_places_are_noticed(tmp_path):
    one, two = (write_raster(tmp_path / f"{i}.tif", VALUES[:1] * i) for i in (1, 2))
    text = vrt(one).read_text()
    second = text[text.index("<VRTRasterBand") : text.index("</VRTDataset>")]
    second = second.replace('band="1"', 'band="2"').replace("1.tif", "2.tif")
    path = tmp_path / "in.vrt"
    path.write_text(text.replace("</VRTDataset>", second + "</VRTDataset>"))
    before = content_sha256(path)
    one.rename(tmp_path / "spare")
    two.rename(one)
    (tmp_path / "spare").rename(two)
    assert content_sha256(path) != before


def test_a_mask_beside_a_raster_counts(tif):
    before = content_sha256(tif)
    for seen in (255, 0):
        with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=False), rasterio.open(tif, "r+") as dataset:
            dataset.write_mask(np.full((20, 30), seen, dtype="uint8"))
        assert tif.with_name("in.tif.msk").exists()
        assert content_sha256(tif) != before
        before = content_sha256(tif)


def test_statistics_and_overviews_beside_a_raster_do_not_count_but_a_nodata_value_does(tif):
    before = content_sha256(tif)
    aux = tif.with_name("in.tif.aux.xml")
    band = '<PAMDataset><PAMRasterBand band="1">{}</PAMRasterBand></PAMDataset>'
    aux.write_text(band.format('<Metadata><MDI key="STATISTICS_MEAN">3</MDI></Metadata>'))
    with rasterio.Env(TIFF_USE_OVR=True), rasterio.open(tif, "r+") as dataset:
        dataset.build_overviews([2])
    assert tif.with_name("in.tif.ovr").exists()
    assert str(aux) in rasterio.open(tif).files
    assert content_sha256(tif) == before
    aux.write_text(band.format("<Scale>2</Scale>"))
    assert content_sha256(tif) != before


def test_sources_are_known_by_what_they_give(simulated, tif):
    assert RasterSource(tif).key == file_sha256(tif)
    scene = open_scene(simulated.sources, dem=simulated.dem)
    keys = [SceneSource(scene).key, SceneSource(scene, ("red",)).key, SceneSource(open_scene(simulated.sources)).key]
    assert len(set(keys)) == 3
    assert SceneSource(scene.absolute()).key == keys[0]
