"""`predict_raster` over rasters of any size, type and kind of hole is the direct computation."""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pytest
import shapely
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from rasters import CRS, NORTH, PIXEL, WEST, assert_exact, least_memory_mb, linear, over, read_raster, write_raster

from landslide_geo import open_scene, predict_raster

FLOATS = ("float32", "float64")
TYPES = ("uint8", "int16", "uint16", "int32", *FLOATS)


@dataclass(frozen=True)
class Case:
    """A raster as it is stored, where it is valid, and how to scan it."""

    values: np.ndarray
    valid: np.ndarray
    nodata: float | None
    mask: np.ndarray | None
    settings: dict[str, int]


def values_of(dtype: str, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Neither 0, which would pass unnoticed, nor a number that stands for nodata here."""
    if dtype in FLOATS:
        return rng.normal(size=shape).astype(dtype)
    top = min(np.iinfo(dtype).max, 30_000)
    return rng.integers(1, top - 1, size=shape, endpoint=True).astype(dtype)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    window = draw(st.integers(1, 24))
    # Sizes around multiples of the window: smaller than one, one exactly, one pixel more, and anything else.
    length = st.one_of(st.integers(1, 60), st.sampled_from([1, window, window + 1, 2 * window, 2 * window + 1]))
    height, width, bands = draw(length), draw(length), draw(st.integers(1, 4))
    dtype = draw(st.sampled_from(TYPES))
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    values = values_of(dtype, (bands, height, width), rng)
    kinds = ["none", "numeric", "lowest", "mask band"] + (["NaN", "infinity"] if dtype in FLOATS else [])
    kind = draw(st.sampled_from(kinds))
    share = draw(st.sampled_from([0.02, 0.5, 0.97, 1.0]))
    holes = rng.random((bands, height, width)) < share
    nodata, mask = None, None
    if kind == "none":
        holes[:] = False
    elif kind == "mask band":
        holes[:] = holes[0]
        mask = ~holes[0]
    else:
        lowest = np.finfo(dtype).min if dtype in FLOATS else np.iinfo(dtype).min
        nodata = {"numeric": 77.0 if dtype not in FLOATS else -9999.0, "lowest": float(lowest)}.get(kind, np.nan)
        if dtype not in FLOATS:
            values[values == 77] = 78
        values[holes] = np.inf if kind == "infinity" else nodata
    return Case(
        values,
        ~holes.any(axis=0),
        nodata,
        mask,
        {
            "window": window,
            "overlap": draw(st.one_of(st.just(0), st.integers(0, window - 1))),
            "batch_size": draw(st.integers(1, 9)),
            "memory_mb": draw(st.sampled_from([64, 256, 4096])),
        },
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("properties")


@settings(max_examples=120, derandomize=True)
@given(case=cases())
def test_a_per_pixel_model_is_exact_wherever_the_raster_is_valid_and_nan_elsewhere(case, folder):
    source = write_raster(folder / "in.tif", case.values, nodata=case.nodata, mask=case.mask)
    tally = predict_raster(source, linear, folder / "out.tif", progress=False, **case.settings)
    assert_exact(read_raster(folder / "out.tif"), over(case.values, case.valid))
    assert tally.run + sum(tally.skipped.values()) == tally.total


@st.composite
def areas(draw: st.DrawFn) -> tuple[tuple[int, int], shapely.Polygon]:
    """A size of scene in pixels, and a triangle around one of its pixels; its corners may lie outside the scene."""
    height, width = draw(st.integers(8, 60)), draw(st.integers(8, 60))
    row, col = draw(st.integers(1, height - 1)), draw(st.integers(1, width - 1))
    around = shapely.Polygon([(col - 1.1, row - 1.1), (col + 1.7, row - 0.9), (col - 0.9, row + 1.6)])
    corner = st.tuples(st.integers(-10, width + 10), st.integers(-10, height + 10))
    area = shapely.convex_hull(shapely.union(around, shapely.MultiPoint([draw(corner), draw(corner)])))
    # Whether a pixel centre on the very outline counts is nobody's business.
    assume(shapely.distance(area.exterior, shapely.points(*centres(height, width))).min() > 1e-3)
    return (height, width), area


def centres(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    return x, y


@settings(max_examples=25, derandomize=True)
@given(area=areas(), window=st.integers(1, 24), data=st.data())
def test_inside_an_area_of_interest_it_is_exact_and_outside_it_is_nan(area, window, data, folder):
    (height, width), inside = area
    rng = np.random.default_rng(height * width)
    values = rng.integers(1, 255, size=(3, height, width), endpoint=True).astype("uint8")
    known = rng.random((height, width)) > 0.1
    values[:, ~known] = 0
    names = ("red", "green", "blue")
    sources = [
        f"{name}={write_raster(folder / f'{name}.tif', band[None], nodata=0)}"
        for name, band in zip(names, values, strict=True)
    ]

    def to_metres(xy: np.ndarray) -> np.ndarray:
        return np.column_stack([WEST + PIXEL * xy[:, 0], NORTH - PIXEL * xy[:, 1]])

    metres = shapely.transform(inside, to_metres)
    gpd.GeoDataFrame(geometry=[metres], crs=CRS).to_file(folder / "aoi.gpkg")
    scene = open_scene(sources, aoi=folder / "aoi.gpkg")
    try:
        predict_raster(
            scene,
            linear,
            folder / "out.tif",
            window=window,
            overlap=data.draw(st.integers(0, window - 1)),
            batch_size=data.draw(st.integers(1, 9)),
            progress=False,
        )
    finally:
        scene.close()
    valid = known & shapely.contains_xy(inside, *centres(height, width))
    assert_exact(read_raster(folder / "out.tif"), over(values, valid))


@pytest.fixture(scope="module")
def network():
    """A small convolutional network whose every output depends on 15 × 15 pixels."""
    torch.manual_seed(0)
    layers = torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 5, padding=2),
        torch.nn.BatchNorm2d(8),
        torch.nn.ReLU(),
        torch.nn.Conv2d(8, 8, 7, padding=3),
        torch.nn.ReLU(),
        torch.nn.Conv2d(8, 2, 5, padding=2),
        torch.nn.Sigmoid(),
    ).eval()

    def predict(batch: np.ndarray) -> np.ndarray:
        assert np.isfinite(batch).all()
        with torch.inference_mode():
            return layers(torch.from_numpy(batch)).numpy()

    return predict


@pytest.fixture(scope="module")
def wide(folder):
    """A raster much wider than high, with holes; a row of windows over it takes some megabytes."""
    rng = np.random.default_rng(5)
    values = rng.normal(size=(3, 90, 3000)).astype("float32")
    values[:, rng.random((90, 3000)) < 0.001] = np.nan
    values[:, 30:60, 1000:1400] = np.nan
    return write_raster(folder / "wide.tif", values, nodata=np.nan, block=256)


SETTINGS = {"window": 64, "overlap": 24}


@pytest.fixture(scope="module")
def reference(wide, network, folder):
    predict_raster(wide, network, folder / "reference.tif", batch_size=4, progress=False, **SETTINGS)
    return read_raster(folder / "reference.tif")


@pytest.mark.parametrize("batch_size", [1, 3, 8, 64])
def test_batch_sizes_agree(batch_size, wide, network, reference, folder):
    predict_raster(wide, network, folder / "batch.tif", batch_size=batch_size, progress=False, **SETTINGS)
    np.testing.assert_allclose(read_raster(folder / "batch.tif"), reference, atol=1e-5, rtol=0)


@pytest.mark.parametrize("memory_mb", ["least", 64, 4096])
def test_memory_budgets_agree(memory_mb, wide, network, reference, folder):
    if memory_mb == "least":
        memory_mb = least_memory_mb(wide, folder / "least.tif", batch_size=4, **SETTINGS)
    predict_raster(wide, network, folder / "budget.tif", batch_size=4, memory_mb=memory_mb, progress=False, **SETTINGS)
    np.testing.assert_allclose(read_raster(folder / "budget.tif"), reference, atol=1e-5, rtol=0)


def test_the_same_settings_give_the_same_bytes(wide, network, folder):
    for name in ("first", "second"):
        predict_raster(wide, network, folder / f"{name}.tif", batch_size=4, progress=False, **SETTINGS)
    assert (folder / "first.tif").read_bytes() == (folder / "second.tif").read_bytes()
