"""Faults that sliding-window tools in use today have, one test each.

With a model that looks at single pixels only, every correct stitcher is exact; so each answer is known in closed form.
The figures in the docstrings were measured on, or read from the sources of, the tools named there.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from rasters import assert_exact, linear, over, read_raster, write_raster

from landslide_geo import predict_raster
from landslide_geo.errors import LandslideError

EVERYWHERE = np.True_


def noise(height: int, width: int, *, bands: int = 1) -> np.ndarray:
    return np.random.default_rng(height * 10_000 + width).random((bands, height, width), dtype=np.float32)


@pytest.fixture
def predicted(tmp_path):
    """Writes a raster, runs a model over it and returns the result, (K, y, x)."""

    def run(values, predict=linear, *, nodata=None, mask=None, **settings):
        source = write_raster(tmp_path / "in.tif", values, nodata=nodata, mask=mask)
        settings = {"window": 256, "overlap": 64, "batch_size": 8} | settings
        predict_raster(source, predict, tmp_path / "out.tif", progress=False, **settings)
        return read_raster(tmp_path / "out.tif")

    return run


def test_no_pixel_is_wrong_anywhere(predicted):
    """geoai: the default spline blend gives 6,441 wrong pixels of 1000 × 1100, by up to 0.80."""
    values = noise(1000, 1100)
    assert_exact(predicted(values), over(values, EVERYWHERE))


def test_the_corners_are_not_zero(predicted):
    """geoai: the weights of the default blend vanish in the corners, and so do the values."""
    got = predicted(np.full((1, 300, 300), 0.8, dtype=np.float32))
    for row, col in ((0, 0), (0, -1), (-1, 0), (-1, -1)):
        assert got[0, row, col] == pytest.approx(0.8, abs=1e-7)


def test_the_outer_frame_keeps_its_values(predicted):
    """geoai: with the linear and the cosine blend the outermost pixels get weight 0 and are lost."""
    values = noise(400, 500)
    got = predicted(values)
    frame = np.ones((400, 500), dtype=bool)
    frame[1:-1, 1:-1] = False
    np.testing.assert_allclose(got[0, frame], values[0, frame], rtol=3e-7)


def test_values_are_not_rescaled_per_tile(predicted):
    """geoai: each tile is divided by its own maximum, so a dark region comes out as bright as any other."""
    values = np.full((1, 256, 512), 0.1, dtype=np.float32)
    values[:, :, 256:] = 1.0
    got = predicted(values, window=128, overlap=0)
    assert_exact(got, over(values, EVERYWHERE))
    assert got[0, :, :128].max() == pytest.approx(0.1)


def test_overlap_zero_is_not_an_empty_result(predicted):
    """terratorch: with ``delta=0`` or a stride of one window the result is an empty tensor, without a word."""
    values = noise(300, 500)
    assert_exact(predicted(values, window=100, overlap=0), over(values, EVERYWHERE))


@pytest.mark.parametrize("size", [255, 256, 257, 383, 384, 385, 447, 448, 449, 511, 512, 513])
def test_no_size_is_refused(predicted, size):
    """terratorch: some sizes around multiples of window and stride raise."""
    values = noise(size, 300)
    assert_exact(predicted(values), over(values, EVERYWHERE))


@pytest.mark.parametrize(("height", "width"), [(200, 300), (300, 200)])
def test_a_raster_smaller_than_a_window_in_one_direction_does_not_crash(predicted, height, width):
    """terratorch: 200 × 300 pixels with windows of 256 crash."""
    values = noise(height, width)
    assert_exact(predicted(values), over(values, EVERYWHERE))


def test_a_raster_smaller_than_a_window_is_not_skipped(predicted):
    """torchgeo: the sampler passes over a file that is smaller than a chip, and nothing tells."""
    values = noise(40, 30)
    assert_exact(predicted(values), over(values, EVERYWHERE))


def test_a_small_raster_does_not_come_out_as_zeros(predicted):
    """geo-inference: 100 × 100 pixels come out all zero."""
    assert (predicted(np.full((1, 100, 100), 0.5, dtype=np.float32))[0] == 0.5).all()


def test_nan_as_nodata_is_recognised(predicted):
    """geo-inference: values are compared with nodata by ==, which NaN never fulfils, so holes get values."""
    values = noise(300, 300)
    values[:, 100:150, 200:250] = np.nan
    got = predicted(values, nodata=float("nan"))
    assert_exact(got, over(values, np.isfinite(values[0])))


@pytest.mark.parametrize("kind", [RuntimeError, ValueError, MemoryError])
def test_a_failing_network_is_not_swallowed(predicted, tmp_path, kind):
    """geo-inference: exceptions are logged and swallowed; a result is written all the same."""
    calls = []

    def failing(batch):
        calls.append(1)
        if len(calls) > 1:
            raise kind("this network is broken")
        return linear(batch)

    with pytest.raises(kind, match="this network is broken"):
        predicted(noise(600, 600), failing)
    assert not (tmp_path / "out.tif").exists()


def test_a_network_that_answers_in_another_shape_is_refused(predicted, tmp_path):
    """geo-inference: an answer that does not fit fails inside a worker, and the failure is swallowed."""
    with pytest.raises(LandslideError, match="shape"):
        predicted(noise(300, 300), lambda batch: batch[:, :, ::2, ::2])
    assert [path.name for path in tmp_path.iterdir()] == ["in.tif"], "nothing half-written is left"


def test_one_nan_pixel_blanks_one_pixel(predicted):
    """DARTS: one NaN pixel can blank 12,100."""
    values = noise(400, 400, bands=2)
    values[1, 199, 230] = np.nan
    got = predicted(values)
    assert np.argwhere(np.isnan(got[0])).tolist() == [[199, 230]]
    assert_exact(got, over(values, np.isfinite(values).all(axis=0)))


def test_one_nan_pixel_does_not_blank_what_a_convolution_sees(predicted):
    """DARTS, and every tool that hands NaN on to a network: a convolution spreads it over its field of view."""
    blur = torch.nn.AvgPool2d(31, stride=1, padding=15, count_include_pad=False)

    def blurred(batch):
        return blur(torch.from_numpy(batch)).numpy()

    values = noise(400, 400)
    values[0, 199, 230] = np.nan
    assert np.argwhere(np.isnan(predicted(values, blurred)[0])).tolist() == [[199, 230]]


def test_objects_that_touch_a_window_s_rim_are_not_deleted(predicted):
    """DARTS: objects that touch the rim of a tile are deleted."""
    values = np.zeros((1, 512, 512), dtype=np.float32)
    for place in (0, 60, 64, 124, 128, 188, 192, 252, 256, 508):
        values[0, place : place + 4, place : place + 4] = 1
    got = predicted(values, window=128, overlap=64)
    assert np.array_equal(got[0] > 0.5, values[0] > 0.5)


def test_probabilities_are_not_cast_to_integers(predicted):
    """DARTS: probabilities are stored as whole percents."""
    values = np.linspace(0.1234, 0.1239, 300 * 300, dtype=np.float32).reshape(1, 300, 300)
    got = predicted(values)
    assert got.dtype == np.float32
    assert_exact(got, over(values, EVERYWHERE))


def test_overlapping_windows_are_averaged_not_maximised(predicted):
    """satproc: weighted chips are merged by their maximum, and the weights are never divided out."""
    values = np.full((1, 300, 300), 0.6, dtype=np.float32)
    assert_exact(predicted(values, overlap=128), over(values, EVERYWHERE))
    calls = []

    def disagreeing(batch):
        """0 in one window, 1 in the next."""
        calls.append(1)
        return np.full((1, 1, 256, 256), len(calls) % 2, dtype=np.float32)

    seam = predicted(noise(256, 448), disagreeing, batch_size=1)[0, :, 192:256]
    assert len(calls) >= 2
    assert ((seam > 0) & (seam < 1)).all(), "a seam is a mixture of its windows"
    assert seam.mean() == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("remainder", [1, 63, 64, 191])
def test_right_and_bottom_rims_are_not_dropped(predicted, remainder):
    """InstaGeo: what is left over on the right and at the bottom after whole windows is dropped."""
    values = noise(256 + remainder, 512 + remainder)
    got = predicted(values)
    assert got.shape[1:] == values.shape[1:]
    assert np.isfinite(got[0, -1]).all()
    assert np.isfinite(got[0, :, -1]).all()
    assert_exact(got, over(values, EVERYWHERE))


HOLES = {
    "NaN": lambda values, hole: (np.where(hole, np.nan, values), np.nan, None),
    "a number": lambda values, hole: (np.where(hole, -9999, values), -9999, None),
    "a mask band": lambda values, hole: (values, None, ~hole),
}


@pytest.mark.parametrize("kind", HOLES)
def test_a_hole_costs_no_valid_pixel_around_it_and_gets_no_value(predicted, kind):
    """A 100 × 100 hole costs MONAI and terratorch 1,236 valid pixels around it; geoai, geo-inference give it values."""
    values = noise(500, 500)
    hole = np.zeros((500, 500), dtype=bool)
    hole[190:290, 210:310] = True
    stored, nodata, mask = HOLES[kind](values, hole)
    got = predicted(stored.astype(np.float32), nodata=nodata, mask=mask)
    assert int(np.isfinite(got[0]).sum()) == 500 * 500 - 100 * 100
    assert_exact(got, over(values, ~hole))


def test_a_hole_does_not_change_what_lies_beyond_the_network_s_sight(predicted):
    """MONAI, terratorch: NaN in a window makes every pixel of its deeper layers NaN; 0 in its place stays local."""
    blur = torch.nn.AvgPool2d(5, stride=1, padding=2, count_include_pad=False)

    def blurred(batch):
        return blur(torch.from_numpy(batch)).numpy()

    values = noise(500, 500)
    whole = predicted(values, blurred)[0]
    holed = values.copy()
    holed[:, 200:300, 200:300] = np.nan
    got = predicted(holed, blurred)[0]
    beyond = np.ones((500, 500), dtype=bool)
    beyond[198:302, 198:302] = False
    np.testing.assert_array_equal(got[beyond], whole[beyond])


def test_the_last_window_shows_the_network_real_surroundings(predicted):
    """terratorch and others pad the last window by reflection, which shows the network ground that is not there."""
    height, width = 401, 530
    rows, cols = np.mgrid[:height, :width]
    values = np.stack([rows, cols]).astype(np.float32)
    seen = []

    def recording(batch):
        seen.extend(batch)
        return linear(batch)

    assert_exact(predicted(values, recording), over(values, EVERYWHERE))
    down, right = np.mgrid[:256, :256]
    corners = set()
    for row, col in seen:
        if row.any() or col.any():  # a batch is filled up with empty windows
            np.testing.assert_array_equal(row - row[0, 0], down)
            np.testing.assert_array_equal(col - col[0, 0], right)
            corners.add((int(row[0, 0]), int(col[0, 0])))
    assert (height - 256, width - 256) in corners, "the last window ends at the rim"


def test_the_rim_is_what_a_pass_over_the_whole_image_gives(predicted):
    """Reflection at the rim changes the result there; MONAI, which shifts the last window inward, has it right."""
    torch.manual_seed(0)
    network = torch.nn.Conv2d(1, 1, 7, padding=3)

    def convolved(batch):
        with torch.inference_mode():
            return network(torch.from_numpy(batch)).numpy()

    values = noise(401, 530)
    whole = convolved(values[None])[0, 0]
    got = predicted(values, convolved)[0]
    # Columns and rows far from every inner seam: there the last window alone, or its twin, decides.
    for place in (np.s_[-20:, 20:180], np.s_[20:130, -20:]):
        np.testing.assert_allclose(got[place], whole[place], atol=2e-6)
