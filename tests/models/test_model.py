"""Calibration and the rule in closed form."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from landslide_geo.errors import ParameterError
from landslide_geo.models import build, calibrated, load_model
from landslide_geo.models.manifest import Calibration

PLATT = Calibration(slope=1.3, intercept=-0.7, prevalence=0.04, data="none")
probabilities = arrays(np.float32, st.integers(1, 30), elements=st.floats(0, 1, width=32))


def logit(p: float) -> float:
    return float(np.log(p / (1 - p)))


def test_platt_scales_and_shifts_the_logit() -> None:
    found = calibrated(np.array([0.5, 0.9], np.float32), PLATT)
    assert [logit(p) for p in found.tolist()] == pytest.approx([-0.7, 1.3 * logit(0.9) - 0.7], abs=1e-5)


def test_the_prevalence_as_prior_changes_nothing() -> None:
    p = np.linspace(0, 1, 11, dtype=np.float32)
    np.testing.assert_allclose(calibrated(p, PLATT, 0.04), calibrated(p, PLATT), rtol=1e-6)


def test_a_prior_multiplies_the_odds() -> None:
    p = np.array([0.3], np.float32)
    odds = [float(q / (1 - q)) for q in (calibrated(p, PLATT, 0.01)[0], calibrated(p, PLATT)[0])]
    assert odds[0] / odds[1] == pytest.approx((0.01 / 0.99) / (0.04 / 0.96), rel=1e-4)


@given(p=probabilities, prior=st.none() | st.floats(1e-6, 0.999))
def test_calibration_keeps_order_and_range(p: np.ndarray, prior: float | None) -> None:
    found = calibrated(p, PLATT, prior)
    assert found.dtype == np.float32
    assert ((found >= 0) & (found <= 1)).all()
    order = np.argsort(p, kind="stable")
    assert (np.diff(found[order]) >= 0).all()


def test_nan_stays_nan_and_priors_are_shares() -> None:
    assert np.isnan(calibrated(np.array([np.nan], np.float32), PLATT)).all()
    with pytest.raises(ParameterError, match="prior"):
        calibrated(np.array([0.5], np.float32), PLATT, 1.0)


def test_the_rule_is_a_logistic_of_red_minus_green() -> None:
    model = load_model("red_minus_green")
    arguments = model.manifest.arguments
    batch = np.random.default_rng(0).normal(0, 2, (1, 3, 32, 32)).astype(np.float32)
    score = arguments["slope"] * (batch[:, :1] - batch[:, 1:2]) + arguments["intercept"]
    np.testing.assert_allclose(model.probabilities(batch), 1 / (1 + np.exp(-score)), atol=1e-6)


def test_wrong_bands_and_architectures_are_said() -> None:
    with pytest.raises(ParameterError, match=r"takes \(N, 3, H, W\)"):
        load_model("red_minus_green").probabilities(np.zeros((1, 4, 32, 32), np.float32))
    with pytest.raises(ParameterError, match=r"'vgg' is not known; use one of unet, resnet_unet, .*, red_minus_green"):
        build("vgg", bands=3, arguments={})
    with pytest.raises(ParameterError, match="needs bands 0 and 5"):
        build("red_minus_green", bands=3, arguments={"green": 5})
