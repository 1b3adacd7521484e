from __future__ import annotations

import json
import shutil
from datetime import date
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
from products import TILE, change, write_image, write_safe
from shapely import box

import landslide_geo
from landslide_geo import open_scene
from landslide_geo.chips import store
from landslide_geo.cli.main import run
from landslide_geo.errors import MissingBandError, ParameterError, SourceNotFoundError
from landslide_geo.inference.sources import SceneSource
from landslide_geo.pipeline.chips import scene_of
from landslide_geo.pipeline.record import describe_inputs
from landslide_geo.scene import Visibility
from landslide_geo.scene.stage import staged
from landslide_geo.scene.sun import SunPosition
from landslide_geo.scene.told import Level

SIDE = 60
RAMP = (np.mgrid[0:SIDE, 0:SIDE][0] * 40 + np.mgrid[0:SIDE, 0:SIDE][1] * 7 + 500).astype(np.uint16)
FLAT20 = np.full((SIDE // 2, SIDE // 2), 3000, np.uint16)
SCL = np.full((SIDE // 2, SIDE // 2), 4, np.uint8)
SCL[:5], SCL[5:10], SCL[10:15] = 9, 6, 2


def bands() -> dict[str, np.ndarray]:
    red = RAMP.copy()
    red[-10:] = 0
    return {
        "B01_60m": np.full((SIDE // 6, SIDE // 6), 1500, np.uint16), "B02_10m": RAMP, "B03_10m": RAMP, "B04_10m": red,
        "B04_20m": FLAT20, "B08_10m": RAMP, "B11_20m": FLAT20,
    }  # fmt: skip


@pytest.fixture
def safe(tmp_path: Path) -> Path:
    return write_safe(tmp_path, bands(), scl=SCL)


def test_a_product_is_a_scene_with_day_sun_level_and_reflectance(safe):
    scene = open_scene(safe)
    assert set(scene.names) == {"coastal", "blue", "green", "red", "nir", "swir16"}
    assert scene.resolution == (10, 10) and (scene.height, scene.width) == (SIDE, SIDE)
    assert (scene.date, scene.level, scene.scene_id) == (date(2018, 9, 11), Level.SURFACE, safe.stem)
    assert scene.sun == SunPosition(155.0, 50.0)
    values = scene.read(["green", "red", "swir16"], scene.extent) * scene.reflectance_scale
    expected = np.maximum((RAMP.astype(np.float64) - 1000) / 10_000, 1e-4)
    assert np.allclose(values[0], expected, atol=1e-7)
    assert np.isnan(values[1, -10:]).all(), "0 is no value, though the file does not say so"
    assert np.allclose(values[1, :-10], expected[:-10], atol=1e-7), "of 10 m, not of 20 m"
    assert np.allclose(values[2], 0.2, atol=1e-7)


def test_its_classification_is_what_can_be_seen(safe, tmp_path):
    scene = open_scene(safe)
    codes = scene.read_visibility(scene.extent, needed=("green",))
    assert (codes[:10] == Visibility.CLOUD).all() and (codes[10:20] == Visibility.WATER).all()
    assert (codes[20:30] == Visibility.TERRAIN_SHADOW).all() and (codes[30:] == Visibility.CLEAR).all()
    older = write_safe(tmp_path / "older", bands(), scl=SCL, baseline="02.13", offset=None)
    scene = open_scene(older)
    assert (scene.read_visibility(scene.extent, needed=("green",))[20:] == Visibility.CLEAR).all()
    assert np.array_equal(scene.read(["green"], scene.extent)[0], RAMP), "that baseline had no offset"


def test_level_1c_is_top_of_atmosphere_and_judged_by_rules(tmp_path):
    folder = write_safe(tmp_path, {"B02": RAMP, "B04": RAMP, "B10": FLAT20[:10, :10]}, level="1C", scl=None)
    scene = open_scene(folder)
    assert scene.level is Level.TOP and scene.visibility_path is None
    assert set(scene.names) == {"blue", "red", "cirrus"}
    assert np.array_equal(scene.read(["red"], scene.extent)[0], np.maximum(RAMP.astype(np.float32) - 1000, 1))


def test_the_old_naming_and_one_of_its_granules(tmp_path):
    folder = tmp_path / "S2A_OPER_PRD_MSIL1C_PDMC_20160605T184325_R008_V20160605T012701_20160605T012701.SAFE"
    names = []
    for tile in (TILE, "T54TWM"):
        granule = f"S2A_OPER_MSI_L1C_TL_EPA__20160605T052041_A004979_{tile}_N02.02"
        stem = granule.removesuffix("_N02.02")
        for band, values in (("B02", RAMP), ("B04", RAMP + 1)):
            write_image(folder / f"GRANULE/{granule}/IMG_DATA/{stem}_{band}.jp2", values, 10)
            names.append(f"<IMAGE_ID>{stem}_{band}</IMAGE_ID>")
    (folder / "S2A_OPER_MTD_SAFL1C_PDMC_20160605T184325_R008.xml").write_text(
        "<P><PRODUCT_START_TIME>2016-06-05T01:27:01.024Z</PRODUCT_START_TIME><PROCESSING_BASELINE>02.02"
        f"</PROCESSING_BASELINE><QUANTIFICATION_VALUE>10000</QUANTIFICATION_VALUE>{''.join(names)}</P>"
    )
    with pytest.raises(ParameterError, match=r"2 granules .*T54TWM.*T54TWN.* name the folder of one"):
        open_scene(folder)
    one = next((folder / "GRANULE").glob(f"*{TILE}*"))
    scene = open_scene(one)
    assert (scene.level, scene.date) == (Level.TOP, date(2016, 6, 5))
    assert np.array_equal(scene.read(["red"], scene.extent)[0], RAMP + 1)
    next(one.glob("IMG_DATA/*B04.jp2")).unlink()
    with pytest.raises(MissingBandError, match=rf"{TILE}_B04\.jp2 is missing"):
        open_scene(one)


def test_two_products_are_two_dates(safe, tmp_path):
    before = write_safe(
        tmp_path / "before", {"B04_10m": RAMP}, scl=np.full_like(SCL, 11), day="2018-08-20", baseline="02.13",
        offset=None,
    )  # fmt: skip
    scene = open_scene([safe, f"pre={before}"])
    assert (scene.date, scene.date_pre, scene.pre_level) == (date(2018, 9, 11), date(2018, 8, 20), Level.SURFACE)
    values = scene.read(["green", "pre_red"], scene.extent)
    assert np.array_equal(values[0], np.maximum(RAMP.astype(np.float32) - 1000, 1)), "with its own offset"
    assert np.array_equal(values[1], RAMP)
    assert (scene.read_visibility(scene.extent, needed=("pre_red",), pre=True) == Visibility.SNOW).all()


def test_values_and_classes_stay_on_another_grid_and_when_staged(safe, tmp_path):
    flat = {name: np.full_like(values, 4000) for name, values in bands().items()}
    scene = open_scene(write_safe(tmp_path / "flat", flat, scl=SCL), resolution=15)
    warped = staged(scene, tmp_path / "work")
    for each in (scene, warped):
        values = each.read(["red"], each.extent)[0]
        assert np.allclose(values[1:-1, 1:-1], 3000), "turned once, not twice"
    codes = np.unique(scene.read_visibility(scene.extent, needed=("red",)))
    known = {Visibility.NODATA, Visibility.CLEAR, Visibility.CLOUD, Visibility.WATER, Visibility.TERRAIN_SHADOW}
    assert set(codes) <= known


def test_what_numbers_mean_belongs_to_the_key_and_the_record(safe):
    scene = open_scene(safe)
    key, inputs = SceneSource(scene).key, describe_inputs(scene, None)
    record = {
        "grid": {"height": SIDE, "width": SIDE, "transform": list(scene.geobox.transform)[:6], "crs": "EPSG:32654"},
        "inputs": json.loads(json.dumps(inputs)), "reflectance_scale": 1e-4, "scene_id": "x",
    }  # fmt: skip
    again = scene_of(record)
    assert (again.bands, again.visibility_codes) == (scene.bands, scene.visibility_codes)
    change(safe / "MTD_MSIL2A.xml", "-1000", "-900")
    other = open_scene(safe)
    assert SceneSource(other).key != key and describe_inputs(other, None) != inputs
    change(safe / "MTD_MSIL2A.xml", "05.00", "03.01")
    assert SceneSource(open_scene(safe)).key != SceneSource(other).key, "shadow counts as clear there"


def test_a_scan_of_a_product(safe, tmp_path, capsys):
    out = tmp_path / "out"
    assert run(["scan", str(safe), "--out", str(out), "--model", "red_minus_green", "--json"]) == 0
    record = json.loads((out / "scan.json").read_text())
    assert (record["date_post"], record["reflectance_scale"], record["scene_id"]) == ("2018-09-11", 1e-4, safe.stem)
    by_role = {entry["role"]: entry for entry in record["inputs"]}
    assert by_role["red"]["scaling"] == {"gain": 1.0, "offset": -1000.0, "nodata": 0.0, "least": 1.0}
    assert by_role["visibility"]["codes"] == "scl"
    assert not [text for text in record["warnings"] if "reflectance" in text], "this model takes either level"
    assert (out / "landslides.gpkg").exists()
    again = ["scan", str(safe), "--out", str(out), "--model", "red_minus_green"]
    assert run(again) == 0
    change(safe / "MTD_MSIL2A.xml", "-1000", "-900")
    capsys.readouterr()
    assert run(again) == 2, "other values of the same files are another scan"
    assert "holds another scan" in capsys.readouterr().err


def told(folder: Path) -> str:
    with pytest.raises((ParameterError, MissingBandError, SourceNotFoundError)) as caught:
        open_scene(folder)
    assert "\n" not in str(caught.value) and str(folder) in str(caught.value)
    return str(caught.value)


def test_bad_products_are_named_with_what_mends_them(safe, tmp_path, capsys):
    def broken(how) -> str:
        shutil.rmtree(tmp_path / "bad", ignore_errors=True)
        copy = tmp_path / "bad" / safe.name
        shutil.copytree(safe, copy)
        how(copy)
        return told(copy)

    def edited(old: str, new: str):
        return lambda copy: change(copy / "MTD_MSIL2A.xml", old, new)

    message = broken(lambda copy: next(copy.rglob("*B04_10m.jp2")).unlink())
    assert "B04_10m.jp2 is missing" in message and "download the product again" in message
    assert "is not XML" in broken(edited("</Product_Info>", ""))
    dtd = '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/hostname">]>\n<n1:Level-2A_User_Product'
    assert "document type (DTD)" in broken(edited("<n1:Level-2A_User_Product", dtd))
    assert "is not text in UTF-8" in broken(lambda copy: (copy / "MTD_MSIL2A.xml").write_bytes(b"\xff\xfe<\0"))
    assert "no metadata of a product" in broken(lambda copy: (copy / "MTD_MSIL2A.xml").unlink())
    assert "BOA_ADD_OFFSET" in broken(edited("BOA_ADD_OFFSET", "OTHER"))
    assert "'-1000x' for BOA_ADD_OFFSET of band 0" in broken(edited(">-1000<", ">-1000x<"))
    assert "does not tell BOA_QUANTIFICATION_VALUE" in broken(edited("BOA_QUANTIFICATION_VALUE", "OTHER"))
    assert "tells 0 for BOA_QUANT" in broken(edited(">10000<", ">0<"))
    assert "no granule with images" in broken(lambda copy: shutil.rmtree(copy / "GRANULE"))
    second = "L2A_T54TWM_A016801_20180911T012701"
    assert "2 granules" in broken(lambda copy: shutil.copytree(next(copy.glob("GRANULE/*")), copy / "GRANULE" / second))
    assert "several products" in broken(lambda copy: shutil.copy(copy / "MTD_MSIL2A.xml", copy / "MTD_MSIL1C.xml"))
    twice = "T54TWN_20180911T012702_B04_10m.jp2"
    assert "is there twice" in broken(
        lambda copy: shutil.copy(next(copy.rglob("*B04_10m.jp2")), next(copy.rglob("R10m")) / twice)
    )
    packed = tmp_path / f"{safe.name}.zip"
    packed.write_bytes(b"PK")
    assert "unpack it" in told(packed)
    assert run(["scan", str(packed), "--out", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err.count("\n") == 1 and not (tmp_path / "out").exists()


def test_reflectance_of_another_unit_beside_a_product_is_refused(safe, tmp_path):
    other = write_image(tmp_path / "other.tif", np.full((SIDE, SIDE), 0.2, np.float32), 10)
    with pytest.raises(ParameterError, match="pre_red does not hold reflectance × 10,000"):
        open_scene([safe, f"pre_red={other}"])


def test_a_bundle_of_the_other_level_warns(tmp_path, capsys):
    bundle = tmp_path / "bundle"
    shutil.copytree(Path(landslide_geo.__file__).parent / "bundles" / "red_minus_green", bundle)
    manifest = json.loads((bundle / "bundle.json").read_text())
    (bundle / "bundle.json").write_text(json.dumps(manifest | {"reflectance": "surface reflectance"}))
    top = write_safe(tmp_path, {"B02": RAMP, "B03": RAMP, "B04": RAMP}, level="1C")
    rgb = {f"B0{n}_10m": RAMP for n in (2, 3, 4)}
    surface = write_safe(tmp_path / "before", rgb, day="2018-08-20")
    for sources, expected in (
        ([top], ["was trained on surface reflectance"]),
        ([surface], []),
        ([top, f"pre={surface}"], ["was trained on surface reflectance", "the dates are of two levels"]),
    ):
        out = tmp_path / f"out{len(sources)}{top in sources}"
        assert run(["scan", *map(str, sources), "--out", str(out), "--model", str(bundle), "--json"]) == 0
        texts = json.loads((out / "scan.json").read_text())["warnings"]
        found = [text for text in texts if "level" in text or "trained on" in text]
        assert len(found) == len(expected) and all(any(words in text for text in found) for words in expected)


def test_chips_of_a_product(safe, tmp_path, capsys):
    outlines = gpd.GeoSeries([box(600_100, 4_719_500, 600_300, 4_719_800)], crs="EPSG:32654")
    outlines.to_file(tmp_path / "outlines.gpkg")
    arguments = ["chips", str(safe), str(tmp_path / "outlines.gpkg"), "--out", str(tmp_path / "chips"), "--complete"]
    assert run([*arguments, "--bands", "green", "--size", "32", "--block", "320"]) == 0, capsys.readouterr().err
    found = [store.read(path) for path in sorted((tmp_path / "chips").glob("*.zarr"))]
    values = np.concatenate([chips["image"].to_numpy().ravel() for chips in found])
    known = np.rint(values[np.isfinite(values)] * 10_000)  # chips hold reflectance
    assert known.size and set(np.unique(known)) <= set(np.maximum(RAMP.astype(np.int64) - 1000, 1).ravel())
