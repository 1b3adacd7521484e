"""Training the filter that is asked before a network, and its threshold.

Trees are grown on hand-made features of the training chips. Each chip is predicted by trees that were grown without its
fold, and the threshold is the largest at which the wanted share of chips with a landslide passes: at 1.0 none is lost.
The trees that are kept are grown on all training chips. So what they do to other chips is measured on validation.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from landslide_geo.chips.split import Split
from landslide_geo.config import PrefilterParams
from landslide_geo.errors import DatasetError
from landslide_geo.models.features import Features
from landslide_geo.models.prefilter import Screening
from landslide_geo.progress import tracked
from landslide_geo.training.folds import folds_of
from landslide_geo.training.metrics import Histogram

if TYPE_CHECKING:
    from xgboost import Booster

FloatArray = NDArray[np.float32]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]

#: Chips in memory at a time.
_BATCH: Final = 64


@dataclass(frozen=True, eq=False)
class Fitted:
    """A filter that was trained, and what it says of the chips it was trained on.

    Attributes:
        booster: the trees, grown on all chips.
        features: that they ask.
        folds: (N,) fold of each chip.
        labels: (N,) whether it shows a landslide.
        probabilities: (N,) by trees that did not see its fold.
        threshold: below which a chip does not pass.
        screening: what that does to these chips.
    """

    booster: Booster
    features: Features
    folds: IntArray
    labels: BoolArray
    probabilities: FloatArray
    threshold: float
    screening: Screening

    @property
    def importance(self) -> dict[str, float]:
        """Mean gain of the splits by each feature as a share of the sum over all, the largest first."""
        gains = self.booster.get_score(importance_type="gain")
        total = sum(float(value) for value in gains.values() if not isinstance(value, list)) or 1.0
        shares = {name: round(_number(gains.get(name, 0.0)) / total, 6) for name in self.features.names}
        return dict(sorted(shares.items(), key=lambda pair: -pair[1]))  # stable: equal ones as the features come


def features_of(chips: Split, features: Features) -> FloatArray:
    """(N, F) features of chips, a few in memory at a time."""
    starts = range(0, len(chips), _BATCH)
    parts = [
        features.of(np.stack([chips.image(index) for index in range(start, min(start + _BATCH, len(chips)))]))
        for start in tracked(starts, "features", len(starts), "part")
    ]
    return np.concatenate(parts) if parts else np.empty((0, len(features.names)), np.float32)


def fit(chips: Split, params: PrefilterParams) -> Fitted:
    """Train a filter.

    Args:
        chips: for training, with the bands that it shall see.
        params: of the training.

    Raises:
        DatasetError: chips of only one class, in all or in a fold.
    """
    features, labels = Features(chips.bands, chips.units), chips.has_landslide()
    folds = _folds(chips, labels, params)
    values = features_of(chips, features)
    probabilities = np.empty(len(chips), np.float32)
    for fold in tracked(range(params.folds), "folds", params.folds, "fold"):
        own = folds == fold
        trees = _grown(values[~own], labels[~own], features.names, params)
        probabilities[own] = trees.inplace_predict(values[own])
    threshold = threshold_for(probabilities, labels, recall=params.recall)
    booster = _grown(values, labels, features.names, params)
    return Fitted(
        booster, features, folds, labels, probabilities, threshold, screened(probabilities, labels, threshold)
    )


def threshold_for(probabilities: FloatArray, labels: BoolArray, *, recall: float) -> float:
    """The largest threshold at which at least that share of positives is not below it.

    Args:
        probabilities: (N,).
        labels: (N,), with a positive.
        recall: above 0, at most 1.
    """
    falling = np.sort(probabilities[labels])[::-1]
    # Shares such as 0.7 × 10 are a hair above the whole number that they stand for.
    return float(falling[max(ceil(recall * len(falling) - 1e-9), 1) - 1])


def screened(probabilities: FloatArray, labels: BoolArray, threshold: float) -> Screening:
    """What a threshold does to chips."""
    passing = probabilities >= np.float32(threshold)
    count, positives, left = len(labels), int(labels.sum()), int(passing.sum())
    kept = int((passing & labels).sum())
    return Screening(
        chips=count,
        positives=positives,
        recall=kept / positives if positives else 1.0,
        filtered=1 - left / count if count else 0.0,
        prevalence_before=positives / count if count else 0.0,
        prevalence_after=kept / left if left else 0.0,
    )


def ranking(probabilities: FloatArray, labels: BoolArray) -> Histogram:
    """The same as a histogram, which knows F1 and the area under the curve."""
    found = Histogram()
    found.add(probabilities, labels)
    return found


def _folds(chips: Split, labels: BoolArray, params: PrefilterParams) -> IntArray:
    for wanted, what in ((True, "with"), (False, "without")):
        if not (labels == wanted).any():
            raise DatasetError(
                f"{chips.name}: holds no chip {what} a landslide; a filter learns from both, take other chips"
            )
    return folds_of(chips, folds=params.folds, seed=params.seed, remedy="ask for fewer --folds")


def _grown(values: FloatArray, labels: BoolArray, names: tuple[str, ...], params: PrefilterParams) -> Booster:
    import xgboost

    data = xgboost.DMatrix(values, label=labels.astype(np.float32), feature_names=list(names), nthread=params.threads)
    settings: dict[str, Any] = {
        "objective": "binary:logistic", "tree_method": "hist", "max_depth": params.depth,
        "min_child_weight": params.min_child_weight, "eta": params.learning_rate, "seed": params.seed,
        "nthread": params.threads,
    }  # fmt: skip
    return xgboost.train(settings, data, num_boost_round=params.rounds)


def _number(value: float | list[float]) -> float:
    return float(value) if not isinstance(value, list) else 0.0
