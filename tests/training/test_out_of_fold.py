"""What ensembles are weighed by."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from squares import chips

from landslide_geo.errors import DatasetError, ParameterError
from landslide_geo.training.evaluate import Answer
from landslide_geo.training.out_of_fold import (
    Predictions,
    System,
    common,
    fold_scores,
    histogram,
    likeliest_weights,
    pooled,
)


def made(
    ids: str | list[str], truth: list[int], probability: list[float], spread: list[float] | None = None
) -> Predictions:
    return Predictions(
        "0123456789abcdef", 4, np.array(list(ids)), np.array(list(ids)), np.array(truth, float), np.array(probability),
        np.array(spread or [0.0] * len(ids)),
    )  # fmt: skip


def test_a_table_comes_back_as_it_was_written(tmp_path: Path) -> None:
    some = made('a,"', [0, 1, 1], [0.1, 0.123456, 1.0], [0.0, 0.25, 0.5])
    some.write(tmp_path / "deep/table.csv")
    back = Predictions.read(tmp_path / "deep/table.csv")
    for name in ("ids", "blocks", "truth", "probability", "spread"):
        assert getattr(back, name).tolist() == getattr(some, name).tolist()
    assert (back.model, back.tta) == (some.model, 4)
    back.require_model("0123456789abcdef" * 4, where="here")
    with pytest.raises(ParameterError, match="here: predictions of another model"):
        back.require_model("f" * 64, where="here")


def test_of_chips_with_masks_it_is_the_mean_over_known_pixels() -> None:
    some = chips(2, 1)
    some.masks[0, :, :32] = 255
    halves = np.where(np.arange(64) < 32, 0.9, 0.3).astype(np.float32) * np.ones((2, 64, 64), np.float32)
    said = [Answer(halves[:1], halves[:1] / 3), Answer(halves[1:], halves[1:] / 3)]
    found = Predictions.of(some, said, model="m", tta=1)
    assert found.probability == pytest.approx([0.3, 0.6])
    assert found.spread == pytest.approx([0.1, 0.2])
    assert found.truth[1] == pytest.approx(some.mask(1).mean())


@pytest.mark.parametrize(
    ("text", "complaint"),
    [("id,block\n1,2\n", "no table of predictions"),
     ("model,tta,id,block,truth,probability,spread\n", "holds no prediction"),
     ("model,tta,id,block,truth,probability,spread\nm,1,a,b,x,0,0\n", "no table of predictions")],
)  # fmt: skip
def test_other_tables_are_refused(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "table.csv").write_text(text)
    with pytest.raises(DatasetError, match=complaint):
        Predictions.read(tmp_path / "table.csv")
    with pytest.raises(DatasetError, match="missing"):
        Predictions.read(tmp_path / "other.csv")


def test_folds_are_put_together_bent_and_sorted() -> None:
    system = System.of("s", [made("db", [1, 0], [0.2, 0.1]), made("ca", [1, 0], [0.8, 0.4])], [0.2, 0.8], None)
    assert system.ids.tolist() == list("abcd")
    assert system.truth.tolist() == [False, False, True, True]
    assert system.probability == pytest.approx([0.25, 0.25, 0.5, 0.5])
    assert system.stays.all()


def test_what_does_not_belong_together_is_refused() -> None:
    fold = made("ab", [1, 0], [0.2, 0.1])
    with pytest.raises(DatasetError, match="chip a was predicted by 2 of its networks"):
        System.of("s", [fold, made("a", [1], [0.5])], [None, None], None)
    with pytest.raises(DatasetError, match="outline"):
        System.of("s", [made("a", [0.3], [0.5])], [None], None)  # type: ignore[list-item]
    one, other = (System.of(n, [made("ab", t, [0.5, 0.5])], [None], None) for n, t in (("s", [1, 0]), ("t", [1, 1])))
    with pytest.raises(DatasetError, match="truth of a chip differs"):
        common([one, other])
    with pytest.raises(DatasetError, match="no chip was predicted by all"):
        common([one, System.of("u", [made("xy", [1, 0], [0.5, 0.5])], [None], None)])


def test_systems_are_compared_on_what_all_predicted() -> None:
    one = System.of("s", [made("abc", [1, 0, 1], [0.1, 0.2, 0.3])], [None], None)
    other = System.of("t", [made("cb", [1, 0], [0.9, 0.8])], [None], None)
    first, second = common([one, other])
    assert first.ids.tolist() == second.ids.tolist() == ["b", "c"]
    assert first.probability.tolist() == [0.2, 0.3]
    assert second.probability.tolist() == [0.8, 0.9]


def test_who_abstains_does_not_count_unless_all_do() -> None:
    one = System.of("s", [made("abc", [1, 0, 1], [0.1, 0.2, 0.3], [0.0, 0.3, 0.3])], [None], 0.15)
    other = System.of("t", [made("abc", [1, 0, 1], [0.9, 0.8, 0.7], [0.0, 0.0, 0.3])], [None], 0.15)
    assert pooled([one, other], [0.75, 0.25]) == pytest.approx([0.3, 0.8, 0.4])


def test_weights_go_to_who_is_right() -> None:
    rng = np.random.default_rng(0)
    truth = (rng.random(400) < 0.4).astype(int).tolist()
    ids = [f"{i:03}" for i in range(400)]

    def system(name: str, noise: float) -> System:
        logit = (np.array(truth) * 2 - 1) * 2 + rng.normal(0, noise, 400)
        return System.of(name, [made(ids, truth, (1 / (1 + np.exp(-logit))).tolist())], [None], None)

    good, bad = system("good", 1.0), system("bad", 6.0)
    weights = likeliest_weights([bad, good])
    assert sum(weights) == pytest.approx(1, abs=1e-3)
    assert weights[1] > 0.8
    assert likeliest_weights([good]) == [1.0]

    # Nobody's weights are better, on a grid.
    def loss(share: float) -> float:
        mixed = pooled([bad, good], [1 - share, share])
        return float(-np.log(np.where(good.truth, mixed, 1 - mixed)).mean())

    assert loss(weights[1]) <= min(loss(share) for share in np.linspace(0.01, 0.99, 99)) + 1e-6


def test_each_fold_is_scored_at_its_own_threshold() -> None:
    found = fold_scores({"a": made("xyz", [1, 0, 1], [0.4, 0.3, 0.1])}, {"a": 0.35})
    assert found["a"] == {
        "n": 3, "positives": 2, "threshold": 0.35, "f1": 0.6667, "precision": 1.0, "recall": 0.5,
    }  # fmt: skip
    assert histogram(np.array([True, False]), np.array([0.4, 0.3])).at(0.35).tp == 1
