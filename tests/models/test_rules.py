"""Rules in closed form, and what they do not depend on."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from landslide_geo.config import FixedParams, TrainParams
from landslide_geo.errors import ParameterError
from landslide_geo.models import build
from landslide_geo.models.receptive_field import measure_receptive_field
from landslide_geo.scene.indices import relative_ndvi_loss

reflectance = st.floats(0.01, 0.6)


def logits(*pixels: tuple[float, float, float, float], slope: float = 0.1, intercept: float = -3.0) -> np.ndarray:
    """Of pixels with values of pre_red, pre_nir, red and nir."""
    rule = build("rdndvi", bands=4, arguments={"slope": slope, "intercept": intercept})
    return rule(torch.tensor(pixels, dtype=torch.float32).T[None, :, :, None])[0, 0, :, 0].numpy()


def vegetation(pixel: tuple[float, float, float, float]) -> float:
    """Sum of both dates' NDVI, whose root rdNDVI is divided by: near 0 it magnifies what rounding leaves."""
    return sum((nir - red) / (nir + red) for red, nir in (pixel[:2], pixel[2:]))


def test_vegetation_that_is_gone_in_closed_form() -> None:
    # NDVI 0.6 before, 0.2 after: 100 (0.2 - 0.6) / sqrt(0.8) = -44.72
    found = logits((0.1, 0.4, 0.2, 0.3), (0.2, 0.3, 0.1, 0.4), (0.1, 0.4, 0.1, 0.4), slope=0.5, intercept=-2)
    np.testing.assert_allclose(found, [-2 + 20 / np.sqrt(0.8), -2 - 20 / np.sqrt(0.8), -2], rtol=1e-5)


@given(st.lists(st.tuples(reflectance, reflectance, reflectance, reflectance), min_size=1, max_size=20))
def test_it_is_what_rdndvi_tif_holds(pixels: list[tuple[float, float, float, float]]) -> None:
    percent = relative_ndvi_loss(*np.array(pixels, dtype=np.float32).T)
    expected = np.where(np.isfinite(percent), -3 - 0.1 * percent, -3)
    plain = np.array([vegetation(pixel) > 1e-3 or vegetation(pixel) < -1e-3 for pixel in pixels])
    np.testing.assert_allclose(logits(*pixels)[plain], expected[plain], rtol=1e-3, atol=1e-3)


@given(st.tuples(reflectance, reflectance, reflectance, reflectance), st.floats(0.1, 2e4), st.floats(0.1, 2e4))
def test_each_date_may_have_a_gain_of_its_own(
    pixel: tuple[float, float, float, float], before: float, after: float
) -> None:
    assume(vegetation(pixel) > 1e-3)
    scaled = (pixel[0] * before, pixel[1] * before, pixel[2] * after, pixel[3] * after)
    found = logits(pixel, scaled)
    assert found[1] == pytest.approx(found[0], rel=1e-2, abs=1e-2)


def test_an_offset_is_no_gain() -> None:
    forest, scar = np.array([400, 3600]), np.array([1800, 2200])
    plain, shifted = logits((*forest, *scar), (*(forest + 1000), *(scar + 1000)))
    assert plain - shifted > 1, "the 1,000 of Sentinel-2 must be taken off first"


def test_where_nothing_grew_nothing_is_lost() -> None:
    """Water, holes and dark pixels have no rdNDVI; what the network is given is finite, and so is what it answers."""
    found = logits((0.3, 0.1, 0.2, 0.1), (0, 0, 0, 0), (-0.1, 0.05, 0.1, 0.2), (0.1, 0.4, 0, 0))
    assert found[:2].tolist() == [-3, -3]
    assert np.isfinite(found).all()


def test_its_own_input_is_taken_where_none_is_named() -> None:
    own = TrainParams(architecture="rdndvi", arguments={})
    assert own.bands == ("pre_red", "pre_nir", "red", "nir")
    assert isinstance(own.normalisation, FixedParams)
    assert own.normalisation.centre == (0, 0, 0, 0)
    assert own.normalisation.scale == (1, 1, 1, 1)
    assert own.normalisation.clip[1] > 65_535, "digital numbers pass as they are"
    assert TrainParams(architecture="rdndvi", bands=("red", "nir")).bands == ("red", "nir")
    assert TrainParams().bands is None


def test_each_pixel_is_judged_by_itself() -> None:
    assert measure_receptive_field(build("rdndvi", bands=4, arguments={}), bands=4, size=64).radius_99_px == 0


def test_bands_that_are_not_there_are_named() -> None:
    with pytest.raises(ParameterError, match="rdndvi needs bands 0, 1, 2, 3, the model has 3"):
        build("rdndvi", bands=3, arguments={})
