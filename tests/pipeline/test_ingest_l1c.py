"""Level 1C of Sentinel-2 from a catalogue: top-of-atmosphere reflectance with cirrus, and no classification."""

from __future__ import annotations

import json
from datetime import datetime

import numpy as np
import pytest
from catalogue import Catalogue, catalogue
from odc.geo.geobox import GeoBox
from rasters import read_raster
from stac_items import check_item, checked_assets

from landslide_geo import open_scene
from landslide_geo.cli.main import run
from landslide_geo.config.ingesting import IngestParams
from landslide_geo.errors import MissingBandError, ParameterError
from landslide_geo.pipeline.ingest import ingest
from landslide_geo.scene import Visibility, cloudless
from landslide_geo.scene.told import Level

pytestmark = pytest.mark.integration

#: 6 × 6 km in the middle of its zone; the scene asked for is all but its rim.
GRID = GeoBox.from_bbox((497000, 4700000, 503000, 4706000), crs="EPSG:32654", resolution=10)
BBOX = "140.966,42.456,141.034,42.500"
DAY = datetime(2023, 9, 11, 1, 27)
#: Assets as Earth Search names them, and the reflectance of a forest, a cloud, its shadow, and a white roof.
COVERS = {
    "coastal": (0.13, 0.45, 0.1, 0.3), "blue": (0.1, 0.45, 0.07, 0.35), "green": (0.09, 0.44, 0.05, 0.34),
    "red": (0.06, 0.45, 0.03, 0.35), "rededge1": (0.1, 0.47, 0.05, 0.36), "nir": (0.3, 0.5, 0.1, 0.37),
    "nir08": (0.31, 0.52, 0.1, 0.37), "nir09": (0.1, 0.3, 0.04, 0.2), "cirrus": (0.001, 0.02, 0.001, 0.0012),
    "swir16": (0.15, 0.4, 0.06, 0.4), "swir22": (0.07, 0.3, 0.03, 0.35),
}  # fmt: skip
NUMBERED = {
    "coastal": "B01", "blue": "B02", "green": "B03", "red": "B04", "rededge1": "B05", "nir": "B08", "nir08": "B8A",
    "nir09": "B09", "cirrus": "B10", "swir16": "B11", "swir22": "B12",
}  # fmt: skip
#: The sun stands in the south-east, 45° high: a cloud at 1,500 m shades the ground 1,061 m to the north and west.
CLOUD, SHADOW, ROOF = np.s_[390:450, 380:440], np.s_[284:344, 274:334], np.s_[480:510, 90:120]


def rasters(*, cloud: bool = True, shift: int = 1000) -> dict[str, np.ndarray]:
    """Digital numbers with the offset that is in them since 2022."""
    out = {}
    for name, (forest, white, shade, roof) in COVERS.items():
        values = np.full(GRID.shape, forest)
        values[ROOF] = roof
        if cloud:
            values[SHADOW], values[CLOUD] = shade, white
        step = 6 if name in ("coastal", "nir09", "cirrus") else 1
        out[name] = np.rint(values[::step, ::step] * 10_000 + shift).astype(np.uint16)
    return out


def add(made: Catalogue, day: datetime = DAY, *, numbered: bool = False, **given) -> None:
    own = {
        "platform": "sentinel-2a",
        "sat__relative_orbit": 74,
        "eo__cloud_cover": 10.0,
        "s2__processing_baseline": "05.09",
    }
    own |= {"view__sun_azimuth": 135.0, "view__sun_elevation": 45.0}
    found = {NUMBERED[name] if numbered else name: values for name, values in rasters(**given).items()}
    made.add(f"S2A_54TWN_{day:%Y%m%d}_0_L1C", "sentinel-2-l1c", day, found, GRID, **own)


@pytest.fixture
def made(tmp_path):
    with catalogue(tmp_path / "files") as made:
        yield made


def params(url: str, **given) -> IngestParams:
    own = {"stac": url, "level": "1c", "sensors": ("s2",), "bands": ("blue", "green", "red", "nir", "cirrus")}
    return IngestParams(**(own | given))


def window(scene) -> tuple[slice, slice]:
    """Where a scene's grid lies in `GRID`."""
    row = round((GRID.transform.f - scene.geobox.transform.f) / 10)
    col = round((scene.geobox.transform.c - GRID.transform.c) / 10)
    return slice(row, row + scene.height), slice(col, col + scene.width)


@pytest.mark.parametrize("numbered", [False, True])
def test_values_cirrus_and_what_can_be_seen(made, tmp_path, numbered):
    if not cloudless.available():
        pytest.skip("the extra l1c is not installed")
    add(made, numbered=numbered)
    with made.served() as url:
        result = ingest(tmp_path / "scene", bbox=BBOX, datetime="2023-09-11", params=params(url))
    scene = open_scene(tmp_path / "scene")
    assert scene.level is Level.TOP
    inside = window(scene)
    for name in ("blue", "red", "nir"):
        expected = (rasters()[name][inside].astype(int) - 1000).clip(1)
        np.testing.assert_array_equal(scene.read([name], scene.extent)[0], expected)
    cirrus = scene.read(["cirrus"], scene.extent)[0]
    assert set(np.unique(cirrus)) >= {10, 200}, "bilinear between pixels of 60 m"
    offset = result.record["checks"]["post_offsets"]["S2A_54TWN_20230911_0_L1C"]
    assert (offset["added"], offset["dark_ground"]) == (-1000, None)
    assert "not checked" in offset["reason"]

    whole = np.zeros(GRID.shape, np.uint8)
    codes = read_raster(tmp_path / "scene/visibility.tif")[0]
    whole[inside] = codes
    assert (whole[CLOUD] == Visibility.CLOUD).all()
    assert (whole[ROOF] == Visibility.CLEAR).all(), "s2cloudless tells roofs from clouds"
    assert (whole[SHADOW] == Visibility.CLOUD_SHADOW).all()
    shadow = (codes == Visibility.CLOUD_SHADOW).sum()
    assert shadow == (60 * 60), "and nothing else is"
    sources = result.record["bands"]["visibility"]
    assert len(sources) == 11, "bands that were looked at and not asked for are told too"
    raw = json.loads((tmp_path / "scene/item.json").read_text())
    item = check_item(raw, extensions={"proj", "eo", "raster", "view", "file", "classification", "processing"})
    assert set(checked_assets(item, tmp_path / "scene")) == {*result.record["bands"], "ingest"}
    assert item.properties["processing:level"] == "L1C"
    assert not result.record["warnings"]


def test_a_scan_of_it_knows_its_level(made, tmp_path, capsys):
    add(made)
    with made.served() as url:
        command = [
            "ingest", "--bbox", BBOX, "--datetime", "2023-09-11", "--stac", url, "--sensors", "s2", "--level", "L1C",
            "--bands", "red,green,blue", "--out", str(tmp_path / "scene"),
        ]  # fmt: skip
        assert run([*command, "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["request"]["parameters"]["level"] == "1c"
        assert run([*command[:-4], "--sensors", "dem", "--out", str(tmp_path / "other")]) == 2
        assert "--level 1c: is of Sentinel-2" in capsys.readouterr().err
    assert (
        run(["scan", str(tmp_path / "scene"), "--out", str(tmp_path / "out"), "--model", "red_minus_green", "-q"]) == 0
    )
    record = json.loads((tmp_path / "out/scan.json").read_text())
    assert record["cloudless"] == [], "its visibility came with it"
    assert not [line for line in record["warnings"] if "l1c" in line]


def test_composites_take_the_clear_ground_of_each(made, tmp_path):
    add(made)
    add(made, datetime(2023, 9, 16, 1, 27), cloud=False)
    with made.served() as url:
        given = params(url, composite="best", bands=("red", "nir"))
        ingest(tmp_path / "scene", bbox=BBOX, datetime="2023-09-01/2023-09-30", params=given)
    scene = open_scene(tmp_path / "scene")
    codes = read_raster(tmp_path / "scene/visibility.tif")[0]
    assert not np.isin(codes, [Visibility.CLOUD_SHADOW, Visibility.NODATA]).any()
    whole = np.zeros(GRID.shape, np.float32)
    whole[window(scene)] = scene.read(["red"], scene.extent)[0]
    np.testing.assert_array_equal(whole[CLOUD], 600)


def test_without_the_extra_the_rules_tell_the_clouds_and_it_is_said(made, tmp_path, monkeypatch):
    add(made)
    monkeypatch.setattr(cloudless, "available", lambda: False)
    with made.served() as url:
        result = ingest(tmp_path / "scene", bbox=BBOX, datetime="2023-09-11", params=params(url, bands=("red",)))
    assert [line for line in result.record["warnings"] if "pip install 'landslide-geo[l1c]'" in line]
    whole = np.zeros(GRID.shape, np.uint8)
    whole[window(open_scene(tmp_path / "scene"))] = read_raster(tmp_path / "scene/visibility.tif")[0]
    assert (whole[CLOUD] == Visibility.CLOUD).all()
    assert (whole[ROOF] == Visibility.CLOUD).all()


def test_what_is_not_there_is_named(made, tmp_path):
    found = {"red": rasters()["red"], "scl": np.full(GRID.shape, 4, np.uint8)}
    made.add("S2A_54TWN_20230911_0_L2A", "sentinel-2-l2a", DAY, found, GRID, platform="sentinel-2a")
    with made.served() as url:
        with pytest.raises(MissingBandError, match=r"no asset for cirrus .*--level 1c, which alone has it"):
            given = params(url, level="2a", bands=("red", "cirrus"))
            ingest(tmp_path / "scene", bbox=BBOX, datetime="2023-09-11", params=given)
        with pytest.raises(ParameterError, match=r"has no collection sentinel-2-l1c \(Sentinel-2 L1C\)"):
            ingest(tmp_path / "scene", bbox=BBOX, datetime="2023-09-11", params=params(url))
    assert not (tmp_path / "scene").exists()
