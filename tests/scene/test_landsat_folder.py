from __future__ import annotations

import json
import math
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from products import change, write_image
from pytest import approx

from landslide_geo import open_scene
from landslide_geo.errors import MissingBandError, ParameterError
from landslide_geo.scene import Visibility, landsat
from landslide_geo.scene.sun import SunPosition
from landslide_geo.scene.told import Level

SIDE = 40
RAMP = (np.mgrid[0:SIDE, 0:SIDE][0] * 200 + np.mgrid[0:SIDE, 0:SIDE][1] * 50 + 8000).astype(np.uint16)
NAME = "LC08_L2SP_107030_20180910_20200831_02_T1"
#: USGS: clear 21824, water 21952, high-confidence cloud 22280, fill 1.
QA = np.full((SIDE, SIDE), 21824, np.uint16)
QA[:10], QA[10:20], QA[-5:] = 22280, 21952, 1


def groups(level: str, sensor: str, files: dict[str, str]) -> dict[str, dict[str, object]]:
    """Metadata with the factors of both levels, as those of Level 2 have them."""
    numbers = [key.removeprefix("FILE_NAME_BAND_") for key in files if "BAND" in key]
    scale = {f"REFLECTANCE_MULT_BAND_{n}": 2.75e-05 for n in numbers} | {
        f"REFLECTANCE_ADD_BAND_{n}": -0.2 for n in numbers
    }
    top = {f"REFLECTANCE_MULT_BAND_{n}": 2.0e-05 for n in numbers} | {
        f"REFLECTANCE_ADD_BAND_{n}": -0.1 for n in numbers
    }
    return {
        "PRODUCT_CONTENTS": {"LANDSAT_PRODUCT_ID": NAME, "PROCESSING_LEVEL": level, "COLLECTION_NUMBER": "02"} | files,
        "IMAGE_ATTRIBUTES": {
            "SPACECRAFT_ID": "LANDSAT_8", "SENSOR_ID": sensor, "DATE_ACQUIRED": "2018-09-10", "SUN_AZIMUTH": "150.5",
            "SUN_ELEVATION": "30.0",
        },
        **({"LEVEL2_SURFACE_REFLECTANCE_PARAMETERS": scale} if level.startswith("L2") else {}),
        "LEVEL1_RADIOMETRIC_RESCALING": top,
    }  # fmt: skip


def write(
    folder: Path, *, form: str = "txt", level: str = "L2SP", sensor: str = "OLI_TIRS", kind: str = "SR_B",
    numbers: np.ndarray = RAMP,
) -> Path:  # fmt: skip
    files = {f"FILE_NAME_BAND_{n}": f"{NAME}_{kind}{n}.TIF" for n in (2, 3, 4, 5)}
    for n in (2, 3, 4, 5):
        write_image(folder / f"{NAME}_{kind}{n}.TIF", np.where(QA == 1, 0, numbers + n).astype(numbers.dtype), 30)
    write_image(folder / f"{NAME}_QA_PIXEL.TIF", QA, 30, nodata=1)
    files["FILE_NAME_QUALITY_L1_PIXEL"] = f"{NAME}_QA_PIXEL.TIF"
    told = groups(level, sensor, files)
    path = folder / f"{NAME}_MTL.{form}"
    if form == "json":
        path.write_text(json.dumps({"LANDSAT_METADATA_FILE": told}))
    elif form == "xml":
        inner = "".join(
            f"<{name}>{''.join(f'<{key}>{value}</{key}>' for key, value in group.items())}</{name}>"
            for name, group in told.items()
        )
        path.write_text(f"<LANDSAT_METADATA_FILE>{inner}</LANDSAT_METADATA_FILE>")
    else:
        lines = ["GROUP = LANDSAT_METADATA_FILE"]
        for name, group in told.items():
            lines += [f"  GROUP = {name}", *(f'    {key} = "{value}"' for key, value in group.items())]
            lines.append(f"  END_GROUP = {name}")
        path.write_text("\n".join([*lines, "END_GROUP = LANDSAT_METADATA_FILE", "END", ""]))
    return folder


@pytest.mark.parametrize("form", ["txt", "json", "xml"])
def test_a_folder_or_its_metadata_is_a_scene_of_surface_reflectance(tmp_path, form):
    folder = write(tmp_path / "scene", form=form)
    for source in (folder, folder / f"{NAME}_MTL.{form}"):
        scene = open_scene(source)
        assert scene.names == ("blue", "green", "red", "nir")
        assert (scene.date, scene.sun, scene.scene_id) == (date(2018, 9, 10), SunPosition(150.5, 30.0), NAME)
        assert scene.level is Level.SURFACE
        values = scene.read(["red"], scene.extent)[0] * scene.reflectance_scale
        assert np.isnan(values[-5:]).all(), "0 is no value"
        assert values[:-5] == approx(landsat.reflectance(RAMP + 4)[:-5], abs=1e-6)
        codes = scene.read_visibility(scene.extent, needed=("red",))
        assert (codes[:10] == Visibility.CLOUD).all() and (codes[10:20] == Visibility.WATER).all()
        assert (codes[20:-5] == Visibility.CLEAR).all() and (codes[-5:] == Visibility.NODATA).all()


def test_level_1_is_top_of_atmosphere_under_the_suns_height(tmp_path):
    scene = open_scene(write(tmp_path / "scene", level="L1TP", kind="B"))
    assert scene.level is Level.TOP
    values = scene.read(["nir"], scene.extent)[0, :-5] * scene.reflectance_scale
    assert values == approx(((RAMP + 5) * 2e-5 - 0.1)[:-5] / math.sin(math.radians(30)), abs=1e-6)


def test_numbers_mean_other_bands_to_older_sensors(tmp_path):
    scene = open_scene(write(tmp_path / "scene", sensor="TM"))
    assert scene.names == ("green", "red", "nir", "swir16")


def test_bytes_are_reflectance_too(tmp_path):
    numbers = np.full((SIDE, SIDE), 197, np.uint8)
    folder = write(tmp_path / "scene", level="L1TP", sensor="TM", kind="B", numbers=numbers)
    change(folder / f"{NAME}_MTL.txt", '"2e-05"', '"0.0015"')
    scene = open_scene(folder)
    assert scene.reflectance_scale == 1e-4
    assert scene.read(["red"], scene.extent)[0, :-5] * 1e-4 == approx((200 * 0.0015 - 0.1) * 2, abs=1e-6)


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('COLLECTION_NUMBER = "02"', 'COLLECTION_NUMBER = "01"', "Collection 2"),
        ("OLI_TIRS", "MSS", "sensor MSS"),
        ('LEVEL = "L2SP"', 'LEVEL = "L3"', "level 'L3'"),
        ("2018-09-10", "yesterday", "'yesterday' for DATE_ACQUIRED"),
        ('BAND_4 = "2.75e-05"', 'BAND_4 = "nan"', "'nan' for REFLECTANCE_MULT_BAND_4"),
        ('BAND_4 = "2.75e-05"', 'BAND_4 = "0"', "tells 0 for REFLECTANCE_MULT_BAND_4"),
        ('REFLECTANCE_ADD_BAND_3 = "-0.2"', "", "does not tell REFLECTANCE_ADD_BAND_3"),
        (f'{NAME}_SR_B4.TIF"', '../../outside.TIF"', "scene/outside.TIF: is missing"),
        ("FILE_NAME_BAND_", "NAME_OF_", "lists no band"),
        (" = ", " : ", "no metadata of a Landsat scene"),
    ],
)
def test_metadata_that_cannot_be_used_are_named(tmp_path, old, new, complaint):
    folder = write(tmp_path / "scene")
    change(folder / f"{NAME}_MTL.txt", old, new)
    with pytest.raises((ParameterError, MissingBandError)) as caught:
        open_scene(folder)
    assert complaint in str(caught.value) and str(folder) in str(caught.value) and "\n" not in str(caught.value)


def test_folders_that_cannot_be_used_are_named(tmp_path):
    folder = write(tmp_path / "scene")
    (folder / f"{NAME}_SR_B4.TIF").unlink()
    with pytest.raises(MissingBandError, match=rf"{NAME}_SR_B4\.TIF: is missing, and {NAME}_MTL\.txt lists it"):
        open_scene(folder)
    other = NAME.replace("20180910", "20180825")
    (folder / f"{other}_MTL.txt").write_text("")
    with pytest.raises(ParameterError, match=rf"several Landsat scenes \({other}_MTL.txt and {NAME}_MTL.txt\)"):
        open_scene(folder)
    night = write(tmp_path / "night", level="L1TP", kind="B")
    change(night / f"{NAME}_MTL.txt", '"30.0"', '"-3"')
    with pytest.raises(ParameterError, match="below the horizon"):
        open_scene(night)
    broken = write(tmp_path / "broken", form="json")
    (broken / f"{NAME}_MTL.json").write_text("{")
    with pytest.raises(ParameterError, match="is not JSON"):
        open_scene(broken)
    dtd = write(tmp_path / "dtd", form="xml")
    change(dtd / f"{NAME}_MTL.xml", "<LANDSAT_METADATA_FILE>", "<!DOCTYPE a []><LANDSAT_METADATA_FILE>")
    with pytest.raises(ParameterError, match="document type"):
        open_scene(dtd)
