"""Calibration: each method finds what made the truth, and a bundle can say what it found."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy.special import expit

from landslide_geo.errors import DatasetError
from landslide_geo.models.manifest import Calibration
from landslide_geo.models.model import calibrated
from landslide_geo.training.calibration import (
    FITS,
    Reliability,
    calibrate_histogram,
    decide,
    expected_calibration_error,
    fit_isotonic,
    fit_temperature,
)
from landslide_geo.training.metrics import Histogram


def drawn(truth_of: object, *, seed: int = 0, count: int = 400_000) -> Histogram:
    """Raw probabilities, and a truth that is drawn with another one."""
    rng = np.random.default_rng(seed)
    logit = rng.normal(-1, 2, count)
    found = Histogram()
    found.add(expit(logit).astype(np.float32), rng.random(count) < truth_of(logit))  # type: ignore[operator]
    return found


def test_temperature_is_found_and_has_no_intercept() -> None:
    found = fit_temperature(drawn(lambda logit: expit(logit / 2.5)), data="simulated")
    assert 1 / found.slope == pytest.approx(2.5, rel=0.02)
    assert found.intercept == 0


def test_isotonic_follows_a_curve_that_no_logistic_makes() -> None:
    histogram = drawn(lambda logit: np.where(logit > 0, 0.6, 0.1))
    found = fit_isotonic(histogram, data="simulated")
    raw = np.array([0.2, 0.4, 0.6, 0.9], np.float32)
    np.testing.assert_allclose(calibrated(raw, found), [0.1, 0.1, 0.6, 0.6], atol=0.04)
    assert expected_calibration_error(calibrate_histogram(histogram, found)) < 0.005
    by_platt = calibrate_histogram(histogram, FITS["platt"](histogram, data="simulated"))
    assert expected_calibration_error(by_platt) > 0.02


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), method=st.sampled_from(sorted(FITS)))
def test_no_method_reverses_an_order(seed: int, method: str) -> None:
    histogram = drawn(lambda logit: expit(0.7 * logit - 0.5), seed=seed, count=2000)
    found = FITS[method](histogram, data="simulated")
    values = calibrated(np.linspace(0, 1, 501, dtype=np.float32), found)
    assert (np.diff(values) >= 0).all()
    assert values.min() >= 0
    assert values.max() <= 1
    assert Calibration.model_validate_json(found.model_dump_json()) == found


def test_reliability_is_frequency_over_probability() -> None:
    found = Histogram()
    found.add(np.array([0.11, 0.12, 0.13, 0.14, 0.91], np.float32), np.array([1, 0, 0, 0, 1], bool))
    reliability = Reliability.of(found)
    np.testing.assert_allclose(reliability.frequency, [0.25, 1])
    np.testing.assert_allclose(reliability.probability, [0.125, 0.91], atol=1e-3)
    assert reliability.count.tolist() == [4, 1]
    assert reliability.error == pytest.approx((4 * 0.125 + 0.09) / 5, abs=1e-3)


def test_a_prior_moves_the_log_odds_of_every_method() -> None:
    histogram = drawn(lambda logit: expit(0.5 * logit - 1))
    for method, fit in FITS.items():
        found = fit(histogram, data="simulated")
        raw = np.array([0.3, 0.5, 0.7], np.float32)
        before, after = calibrated(raw, found).astype(float), calibrated(raw, found, 0.01).astype(float)
        odds = np.log(after / (1 - after)) - np.log(before / (1 - before))
        share = found.prevalence
        np.testing.assert_allclose(odds, np.log(0.01 / 0.99) - np.log(share / (1 - share)), atol=1e-4, err_msg=method)


def test_the_decision_says_how_it_was_made() -> None:
    histogram = drawn(lambda logit: expit(0.5 * logit - 1))
    found = decide(histogram, method="platt", data="simulated validation", tta=4).to_json()
    assert found["tta"] == 4
    assert found["threshold"]["how"] == "highest pixel F1 on simulated validation, steps of 0.01"
    assert found["calibration_error"]["after"] < found["calibration_error"]["before"]
    assert found["f1"] == pytest.approx(max(histogram.at(t).f1 for t in np.arange(0.01, 1, 0.01)), abs=0.01)


def test_one_class_alone_cannot_be_calibrated() -> None:
    for method, fit in FITS.items():
        with pytest.raises(DatasetError, match="with and without landslides"):
            fit(drawn(lambda logit: np.zeros_like(logit)), data=method)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"method": "isotonic"}, "knots belong to isotonic"),
        ({"knots": ((0.1, 0.2),)}, "knots belong to isotonic"),
        ({"method": "isotonic", "knots": ((0.5, 0.2), (0.4, 0.3))}, "do not rise"),
        ({"method": "isotonic", "knots": ((0.5, 0.2), (0.6, 0.1))}, "do not rise"),
        ({"method": "isotonic", "knots": ((0.5, 0.2), (0.6, 1.1))}, "0 to 1"),
    ],
)
def test_what_a_bundle_cannot_mean_is_refused(changes: dict[str, object], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        Calibration(prevalence=0.1, data="", **changes)  # type: ignore[arg-type]
