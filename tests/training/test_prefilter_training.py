"""The threshold of a filter, its folds, and what it says of chips."""

from __future__ import annotations

import numpy as np
import pytest
import xgboost
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from squares import batch, chips

from landslide_geo.chips.split import Split
from landslide_geo.config import PrefilterParams
from landslide_geo.errors import DatasetError
from landslide_geo.models.features import Features
from landslide_geo.training.prefilter import features_of, fit, screened, threshold_for

SMALL = PrefilterParams(rounds=20, min_child_weight=1, folds=3)
#: Half of the chips hold a landslide.
CHIPS = Split.of("squares", [batch(40, 1), batch(40, 2, landslides=False)])
SCORES = arrays.arrays(np.float32, st.integers(1, 40), elements=st.floats(0, 1, width=32))


@given(SCORES, SCORES, st.floats(0.01, 1))
def test_the_threshold_is_the_largest_that_keeps_the_recall(
    positive: np.ndarray, negative: np.ndarray, recall: float
) -> None:
    probabilities = np.concatenate([positive, negative])
    labels = np.arange(len(probabilities)) < len(positive)
    threshold = threshold_for(probabilities, labels, recall=recall)
    found = screened(probabilities, labels, threshold)
    assert found.recall >= recall - 1e-9
    higher = np.nextafter(np.float32(threshold), np.float32(2))
    assert screened(probabilities, labels, float(higher)).recall < recall
    assert found.filtered == pytest.approx((probabilities < threshold).mean())
    assert found.prevalence_before == pytest.approx(len(positive) / len(labels))
    assert found.prevalence_after >= 0
    if recall == 1:
        assert threshold == positive.min()
        # Nothing but chips without a landslide is filtered, so their share can only fall.
        assert found.prevalence_after >= found.prevalence_before - 1e-12


@pytest.fixture(scope="module")
def fitted():
    return fit(CHIPS, SMALL)


def test_no_landslide_is_lost_out_of_fold_and_much_else_is_kept_back(fitted) -> None:
    assert fitted.screening.recall == 1
    assert fitted.screening.filtered > 0.2
    assert fitted.screening.prevalence_after > fitted.screening.prevalence_before == 0.5
    assert fitted.probabilities[fitted.labels].min() == np.float32(fitted.threshold)
    assert sum(fitted.importance.values()) == pytest.approx(1, abs=1e-4)
    assert list(fitted.importance.values()) == sorted(fitted.importance.values(), reverse=True)


def test_folds_keep_blocks_together_and_predict_what_they_did_not_see(fitted) -> None:
    of = {block: set(fitted.folds[CHIPS.blocks == block].tolist()) for block in CHIPS.blocks}
    assert all(len(folds) == 1 for folds in of.values())
    assert set(fitted.folds.tolist()) == {0, 1, 2}
    # What trees of the other folds alone say, and not what those say that saw all.
    values = features_of(CHIPS, fitted.features)
    for fold in range(3):
        own = fitted.folds == fold
        others = xgboost.DMatrix(values[~own], label=fitted.labels[~own])
        settings = {"objective": "binary:logistic", "max_depth": 5, "min_child_weight": 1, "eta": 0.1, "nthread": 1}
        trees = xgboost.train(settings, others, num_boost_round=20)
        np.testing.assert_array_equal(trees.inplace_predict(values[own]), fitted.probabilities[own])
    assert not np.array_equal(fitted.booster.inplace_predict(values), fitted.probabilities)


def test_the_same_chips_make_the_same_trees(fitted) -> None:
    again = fit(CHIPS, SMALL)
    assert again.booster.save_raw("json") == fitted.booster.save_raw("json")
    np.testing.assert_array_equal(again.probabilities, fitted.probabilities)


def test_features_of_chips_do_not_depend_on_the_batches() -> None:
    features = Features(CHIPS.bands, CHIPS.units)
    whole = features_of(CHIPS, features)
    assert whole.shape == (80, len(features.names))
    np.testing.assert_array_equal(features_of(CHIPS.at([70, 3]), features), whole[[70, 3]])


def test_chips_of_one_class_are_refused() -> None:
    with pytest.raises(DatasetError, match="no chip with a landslide"):
        fit(chips(20, 1, landslides=False), SMALL)
    with pytest.raises(DatasetError, match="no chip without a landslide"):
        fit(chips(20, 1), SMALL)
    few = Split.of("few", [batch(20, 1), batch(2, 2, landslides=False, blocks=2)])
    with pytest.raises(DatasetError, match=r"few: fold \d of 3 has no chip without a landslide, as only 2 blocks"):
        fit(few, SMALL)
