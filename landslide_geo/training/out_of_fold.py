"""Predictions of chips by networks that never saw them, and what follows from them for an ensemble of folds.

Each fold's network predicts the chips of its own fold. Together the folds of one system predict every chip once;
systems that were cut into the same folds predict the same chips, and their weights and common threshold are found
there.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from landslide_geo.chips.split import Split
from landslide_geo.errors import DatasetError, ParameterError
from landslide_geo.files import csv_text, write_text
from landslide_geo.models.model import EPSILON
from landslide_geo.models.voting import anchored
from landslide_geo.training.evaluate import Answer
from landslide_geo.training.metrics import Histogram

Floats = NDArray[np.float64]

_COLUMNS: Final = ("model", "tta", "id", "block", "truth", "probability", "spread")
#: Digits of a checksum that tell models apart.
_SHORT: Final = 16


@dataclass(frozen=True, eq=False)
class Predictions:
    """What one network says of chips that it never saw.

    Attributes:
        model: begins as the SHA-256 of the network does.
        tta: symmetries that were averaged.
        ids, blocks: (N,) text.
        truth: (N,) share of the chip that is a landslide; 0 or 1 where chips have one label.
        probability: (N,) calibrated; mean over the chip of a network that outlines.
        spread: (N,) standard deviation over symmetries.
    """

    model: str
    tta: int
    ids: NDArray[np.str_]
    blocks: NDArray[np.str_]
    truth: Floats
    probability: Floats
    spread: Floats

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def of(cls, chips: Split, answers: Sequence[Answer], *, model: str, tta: int) -> Predictions:
        """From the answers to some chips, in batches as `landslide_geo.training.evaluate.batches` has them."""
        probability = np.concatenate([one.probability for one in answers])
        spread = np.concatenate([one.spread for one in answers])
        valid = [chips.valid(index) for index in range(len(chips))]

        def mean(values: NDArray[np.float32] | NDArray[np.bool_], index: int) -> float:
            return float(np.asarray(values, np.float64)[valid[index]].mean()) if valid[index].any() else float("nan")

        return cls(
            model[:_SHORT], tta, chips.ids, chips.blocks,
            np.array([mean(chips.mask(i), i) for i in range(len(chips))]),
            np.array([mean(probability[i], i) for i in range(len(chips))]),
            np.array([mean(spread[i], i) for i in range(len(chips))]),
        )  # fmt: skip

    def write(self, path: Path) -> None:
        """As a table (CSV).

        Raises:
            OutputError: it cannot be written.
        """
        fields = zip(self.ids, self.blocks, self.truth, self.probability, self.spread, strict=True)
        rows = ([self.model, self.tta, id, block, *(f"{n:.6f}" for n in numbers)] for id, block, *numbers in fields)
        write_text(path, csv_text(_COLUMNS, rows))

    @classmethod
    def read(cls, path: Path) -> Predictions:
        """A table that `write` wrote.

        Raises:
            DatasetError: it is missing, or is no such table.
        """
        try:
            with path.open(newline="", encoding="utf-8") as file:
                rows = list(csv.DictReader(file))
            text = {name: np.array([row[name] for row in rows], dtype=str) for name in ("id", "block")}
            numbers = {name: np.array([float(row[name]) for row in rows]) for name in _COLUMNS[4:]}
            of = {(row["model"], int(row["tta"])) for row in rows}
        except FileNotFoundError:
            raise DatasetError(f"{path}: missing; write it with landslide calibrate --predictions") from None
        except (OSError, KeyError, TypeError, ValueError) as error:
            raise DatasetError(
                f"{path}: no table of predictions ({error}); write it with landslide calibrate"
            ) from None
        if not rows:
            raise DatasetError(f"{path}: holds no prediction; write it with landslide calibrate --predictions")
        if len(of) > 1:
            raise DatasetError(f"{path}: holds predictions of several models; use one table for each")
        ((model, tta),) = of
        return cls(model, tta, text["id"], text["block"], numbers["truth"], numbers["probability"], numbers["spread"])

    def require_model(self, sha256: str, *, where: str | Path) -> None:
        """Check who predicted.

        Raises:
            ParameterError: another model.
        """
        if not sha256.startswith(self.model):
            raise ParameterError(f"{where}: predictions of another model; write them with landslide calibrate again")


@dataclass(frozen=True, eq=False)
class System:
    """The folds of one system, put together: one prediction for every chip.

    Attributes:
        name: of the system.
        ids: (N,) text, sorted.
        truth: (N,) bool.
        probability: (N,) bent so that each fold's threshold lies at 0.5, if that was asked for.
        stays: (N,) bool: the fold's answers over symmetries agree well enough for it to count.
    """

    name: str
    ids: NDArray[np.str_]
    truth: NDArray[np.bool_]
    probability: Floats
    stays: NDArray[np.bool_]

    @classmethod
    def of(
        cls, name: str, folds: Sequence[Predictions], anchors: Sequence[float | None], abstain: float | None
    ) -> System:
        """Put folds together.

        Args:
            name: of the system.
            folds: predictions of each fold's network.
            anchors: of each fold, the probability that becomes 0.5; none: as it is.
            abstain: largest spread over symmetries; none: any.

        Raises:
            DatasetError: a chip was predicted by two folds, or the truth is not one label for each chip.
        """
        ids = np.concatenate([fold.ids for fold in folds])
        unique, count = np.unique(ids, return_counts=True)
        if (count > 1).any():
            raise DatasetError(
                f"{name}: chip {unique[count > 1][0]} was predicted by {count.max()} of its networks; name folds of "
                "one study, each once"
            )
        truth = np.concatenate([fold.truth for fold in folds])
        if not np.isin(truth, (0, 1)).all():
            raise DatasetError(f"{name}: its networks outline; weights are sought for networks that classify")
        bent = [
            fold.probability if anchor is None else anchored(fold.probability.astype(np.float32), anchor)
            for fold, anchor in zip(folds, anchors, strict=True)
        ]
        spread = np.concatenate([fold.spread for fold in folds])
        stays = np.ones(len(ids), dtype=bool) if abstain is None else spread <= abstain
        order = np.argsort(ids)
        probability = np.concatenate(bent).astype(np.float64)
        return cls(name, ids[order], truth[order] == 1, probability[order], stays[order])


def common(systems: Sequence[System]) -> list[System]:
    """The same systems with the chips that all of them predicted.

    Raises:
        DatasetError: there are none, or systems differ in what they show.
    """
    shared = systems[0].ids
    for system in systems[1:]:
        shared = np.intersect1d(shared, system.ids)
    if not len(shared):
        raise DatasetError(f"{', '.join(s.name for s in systems)}: no chip was predicted by all; use the same chips")
    found = []
    for system in systems:
        where = np.searchsorted(system.ids, shared)
        found.append(System(system.name, shared, system.truth[where], system.probability[where], system.stays[where]))
    if any((one.truth != found[0].truth).any() for one in found):
        raise DatasetError(f"{', '.join(s.name for s in systems)}: the truth of a chip differs; use the same chips")
    return found


def pooled(systems: Sequence[System], weights: Sequence[float]) -> Floats:
    """(N,) weighted mean of systems, without those that abstain; of all of them where none is left."""
    share = np.asarray(weights, np.float64)[:, None]
    values = np.stack([system.probability for system in systems])
    votes = share * np.stack([system.stays for system in systems])
    votes = np.where(votes.sum(axis=0) > 0, votes, share)
    found: Floats = (votes * values).sum(axis=0) / votes.sum(axis=0)
    return found


def likeliest_weights(systems: Sequence[System]) -> list[float]:
    """The weights under which the truth is likeliest: they are above zero and sum to 1.

    The likelihood of a mean of fixed probabilities is concave in the weights, so there is one best answer. It is fitted
    to all systems, whether they abstain or not.
    """
    if len(systems) == 1:
        return [1.0]
    values = np.stack([system.probability for system in systems])
    right = np.where(systems[0].truth, values, 1 - values)  # what each says of what was there

    def loss(weights: Floats) -> float:
        return float(-np.log(np.clip(weights @ right, EPSILON, 1)).mean())

    even = np.full(len(systems), 1 / len(systems))
    found = minimize(
        loss, even, method="SLSQP", bounds=[(0.01, 1)] * len(systems),
        constraints={"type": "eq", "fun": lambda weights: weights.sum() - 1}, options={"ftol": 1e-10, "maxiter": 500},
    )  # fmt: skip
    weights = np.round(found.x / found.x.sum(), 4)
    return [float(weight) for weight in weights]


def histogram(truth: NDArray[np.bool_], probability: Floats) -> Histogram:
    """Of chips."""
    found = Histogram()
    found.add(probability.astype(np.float32), truth)
    return found


def fold_scores(folds: Mapping[str, Predictions], thresholds: Mapping[str, float]) -> dict[str, dict[str, float]]:
    """Scores of each fold's network on its own fold, at its own threshold.

    Args:
        folds: predictions by name.
        thresholds: by name.

    Returns:
        ``n``, ``positives``, ``threshold``, ``f1``, ``precision``, ``recall`` by name.
    """
    found = {}
    for name, fold in folds.items():
        counts = histogram(fold.truth == 1, fold.probability).at(thresholds[name])
        found[name] = {
            "n": counts.n, "positives": counts.tp + counts.fn, "threshold": thresholds[name],
            "f1": round(counts.f1, 4), "precision": round(counts.precision, 4), "recall": round(counts.recall, 4),
        }  # fmt: skip
    return found
