"""`landslide evaluate` and `landslide train`: what they write, what they need, and what they say about wrong input."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from landslide_geo.chips import landslide4sense_rgb
from landslide_geo.chips.landslide4sense_rgb import Patches
from landslide_geo.cli import models
from landslide_geo.cli.evaluate import evaluate as evaluate_command
from landslide_geo.cli.train import train as train_command
from landslide_geo.config import TrainParams
from landslide_geo.errors import DatasetError, OutputError, ParameterError
from landslide_geo.models import (
    EnsembleManifest,
    EnsembleMember,
    find_bundle,
    list_bundles,
    load_ensemble,
    load_model,
    save_ensemble,
)
from landslide_geo.models.manifest import Threshold
from landslide_geo.training.evaluate import averaged, evaluate, normalise, score, write_metrics

RULE = "red_minus_green"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of green patches with a red square each, laid out as Landslide4Sense-RGB."""
    folder = tmp_path_factory.mktemp("dataset")
    rng = np.random.default_rng(0)
    for split, count in {"train": TrainParams().test_patches + 2, "validation": 8}.items():
        for kind in ("images", "masks"):
            (folder / split / kind).mkdir(parents=True)
        for number in range(count):
            picture = rng.normal((40, 50, 50), 4, (128, 128, 3)).clip(0, 255).astype(np.uint8)
            mask = np.zeros((128, 128), np.uint8)
            picture[20:50, 30:60, 0] = 230
            mask[20:50, 30:60] = 255
            Image.fromarray(picture).save(folder / split / "images" / f"image_{number}.png", compress_level=1)
            Image.fromarray(mask).save(folder / split / "masks" / f"mask_{number}.png", compress_level=1)
    return folder


def app() -> typer.Typer:
    result = typer.Typer()
    result.command("evaluate")(evaluate_command)
    result.command("train")(train_command)
    return result


def test_evaluate_writes_the_metrics_of_the_contract(root: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "metrics.json"
    arguments = ["evaluate", "--model", RULE, "--root", str(root), "--split", "validation", "--out", str(out)]
    done = CliRunner().invoke(app(), arguments, catch_exceptions=False)
    assert done.exit_code == 0
    metrics = json.loads(out.read_text())
    assert {"f1", "iou", "precision", "recall", "threshold", "n"} <= set(metrics)
    assert metrics["f1"] > 0.98
    assert metrics["n"] == 8 * 128 * 128
    assert metrics["prevalence"] == pytest.approx(900 / 128**2, abs=1e-4)
    assert metrics["model_sha256"] == load_model(RULE).sha256
    assert [path.name for path in out.parent.iterdir()] == ["metrics.json"]


def test_train_makes_a_bundle_of_the_rule(root: Path, tmp_path: Path) -> None:
    out = tmp_path / "rule"
    arguments = ["train", "--root", str(root), "--architecture", RULE, "--out", str(out)]
    done = CliRunner().invoke(app(), arguments, catch_exceptions=False)
    assert done.exit_code == 0
    assert RULE in done.stdout
    model = load_model(out)
    assert model.manifest.metrics["test"]["f1"] == pytest.approx(1.0)
    # No scene was given, so no false positives were measured and none are claimed.
    assert "hard_negatives_held_out" not in model.manifest.metrics


def test_train_takes_its_parameters_from_a_file(root: Path, tmp_path: Path) -> None:
    pytest.importorskip("lightning")
    (tmp_path / "params.yaml").write_text(
        "train: {name: tiny, arguments: {encoder: tu-resnet10t, decoder_channels: [16, 8, 8, 8, 8]}, epochs: 1,"
        " late_epochs: 1, batch_size: 2, tta: 1, threads: 1}"
    )
    out = tmp_path / "tiny"
    arguments = ["train", "--root", str(root), "--params", str(tmp_path / "params.yaml"), "--out", str(out)]
    assert CliRunner().invoke(app(), arguments, catch_exceptions=False).exit_code == 0
    manifest = load_model(out).manifest
    assert manifest.name == "tiny"
    assert manifest.training.parameters["late_epochs"] == 1
    assert len((tmp_path / "tiny.train" / "history.jsonl").read_text().splitlines()) == 2
    card = (out / "README.md").read_text()
    assert "| tiny |" in card
    assert "| red_minus_green |" in card


def test_wrong_requests_are_named(root: Path, tmp_path: Path) -> None:
    model = load_model(RULE)
    with pytest.raises(DatasetError, match="'bijou' is not known; use one of landslide4sense-rgb"):
        evaluate(model, dataset="bijou", root=root, split="test")
    with pytest.raises(DatasetError, match="split 'all' is not known; use one of train, validation, test"):
        evaluate(model, dataset="landslide4sense-rgb", root=root, split="all")
    with pytest.raises(ParameterError, match="tta 3: use one of 1, 2, 4, 8"):
        evaluate(model, dataset="landslide4sense-rgb", root=root, split="test", tta=3)
    with pytest.raises(ParameterError, match="threshold"):
        evaluate(model, dataset="landslide4sense-rgb", root=root, split="test", threshold=1.0)
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        write_metrics({}, tmp_path / "file" / "metrics.json")


def test_evaluation_needs_only_the_core() -> None:
    code = (
        "import sys; import landslide_geo.training.evaluate, landslide_geo.training.run, landslide_geo.cli.train; "
        "sys.exit(any(name in sys.modules for name in ('lightning', 'torchmetrics', 'h5py')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize("name", list_bundles())
def test_shipped_models_score_as_their_bundles_say(mirror: Path, name: str) -> None:
    model = load_model(name)
    found = evaluate(model, dataset="landslide4sense-rgb", root=mirror / "landslide4sense_rgb", split="test")
    said = model.manifest.metrics["test"]
    for key in ("f1", "iou", "precision", "recall", "auc"):
        assert found[key] == pytest.approx(said[key], abs=2e-3)


def test_the_shipped_model_beats_the_rule_on_a_part_of_validation(mirror: Path) -> None:
    drawn = TrainParams()
    root = mirror / "landslide4sense_rgb"
    whole = landslide4sense_rgb.read(root, "validation", test_patches=drawn.test_patches, seed=drawn.split_seed)
    part = np.s_[::20]
    patches = Patches(whole.ids[part], whole.images[part], whole.masks[part], whole.valid[part])
    scores = {name: score(load_model(name), patches) for name in ("default", RULE)}
    assert scores["default"].f1 > scores[RULE].f1 + 0.05
    assert scores["default"].auc is not None
    assert scores["default"].auc > 0.95


def ensemble(folder: Path, **weights: float) -> Path:
    manifest = EnsembleManifest(
        name="both",
        description="the network and the rule",
        members=tuple(EnsembleMember(bundle=bundle, weight=weight) for bundle, weight in weights.items()),
        threshold=Threshold(value=load_model(RULE).threshold, how="for this test"),
        metrics={"test": {"f1": 0.7}},
        licence="CC0-1.0",
        created="2026-11-21T00:00:00Z",
    )
    save_ensemble(folder, manifest)
    return folder


def metrics(root: Path, model: str | Path, out: Path) -> dict[str, object]:
    arguments = ["evaluate", "--model", str(model), "--root", str(root), "--split", "validation", "--out", str(out)]
    done = CliRunner().invoke(app(), arguments, catch_exceptions=False)
    assert done.exit_code == 0
    return json.loads(out.read_text())


def test_an_ensemble_is_scored_by_the_mean_of_its_members(root: Path, tmp_path: Path) -> None:
    alone = metrics(root, RULE, tmp_path / "alone.json")
    twice = metrics(root, ensemble(tmp_path / "twice", red_minus_green=1), tmp_path / "twice.json")
    for key in ("f1", "iou", "n", "threshold", "prevalence", "tta"):
        assert twice[key] == pytest.approx(alone[key], abs=2e-3), "an ensemble of the rule alone is the rule"
    assert twice["model"] == "both"
    both = ensemble(tmp_path / "both", default=3, red_minus_green=1)
    drawn = TrainParams()
    patches = landslide4sense_rgb.read(root, "validation", test_patches=drawn.test_patches, seed=drawn.split_seed)
    members = load_ensemble(both).models
    expected = np.zeros(patches.masks.shape)
    for (model, _), share in zip(members, (0.75, 0.25), strict=True):
        images = normalise(patches, model.manifest.normalisation)
        expected += share * model.calibrate(averaged(model.probabilities, images, 1)[:, 0])
    positive = expected >= load_ensemble(both).threshold
    f1 = 2 * (positive & patches.masks).sum() / (positive.sum() + patches.masks.sum())
    found = metrics(root, both, tmp_path / "both.json")
    assert found["f1"] == pytest.approx(f1, abs=2e-3)
    assert found["model_sha256"] == load_ensemble(both).sha256
    assert found["seed"] == [model.manifest.training.seed for model, _ in members]


def test_models_list_and_show_know_ensembles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    both = ensemble(tmp_path / "shipped/both", default=3, red_minus_green=1)
    shown = CliRunner().invoke(models.app, ["show", str(both)], catch_exceptions=False).stdout
    for words in ("weight 3", "red_minus_green", "Decision threshold 0.13", "f1 0.7", load_ensemble(both).sha256):
        assert words in shown
    as_json = CliRunner().invoke(models.app, ["show", str(both), "--json"], catch_exceptions=False).stdout
    assert json.loads(as_json)["members"][0] == {"bundle": "default", "weight": 3}
    for name in list_bundles():
        (tmp_path / "shipped" / name).symlink_to(find_bundle(name))
        assert (
            find_bundle(name).joinpath("README.md").read_text().rstrip()
            in CliRunner().invoke(models.app, ["show", name], catch_exceptions=False).stdout
        )
    monkeypatch.setattr("landslide_geo.models.bundle.shipped_directory", lambda: tmp_path / "shipped")
    monkeypatch.setenv("COLUMNS", "200")
    listed = CliRunner().invoke(models.app, ["list"], catch_exceptions=False).stdout
    assert "ensemble of default, red_minus_green" in listed
    assert "0.700" in listed
