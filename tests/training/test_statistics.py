"""Centre and scale from training chips, against what numpy says of all their pixels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from squares import chips

from landslide_geo.config import FixedParams, StretchParams
from landslide_geo.errors import DatasetError, ParameterError
from landslide_geo.training.statistics import settled

CHIPS = chips(5, 0)
VALUES = np.concatenate([CHIPS.image(i).reshape(3, -1) for i in range(5)], axis=1).astype(np.float64)


def test_mean_and_standard_deviation_are_those_of_all_pixels() -> None:
    found = settled(FixedParams(), CHIPS)
    np.testing.assert_allclose(found.centre, VALUES.mean(axis=1), rtol=1e-5)
    np.testing.assert_allclose(found.scale, VALUES.std(axis=1), rtol=1e-5)


def test_a_range_becomes_zero_to_one() -> None:
    found = settled(FixedParams(how="range"), CHIPS)
    scaled = (VALUES - np.array(found.centre)[:, None]) / np.array(found.scale)[:, None]
    assert scaled.min() == pytest.approx(0, abs=1e-5)
    assert scaled.max() == pytest.approx(1, abs=1e-5)


def test_pictures_take_the_statistics_of_imagenet_and_other_bands_their_range() -> None:
    found = settled(FixedParams(how="imagenet"), CHIPS)
    np.testing.assert_allclose(found.centre, [123.675, 116.28, 103.53])
    renamed = settled(FixedParams(how="imagenet"), replace(CHIPS, bands=("red", "elevation", "blue")))
    scaled = (VALUES[1] - renamed.centre[1]) / renamed.scale[1]
    assert (scaled.min(), scaled.max()) == (pytest.approx(-1, abs=1e-5), pytest.approx(1, abs=1e-5))


def test_sentinel_takes_the_statistics_of_bigearthnet_and_other_bands_their_own() -> None:
    names, units = ("pre_red", "vh_desc", "elevation"), ("reflectance", "dB", "m")
    found = settled(FixedParams(how="bigearthnet"), replace(CHIPS, bands=names, units=units))
    np.testing.assert_allclose(found.centre[:2], (0.05884096, -19.35256))
    np.testing.assert_allclose(found.scale[:2], (0.06845688, 5.590506))
    np.testing.assert_allclose((found.centre[2], found.scale[2]), (VALUES[2].mean(), VALUES[2].std()), rtol=1e-5)
    names, units = ("cloud_mask", "nir", "vv_asc"), ("1 on clouds", "digital number", "dB")
    empty = replace(CHIPS, images=np.zeros_like(CHIPS.images), bands=names, units=units)
    found = settled(FixedParams(how="bigearthnet"), empty)  # nothing of the chips is asked
    np.testing.assert_allclose(found.centre, (0, 2193.292, -12.64386))
    np.testing.assert_allclose(found.scale, (1, 1369.372, 5.133493))
    with pytest.raises(ParameterError, match=r"none of these bands: red .8-bit picture.*take `how: mean_std`"):
        settled(FixedParams(how="bigearthnet"), replace(CHIPS, units=("8-bit picture",) * 3))


def test_what_is_given_stays_and_what_is_local_needs_nothing() -> None:
    for params in (StretchParams(), FixedParams(centre=(1, 2, 3), scale=(1, 1, 1))):
        assert settled(params, CHIPS) is params


def test_statistics_of_other_bands_are_refused() -> None:
    for params in (StretchParams(gains=(1.0,) * 4), FixedParams(centre=(0, 0), scale=(1, 1))):
        with pytest.raises(ParameterError, match=r"squares 0 has 3 .red, green, blue.; say which `bands`"):
            settled(params, CHIPS)


def test_a_constant_band_is_named() -> None:
    flat = CHIPS.images.copy()
    flat[:, 2] = 7
    with pytest.raises(DatasetError, match="band blue is the same everywhere"):
        settled(FixedParams(), replace(CHIPS, images=flat))
    with pytest.raises(DatasetError, match="no pixel is valid"):
        settled(FixedParams(), replace(CHIPS, images=np.full_like(flat, np.nan)))


@pytest.mark.parametrize("how", ["mean_std", "range"])
def test_each_band_counts_where_it_is_known_itself(how: str) -> None:
    labelled = CHIPS.as_labelled()
    images = labelled.images.copy()
    images[0, 0] = np.nan  # a chip without the first band
    images[1, 1, :, :9] = np.nan
    images[2:, 2, 5] = np.nan
    images[3] = np.nan  # and one without any
    known = [band[np.isfinite(band)].astype(np.float64) for band in images.swapaxes(0, 1)]
    found = settled(FixedParams(how=how), replace(labelled, images=images))
    if how == "range":
        expected = [(values.min(), np.ptp(values)) for values in known]
    else:
        expected = [(values.mean(), values.std()) for values in known]
    np.testing.assert_allclose(np.transpose([found.centre, found.scale]), expected, rtol=1e-5)


def test_a_band_that_is_known_nowhere_is_named() -> None:
    images = CHIPS.images.copy()
    images[:, 1] = np.nan
    blind = replace(CHIPS.as_labelled(), images=images)
    with pytest.raises(DatasetError, match="no pixel of band green is valid; train without it"):
        settled(FixedParams(), blind)
    blind = replace(blind, bands=("elevation", "red", "slope"), units=("m", "digital number", "degrees"))
    assert settled(FixedParams(how="bigearthnet"), blind).centre[1] == pytest.approx(588.4096)
