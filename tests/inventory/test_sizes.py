from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from landslide_geo.inventory.sizes import InverseGamma, interval, rejected, size_frequency


def test_a_power_law_is_recovered_and_the_rollover_found():
    rng = np.random.default_rng(0)
    tail = 1000 * (1 - rng.random(20_000)) ** (-1 / 1.4)  # p(A) ∝ A^−2.4 above 1000 m²
    small = rng.uniform(100, 1000, 2_000)
    found = size_frequency(np.concatenate([tail, small]))
    assert found["alpha"] == pytest.approx(2.4, abs=0.05)
    assert 900 < found["rollover_m2"] < 1700
    assert sum(row["count"] for row in found["bins"]) == 22_000
    assert sum(row["density"] * (row["to_m2"] - row["from_m2"]) for row in found["bins"]) == pytest.approx(1)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0.5, 1e8), max_size=30))
def test_no_object_falls_out_of_the_curve(areas):
    found = size_frequency(np.array(areas))
    assert sum(row["count"] for row in found["bins"]) == len(areas)


def test_the_first_bin_begins_where_mapping_began():
    areas = np.array([900.0, 950, 1000, 3000])
    found = size_frequency(areas, least_m2=900)["bins"]
    assert found[0]["from_m2"] == 900
    assert sum(row["count"] for row in found) == 4
    assert size_frequency(areas, least_m2=2000)["bins"][0]["from_m2"] < 900, "areas below it are counted all the same"


def test_intervals_hold_the_true_exponent_as_often_as_they_say():
    rng = np.random.default_rng(1)
    logs = rng.exponential(1 / 1.4, (2000, 60)).sum(axis=1)
    found = np.array([interval(1 + 60 / one, 60) for one in logs])
    held = ((found[:, 0] <= 2.4) & (found[:, 1] >= 2.4)).mean()
    assert held == pytest.approx(0.95, abs=0.015)


def test_a_power_law_is_rejected_about_as_rarely_as_said_and_another_law_is() -> None:
    rng = np.random.default_rng(5)
    logs = np.sort(rng.exponential(1, (2000, 80)), axis=1)
    theory = 1 - np.exp(-logs / logs.mean(axis=1, keepdims=True))
    steps = np.arange(81) / 80
    distance = np.maximum(np.abs(theory - steps[1:]), np.abs(theory - steps[:-1])).max(axis=1)
    assert np.mean([rejected(float(one), 80) for one in distance]) == pytest.approx(0.05, abs=0.015)
    assert size_frequency(rng.uniform(2000, 9000, 400))["tail_rejected"]
    assert not size_frequency(1000 * (1 - rng.random(3000)) ** (-1 / 1.4))["tail_rejected"]


def test_few_landslides_have_neither_tail_nor_curve():
    areas = np.geomspace(900, 50_000, 40)
    found = size_frequency(areas)
    assert found["alpha"] is found["alpha_low"] is found["tail_count"] is None
    assert InverseGamma.fitted(areas, least_m2=900) is None


def test_inverse_gamma_of_malamud_is_found_again_from_a_part_of_it():
    """ρ, a and s of Malamud et al. (2004) for three inventories; only areas from 400 m² on are kept."""
    truth = stats.invgamma(1.4, loc=-132, scale=1280)
    areas = truth.rvs(60_000, random_state=2)
    areas = areas[areas >= 400]
    found = InverseGamma.fitted(areas, least_m2=400)
    assert found is not None
    assert found.rho == pytest.approx(1.4, abs=0.08)
    assert found.rollover_m2 == pytest.approx(1280 / 2.4 - 132, rel=0.1)
    at = np.array([450.0, 1000, 5000, 40_000])
    assert found.density(at) == pytest.approx(truth.pdf(at) / truth.sf(400), rel=0.05)
    assert integrate.quad(lambda area: float(found.density(np.array([area]))[0]), 400, np.inf)[0] == pytest.approx(1)


def test_a_rollover_that_was_not_seen_is_told():
    tail = 900 * (1 - np.random.default_rng(3).random(3000)) ** (-1 / 1.4)
    found = InverseGamma.fitted(tail, least_m2=900)
    assert found is not None
    assert not found.seen
    assert found.rho + 1 == pytest.approx(2.4, abs=0.15)
