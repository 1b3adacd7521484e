"""Scores of models on chips: averaging over symmetries, ensembles, units, and what shipped models say of themselves."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from squares import chips

from landslide_geo.chips import landslide4sense_rgb, simulated
from landslide_geo.chips.split import Split
from landslide_geo.config import FixedParams
from landslide_geo.errors import DatasetError, ParameterError
from landslide_geo.models import Ensemble, Model, list_bundles, load_model, read_manifest
from landslide_geo.scene.stretch import normalised
from landslide_geo.training.evaluate import averaged, histogram_of, histograms_of, probabilities, score

RULE = "red_minus_green"


def test_averaging_over_symmetries_undoes_them() -> None:
    batch = np.random.default_rng(0).random((2, 3, 16, 16), dtype=np.float32)
    for tta in (1, 2, 4, 8):
        np.testing.assert_allclose(averaged(lambda b: b[:, :1] * 0.5, batch, tta), batch[:, :1] * 0.5, rtol=1e-6)


def test_the_rule_finds_red_squares_and_scores_are_those_of_its_probabilities() -> None:
    model, found = load_model(RULE), chips(20, 0)
    scores = score(model, found)
    assert scores.f1 > 0.9
    assert scores.n == 20 * 64 * 64
    assert scores.patches == 20
    positive = probabilities(model, found) >= model.threshold
    truth = np.stack([found.mask(index) for index in range(20)])
    f1 = 2 * (positive & truth).sum() / (positive.sum() + truth.sum())
    assert scores.f1 == pytest.approx(f1, abs=5e-3)
    assert scores.confusion["tp"] + scores.confusion["fn"] == truth.sum()
    assert scores.prevalence == pytest.approx(truth.mean(), abs=1e-5)


def test_an_ensemble_is_the_weighted_mean_of_its_members() -> None:
    rule, network, found = load_model(RULE), load_model("default"), chips(6, 1)
    both = Ensemble(Path(), "both", ((network, 3.0), (rule, 1.0)), 0.3, 1, "", {})
    expected = np.zeros((6, 64, 64))
    for model, share in ((network, 0.75), (rule, 0.25)):
        images = np.stack([normalised(found.image(index), model.manifest.normalisation) for index in range(6)])
        expected += share * model.calibrate(averaged(model.probabilities, images, 1)[:, 0])
    np.testing.assert_allclose(probabilities(both, found), expected, atol=1e-5)
    assert histogram_of(both, found).at(0.3).tp == (expected[[found.mask(i) for i in range(6)]] >= 0.3).sum()


@pytest.mark.parametrize("prior", [None, 0.01])
def test_the_pixels_of_all_chips_are_those_of_each_chip(prior: float | None) -> None:
    rule, some = load_model("red_minus_green"), chips(20, 0)
    each = list(histograms_of(rule, some, prior=prior))
    whole = histogram_of(rule, some, prior=prior)
    assert len(each) == 20
    assert np.array_equal(sum(one.positive for one in each), whole.positive)
    assert np.array_equal(sum(one.negative for one in each), whole.negative)
    assert each[17].positive.sum() == some.mask(17).sum(), "in the order of the chips"
    alone = probabilities(rule, some.at([17]), prior=prior)[0]
    assert each[17].at(0.2).tp == pytest.approx((alone[some.mask(17)] >= 0.2).sum(), abs=2)


def test_a_prior_lowers_probabilities_and_keeps_their_order() -> None:
    model, found = load_model(RULE), chips(4, 2)
    usual, rare = probabilities(model, found), probabilities(model, found, prior=0.001)
    assert rare.mean() < usual.mean()
    order = np.argsort(usual, axis=None, kind="stable")
    assert (np.diff(rare.ravel()[order].astype(float)) >= -1e-6).all()
    assert score(model, found, prior=0.001).predicted_share < score(model, found).predicted_share


def test_bands_are_found_by_name_and_units_of_fixed_statistics_are_checked() -> None:
    model, found = load_model(RULE), chips(2, 3)
    assert score(model, found.taking(["blue", "green", "red"])) == score(model, found)
    with pytest.raises(DatasetError, match="no band green"):
        score(model, found.taking(["red", "blue"]))
    fixed = FixedParams(centre=(0, 0, 0), scale=(1, 1, 1))
    manifest = model.manifest.model_copy(update={"normalisation": fixed})
    other = Model(model.bundle.__class__(model.bundle.directory, manifest, ""))
    with pytest.raises(ParameterError, match=r"takes red in any linear unit.*these chips have it in digital number"):
        score(other, found)


def test_a_ratio_takes_what_differs_by_a_gain() -> None:
    """The rule on two dates says the same of digital numbers and of reflectances, and refuses what is neither."""
    names, numbers = ("red", "nir", "pre_red", "pre_nir"), []
    made = next(iter(simulated.collection(chips=4, size=64, bands=names).batches("train")))
    for unit, gain in (("digital number", 1.0), ("reflectance", 1e-4), ("0–255", 1.0)):
        part = made.assign(image=made["image"] * np.float32(gain)).assign_attrs(units=[unit] * 4)
        numbers.append(Split.of(unit, [part]))
    model = load_model("rdndvi")
    known, scaled = (probabilities(model, found) for found in numbers[:2])
    np.testing.assert_allclose(known, scaled, atol=1e-4)
    with pytest.raises(ParameterError, match="pre_red in reflectance or digital number; these chips have it in 0–255"):
        score(model, numbers[2])


def test_evaluation_needs_only_the_core() -> None:
    code = (
        "import sys; import landslide_geo.pipeline.evaluation, landslide_geo.pipeline.training, "
        "landslide_geo.cli.train; "
        "sys.exit(any(name in sys.modules for name in ('lightning', 'torchmetrics', 'h5py', 'codecarbon')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def on_real_chips(mirror: Path, split: str) -> Split:
    collection = landslide4sense_rgb.collection(mirror / "landslide4sense_rgb", seed=42)
    return Split.of(split, collection.batches(split))


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in list_bundles() if read_manifest(name).architecture != "rdndvi"])
def test_shipped_models_score_as_their_bundles_say(mirror: Path, name: str) -> None:
    model = load_model(name)
    found = score(model, on_real_chips(mirror, "test")).to_json()
    said = model.manifest.metrics["test"]
    for key in ("f1", "iou", "precision", "recall", "auc"):
        assert found[key] == pytest.approx(said[key], abs=2e-3)


def test_the_rule_scores_on_the_real_test_as_its_bundle_says(mirror: Path) -> None:
    model = load_model(RULE)
    found = score(model, on_real_chips(mirror, "test")).to_json()
    said = model.manifest.metrics["test"]
    for key in ("f1", "iou", "precision", "recall", "auc"):
        assert found[key] == pytest.approx(said[key], abs=2e-3)
    assert found["n"] == 200 * 128 * 128


def test_the_shipped_model_beats_the_rule_on_a_part_of_validation(mirror: Path) -> None:
    whole = on_real_chips(mirror, "validation")
    part = whole.at(range(0, len(whole), 20))
    scores = {name: score(load_model(name), part) for name in ("default", RULE)}
    assert scores["default"].f1 > scores[RULE].f1 + 0.05
    assert scores["default"].auc is not None
    assert scores["default"].auc > 0.95
