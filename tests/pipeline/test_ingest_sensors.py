"""Elevation, composites, radar and Landsat, from a real STAC API to a scene."""

from __future__ import annotations

import json
from datetime import datetime

import numpy as np
import pytest
import rasterio
from catalogue import catalogue, italy
from odc.geo.geobox import GeoBox

from landslide_geo import open_scene
from landslide_geo.cli.main import run
from landslide_geo.config.ingesting import IngestParams
from landslide_geo.errors import LandslideError, MissingBandError, NoAcquisitionError, ParameterError
from landslide_geo.pipeline.ingest import ingest
from landslide_geo.scene import Block, Visibility

pytestmark = pytest.mark.integration

GRID = GeoBox.from_bbox((600000, 4700000, 602400, 4702000), crs="EPSG:32654", resolution=10)
SHAPE = (200, 240)
BBOX = "142.224,42.4475,142.240,42.457"
SPAN = "2018-09-01/2018-09-30"
ROWS, COLS = np.mgrid[0:200, 0:240]
RAMP = (ROWS + COLS + 200).astype(np.uint16)


@pytest.fixture
def made(tmp_path):
    with catalogue(tmp_path / "files") as made:
        yield made


@pytest.fixture(scope="module")
def emilia(tmp_path_factory, mirror):
    with catalogue(tmp_path_factory.mktemp("emilia")) as made:
        italy(made, mirror)
        with made.served() as url:
            yield url


def optical(made, day: datetime, values: np.ndarray, scl: np.ndarray, **properties) -> None:
    own = {"platform": "sentinel-2a", "sat__relative_orbit": 74, "s2__processing_baseline": "02.06"} | properties
    made.add(f"S2_{day:%Y%m%d}", "sentinel-2-l2a", day, {"red": values.astype(np.uint16), "scl": scl}, GRID, **own)


def params(url: str, **given) -> IngestParams:
    return IngestParams(**({"stac": url, "bands": ("red",), "sensors": ("s2",)} | given))


def window(scene) -> tuple[slice, slice]:
    row, col = (
        round((GRID.transform.f - scene.geobox.transform.f) / 10),
        round((scene.geobox.transform.c - 600000) / 10),
    )
    return slice(row, row + scene.height), slice(col, col + scene.width)


def test_elevation_comes_along_and_a_half_is_told(made, tmp_path):
    optical(made, datetime(2018, 9, 11), RAMP, np.full(SHAPE, 4, np.uint8))
    half = GRID[:, :120]
    made.add(
        "dem-west",
        "cop-dem-glo-30",
        datetime(2021, 4, 22),
        {"data": ROWS[:, :120].astype(np.float32)},
        half,
        nodata=None,
    )
    with made.served() as url:
        whole = ingest(
            tmp_path / "west", bbox="142.2245,42.4475,142.2260,42.457", datetime=SPAN, params=params(url, sensors=None)
        )
        assert whole.record["warnings"] == [] and whole.record["checks"]["elevation"]["missing"] == 0
        result = ingest(tmp_path / "scene", bbox=BBOX, datetime=SPAN, params=params(url, sensors=None))
    (warning,) = result.record["warnings"]
    scene = open_scene(tmp_path / "scene")
    part = window(scene)
    elevation = scene.read_elevation(scene.extent)
    assert np.array_equal(np.isnan(elevation), (COLS >= 120)[part])
    assert np.array_equal(elevation[np.isfinite(elevation)], ROWS[part][np.isfinite(elevation)])
    share = np.isfinite(elevation).mean()
    told = int(warning.split("covers ")[1].split("%")[0])
    assert abs(told / 100 - share) < 0.03 and "slopes are not known in the rest" in warning


@pytest.mark.parametrize(
    ("factor", "catalogue_says", "given", "words"),
    [
        (1.0, None, None, None),
        (1 / 0.3048, None, "ft", None),
        (1 / 0.3048, "foot", None, "says that its elevations are in ft; they were converted"),
        # Decimetres of ground that rises to 1,990 m cannot be metres.
        (10.0, None, None, "elevations from"),
        (10.0, None, "dm", None),
        (1.0, "foot", "m", None),
    ],
)
def test_elevation_in_another_unit_is_converted_where_it_is_told_and_doubted_where_not(
    made, tmp_path, factor, catalogue_says, given, words
):
    optical(made, datetime(2018, 9, 11), RAMP, np.full(SHAPE, 4, np.uint8))
    metres = ROWS.astype(np.float32) * 10
    item = made.add(
        "tile", "cop-dem-glo-30", datetime(2021, 4, 22), {"data": metres * np.float32(factor)}, GRID, nodata=None
    )
    if catalogue_says is not None:
        item["assets"]["data"]["raster:bands"] = [{"unit": catalogue_says}]
    with made.served() as url:
        record = ingest(
            tmp_path / "scene", bbox=BBOX, datetime=SPAN, params=params(url, sensors=("s2", "dem"), dem_unit=given)
        ).record
    scene = open_scene(tmp_path / "scene")
    expected = metres[window(scene)] * (10 if factor == 10 and given is None else 1)
    assert scene.read_elevation(scene.extent) == pytest.approx(expected, rel=1e-6)
    if words is None:
        assert record["warnings"] == []
    else:
        (warning,) = record["warnings"]
        assert "/tile-data.tif: " in warning and words in warning and "--dem-unit" in warning


def test_without_an_elevation_model_it_is_told_and_one_that_is_asked_for_is_missed(made, tmp_path):
    optical(made, datetime(2018, 9, 11), RAMP, np.full(SHAPE, 4, np.uint8))
    with made.served() as url:
        result = ingest(tmp_path / "scene", bbox=BBOX, datetime=SPAN, params=params(url, sensors=None))
        assert "has no elevation model: name one to the scan with --dem" in result.record["warnings"][0]
        with pytest.raises(LandslideError, match="no collection cop-dem-glo-30"):
            ingest(tmp_path / "other", bbox=BBOX, datetime=SPAN, params=params(url, sensors=("s2", "dem")))


@pytest.mark.parametrize("how", ["median", "best"])
def test_composites_show_the_ground_where_any_pass_does(made, tmp_path, how):
    """Clouds over another third each time, and one strip that no pass shows."""
    thirds = [(low <= COLS) & (low + 80 > COLS) for low in (0, 80, 160)]
    never = (ROWS > 90) & (ROWS < 100)
    for number, (day, cloud) in enumerate(zip((3, 13, 23), thirds, strict=True)):
        scl = np.where(cloud | never, 9, 4).astype(np.uint8)
        values = np.where(cloud | never, 7000, RAMP + 10 * number)
        optical(made, datetime(2018, 9, day), values, scl, eo__cloud_cover=30.0)
    optical(made, datetime(2018, 8, 20), RAMP, np.full(SHAPE, 4, np.uint8))
    optical(made, datetime(2018, 8, 25), RAMP + 100, np.full(SHAPE, 4, np.uint8))
    with made.served() as url:
        chosen = params(url, composite=how, max_cloud=0.7)
        result = ingest(tmp_path / "scene", bbox=BBOX, event="2018-09-01", params=chosen)
    assert sum(entry["chosen"] for entry in result.record["acquisitions"]["s2"]) == 5
    scene = open_scene(tmp_path / "scene")
    part = window(scene)
    seen = scene.read_visibility(scene.extent, needed=("red",))
    assert np.array_equal(seen == Visibility.CLOUD, never[part]) and (seen[~never[part]] == Visibility.CLEAR).all()
    # The nearest to the event is taken; of two that are clear the median lies in their middle.
    if how == "best":
        expected, before = np.where(thirds[0], RAMP + 10, RAMP), RAMP + 100
    else:
        expected = np.select(thirds, [RAMP + 15, RAMP + 10, RAMP + 5])
        before = RAMP + 50
    values = scene.read(["red"], scene.extent)[0]
    assert np.array_equal(values[~never[part]], expected[part][~never[part]])
    assert (values[never[part]] == 7000).all(), "as it was acquired, and told to be cloud"
    assert np.array_equal(scene.read(["pre_red"], scene.extent)[0], before[part])
    assert str(scene.date) == "2018-09-13" and str(scene.date_pre) == "2018-08-25"


def test_radar_of_both_directions_and_dates_in_decibels(emilia, tmp_path, capsys, mirror):
    bbox = "11.576,44.328,11.589,44.337"
    command = [
        "ingest", "--bbox", bbox, "--event", "2023-05-17", "--stac", emilia, "--sensors", "s2,s1,dem", "--out",
        str(tmp_path / "scene"), "--max-cloud", "0.6", "--json",
    ]  # fmt: skip
    assert run(command) == 0
    record = json.loads(capsys.readouterr().out)
    told = {entry["items"][0]: entry for entry in record["acquisitions"]["s1"]}
    assert told["S1A_IW_20230527T051900_descending_rtc"]["chosen"]
    other = told["S1A_IW_20230522T051100_descending_rtc"]
    assert not other["chosen"] and other["reason"] == "has no partner of the same orbit at the other date"
    # These numbers had their offset taken off, though their baseline says that they have it.
    offsets = [*record["checks"]["post_offsets"].values(), *record["checks"]["pre_offsets"].values()]
    assert all(
        one["metadata"] == -1000 and one["added"] == 0 and "taken off already" in one["reason"] for one in offsets
    )
    scene = open_scene(tmp_path / "scene")
    radar = {f"{prefix}{p}_{s}" for prefix in ("", "pre_") for p in ("vv", "vh") for s in ("asc", "desc")}
    assert radar | {"red", "nir", "swir16", "pre_red", "elevation"} <= set(scene.names)
    assets = json.loads((tmp_path / "scene/item.json").read_text())["assets"]
    days = {
        name: assets[name]["datetime"][:10] for name in ("vv_asc", "vh_desc", "pre_vv_asc", "pre_vh_desc", "pre_red")
    }
    assert list(days.values()) == ["2023-05-23", "2023-05-27", "2023-05-11", "2023-05-15", "2023-04-28"]
    assert (str(scene.date), str(scene.date_pre)) == ("2023-05-23", "2023-04-28")
    with rasterio.open(mirror / "scene_italy_emilia/s1asc_post_2023-05-23.tif") as dataset:
        real = dataset.read(1)
    values = scene.read(["vv_asc"], scene.extent)[0]
    assert abs(np.nanmedian(values) - np.median(real)) < 0.5
    assert np.isfinite(values).mean() > 0.9 and np.nanmin(values) > -30 and np.nanmax(values) < 10
    assert run(["scan", str(tmp_path / "scene"), "--out", str(tmp_path / "out"), "--quiet"]) == 0
    assert (tmp_path / "out/landslides.gpkg").exists()


def sar(made, day: int, orbit: int, state: str | None, power: float) -> None:
    values = {key: np.full(SHAPE, power * factor, np.float32) for key, factor in (("vv", 1), ("vh", 0.1))}
    own = {} if state is None else {"sat__orbit_state": state}
    made.add(
        f"S1_{day:02d}_{orbit}", "sentinel-1-rtc", datetime(2018, 9, day, 8), values, GRID, nodata=-32768,
        platform="sentinel-1b", sat__relative_orbit=orbit, **own,
    )  # fmt: skip


def test_a_pair_of_radar_is_of_one_orbit_or_none(made, tmp_path):
    sar(made, 4, 46, "descending", 0.1)
    sar(made, 8, 119, "descending", 0.2)
    sar(made, 10, 46, "descending", 0.4)
    sar(made, 9, 10, None, 0.4)
    with made.served() as url:
        radar = params(url, sensors=("s1",))
        result = ingest(tmp_path / "scene", bbox=BBOX, event="2018-09-06", params=radar)
        scene = open_scene(tmp_path / "scene")
        assert scene.names == ("vv_desc", "vh_desc", "pre_vv_desc", "pre_vh_desc")
        values = scene.read(scene.names, scene.extent)
        for band, expected in zip(values, (0.4, 0.04, 0.1, 0.01), strict=True):
            np.testing.assert_allclose(band, 10 * np.log10(expected), atol=1e-4)
        assert any("no ascending pass" in text for text in result.record["warnings"])
        reasons = {entry["items"][0]: entry["reason"] for entry in result.record["acquisitions"]["s1"]}
        assert "does not tell whether its pass is ascending" in reasons["S1_09_10"]
        with pytest.raises(NoAcquisitionError, match="has no partner of the same orbit") as told:
            ingest(tmp_path / "none", bbox=BBOX, event="2018-09-09", params=radar.model_copy(update={"before_days": 2}))
        assert "\n" not in str(told.value)
        smooth = params(url, sensors=("s1",), speckle="lee")
        ingest(tmp_path / "lee", bbox=BBOX, datetime="2018-09-10", params=smooth)
        scene = open_scene(tmp_path / "lee")
        np.testing.assert_allclose(scene.read(["vv_desc"], scene.extent), 10 * np.log10(0.4), atol=1e-3)


def test_landsat_has_its_own_factors_and_quality_bits(made, tmp_path):
    grid = GeoBox.from_bbox((600000, 4700010, 602400, 4702020), crs="EPSG:32654", resolution=30)
    shape = tuple(grid.shape)
    qa = np.full(shape, 21824, np.uint16)
    qa[:, :30], qa[:, 30:35] = 22280, 21952
    numbers = {"red": 10909, "nir08": 18182}
    rasters = {key: np.full(shape, value, np.uint16) for key, value in numbers.items()} | {"qa_pixel": qa}
    made.add(
        "LC08_L2SP_107030_20180912", "landsat-c2-l2", datetime(2018, 9, 12, 1, 14), rasters, grid,
        platform="landsat-8", landsat__wrs_path="107", view__sun_azimuth=150.0, view__sun_elevation=48.0,
    )  # fmt: skip
    with made.served() as url:
        landsat = params(url, sensors=("landsat",), bands=("red", "nir"), resolution=30, max_cloud=0.6)
        result = ingest(tmp_path / "scene", bbox=BBOX, datetime=SPAN, params=landsat)
        with pytest.raises(MissingBandError, match="no asset for rededge071"):
            ingest(
                tmp_path / "other",
                bbox=BBOX,
                datetime=SPAN,
                params=landsat.model_copy(update={"bands": ("rededge071",)}),
            )
    assert result.record["acquisitions"]["landsat"][0]["hidden_from"] == "QA_PIXEL"
    assert result.record["acquisitions"]["landsat"][0]["name"] == "landsat-8 2018-09-12 R107"
    scene = open_scene(tmp_path / "scene")
    assert scene.geobox.resolution.x == 30
    values = scene.read(["red", "nir"], scene.extent)
    assert (values[0] == 1000).all() and (values[1] == 3000).all()
    codes = scene.read_visibility(scene.extent, needed=("red", "nir"))
    assert set(np.unique(codes)) == {Visibility.CLEAR, Visibility.WATER, Visibility.CLOUD}


def test_numbers_with_a_factor_of_their_own_are_refused(made, tmp_path):
    optical(made, datetime(2018, 9, 11), RAMP, np.full(SHAPE, 4, np.uint8))
    made.items[0]["assets"]["red"]["raster:bands"] = [{"scale": 0.0001, "offset": -0.1}]
    made.items[0]["assets"]["scl"]["raster:bands"] = [{"scale": 1}]
    with made.served() as url:
        ingest(tmp_path / "scene", bbox=BBOX, datetime=SPAN, params=params(url))
    made.items[0]["assets"]["red"]["raster:bands"] = [{"scale": 2.75e-5, "offset": -0.2}]
    with made.served() as url, pytest.raises(ParameterError, match=r"red has a factor of 2\.75e-05 to reflectance"):
        ingest(tmp_path / "other", bbox=BBOX, datetime=SPAN, params=params(url))


def test_a_simulated_scene_comes_back_as_it_is(made, tmp_path, simulated):
    """Bands of 10 and 20 m with the offset of new baselines, elevation on a geographic grid."""
    files = dict(source.split("=") for source in simulated.sources)
    rasters = {}
    for name in ("blue", "red", "nir", "swir16"):
        with rasterio.open(files[name]) as dataset:
            rasters[name] = dataset.read(1) + np.uint16(1000)
    with rasterio.open(files["blue"]) as dataset:
        grid = GeoBox.from_rio(dataset)
    rasters["scl"] = np.full(rasters["red"].shape, 4, np.uint8)
    made.add("S2", "sentinel-2-l2a", datetime(2023, 5, 1), rasters, grid, platform="s", s2__processing_baseline="05.09")
    with rasterio.open(simulated.dem) as dataset:
        dem = dataset.read(1).astype(np.float32)
        made.add("dem", "cop-dem-glo-30", datetime(2021, 4, 22), {"data": dem}, GeoBox.from_rio(dataset), nodata=None)
    west, south, east, north = grid.extent.to_crs("EPSG:4326").boundingbox
    inner = (west + 0.004, south + 0.004, east - 0.004, north - 0.004)
    with made.served() as url:
        bands = ("blue", "red", "nir", "swir16")
        ingest(tmp_path / "scene", bbox=inner, datetime="2023-05-01", params=params(url, bands=bands, sensors=None))
    scene, whole = open_scene(tmp_path / "scene"), open_scene(simulated.sources, dem=simulated.dem)
    row = round((grid.transform.f - scene.geobox.transform.f) / 10)
    col = round((scene.geobox.transform.c - grid.transform.c) / 10)
    block = Block(row, col, scene.height, scene.width)
    assert min(block.shape) > 150
    exact = ["blue", "red", "nir"]
    assert np.array_equal(scene.read(exact, scene.extent), whole.read(exact, block))
    warped, expected = scene.read(["swir16"], scene.extent), whole.read(["swir16"], block)
    assert np.abs(warped - expected).mean() < 5, "of some thousands"
    difference = scene.read_elevation(scene.extent) - whole.read_elevation(block)
    assert np.isfinite(difference).all() and np.abs(difference).max() < 2
