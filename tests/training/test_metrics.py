"""Counts, thresholds and calibration against closed forms and scikit-learn-like definitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landslide_geo.errors import DatasetError
from landslide_geo.training.calibration import calibrate_histogram, expected_calibration_error, fit_platt
from landslide_geo.training.metrics import BINS, Counts, Histogram, by_cloud_cover


def histogram(probability: np.ndarray, truth: np.ndarray) -> Histogram:
    result = Histogram()
    result.add(probability.astype(np.float32), truth.astype(bool))
    return result


def test_scores_from_counts() -> None:
    counts = Counts(tp=6, fp=2, fn=4, tn=88)
    assert counts.precision == pytest.approx(0.75)
    assert counts.accuracy == pytest.approx(0.94)
    assert counts.recall == pytest.approx(0.6)
    assert counts.f1 == pytest.approx(2 * 0.75 * 0.6 / 1.35)
    assert counts.iou == pytest.approx(0.5)
    assert counts.prevalence == pytest.approx(0.1)
    assert counts.false_positive_share == pytest.approx(2 / 90)
    assert Counts(0, 0, 0, 10).f1 == 0


@given(seed=st.integers(0, 10_000), tenth=st.integers(1, 9))
def test_counts_at_a_threshold_are_those_of_the_pixels(seed: int, tenth: int) -> None:
    rng = np.random.default_rng(seed)
    probability, truth = rng.random(500, dtype=np.float32), rng.random(500) < 0.3
    threshold = tenth / 10
    called = np.minimum((probability.astype(float) * BINS).astype(int), BINS - 1) / BINS >= threshold
    found = histogram(probability, truth).at(threshold)
    assert (found.tp, found.fp) == (int((called & truth).sum()), int((called & ~truth).sum()))
    assert found.n == 500


def test_auc_is_the_share_of_ordered_pairs() -> None:
    probability = np.array([0.1, 0.4, 0.35, 0.8])
    truth = np.array([0, 0, 1, 1])
    assert histogram(probability, truth).auc() == pytest.approx(0.75)
    assert histogram(np.full(10, 0.5), np.arange(10) < 3).auc() == pytest.approx(0.5)
    assert np.isnan(histogram(probability, np.zeros(4)).auc())


def test_average_precision_in_closed_form() -> None:
    found = histogram(np.array([0.9, 0.8, 0.7, 0.6]), np.array([1, 0, 1, 0])).average_precision()
    assert found == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)


def test_the_best_threshold_separates_what_can_be_separated() -> None:
    found = histogram(np.array([0.1, 0.2, 0.61, 0.7]), np.array([0, 0, 1, 1]))
    assert found.best_threshold() == pytest.approx(0.21)
    assert found.at(found.best_threshold()).f1 == 1


def test_invalid_pixels_do_not_count() -> None:
    result = Histogram()
    result.add(np.array([0.9, 0.9], np.float32), np.array([True, False]), np.array([True, False]))
    assert result.at(0.5) == Counts(1, 0, 0, 0)


def test_platt_finds_the_logistic_that_made_the_truth() -> None:
    rng = np.random.default_rng(0)
    raw = rng.normal(-1, 2, 400_000)
    truth = rng.random(raw.size) < 1 / (1 + np.exp(-(0.5 * raw - 1)))
    before = histogram(1 / (1 + np.exp(-raw)), truth)
    found = fit_platt(before, data="simulated")
    assert found.slope == pytest.approx(0.5, abs=0.02)
    assert found.intercept == pytest.approx(-1, abs=0.02)
    assert found.prevalence == pytest.approx(truth.mean(), abs=1e-5)
    after = calibrate_histogram(before, found)
    assert expected_calibration_error(after) < 0.01 < expected_calibration_error(before)
    assert after.auc() == pytest.approx(before.auc(), abs=1e-3)


def test_calibration_needs_both_kinds_of_pixels() -> None:
    with pytest.raises(DatasetError, match="with and without landslides"):
        fit_platt(histogram(np.array([0.5]), np.array([1])), data="one patch")


@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.sampled_from([0.0, 0.09, 0.1, 0.5, 0.51, 1.0, np.nan]))))
def test_scores_by_cloud_cover_are_those_of_the_chips_in_each_group(chips: list[tuple[bool, bool, float]]) -> None:
    each = [Counts(p and t, p and not t, t and not p, not (p or t)) for p, t, _ in chips]
    cover = np.array([c for _, _, c in chips], np.float32)
    found = by_cloud_cover(each, cover)
    for name, inside in (("clear", (0.0, 0.09)), ("partly", (0.1, 0.5)), ("cloudy", (0.51, 1.0))):
        own = [(p, t) for p, t, c in chips if c in inside]
        if len({t for _, t in own}) < 2:
            assert name not in found, "one class alone has no F1"
            continue
        hits = sum(p and t for p, t in own)
        expected = 2 * hits / (sum(p for p, _ in own) + sum(t for _, t in own))
        assert found[name] == {"f1": pytest.approx(expected, abs=1e-5), "n": len(own)}
