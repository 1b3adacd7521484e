from __future__ import annotations

import pickle
from dataclasses import replace
from datetime import date

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox
from rasterio.transform import from_origin
from rasters import write_raster
from shapely import Point, box

from landslide_geo import open_scene
from landslide_geo.errors import (
    EmptyAOIError,
    InventoryError,
    MissingBandError,
    MissingCRSError,
    NoOverlapError,
    ParameterError,
    SourceNotFoundError,
    UnknownBandError,
    UnreadableRasterError,
)
from landslide_geo.scene import Block, Visibility
from landslide_geo.scene.raster_io import open_raster
from landslide_geo.scene.reader import BandReader
from landslide_geo.scene.sources import BandSource
from landslide_geo.scene.stage import staged
from landslide_geo.scene.terrain import relief, slope_degrees


def write(path, values, *, crs="EPSG:32654", origin=(500000, 4700000), size=10.0, nodata=None, **profile):
    values = np.atleast_3d(values) if values.ndim == 3 else values[None]
    with rasterio.open(
        path, "w", driver="GTiff", height=values.shape[1], width=values.shape[2], count=values.shape[0],
        dtype=values.dtype, crs=crs, transform=from_origin(*origin, size, size), nodata=nodata, **profile,
    ) as dataset:  # fmt: skip
        dataset.write(values)
    return path


RAMP = (np.mgrid[0:60, 0:50][1] * 10 + np.mgrid[0:60, 0:50][0] * 3 + 100).astype("uint16")


@settings(max_examples=25)
@given(st.integers(-30, 400), st.integers(-30, 330), st.integers(1, 120), st.integers(1, 120))
def test_pixels_are_the_same_in_whatever_block_they_are_read(simulated, row, col, height, width):
    scene = open_scene(simulated.sources, dem=simulated.dem)
    whole = read_whole(scene)
    block = Block(row, col, height, width)
    values = scene.read(scene.names, block)
    part = block.clipped(scene.height, scene.width)
    rows, cols = part.inside(block)
    assert np.array_equal(values[:, rows, cols], whole[0][(slice(None), *part.slices)], equal_nan=True)
    outside = np.ones(block.shape, dtype=bool)
    outside[rows, cols] = False
    assert np.isnan(values[:, outside]).all()
    seen = scene.read_visibility(block)[rows, cols]
    assert np.array_equal(seen, whole[1][part.slices])


_whole: dict[str, tuple[np.ndarray, np.ndarray]] = {}


def read_whole(scene):
    if "whole" not in _whole:
        _whole["whole"] = scene.read(scene.names, scene.extent), scene.read_visibility(scene.extent)
    return _whole["whole"]


def test_bands_of_several_grids_lie_on_the_first_ones(simulated):
    scene = open_scene(simulated.sources, dem=simulated.dem)
    with rasterio.open(simulated.sources[0].partition("=")[2]) as first:
        assert scene.geobox.transform == first.transform
        own = first.read(1)
    assert np.array_equal(scene.read(["blue"], scene.extent)[0], own), "a band on the grid is not resampled"
    assert scene.data.dims == ("band", "y", "x")
    assert list(scene.data.band.values) == list(scene.names)
    assert scene.reflectance_scale == 1e-4


def test_lazy_arrays_agree_with_block_reads(simulated):
    scene = open_scene(simulated.sources)
    assert np.array_equal(scene.data.values, scene.read(scene.names, scene.extent), equal_nan=True)
    assert np.array_equal(scene.visibility.values, scene.read_visibility(scene.extent))
    assert scene.valid.dtype == bool
    assert scene.data.odc.geobox == scene.geobox


def test_warping_once_changes_nothing(simulated, tmp_path):
    scene = open_scene(simulated.sources, dem=simulated.dem)
    once = staged(scene, tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(
        f"{n}.tif" for n in ("elevation", "pre_blue", "pre_green", "pre_nir", "pre_red", "swir16")
    )
    assert np.array_equal(once.read(scene.names, scene.extent), read_whole(scene)[0], equal_nan=True)
    # Of the bands, which lie in the scene's CRS, nothing is approximate; how near the elevations are: `test_stage`.
    np.testing.assert_allclose(once.read_elevation(once.extent), scene.read_elevation(scene.extent), atol=0.05)


def test_a_scene_travels_to_another_process(simulated):
    scene = open_scene(simulated.sources)
    scene.read(["red"], Block(0, 0, 4, 4))
    copy = pickle.loads(pickle.dumps(scene))
    assert np.array_equal(copy.read(["red"], scene.extent), scene.read(["red"], scene.extent))


def test_nodata_nan_and_mask_bands_become_nan(tmp_path):
    values = RAMP.copy()
    values[3, 4] = 0
    write(tmp_path / "red.tif", values, nodata=0)
    floats = RAMP.astype("float32")
    floats[5, 6] = np.nan
    write(tmp_path / "green.tif", floats)
    write(tmp_path / "blue.tif", RAMP)
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(tmp_path / "blue.tif", "r+") as dataset:
        mask = np.full(RAMP.shape, 255, dtype="uint8")
        mask[7, 8] = 0
        dataset.write_mask(mask)
    scene = open_scene([f"{n}={tmp_path / n}.tif" for n in ("red", "green", "blue")])
    got = scene.read(["red", "green", "blue"], scene.extent)
    assert [tuple(np.argwhere(np.isnan(band))[0]) for band in got] == [(3, 4), (5, 6), (7, 8)]
    assert np.isnan(got).sum() == 3
    assert (scene.read_visibility(scene.extent) == Visibility.NODATA).sum() == 3


def test_mask_bands_survive_warping(tmp_path):
    write(tmp_path / "red.tif", RAMP)
    write(tmp_path / "green.tif", RAMP, origin=(500005, 4700005))
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(tmp_path / "green.tif", "r+") as dataset:
        mask = np.full(RAMP.shape, 255, dtype="uint8")
        mask[20:40, 20:40] = 0
        dataset.write_mask(mask)
    scene = open_scene([f"red={tmp_path}/red.tif", f"green={tmp_path}/green.tif"])
    green = scene.read(["green"], scene.extent)[0]
    assert np.isnan(green[22:38, 22:38]).all()
    assert np.isfinite(green[2:18, 2:18]).all()


def test_described_bands_and_sensor_names(tmp_path):
    path = write(tmp_path / "s2.tif", np.stack([RAMP, RAMP, RAMP]))
    with rasterio.open(path, "r+") as dataset:
        for index, text in enumerate(("B04", "B03", "B8A"), start=1):
            dataset.set_band_description(index, text)
    assert open_scene(path).names == ("red", "green", "nir08")
    assert open_scene([f"nir08={path}"]).bands[0].index == 3
    both = open_scene([str(path), f"pre={path}"])
    assert both.names == ("red", "green", "nir08", "pre_red", "pre_green", "pre_nir08")
    with pytest.raises(MissingBandError, match="none is described as blue"):
        open_scene([f"blue={path}"])


def test_the_first_optical_band_of_the_event_fixes_the_grid(tmp_path):
    write(tmp_path / "dem.tif", RAMP, size=30.0)
    write(tmp_path / "pre.tif", RAMP, origin=(500005, 4700005))
    write(tmp_path / "red.tif", RAMP)
    scene = open_scene([f"elevation={tmp_path}/dem.tif", f"pre_red={tmp_path}/pre.tif", f"red={tmp_path}/red.tif"])
    assert scene.geobox.transform.c == 500000
    assert scene.dem == tmp_path / "dem.tif"


def test_area_of_interest(tmp_path):
    write(tmp_path / "red.tif", RAMP)
    area = gpd.GeoDataFrame(geometry=[box(500100, 4699600, 500300, 4699900)], crs="EPSG:32654")
    area.to_crs("EPSG:4326").to_file(tmp_path / "aoi.gpkg")
    scene = open_scene([f"red={tmp_path}/red.tif"], aoi=tmp_path / "aoi.gpkg")
    assert scene.inside_aoi(scene.extent).sum() == 20 * 30
    assert scene.read_valid(Block(5, 8, 10, 10)).sum() == 5 * 8


def test_shadow_is_known_where_day_and_elevation_are(simulated):
    plain = open_scene(simulated.sources, dem=simulated.dem)
    dated = open_scene(simulated.sources, dem=simulated.dem, date=date(2018, 12, 20))
    codes = dated.read_visibility(dated.extent)
    assert (codes == Visibility.TERRAIN_SHADOW).any()
    assert not (plain.read_visibility(plain.extent) == Visibility.TERRAIN_SHADOW).any()


def far(tmp_path):
    write(tmp_path / "red.tif", RAMP)
    return write(tmp_path / "far.tif", RAMP, origin=(700000, 1000000))


def beside(tmp_path):
    """A raster that shares an edge with the others, and no ground."""
    return write(tmp_path / "beside.tif", RAMP, origin=(500500, 4700000))


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda t: ([f"red={t}/none.tif"], {}), SourceNotFoundError, r"none\.tif: no such file"),
        (lambda t: ([], {}), ParameterError, "no source given"),
        (lambda t: ([f"purple={write(t / 'a.tif', RAMP)}"], {}), UnknownBandError, "'purple'"),
        (lambda t: ([str(write(t / "a.tif", RAMP))], {}), UnknownBandError, "have no descriptions"),
        (lambda t: ([f"red={write(t / 'a.tif', RAMP)}", f"B4={t}/a.tif"], {}), ParameterError, "red is given twice"),
        (lambda t: ([f"red={write(t / 'a.tif', RAMP, crs=None)}"], {}), MissingCRSError, r"a\.tif.*no CRS"),
        (lambda t: ([f"pre_red={write(t / 'a.tif', RAMP)}"], {}), MissingBandError, "only pre_red"),
        (lambda t: ([f"green={far(t)}", f"red={t}/red.tif"], {}), NoOverlapError, "does not overlap green"),
        (
            lambda t: ([f"red={write(t / 'a.tif', RAMP)}", f"green={beside(t)}"], {}),
            NoOverlapError,
            "green does not overlap red",
        ),
        (lambda t: ([f"red={write(t / 'a.tif', RAMP)}"], {"dem": far(t)}), NoOverlapError, "elevation model does not"),
        (lambda t: ([f"red={write(t / 'a.tif', RAMP)}"], {"dem": t / "no.tif"}), SourceNotFoundError, "elevation"),
    ],
)  # fmt: skip
def test_what_cannot_be_opened_is_named(tmp_path, make, error, words):
    sources, options = make(tmp_path)
    with pytest.raises(error, match=words) as raised:
        open_scene(sources, **options)
    assert "\n" not in str(raised.value)


def test_a_file_that_is_no_raster_is_named(tmp_path):
    (tmp_path / "red.tif").write_text("not a raster")
    with pytest.raises(UnreadableRasterError, match=r"red\.tif"):
        open_scene([f"red={tmp_path}/red.tif"])


@pytest.mark.parametrize(
    ("frame", "error", "words"),
    [
        (gpd.GeoDataFrame(geometry=[], crs="EPSG:4326"), EmptyAOIError, "holds no polygon"),
        (gpd.GeoDataFrame(geometry=[Point(1, 1)], crs="EPSG:4326"), EmptyAOIError, "holds no polygon"),
        (gpd.GeoDataFrame(geometry=[box(0, 0, 1, 1)], crs="EPSG:4326"), EmptyAOIError, "lies outside the scene"),
        (gpd.GeoDataFrame(geometry=[box(0, 0, 1, 1)]), InventoryError, "has no CRS"),
    ],
)
def test_a_useless_area_of_interest_is_named(tmp_path, frame, error, words):
    write(tmp_path / "red.tif", RAMP)
    frame.to_file(tmp_path / "aoi.gpkg")
    with pytest.raises(error, match=words):
        open_scene([f"red={tmp_path}/red.tif"], aoi=tmp_path / "aoi.gpkg")


def test_a_scene_with_other_bands_does_not_read_the_files_of_the_first(simulated):
    scene = open_scene(simulated.sources)
    block = Block(100, 100, 8, 8)
    red, nir = scene.read(["red"], block), scene.read(["nir"], block)
    swapped = {"red": "nir", "nir": "red"}
    other = replace(scene, bands=tuple(replace(band, name=swapped.get(band.name, band.name)) for band in scene.bands))
    assert (other.read(["red"], block) == nir).all()
    assert (scene.read(["red"], block) == red).all()


@pytest.mark.parametrize("pixel", [10, 20])
def test_a_file_of_several_bands_is_opened_once_for_all_of_them(tmp_path, monkeypatch, pixel):
    """Else each band unpacks the tiles that hold all of them again."""
    path = write_raster(tmp_path / "bands.tif", np.arange(3 * 40 * 50, dtype=np.float32).reshape(3, 40, 50))
    with rasterio.open(path) as dataset:
        geobox = GeoBox.from_rio(dataset)
    with rasterio.open(path, "r+") as dataset:
        dataset.transform = from_origin(500_000, 4_700_000, pixel, pixel)
    block = Block(0, 0, 40, 50)
    opened = []
    monkeypatch.setattr("landslide_geo.scene.reader.open_raster", lambda p, **k: opened.append(p) or open_raster(p))
    bands = [BandSource(f"b{index}", path, index) for index in (1, 3, 2)]
    with BandReader(bands, geobox) as reader:
        together = reader.read(block)
    assert opened == [path]
    for band, read in zip(bands, together, strict=True):
        with BandReader([band], geobox) as alone:
            np.testing.assert_array_equal(read, alone.read(block)[0])
    assert not np.array_equal(together[0], together[1])


@settings(max_examples=15, deadline=None)
@given(st.integers(-30, 70), st.integers(-30, 70), st.integers(1, 90), st.integers(1, 90))
def test_terrain_is_made_of_the_elevation_model_the_same_in_whatever_block(tmp_path_factory, row, col, height, width):
    folder = tmp_path_factory.mktemp("terrain")
    rng = np.random.default_rng(0)
    rough = (900 + 40 * rng.random((70, 60))).astype("float32")
    scene = open_scene(
        [f"red={write(folder / 'red.tif', np.ones((70, 60), 'uint16'))}"], dem=write(folder / "dem.tif", rough)
    )
    names = ["slope", "red", "aspect", "curvature", "relief"]
    whole = scene.read(names, scene.extent)
    np.testing.assert_array_equal(whole[0], slope_degrees(rough, (10.0, 10.0)))
    np.testing.assert_array_equal(whole[4], relief(rough, (10.0, 10.0)))
    block = Block(row, col, height, width)
    part = block.clipped(70, 60)
    values = scene.read(names, block)
    assert values.shape == (5, height, width) and values.dtype == np.float32
    np.testing.assert_array_equal(values[(slice(None), *part.inside(block))], whole[(slice(None), *part.slices)])
    assert np.isfinite(values[0]).sum() == part.height * part.width


def test_a_slope_of_ones_own_is_taken_as_it_is(tmp_path):
    red, own = np.ones((20, 20), "uint16"), np.full((20, 20), 33, "float32")
    scene = open_scene(
        [f"red={write(tmp_path / 'red.tif', red)}", f"slope={write(tmp_path / 'slope.tif', own)}"],
        dem=write(tmp_path / "dem.tif", np.full((20, 20), 7, "float32")),
    )
    slope, aspect = scene.read(["slope", "aspect"], scene.extent)
    assert (slope == 33).all()
    assert (aspect == 0).all(), "flat ground faces nowhere; networks take a number"


@pytest.mark.parametrize("descriptions", [("VV_dB", "VH_dB"), ("Gamma0_VV", "Gamma0_VH"), ("vv", "vh")])
def test_radar_of_a_pass_is_one_word(tmp_path, descriptions):
    path = tmp_path / "s1.tif"
    write(path, np.stack([np.full((9, 9), value, "float32") for value in (-9, -16)]))
    with rasterio.open(path, "r+") as dataset:
        dataset.descriptions = descriptions
    red = f"red={write(tmp_path / 'red.tif', np.ones((9, 9), 'uint16'))}"
    scene = open_scene([red, f"asc={path}", f"pre_desc={path}"])
    assert scene.names == ("red", "vv_asc", "vh_asc", "pre_vv_desc", "pre_vh_desc")
    assert scene.read(["vh_asc", "pre_vv_desc"], Block(4, 4, 1, 1)).ravel().tolist() == [-16, -9]
    assert open_scene([red, f"pre_vh_asc={path}"]).bands[1] == BandSource("pre_vh_asc", path, 2)


def test_radar_without_polarisations_is_named(tmp_path):
    path = write(tmp_path / "s1.tif", np.zeros((2, 9, 9), "float32"))
    red = f"red={write(tmp_path / 'red.tif', np.ones((9, 9), 'uint16'))}"
    with pytest.raises(MissingBandError, match=r"s1\.tif: none of its bands is described as VV or VH.*vv_asc=FILE"):
        open_scene([red, f"asc={path}"])
