from __future__ import annotations

import json
import time
from datetime import datetime
from pathlib import Path

import geopandas as gpd
import numpy as np
import pystac
import pytest
import rasterio
from catalogue import Catalogue, catalogue, hokkaido
from killing import run as in_process
from odc.geo.geobox import GeoBox
from rasters import read_raster

from landslide_geo import open_scene
from landslide_geo.cli.main import run
from landslide_geo.config.ingesting import IngestParams
from landslide_geo.errors import FetchError, LandslideError, NoAcquisitionError, OutputError, ParameterError
from landslide_geo.pipeline.ingest import ingest
from landslide_geo.scene import Visibility

pytestmark = pytest.mark.integration

GRID = GeoBox.from_bbox((600000, 4700000, 602400, 4702000), crs="EPSG:32654", resolution=10)
SHAPE = (200, 240)
BBOX = "142.224,42.4475,142.240,42.457"
RAMP = (np.mgrid[0:200, 0:240][0] + np.mgrid[0:200, 0:240][1] + 200).astype(np.uint16)
VEGETATION = np.full(SHAPE, 4, np.uint8)


def add(
    made: Catalogue, day: datetime, *, shift: int = 0, scl: np.ndarray = VEGETATION, grid=GRID, **properties
) -> None:
    """A Sentinel-2 item whose numbers are above the ramp by a shift: red the ramp, nir five times as bright."""
    own = {"platform": "sentinel-2a", "sat__relative_orbit": 74, "eo__cloud_cover": 10.0} | properties
    name = f"S2A_54TXN_{day:%Y%m%d}"
    rasters = {"red": RAMP + shift, "nir": RAMP * 5 + shift, "scl": scl}
    made.add(name, "sentinel-2-l2a", day, rasters, grid, **own)


def params(url: str, **given) -> IngestParams:
    return IngestParams(**({"stac": url, "bands": ("red", "nir"), "sensors": ("s2",)} | given))


def window(scene) -> tuple[slice, slice]:
    """Where a scene's grid lies in `GRID`."""
    row, col = (
        round((GRID.transform.f - scene.geobox.transform.f) / 10),
        round((scene.geobox.transform.c - 600000) / 10),
    )
    return slice(row, row + scene.height), slice(col, col + scene.width)


@pytest.fixture
def made(tmp_path):
    with catalogue(tmp_path / "files") as made:
        yield made


@pytest.fixture(scope="module")
def iburi(tmp_path_factory, mirror):
    with catalogue(tmp_path_factory.mktemp("iburi")) as made:
        hokkaido(made, mirror)
        with made.served() as url:
            yield made, url


def test_from_an_area_and_an_event_to_a_geopackage(iburi, tmp_path, capsys):
    made, url = iburi
    common = [
        "ingest", "--bbox", "141.93,42.70,141.98,42.74", "--event", "2018-09-06", "--stac", url, "--bands",
        "red,green,blue", "--max-cloud", "0.45", "--out", str(tmp_path / "scene"),
    ]  # fmt: skip
    assert run([*common, "--dry-run"]) == 0
    told = capsys.readouterr().out
    assert "+ post sentinel-2a 2018-09-11 R074: covers 100%" in told
    assert "- pre  sentinel-2b 2018-09-04 R074" in told and "hides 100% of what it covers (SCL)" in told
    assert not (tmp_path / "scene").exists()
    assert run([*common, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["checks"]["post_offsets"]["S2A_54TXN_20180911_0_L2A"]["added"] == 0
    assert [path.name for path in tmp_path.iterdir()] == ["scene"], "nothing is left beside it"

    scene = open_scene(tmp_path / "scene")
    assert (str(scene.date), str(scene.date_pre)) == ("2018-09-11", "2018-08-12")
    assert scene.sun.azimuth == pytest.approx(150) and scene.sun.altitude == pytest.approx(49)
    values = scene.read(["red"], scene.extent)[0]
    for tile in ("54TWN", "54TXN"):
        with rasterio.open(made.folder / f"S2A_{tile}_20180911_0_L2A-red.tif") as dataset:
            part = dataset.read(1, window=dataset.window(*scene.geobox.boundingbox), boundless=True, fill_value=0)
        assert part.any()
        assert np.array_equal(values[part > 0], part[part > 0]), "tiles on the grid are taken as they are"
    item = pystac.Item.from_file(str(tmp_path / "scene/item.json"))
    assert item.properties["platform"] == "sentinel-2a"

    assert run(["scan", str(tmp_path / "scene"), "--out", str(tmp_path / "out"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["landslides"] > 20
    landslides = gpd.read_file(tmp_path / "out/landslides.gpkg", layer="landslides")
    assert set(landslides["date_post"].astype(str).str[:10]) == {"2018-09-11"}
    seen = read_raster(tmp_path / "out/review/visibility.tif")[0]
    assert np.array_equal(seen, scene.read_visibility(scene.extent, needed=("red", "green", "blue")))


@pytest.mark.parametrize("flag", [None, True, False])
@pytest.mark.parametrize("shift", [0, 1000])
def test_reflectance_is_right_whatever_the_catalogue_says(made, tmp_path, shift, flag):
    own = {} if flag is None else {"earthsearch__boa_offset_applied": flag}
    add(made, datetime(2023, 5, 20, 1, 27), shift=shift, s2__processing_baseline="05.09", **own)
    add(made, datetime(2023, 5, 1, 1, 27), s2__processing_baseline="02.14")
    with made.served() as url:
        result = ingest(tmp_path / "scene", bbox=BBOX, event="2023-05-10", params=params(url))
    scene = open_scene(tmp_path / "scene")
    part = window(scene)
    for name in ("red", "pre_red"):
        assert np.array_equal(scene.read([name], scene.extent)[0], RAMP[part])
    assert np.array_equal(scene.read(["nir"], scene.extent)[0], (RAMP * 5)[part])
    wrong = (flag is True and shift == 1000) or (flag is not True and shift == 0)
    assert any("vegetation and water have" in text for text in result.record["warnings"]) == wrong


def test_classes_become_visibility_and_bands_of_20_m_lie_on_the_grid(made, tmp_path):
    scl = VEGETATION.copy()
    scl[:, :60], scl[:, 60:120], scl[:, 120:140] = 9, 6, 0
    coarse = scl[::2, ::2]
    day = datetime(2018, 9, 11, 1, 27)
    made.add(
        "S2A_54TXN_20180911", "sentinel-2-l2a", day,
        {"B04": np.where(scl > 0, RAMP, 0).astype(np.uint16), "B11": np.full((100, 120), 1500, np.uint16)}
        | {"SCL": coarse}, GRID, platform="sentinel-2a", s2__processing_baseline="02.06",
    )  # fmt: skip
    with made.served() as url:
        span = "2018-09-01/2018-09-30"
        ingest(
            tmp_path / "scene", bbox=BBOX, datetime=span,
            params=params(url, bands=("B04", "swir16"), max_cloud=0.6, min_coverage=0.3),
        )  # fmt: skip
    scene = open_scene(tmp_path / "scene")
    part = window(scene)
    expected = np.select(
        [scl == 9, scl == 6, scl == 0], [Visibility.CLOUD, Visibility.WATER, Visibility.NODATA], Visibility.CLEAR
    )
    assert np.array_equal(scene.read_visibility(scene.extent, needed=("red", "swir16")), expected[part])
    assert (scene.read(["swir16"], scene.extent) == 1500).all()
    assert scene.date_pre is None and "pre_red" not in scene.names


def test_the_same_again_does_nothing_and_another_needs_overwrite(made, tmp_path):
    add(made, datetime(2018, 9, 11, 1, 27))
    with made.served() as url:
        out, span = tmp_path / "scene", "2018-09-01/2018-09-30"
        assert ingest(out, bbox=BBOX, datetime=span, params=params(url)).fresh
        asked = len(made.site.asked)
        assert not ingest(out, bbox=BBOX, datetime=span, params=params(url)).fresh
        assert len(made.site.asked) == asked
        with pytest.raises(OutputError, match="holds another scene"):
            ingest(out, bbox=BBOX, datetime=span, params=params(url, bands=("red",)))
        ingest(out, bbox=BBOX, datetime=span, params=params(url, bands=("red",)), overwrite=True)
        assert sorted(path.name for path in out.iterdir()) == ["ingest.json", "item.json", "red.tif", "visibility.tif"]
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/precious.txt").touch()
    with pytest.raises(OutputError, match="something else than a scene"):
        ingest(tmp_path / "mine", bbox=BBOX, datetime=span, params=params(url), overwrite=True)


def test_what_was_finished_before_a_failure_is_not_fetched_again(made, tmp_path):
    # More than the head that is read when files are looked at.
    noise = np.random.default_rng(0).integers(1, 9999, (1000, 1200)).astype(np.uint16)
    grid = GeoBox.from_bbox((595000, 4695000, 607000, 4705000), crs="EPSG:32654", resolution=10)
    day = datetime(2018, 9, 11, 1, 27)
    bands = {"red": noise, "nir": noise, "scl": np.full((1000, 1200), 4, np.uint8)}
    made.add("S2A_54TXN_20180911", "sentinel-2-l2a", day, bands, grid, platform="sentinel-2a")
    with made.served() as url:
        span, out = "2018-09-01/2018-09-30", tmp_path / "scene"
        made.site.breaks["/S2A_54TXN_20180911-nir.tif"] = [10**9, *[0] * 40]
        with pytest.raises(FetchError, match=r"nir\.tif: cannot be had"):
            ingest(out, bbox=BBOX, datetime=span, params=params(url))
        assert not out.exists(), "a part is no scene"
        (partial,) = tmp_path.glob(".scene.partial-*")
        stamp = (partial / "red.tif").stat()
        made.site.breaks.clear()
        ingest(out, bbox=BBOX, datetime=span, params=params(url))
    after = (out / "red.tif").stat()
    assert (after.st_ino, after.st_mtime_ns) == (stamp.st_ino, stamp.st_mtime_ns)
    assert not list(tmp_path.glob(".scene.partial-*"))


def _ingest(out: Path, url: str) -> None:
    ingest(out, bbox=BBOX, datetime="2018-09-01/2018-09-30", params=params(url))


def test_a_killed_ingest_goes_on(made, tmp_path):
    add(made, datetime(2018, 9, 11, 1, 27))
    with made.served() as url:
        out = tmp_path / "scene"
        made.site.slow["/S2A_54TXN_20180911-scl.tif"] = 0.2
        killed = 0
        for moment in (0.2, 0.4, 0.6, 0.8, 1.0, 1.4, 2.0):  # rising: how long it takes depends on the machine
            if in_process(_ingest, out, url, kill_after=moment):
                break
            killed += 1
            assert not out.exists(), "not before all of it is there"
        assert killed
        if not out.exists():
            _ingest(out, url)
    scene = open_scene(out)
    assert np.array_equal(scene.read(["red"], scene.extent)[0], RAMP[window(scene)])
    assert [path.name for path in tmp_path.iterdir() if path.name != "files"] == ["scene"]
    assert not list(out.glob(".*")), "what was begun when it was killed is gone"


def test_a_slow_server_that_drops_and_fails_for_a_moment_gives_the_same_scene(made, tmp_path):
    add(made, datetime(2018, 9, 11, 1, 27))
    for name in ("red", "nir", "scl"):
        path = f"/S2A_54TXN_20180911-{name}.tif"
        made.site.slow[path] = 0.1
        made.site.fails[path] = [503]
        made.site.breaks[path] = [300, 10**9, 500]
    with made.served() as url:
        start = time.perf_counter()
        _ingest(tmp_path / "scene", url)
        assert time.perf_counter() - start < 60
    scene = open_scene(tmp_path / "scene")
    assert np.array_equal(scene.read(["red"], scene.extent)[0], RAMP[window(scene)])
    assert (scene.read_visibility(scene.extent) == Visibility.CLEAR).all()


@pytest.mark.parametrize(("code", "words"), [(403, "needs an account"), (404, "a file that is gone")])
def test_what_cannot_be_had_is_named_on_one_line_and_leaves_nothing(made, tmp_path, capsys, code, words):
    add(made, datetime(2018, 9, 11, 1, 27))
    made.site.fails["/S2A_54TXN_20180911-nir.tif"] = (code,)
    with made.served() as url:
        command = ["ingest", "--bbox", BBOX, "--datetime", "2018-09-01/2018-09-30", "--stac", url, "--bands", "red,nir"]
        assert run([*command, "--out", str(tmp_path / "deep/scene"), "--sensors", "s2"]) == 2
    error = capsys.readouterr().err.splitlines()
    (line,) = [line for line in error if line.startswith("error:")]
    assert f"S2A_54TXN_20180911-nir.tif: cannot be had (HTTP {code})" in line and words in line
    assert not (tmp_path / "deep").exists()


def test_where_nothing_is_found_it_is_told_what_would_be(made, tmp_path):
    cloudy = np.where(np.mgrid[0:200, 0:240][1] < 160, 9, 4).astype(np.uint8)
    add(made, datetime(2018, 9, 11, 1, 27), scl=cloudy)
    with made.served() as url:

        def error(**given) -> str:
            with pytest.raises(NoAcquisitionError) as told:
                ingest(tmp_path / "scene", **({"bbox": BBOX, "params": params(url)} | given))
            assert "\n" not in str(told.value)
            return str(told.value)

        said = error(datetime="2018-09-01/2018-09-30")
        assert "1 were found" in said and "take it with --max-cloud 0." in said
        limit = float(said.split("--max-cloud ")[1].split(",")[0])
        assert ingest(
            tmp_path / "relaxed", bbox=BBOX, datetime="2018-09-01/2018-09-30", params=params(url, max_cloud=limit)
        ).fresh
        assert "the nearest is sentinel-2a 2018-09-11 R074" in error(datetime="2018-10-01/2018-10-30")
        said = error(event="2018-09-05", params=params(url, max_cloud=0.9))
        assert "before the event (2018-06-07 to 2018-09-05)" in said and "the nearest is" in said
        assert "may lie in the sea" in error(bbox="160,20,160.1,20.1", datetime="2018-09-01/2018-09-30")
    assert not (tmp_path / "scene").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "one of --datetime FIRST/LAST and --event DAY"),
        ({"datetime": "2018-09-01", "event": "2018-09-06"}, "one of --datetime"),
        ({"datetime": "2018-09-30/2018-09-01"}, "ends before it begins"),
        ({"datetime": "September"}, "--datetime September: not a day"),
        ({"event": "6.9.2018"}, "--event 6.9.2018: not a day"),
        ({"event": "2018-09-06", "params": IngestParams(bands=("elevation",))}, "no optical band of one date"),
        ({"event": "2018-09-06", "params": IngestParams(stac="nowhere")}, "neither the address of a STAC API"),
        ({"event": "2018-09-06", "params": IngestParams(sensors=("s2", "landsat"))}, "name one of them"),
        ({"event": "2018-09-06", "bbox": "10,20"}, "not four numbers"),
    ],
)
def test_bad_requests_are_named_before_anything_is_asked(tmp_path, options, words):
    given = {"bbox": BBOX, "params": IngestParams(stac="http://127.0.0.1:9/")} | options
    with pytest.raises(ParameterError, match=words):
        ingest(tmp_path / "scene", **given)
    assert not list(tmp_path.iterdir())


def test_bad_items_are_named(made, tmp_path):
    add(made, datetime(2018, 9, 11, 1, 27))
    with made.served() as url, pytest.raises(LandslideError, match=r"has no asset for blue .*leave the band out"):
        ingest(tmp_path / "scene", bbox=BBOX, datetime="2018-09-11", params=params(url, bands=("blue",)))
    assert not (tmp_path / "scene").exists()


def test_an_area_across_the_antimeridian_is_one_scene(made, tmp_path):
    day = datetime(2018, 9, 11, 1)
    for name, zone, west in (("west", 60, 815000), ("east", 1, 176000)):
        grid = GeoBox.from_bbox((west, 8114000, west + 12000, 8124000), crs=f"EPSG:327{zone:02d}", resolution=10)
        shape = tuple(grid.shape)
        rasters = {"red": np.full(shape, 500, np.uint16), "scl": np.full(shape, 4, np.uint8)}
        made.add(f"S2_{name}", "sentinel-2-l2a", day, rasters, grid, platform="sentinel-2a")
    with made.served() as url:
        result = ingest(
            tmp_path / "scene",
            bbox="179.97,-17.0,-179.98,-16.97",
            datetime="2018-09-11",
            params=params(url, bands=("red",)),
        )
    assert "UTM zones 60 to 1" in result.record["warnings"][0]
    assert len(result.record["acquisitions"]["s2"][0]["items"]) == 2
    scene = open_scene(tmp_path / "scene")
    assert scene.geobox.crs.epsg == 32760 and (scene.read(["red"], scene.extent) == 500).all()
    west, _, east, _ = json.loads((tmp_path / "scene/item.json").read_text())["bbox"]
    assert west > 179 and east < -179


def test_an_earlier_date_by_its_own_days_is_the_nearest_that_may_be_taken(made, tmp_path, capsys):
    for day in (1, 11, 21):
        add(made, datetime(2018, 8, day, 1, 27), s2__processing_baseline="02.06")
    add(made, datetime(2018, 9, 11, 1, 27), s2__processing_baseline="02.06")
    later, earlier = "2018-09-11T01:26:59+00:00/2018-09-11T01:27:02+00:00", "2018-07-01/2018-08-12"
    with made.served() as url:
        result = ingest(tmp_path / "scene", bbox=BBOX, datetime=later, pre_datetime=earlier, params=params(url))
        scene = open_scene(tmp_path / "scene")
        assert (str(scene.date), str(scene.date_pre)) == ("2018-09-11", "2018-08-11")
        assert {entry["name"] for entry in result.record["acquisitions"]["s2"]} == {
            f"sentinel-2a 2018-{day} R074" for day in ("08-01", "08-11", "09-11")
        }
        command = ["ingest", "--bbox", BBOX, "--stac", url, "--out", str(tmp_path / "other"), "--pre-datetime", earlier]
        assert run([*command, "--datetime", "2018-08-10/2018-09-30"]) == 2
        assert "does not end before" in capsys.readouterr().err
        assert run([*command, "--event", "2018-09-06"]) == 2
        assert "goes with --datetime" in capsys.readouterr().err
