from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from products import write_image

from landslide_geo import open_scene
from landslide_geo.errors import ParameterError, SourceNotFoundError
from landslide_geo.inference.sources import SceneSource
from landslide_geo.scene.band_folder import is_band_folder

SIDE = 30
RAMP = (np.mgrid[0:SIDE, 0:SIDE][0] * 40 + np.mgrid[0:SIDE, 0:SIDE][1] * 7 + 500).astype(np.uint16)


def write(folder: Path, names: list[str]) -> Path:
    for index, name in enumerate(names):
        write_image(folder / name, RAMP + np.uint16(index), 20 if "20m" in name else 10)
    return folder


@pytest.mark.parametrize(
    ("names", "bands"),
    [
        (["red.tif", "NIR.TIFF", "dem.tif"], {"red": 2, "nir": 0, "elevation": 1}),
        (["a_B04.tif", "a_B8A.tif", "preview.tif"], {"red": 0, "nir08": 1}),
        (["2018-B4.TIF", "2018-B3.TIF", "2018-B8.TIF"], {"red": 1, "green": 0, "nir": 2}),
        (["sceneB02.tif", "sceneB05.tif"], {"blue": 0, "rededge071": 1}),
        (["T54TWN_20180911T012701_B04_10m.jp2", "T54TWN_20180911T012701_B11_20m.jp2"], {"red": 0, "swir16": 1}),
        (["pre_red.tif", "red.tif", "x_pre_B03.tif"], {"red": 1, "pre_red": 0, "pre_green": 2}),
        (["x_vv_asc.tif", "x_blue.tif"], {"vv_asc": 1, "blue": 0}),
    ],
)
def test_bands_are_told_by_the_ends_of_names(tmp_path, names, bands):
    folder = write(tmp_path / "in", names)
    scene = open_scene(folder)
    assert {band.name: band.path.name for band in scene.bands} == {
        band: sorted(names)[place] for band, place in bands.items()
    }


def test_values_are_those_of_the_files_and_the_finest_give_the_grid(tmp_path):
    folder = write(tmp_path / "in", ["x_B11_20m.tif", "x_B04.tif"])
    scene = open_scene(folder)
    assert scene.resolution == (10, 10) and scene.scene_id == "in"
    assert np.array_equal(scene.read(["red"], scene.extent)[0], RAMP + 1)
    singly = open_scene([f"red={folder / 'x_B04.tif'}", f"swir16={folder / 'x_B11_20m.tif'}"])
    assert SceneSource(singly).key == SceneSource(scene).key


def test_a_folder_is_the_earlier_date_of_another(tmp_path):
    later, before = write(tmp_path / "later", ["red.tif"]), write(tmp_path / "before", ["a.tif", "red.tif"])
    scene = open_scene([later, f"pre={before}"])
    assert scene.names == ("red", "pre_red")
    assert np.array_equal(scene.read(["pre_red"], scene.extent)[0], RAMP + 1)


@pytest.mark.parametrize(
    ("names", "complaint"),
    [
        (["a_red.tif", "b_B04.tif"], "two files are red: a_red.tif and b_B04.tif"),
        (["x_B04_10m.jp2", "x_B04_20m.jp2"], "two files are red"),
        (["x_B4.tif", "x_B5.tif"], "x_B5.tif: is rededge071 by Sentinel-2's numbers"),
        (["LC08_L2SP_107030_20180910_20200831_02_T1_SR_B4.TIF"], "_MTL.txt"),
        (["LC08_L1TP_107030_20180910_20200831_02_T1_B4.TIF"], "_MTL.txt"),
        (["T54TWN_20230911T012701_B04_10m.jp2"], "name the .SAFE folder"),
    ],
)
def test_what_is_not_clear_is_refused(tmp_path, names, complaint):
    folder = write(tmp_path / "in", names)
    with pytest.raises(ParameterError) as caught:
        open_scene(folder)
    assert complaint in str(caught.value) and str(folder) in str(caught.value) and "\n" not in str(caught.value)


def test_a_file_of_several_bands_is_none_of_one(tmp_path):
    folder = write(tmp_path / "in", ["red.tif"])
    with rasterio.open(folder / "red.tif") as one:
        profile = one.profile | {"count": 3}
    with rasterio.open(folder / "red.tif", "w", **profile) as three:
        three.write(np.stack([RAMP] * 3))
    with pytest.raises(ParameterError, match=r"red\.tif: has 3 bands"):
        open_scene(folder)


def test_other_folders_stay_what_they_were(tmp_path):
    assert not is_band_folder(tmp_path)
    write(tmp_path / "scan", ["probability.tif", "uncertainty.tif", "b.tif"])
    assert not is_band_folder(tmp_path / "scan")
    unfinished = write(tmp_path / "ingest", ["red.tif", "visibility.tif"])
    with pytest.raises(SourceNotFoundError, match=r"without a scene \(item\.json\)"):
        open_scene(unfinished)
