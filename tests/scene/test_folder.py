from __future__ import annotations

import hashlib
import json
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from odc.geo.geobox import GeoBox
from pystac.extensions.classification import ClassificationExtension
from pystac.extensions.eo import EOExtension
from pystac.extensions.file import FileExtension
from pystac.extensions.projection import ProjectionExtension
from pystac.extensions.raster import RasterExtension
from pystac.extensions.view import ViewExtension
from served import serving
from stac_items import check_item, checked_assets

from landslide_geo import open_scene, scan
from landslide_geo.bands import is_optical
from landslide_geo.config import ScanParams
from landslide_geo.errors import FetchError, MissingBandError, ParameterError, SourceNotFoundError
from landslide_geo.inference.sources import SceneSource
from landslide_geo.pipeline.chips import scene_of
from landslide_geo.pipeline.record import describe_inputs
from landslide_geo.scene import Visibility
from landslide_geo.scene.folder import SceneFacts, band_path, stored_reflectance, write_band, write_item
from landslide_geo.scene.sun import SunPosition

GRID = GeoBox.from_bbox((600000, 4720000, 600900, 4720700), crs="EPSG:32654", resolution=10)
SHAPE = (70, 90)
WHEN, WHEN_PRE = datetime(2018, 9, 11, 1, 27, tzinfo=UTC), datetime(2018, 8, 27, 1, 26, tzinfo=UTC)
SUN = SunPosition(150.0, 50.0)
RAMP = np.mgrid[0:70, 0:90][0] * 10 + np.mgrid[0:70, 0:90][1] + 500


def write(folder: Path, bands: dict[str, np.ndarray], **facts) -> Path:
    folder.mkdir()
    for name, values in bands.items():
        write_band(folder, name, GRID, lambda block, values=values: values[block.slices])
    write_item(folder, SceneFacts("iburi", WHEN, WHEN_PRE, SUN, ("sentinel-2a",), **facts), list(bands))
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    classes = np.full(SHAPE, Visibility.CLEAR, np.uint8)
    classes[:10], classes[10:20] = Visibility.CLOUD, Visibility.WATER
    before = np.full(SHAPE, Visibility.SNOW, np.uint8)
    holed = RAMP.astype(np.uint16)
    holed[60:] = 0
    return write(
        tmp_path / "scene",
        {
            "red": holed, "green": RAMP.astype(np.uint16), "blue": RAMP.astype(np.uint16),
            "pre_red": RAMP.astype(np.uint16), "vv_asc": np.where(RAMP > 1000, -12.5, np.nan).astype(np.float32),
            "elevation": np.zeros(SHAPE, np.float32), "visibility": classes, "pre_visibility": before,
        },
    )  # fmt: skip


def test_a_folder_is_a_scene_that_needs_no_options(folder):
    scene = open_scene(folder)
    assert scene.names == ("red", "green", "blue", "vv_asc", "elevation", "pre_red")
    assert scene.geobox == GRID
    assert (scene.date, scene.date_pre, scene.sun) == (date(2018, 9, 11), date(2018, 8, 27), SUN)
    assert (scene.scene_id, scene.reflectance_scale, scene.dem) == ("iburi", 1e-4, band_path(folder, "elevation"))
    values = scene.read(["green", "vv_asc"], scene.extent)
    assert np.array_equal(values[0], RAMP)
    assert np.array_equal(np.isnan(values[1]), RAMP <= 1000)


def test_what_was_seen_comes_from_the_folder_and_not_from_rules(folder):
    scene = open_scene(folder)
    codes = scene.read_visibility(scene.extent, needed=("red", "green", "blue"))
    assert (codes[:10] == Visibility.CLOUD).all() and (codes[10:20] == Visibility.WATER).all()
    assert (codes[20:60] == Visibility.CLEAR).all()
    assert (codes[60:] == Visibility.NODATA).all(), "red has no value there"
    assert (scene.read_visibility(scene.extent, needed=("green",))[60:] == Visibility.CLEAR).all()
    assert (scene.read_visibility(scene.extent, pre=True) == Visibility.SNOW).all()
    assert (scene.read_visibility(scene.extent, needed=("vv_asc",))[:5] == 0).all(), "radar has no value there"
    assert (scene.read_visibility(scene.extent, needed=("vv_asc",))[52:] == Visibility.CLEAR).all()


def test_classes_stay_classes_on_another_grid(folder):
    scene = open_scene(folder, resolution=15)
    codes = np.unique(scene.read_visibility(scene.extent, needed=("green",)))
    assert set(codes) <= {Visibility.NODATA, Visibility.CLEAR, Visibility.CLOUD, Visibility.WATER}


def test_options_override_what_the_item_says(folder):
    scene = open_scene(folder, date=date(2020, 1, 1), name="mine")
    assert scene.date == date(2020, 1, 1) and scene.scene_id == "mine"
    assert scene.sun != SUN, "of another day"


def test_a_scene_of_one_date_is_the_earlier_one_of_another(folder, tmp_path):
    later = write(tmp_path / "later", {"red": RAMP.astype(np.uint16), "green": RAMP.astype(np.uint16)})
    scene = open_scene([str(later), f"pre={folder}"])
    assert set(scene.names) == {"red", "green", "pre_red", "pre_green", "pre_blue", "pre_vv_asc"}
    assert scene.date_pre == date(2018, 9, 11)
    codes = scene.read_visibility(scene.extent, needed=("pre_green",), pre=True)
    assert (codes[:10] == Visibility.CLOUD).all()


def test_another_visibility_is_another_scene(folder):
    key = SceneSource(open_scene(folder)).key
    roles = [entry["role"] for entry in describe_inputs(open_scene(folder), None)]
    assert roles[-2:] == ["visibility", "pre_visibility"]
    classes = np.full(SHAPE, Visibility.CLOUD, np.uint8)
    write_band(folder, "visibility", GRID, lambda block: classes[block.slices])
    assert SceneSource(open_scene(folder)).key != key


def test_the_record_of_a_scan_leads_back_to_the_visibility(folder):
    scene = open_scene(folder)
    record = {
        "grid": {"height": 70, "width": 90, "transform": list(GRID.transform)[:6], "crs": "EPSG:32654"},
        "inputs": describe_inputs(scene, None), "reflectance_scale": 1e-4, "scene_id": "iburi",
    }  # fmt: skip
    again = scene_of(record)
    assert again.names == scene.names
    assert (again.visibility_path, again.pre_visibility_path) == (scene.visibility_path, scene.pre_visibility_path)


def test_the_item_is_a_valid_stac_item(folder):
    raw = json.loads((folder / "item.json").read_text())
    item = check_item(raw, extensions={"proj", "eo", "raster", "view", "file", "classification"})
    view = ViewExtension.ext(item)
    assert (view.sun_azimuth, view.sun_elevation) == (SUN.azimuth, SUN.altitude)
    for name, asset in checked_assets(item, folder).items():
        content = (folder / asset.href).read_bytes()
        assert FileExtension.ext(asset).checksum == "1220" + hashlib.sha256(content).hexdigest()
        if name.endswith("visibility"):
            classes = ClassificationExtension.ext(asset).classes
            assert {one.value: one.name for one in classes} == {int(code): code.label for code in Visibility}
            continue
        (raster,) = RasterExtension.ext(asset).bands
        with rasterio.open(folder / asset.href) as dataset:
            assert raster.data_type == dataset.dtypes[0]
            assert float(raster.nodata) == pytest.approx(dataset.nodata, nan_ok=True)
        if "eo:bands" in asset.extra_fields:
            (band,) = EOExtension.ext(asset).bands
            colour = name.removeprefix("pre_")
            assert (band.name, band.common_name) == (name, colour if is_optical(name) else None)
    grid = ProjectionExtension.ext(item)
    assert (grid.code, grid.shape, grid.transform) == ("EPSG:32654", list(SHAPE), list(GRID.transform)[:6])
    assert raw["properties"]["proj:code"] == "EPSG:32654" and raw["properties"]["proj:shape"] == [70, 90]
    assert raw["assets"]["red"]["eo:bands"] == [{"name": "red", "common_name": "red"}]
    assert raw["assets"]["red"]["raster:bands"][0]["scale"] == 1e-4
    assert raw["assets"]["pre_red"]["datetime"] == "2018-08-27T01:26:00Z"
    assert raw["assets"]["vv_asc"]["raster:bands"][0] == {"data_type": "float32", "nodata": "nan", "unit": "dB"}
    assert {entry["name"] for entry in raw["assets"]["visibility"]["classification:classes"]} >= {"clear", "snow"}
    with rasterio.open(folder / "red.tif") as dataset:
        assert dataset.descriptions == ("red",) and dataset.nodata == 0
        assert dataset.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"


@given(arrays(np.float32, 20, elements=st.floats(-0.25, 2, width=32) | st.just(float("nan"))))
def test_reflectance_is_stored_to_the_fourth_place_and_never_as_a_hole(reflectance):
    stored = stored_reflectance(reflectance)
    known = np.isfinite(reflectance)
    assert np.array_equal(stored == 0, ~known)
    inside = known & (reflectance > 1e-4)
    np.testing.assert_allclose(stored[inside] * 1e-4, reflectance[inside], atol=5.1e-5)
    assert (stored[known & (reflectance <= 0)] == 1).all()


def test_an_item_may_lie_in_the_network(folder, cache):
    with serving() as site:
        for path in folder.iterdir():
            site.content[f"/scenes/{path.name}"] = path.read_bytes()
        scene = open_scene(f"{site.base}/scenes/item.json")
        assert np.array_equal(scene.read(["green"], scene.extent)[0], RAMP)
        assert (scene.read_visibility(scene.extent, needed=("green",))[:10] == Visibility.CLOUD).all()
        open_scene(f"{site.base}/scenes/item.json")
        assert site.count("/scenes/red.tif") == 1, "files are kept"
        site.content["/scenes/other.json"] = site.content["/scenes/item.json"].replace(b"iburi", b"other")
        site.content["/scenes/red.tif"] = b"something else"
        with pytest.raises(FetchError, match=r"red\.tif: is not the file whose checksum"):
            open_scene(f"{site.base}/scenes/other.json")
        with pytest.raises(FetchError, match="HTTP 404"):
            open_scene(f"{site.base}/scenes/nothing.json")


def edited(folder: Path, change) -> str:
    raw = json.loads((folder / "item.json").read_text())
    change(raw)
    (folder / "edited.json").write_text(json.dumps(raw))
    return str(folder / "edited.json")


def test_items_of_others_are_known_by_their_bands_names(folder):
    def rename(raw):
        raw["assets"] = {f"image-{name}": asset for name, asset in raw["assets"].items()}

    assert "pre_red" in open_scene(edited(folder, rename)).names


def test_another_sun_is_another_scan(folder, tmp_path):
    params = ScanParams(model="red_minus_green", min_slope_deg=0)
    keys = [
        scan(edited(folder, lambda raw, sun=sun: raw["properties"].update({"view:sun_azimuth": sun})), tmp_path / "out",
             params=params, overwrite=True).record["key"]
        for sun in (150.0, 150.0, 90.0)
    ]  # fmt: skip
    assert keys[0] == keys[1] != keys[2]


def test_unusable_items_are_named(folder, tmp_path):
    def scaled(raw):
        raw["assets"]["red"]["raster:bands"] = [{"scale": 2.75e-5, "offset": -0.2}]

    def baseline(raw):
        raw["properties"]["s2:processing_baseline"] = "05.10"

    for change in (scaled, baseline):
        with pytest.raises(ParameterError, match="landslide ingest"):
            open_scene(edited(folder, change))
    with pytest.raises(MissingBandError, match="none of its assets is a band"):
        open_scene(edited(folder, lambda raw: raw.update(assets={"thumbnail": {"href": "./a.jpg"}})))
    with pytest.raises(ParameterError, match="not a STAC item"):
        open_scene(edited(folder, lambda raw: raw.update(type="Catalog")))
    (folder / "item.json").unlink()
    with pytest.raises(SourceNotFoundError, match=r"without a scene \(item\.json\)"):
        open_scene(folder)
    with pytest.raises(SourceNotFoundError, match="no such file"):
        open_scene(tmp_path / "nothing.json")
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(ParameterError, match="not JSON"):
        open_scene(tmp_path / "bad.json")
