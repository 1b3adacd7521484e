"""Chips cut from a scene: what their masks claim to know, and that splits share no ground."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from rasters import CRS, NORTH, PIXEL, WEST, write_raster

from landslide_geo import open_scene
from landslide_geo.bands import TERRAIN
from landslide_geo.chips.cut import Labeller, Labels, batches, doubting_small, places
from landslide_geo.chips.store import UNKNOWN
from landslide_geo.config import ChipParams
from landslide_geo.errors import MissingBandError, ParameterError
from landslide_geo.scene.grid import Block
from landslide_geo.scene.scene import Scene
from landslide_geo.scene.terrain import aspect_degrees, curvature, relief, slope_degrees

SIZE = 16
GREEN = 900  # digital numbers of clear ground


def rectangle(row: float, col: float, rows: float, cols: float) -> shapely.Polygon:
    """Of pixels."""
    left, top = WEST + PIXEL * col, NORTH - PIXEL * row
    return shapely.box(left, top - PIXEL * rows, left + PIXEL * cols, top)


def shapes(*found: shapely.Geometry) -> np.ndarray:
    return np.array(found, dtype=object)


def scene_of(folder: Path, height: int = 96, width: int = 128, *, hole: tuple[slice, slice] | None = None) -> Scene:
    values = np.full((1, height, width), GREEN, dtype=np.uint16)
    if hole is not None:
        values[0][hole] = 0
    rows, _ = np.mgrid[:height, :width]
    dem = write_raster(folder / "dem.tif", (1000 - PIXEL * rows).astype(np.float32)[None])
    sources = [f"{name}={write_raster(folder / f'{name}.tif', values, nodata=0)}" for name in ("green", "red")]
    return open_scene(sources, dem=dem, name="place")


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return scene_of(tmp_path_factory.mktemp("scene"))


def test_a_mask_claims_to_know_what_was_looked_at_and_what_was_decided(scene: Scene) -> None:
    labels = Labels(
        landslides=shapes(rectangle(2, 2, 3, 3), rectangle(2, 60, 2, 2), rectangle(12, 12, 2, 2)),
        looked=rectangle(0, 0, 96, 40),
        rejected=shapes(rectangle(20, 10, 4, 4), rectangle(20, 70, 2, 5), rectangle(11, 11, 4, 4)),
        reasons=("field", "road", "quarry"),
        unsure=shapes(rectangle(40, 20, 5, 5)),
    )
    mask, reasons = Labeller(scene, labels).mask(scene.extent)
    expected = np.full((96, 128), UNKNOWN, dtype=np.uint8)
    expected[:, :40] = 0  # looked through
    expected[40:45, 20:25] = UNKNOWN  # nobody judged it
    expected[20:22, 70:75] = 0  # rejected, wherever it is
    expected[2:5, 2:5] = expected[2:4, 60:62] = expected[12:14, 12:14] = 1  # a landslide, inside a rejected one too
    assert np.array_equal(mask, expected)
    assert reasons == ("field", "quarry", "road")


@given(st.integers(-8, 100), st.integers(-8, 130), st.integers(1, 40), st.integers(1, 40))
def test_a_mask_does_not_depend_on_the_block(scene: Scene, row: int, col: int, height: int, width: int) -> None:
    labels = Labels(
        shapes(rectangle(5, 5, 30, 20), shapely.Point(WEST + 600, NORTH - 500).buffer(130)),
        shapely.Point(WEST + 500, NORTH - 400).buffer(410),
        shapes(rectangle(60, 60, 9, 9)),
        ("field",),
    )
    whole, _ = Labeller(scene, labels).mask(Block(-50, -50, 200, 250))
    block = Block(row, col, height, width)
    assert np.array_equal(
        Labeller(scene, labels).mask(block)[0], whole[row + 50 : row + 50 + height, col + 50 : col + 50 + width]
    )


@settings(max_examples=30)
@given(
    st.integers(0, 99),
    st.sampled_from([5, 8, SIZE]),
    st.sampled_from([160.0, 330.0, 640.0]),
    st.sampled_from([(0.2, 0.0), (0.3, 0.3), (0.0, 0.5)]),
)
def test_splits_share_no_pixel(
    scene: Scene, seed: int, stride: int, block_m: float, shares: tuple[float, float]
) -> None:
    params = ChipParams(
        size=SIZE, stride=stride, block_m=block_m, validation=shares[0], test=shares[1], seed=seed, negatives=9
    )
    labels = Labels(shapes(rectangle(4, 4, 30, 60), rectangle(60, 90, 9, 30)), None)
    chosen = places(scene, labels, params)
    owner = np.full((96, 128), "", dtype="<U12")
    for place in chosen:
        held = owner[place.block.slices]
        assert np.isin(held, ["", place.split]).all()
        held[...] = place.split
    assert len({(place.square, place.split) for place in chosen}) == len({place.square for place in chosen})
    assert any(place.split == "train" for place in chosen)
    assert chosen == places(scene, labels, params)


def test_negatives_are_as_many_as_asked_for_and_decided_ground_comes_on_top(scene: Scene) -> None:
    labels = Labels(
        shapes(rectangle(0, 0, 10, 2 * SIZE)), None, shapes(rectangle(50, 50, 4, 4), rectangle(51, 51, 2, 2)),
        ("field", "road"),
    )  # fmt: skip
    for ratio, count in ((0, 0), (1, 2), (2.5, 5), (1e3, 48 - 3)):
        chosen = places(scene, labels, ChipParams(size=SIZE, negatives=ratio))
        assert [place.landslide for place in chosen].count(True) == 2
        assert [place.reasons for place in chosen if place.reasons] == [("field", "road")]
        assert len(chosen) == 3 + count
    drawn = {
        tuple(place.block for place in places(scene, labels, ChipParams(size=SIZE, seed=seed))) for seed in range(8)
    }
    assert len(drawn) > 1


def test_ground_that_nobody_looked_at_makes_no_negative(scene: Scene) -> None:
    labels = Labels(shapes(rectangle(80, 100, 3, 3)), rectangle(0, 0, 2 * SIZE, SIZE + 7))
    chosen = places(scene, labels, ChipParams(size=SIZE, negatives=100, min_known=0.5))
    assert {(place.block.row, place.block.col) for place in chosen if not place.landslide} == {(0, 0), (SIZE, 0)}
    assert [(place.block.row, place.block.col) for place in chosen if place.landslide] == [(80, 96)]


def test_rejected_ground_is_taken_though_nobody_looked_around_it(scene: Scene) -> None:
    labels = Labels(shapes(), rectangle(0, 0, 1, 1), shapes(rectangle(20, 20, 3, 3)), ("road",))
    params = ChipParams(size=SIZE)
    (found,) = batches(scene, labels, places(scene, labels, params), ("red",), params)
    assert found["reason"].to_numpy().tolist() == ["road"]
    assert (found["mask"] == 0).sum() == 9


def test_images_are_in_physical_units_and_unseen_ground_is_unknown(tmp_path: Path) -> None:
    scene = scene_of(tmp_path, hole=(slice(0, 6), slice(0, SIZE)))
    labels = Labels(shapes(rectangle(0, 0, 10, 10)), None)
    params = ChipParams(size=SIZE, negatives=0)
    (found,) = batches(scene, labels, places(scene, labels, params), ("red", "slope", "elevation"), params)
    image, mask = found["image"].to_numpy()[0], found["mask"].to_numpy()[0]
    assert found.attrs["units"] == ["reflectance", "degrees", "m"]
    assert found.attrs["gsd_m"] == PIXEL
    assert found.attrs["crs"] == CRS
    assert np.isnan(image[:, :6]).all()
    assert (mask[:6] == UNKNOWN).all()
    assert (mask[6:10, :10] == 1).all()
    assert (mask[10:] == 0).all()
    np.testing.assert_allclose(image[0, 6:], GREEN * 1e-4, rtol=1e-6)
    np.testing.assert_allclose(image[1, 6:], 45, rtol=1e-5)
    np.testing.assert_allclose(image[2, 6:], (1000 - PIXEL * np.arange(6, SIZE))[:, None].repeat(SIZE, 1))
    assert found["id"].item() == "place_000000_000000"
    assert found["source"].item() == "place"


def test_a_chip_of_which_nothing_was_seen_is_left_out(tmp_path: Path) -> None:
    scene = scene_of(tmp_path, hole=(slice(0, SIZE), slice(0, SIZE)))
    labels = Labels(shapes(rectangle(0, 0, 10, 2 * SIZE)), None)
    params = ChipParams(size=SIZE, negatives=0)
    (found,) = batches(scene, labels, places(scene, labels, params), ("red",), params)
    assert found["id"].to_numpy().tolist() == ["place_000000_000016"]


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (ChipParams(size=97), "96 × 128 pixels holds no chip of 97"),
        (ChipParams(size=16, stride=17), "stride 17 leaves gaps"),
        (ChipParams(size=16, validation=0.6, test=0.4), "nothing to train on"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(scene: Scene, params: ChipParams, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        places(scene, Labels(shapes(), None), params)


def test_a_band_that_is_not_there_is_named(scene: Scene) -> None:
    labels, params = Labels(shapes(rectangle(0, 0, 9, 9)), None), ChipParams(size=SIZE)
    for band in ("nir", "vv_asc"):
        with pytest.raises(MissingBandError, match=f"need band {band}, .*it has green, red; .* elevation, slope, asp"):
            next(batches(scene, labels, places(scene, labels, params), ("red", band), params))


def test_terrain_of_a_chip_is_that_of_the_scene(tmp_path: Path) -> None:
    """Chips see the ground around them: where two meet there is no seam."""
    rows, cols = np.mgrid[:160, :160] * PIXEL
    hills = (900 + 80 * np.sin(rows / 170) * np.cos(cols / 230) + 0.1 * cols).astype(np.float32)
    hills[100:110, 20:30] = hills[100, 20]  # a terrace, which faces nowhere
    dem = write_raster(tmp_path / "dem.tif", hills[None])
    alone = open_scene(f"elevation={dem}", terrain_only=True, name="hills")
    params = ChipParams(size=SIZE, negatives=0)
    labels = Labels(shapes(rectangle(0, 0, 160, 160)), None)
    (found,) = batches(alone, labels, places(alone, labels, params)[:64], TERRAIN, params)
    whole = {
        "elevation": hills,
        "slope": slope_degrees(hills, (PIXEL, PIXEL)),
        "aspect": np.nan_to_num(aspect_degrees(hills, (PIXEL, PIXEL))),
        "curvature": curvature(hills, (PIXEL, PIXEL)),
        "relief": relief(hills, (PIXEL, PIXEL)),
    }
    assert found.attrs["units"] == ["m", "degrees", "degrees clockwise from north", "1/m", "m"]
    for name, image in zip(found["id"].to_numpy(), found["image"].to_numpy(), strict=True):
        row, col = (int(part) for part in name.rsplit("_", 2)[1:])
        for band, values in zip(TERRAIN, image, strict=True):
            expected = whole[band][row : row + SIZE, col : col + SIZE]
            np.testing.assert_allclose(values, expected, rtol=1e-5, atol=1e-5, err_msg=f"{band} of {name}")


def test_ground_of_outlines_smaller_than_a_pixel_is_unknown(scene: Scene) -> None:
    within = rectangle(10.1, 10.1, 0.3, 0.3)
    across = rectangle(20.6, 20.6, 0.8, 0.8)  # touches four pixels and holds no centre
    labels = Labels(shapes(within, across, rectangle(30, 30, 2, 2), rectangle(-50, -50, 0.3, 0.3)), None)
    doubted, count = doubting_small(scene, labels)
    assert count == 2, "those that lie elsewhere are no matter of this scene"
    expected = np.zeros((96, 128), dtype=np.uint8)
    expected[10, 10] = expected[20:22, 20:22] = UNKNOWN
    expected[30:32, 30:32] = 1
    assert np.array_equal(Labeller(scene, doubted).mask(scene.extent)[0], expected)
    large = Labels(shapes(rectangle(30, 30, 2, 2)), None)
    assert doubting_small(scene, large) == (large, 0)


@settings(max_examples=30)
@given(st.floats(0, 90), st.floats(0, 120), st.floats(0.05, 6), st.floats(0.05, 6))
def test_every_outline_leaves_a_trace(scene: Scene, row: float, col: float, height: float, width: float) -> None:
    labels, count = doubting_small(scene, Labels(shapes(rectangle(row, col, height, width)), None))
    mask, _ = Labeller(scene, labels).mask(scene.extent)
    assert (mask == UNKNOWN).any() == (count == 1)
    assert (mask == 1).any() == (count == 0)


def test_clouds_hide_nothing_from_radar(tmp_path: Path) -> None:
    red = np.full((1, 32, 32), GREEN, np.float32)
    radar = np.full((1, 32, 32), -12, np.float32)
    red[0, :4], radar[0, :, :2] = np.nan, np.nan
    sources = [f"{name}={write_raster(tmp_path / f'{name}.tif', band)}" for name, band in
               (("red", red), ("green", red), ("vv_asc", radar))]  # fmt: skip
    scene = open_scene(sources, name="place")
    labels = Labels(shapes(rectangle(0, 0, 8, 8)), None)
    params = ChipParams(size=32, validation=0.0, min_known=0.1)
    chosen = places(scene, labels, params)

    def cut(*bands: str) -> tuple[np.ndarray, np.ndarray]:
        (made,) = batches(scene, labels, chosen, bands, params)
        return made["image"].to_numpy()[0], made["mask"].to_numpy()[0]

    image, mask = cut("red", "green", "vv_asc")
    assert (mask == UNKNOWN).sum() == 4 * 2, "where neither sees the ground"
    assert (mask == 1).sum() == 8 * 8 - 4 * 2
    assert np.isnan(image[:2, :4]).all()
    assert np.isfinite(image[:2, 4:]).all()
    assert np.isfinite(image[2, :, 2:]).all()
    _, alone = cut("red", "green")
    assert (alone == UNKNOWN).sum() == 4 * 32, "with one sensor all of its bands are needed"
