"""Tables of a model's scores, as people and ``dvc plots`` read them: curves, reliability, confusion.

All of them come from histograms of probabilities, so they cost nothing beside the prediction.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from landslide_geo.training.calibration import Reliability
from landslide_geo.training.metrics import BINS, Counts, Histogram

#: Rows of the table of precision and recall at most, and of the confusion matrix.
_CURVE_ROWS: Final = 200
_CONFUSION_ROWS: Final = 1000
#: Groups of probability, as `Reliability` has them.
GROUPS: Final = 20
_DIGITS: Final = 6
YES, NO = "landslide", "no landslide"


def write_table(path: Path, rows: pd.DataFrame) -> None:
    """Write a table as CSV; ``nan`` where a field is unknown, for ``dvc plots`` draws an empty one as 0."""
    rows.to_csv(path, index=False, na_rep="nan", lineterminator="\n")


def curve(histogram: Histogram) -> pd.DataFrame:
    """Precision and recall at every threshold that makes a difference, by rising threshold.

    Of thresholds with the same recall the highest is kept, which has the highest precision.

    Args:
        histogram: of calibrated probabilities.

    Returns:
        ``threshold``, ``precision``, ``recall``, ``f1``; no row where there is no landslide.
    """
    positive, negative = (np.cumsum(counts[::-1])[::-1] for counts in (histogram.positive, histogram.negative))
    if not positive[0]:
        return pd.DataFrame(columns=["threshold", "precision", "recall", "f1"], dtype=float)
    falls = np.append(positive[:-1] > positive[1:], positive[-1] > 0)  # else a higher one has the same recall
    at = np.flatnonzero(falls)
    tp, fp = positive[at], negative[at]
    return pd.DataFrame(
        {
            "threshold": at / BINS,
            "precision": tp / (tp + fp),
            "recall": tp / positive[0],
            "f1": 2 * tp / (tp + fp + positive[0]),
        }
    )


def precision_recall(histogram: Histogram) -> pd.DataFrame:
    """The same in at most 200 rows that are spread evenly over recall; the ends of the curve are among them."""
    whole = curve(histogram)
    if len(whole) > _CURVE_ROWS:
        falling = -whole["recall"].to_numpy()
        wanted = np.linspace(falling[0], falling[-1], _CURVE_ROWS)
        after = np.clip(np.searchsorted(falling, wanted), 1, len(whole) - 1)
        nearer = np.where(wanted - falling[after - 1] <= falling[after] - wanted, after - 1, after)
        whole = whole.iloc[np.unique(nearer)]
    return whole.round(_DIGITS).reset_index(drop=True)


def reliability(histogram: Histogram) -> pd.DataFrame:
    """Mean ``probability``, ``frequency`` of landslides and ``count`` of pixels in 20 groups of even width.

    Groups without a pixel are left out.
    """
    return _grouped(histogram).reset_index(drop=True)


def reliabilities(before: Histogram, after: Histogram) -> pd.DataFrame:
    """The same before and after calibration side by side.

    A row is a group of probability that holds pixels before or after; fields of the other are NaN where it has none.
    ``dvc plots`` takes one column of a file for x, so both share the middle of the group.

    Returns:
        ``probability`` (middle of the group), ``frequency_before``, ``frequency_after``, ``mean_before`` and
        ``mean_after`` (of the probabilities in it), ``count_before``, ``count_after``.
    """
    sides = {"before": _grouped(before), "after": _grouped(after)}
    found = pd.DataFrame(index=sides["before"].index.union(sides["after"].index).sort_values())
    found["probability"] = (found.index + 0.5) / GROUPS
    for name, column in (("frequency", "frequency"), ("mean", "probability"), ("count", "count")):
        for side, groups in sides.items():
            found[f"{name}_{side}"] = groups[column].reindex(found.index)
    counts = ["count_before", "count_after"]
    return found.fillna(dict.fromkeys(counts, 0)).astype(dict.fromkeys(counts, np.int64)).reset_index(drop=True)


def _grouped(histogram: Histogram) -> pd.DataFrame:
    """Rows by the number of their group."""
    found = Reliability.of(histogram)
    group = np.minimum((found.probability * GROUPS).astype(int), GROUPS - 1)
    values = {"probability": found.probability, "frequency": found.frequency, "count": found.count}
    return pd.DataFrame(values, index=pd.Index(group)).round(_DIGITS)


def confusion(counts: Counts) -> pd.DataFrame:
    """A thousand rows of ``actual`` and ``predicted`` in proportion to the pixels.

    DVC's template ``confusion`` counts rows, so each stands for a thousandth of all pixels. Shares are rounded by
    largest remainder; a kind of pixels that is rarer still keeps one row, which the largest kind gives up.
    """
    cells = {(YES, YES): counts.tp, (YES, NO): counts.fn, (NO, YES): counts.fp, (NO, NO): counts.tn}
    rows = apportioned(np.array(list(cells.values())), _CONFUSION_ROWS)
    return pd.DataFrame(np.repeat(np.array(list(cells)), rows, axis=0), columns=["actual", "predicted"])


def apportioned(counts: NDArray[np.int64], seats: int) -> NDArray[np.int64]:
    """Seats in proportion to counts by largest remainder (Hamilton), one at least for whatever is there.

    Args:
        counts: at least one above 0, fewer than ``seats`` of them.
        seats: to share out.
    """
    exact = counts / counts.sum() * seats
    found = np.floor(exact).astype(np.int64)
    order = np.argsort(found - exact, kind="stable")
    found[order[: seats - found.sum()]] += 1
    missing = (counts > 0) & (found == 0)
    found[missing] = 1
    found[np.argmax(found)] -= np.count_nonzero(missing)
    return found


def thresholds(histogram: Histogram) -> pd.DataFrame:
    """``threshold``, ``f1``, ``precision``, ``recall``, ``iou`` on the grid that a threshold is sought on.

    Precision is NaN where nothing is called a landslide.
    """
    rows = []
    for hundredth in range(2, 99):
        counts = histogram.at(hundredth / 100)
        precision = counts.precision if counts.tp + counts.fp else np.nan
        rows.append((hundredth / 100, counts.f1, precision, counts.recall, counts.iou))
    return pd.DataFrame(rows, columns=["threshold", "f1", "precision", "recall", "iou"]).round(_DIGITS)
