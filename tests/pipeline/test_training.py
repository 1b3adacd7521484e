"""From chips to a finished bundle by the commands that the stages call."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from squares import batch

from landslide_geo.chips import store
from landslide_geo.cli.main import run
from landslide_geo.models import load_model

pytest.importorskip("lightning")

PARAMS = """
train: {epochs: null, lr: 0.004}
models:
  tiny:
    arguments: {encoder: tu-resnet10t, decoder_channels: [16, 8, 8, 8, 8]}
    epochs: 3
    late_epochs: 1
    batch_size: 8
    warmup_epochs: 1
    ema_decay: 0.8
    negatives_per_epoch: 4
    tta: 1
    threads: 1
  rule: {architecture: red_minus_green, arguments: {}}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Chips, and parameters."""
    found = tmp_path_factory.mktemp("project")
    for split, seed, count in (("train", 0, 48), ("validation", 1, 16), ("test", 2, 16)):
        store.write(found / f"chips/{split}.zarr", [batch(count, seed, simulated=False)])
    store.write(found / "hard/train.zarr", [batch(8, 3, landslides=False, simulated=False)])
    (found / "params.yaml").write_text(PARAMS)
    return found


def command(folder: Path, *arguments: str) -> None:
    assert run([str(folder / a[1:]) if a.startswith("@") else a for a in arguments]) == 0


@pytest.fixture(scope="module")
def made(folder: Path) -> Path:
    """A draft, its decision, its scores and the bundle."""
    command(folder, "train", "--data", "@chips", "--negatives", "@hard", "--params", "@params.yaml", "--model", "tiny",
            "--out", "@runs/tiny", "--plots", "@plots/train")  # fmt: skip
    command(folder, "calibrate", "@runs/tiny", "--data", "@chips", "--out", "@calibration.json", "--plots",
            "@plots/calibrate")  # fmt: skip
    for split in ("validation", "test"):
        command(folder, "evaluate", "--model", "@runs/tiny", "--calibration", "@calibration.json", "--dataset",
                "chips", "--root", "@chips", "--split", split, "--out", f"@{split}.json")  # fmt: skip
    command(folder, "bundle", "@runs/tiny", "--calibration", "@calibration.json", "--metrics",
            f"validation={folder / 'validation.json'}", "--metrics", f"test={folder / 'test.json'}", "--out",
            "@bundles/tiny")  # fmt: skip
    return folder


def test_a_draft_decides_nothing_and_tells_how_it_came_to_be(made: Path) -> None:
    draft = load_model(made / "runs/tiny").manifest
    assert draft.threshold.value == 0.5
    assert draft.calibration.method == "none"
    assert draft.training.parameters["lr"] == 0.004, "what holds for all models wins"
    assert draft.training.parameters["epochs"] == 3, "null leaves it to the model"
    measured = draft.metrics["training"]
    assert measured["epochs"] == 4
    assert measured["energy_kwh"] > 0
    assert draft.training.data == ("squares train, 48 chips", "squares train, 8 chips")
    assert str(made) not in draft.model_dump_json(), "nothing of this machine's folders"
    lines = (made / "runs/tiny/history.csv").read_text().splitlines()
    assert lines[0].startswith("epoch,seconds")
    assert len(lines) == 5
    assert sorted(path.name for path in (made / "runs").iterdir()) == ["tiny"], "nothing is left beside it"


def test_the_finished_bundle_scores_as_it_says(made: Path) -> None:
    bundle = load_model(made / "bundles/tiny").manifest
    decision = json.loads((made / "calibration.json").read_text())
    assert bundle.threshold.value == decision["threshold"]["value"]
    assert bundle.threshold.how == "highest pixel F1 on squares validation, 16 chips, steps of 0.01"
    assert bundle.metrics["test"]["f1"] > 0.7
    command(made, "evaluate", "--model", "@bundles/tiny", "--dataset", "chips", "--root", "@chips", "--split", "test",
            "--out", "@again.json")  # fmt: skip
    again, before = (json.loads((made / name).read_text()) for name in ("again.json", "test.json"))
    assert {key: value for key, value in again.items() if key != "model_sha256"} == {
        key: value for key, value in before.items() if key != "model_sha256"
    }
    card = (made / "bundles/tiny/README.md").read_text()
    assert "| tiny |" in card
    assert "| red_minus_green |" in card
    assert "landslide train --data chips --negatives hard --params params.yaml --model tiny --out DIR" in card
    assert (made / "bundles/tiny/history.csv").read_text() == (made / "runs/tiny/history.csv").read_text()


def test_what_people_look_at_lies_beside_it(made: Path) -> None:
    plots = {path.name: sorted(child.name for child in path.iterdir()) for path in (made / "plots").iterdir()}
    assert plots == {
        "train": ["history.png", "training.csv", "validation.csv"],
        "calibrate": ["reliability.csv", "reliability.png", "threshold.csv", "threshold.png"],
    }
    validation = pd.read_csv(made / "plots/train/validation.csv")
    assert validation["epoch"].tolist() == [0, 1, 2, 3]
    assert load_model(made / "runs/tiny").manifest.metrics["training"]["epochs"] == 4
    decision = json.loads((made / "calibration.json").read_text())
    sweep = pd.read_csv(made / "plots/calibrate/threshold.csv")
    best = sweep.loc[sweep["f1"].idxmax()]
    assert best["threshold"] == decision["threshold"]["value"]
    assert best["f1"] == pytest.approx(decision["f1"], abs=1e-5)
    groups = pd.read_csv(made / "plots/calibrate/reliability.csv")
    error = ((groups["mean_after"] - groups["frequency_after"]).abs() * groups["count_after"]).sum()
    assert error / groups["count_after"].sum() == pytest.approx(decision["calibration_error"]["after"], abs=1e-5)
    command(made, "models", "curves", str(made / "bundles/tiny"), "--out", "@new/history.png")
    assert (made / "new/history.png").read_bytes() == (made / "plots/train/history.png").read_bytes()


def test_bundles_are_compared_by_f1(made: Path, capsys) -> None:
    capsys.readouterr()
    command(made, "models", "compare", "red_minus_green", "@bundles/tiny", "@runs/tiny", "--out", "@new/table.md")
    told = capsys.readouterr().out
    assert (made / "new/table.md").read_text() == told
    rows = [line.split(" | ") for line in told.splitlines() if line.startswith("| ")][1:]
    assert [row[0] for row in rows] == [f"| tiny ({made / 'bundles/tiny'})", "| red_minus_green"]
    bundle = load_model(made / "bundles/tiny").manifest
    assert float(rows[0][1]) == pytest.approx(bundle.metrics["test"]["f1"], abs=5e-4)
    assert f"tiny ({made / 'bundles/tiny'}): squares validation, 65,536 pixels; squares test, 65,536 pixels" in told
    assert f"tiny ({made / 'runs/tiny'}): no figures in it" in told


def test_simulated_figures_are_not_ranked_among_real_ones(made: Path, tmp_path: Path, capsys) -> None:
    copy = Path(shutil.copytree(made / "bundles/tiny", tmp_path / "other"))
    stated = json.loads((copy / "bundle.json").read_text())
    stated["metrics"]["test"] |= {"simulated": True, "f1": 0.99}
    (copy / "bundle.json").write_text(json.dumps(stated | {"name": "pretended"}))
    command(made, "models", "compare", str(copy), "red_minus_green")
    real, _, simulated = capsys.readouterr().out.partition("Measured on")[0].partition("simulated")
    assert "red_minus_green" in real
    assert "pretended" not in real
    assert "pretended" in simulated


def test_a_bundle_can_scan(made: Path, simulated, tmp_path: Path) -> None:
    sources = [source for source in simulated.sources if source.split("=")[0] in ("red", "green", "blue")]
    arguments = ["scan", *sources, "--dem", str(simulated.dem), "--model", str(made / "bundles/tiny")]
    assert run([*arguments, "--out", str(tmp_path / "out")]) == 0
    assert (tmp_path / "out/landslides.gpkg").is_file()


def test_a_fold_is_validated_on_chips_that_it_was_not_trained_on(made: Path) -> None:
    command(made, "train", "--data", "@chips", "--params", "@params.yaml", "--model", "tiny", "--epochs", "1", "--fold",
            "2", "--out", "@runs/fold")  # fmt: skip
    training = load_model(made / "runs/fold").manifest.training
    assert training.split == "fold 2 of 5 of the training chips, by block"
    chips = int(training.data[0].split(", ")[1].split()[0])
    assert 30 < chips < 48
    command(made, "calibrate", "@runs/fold", "--data", "@chips", "--method", "temperature", "--out", "@fold.json")
    told = json.loads((made / "fold.json").read_text())
    assert told["calibration"]["data"] == f"squares train, fold 2 of 5, {48 - chips} chips"


def test_a_rule_is_calibrated_like_a_network(made: Path) -> None:
    command(made, "train", "--data", "@chips", "--params", "@params.yaml", "--model", "rule", "--out", "@runs/rule",
            "--plots", "@nothing-to-draw")  # fmt: skip
    assert list((made / "nothing-to-draw").iterdir()) == []
    command(made, "calibrate", "@runs/rule", "--data", "@chips", "--method", "isotonic", "--out", "@rule.json")
    assert json.loads((made / "rule.json").read_text())["f1"] > 0.7


def test_what_does_not_belong_together_is_said(made: Path, tmp_path: Path, capsys) -> None:
    chips, params = str(made / "chips"), str(made / "params.yaml")
    (tmp_path / "broken.json").write_text("[]")
    (tmp_path / "half.json").write_text('{"tta": 1, "calibration": {"prevalence": 2, "data": ""}, "threshold": {}}')
    (tmp_path / "bad.yaml").write_text("models: {tiny: {lr: -1}}")
    out = str(tmp_path / "out")
    other = str(made / "rule-scores.json")
    command(made, "evaluate", "--model", "red_minus_green", "--dataset", "chips", "--root", "@chips", "--out", other)
    command(made, "evaluate", "--model", "@runs/tiny", "--dataset", "chips", "--root", "@chips", "--out", "@raw.json")
    for split in ("train", "validation"):
        store.write(made / f"odd/{split}.zarr", [batch(2, 0, size=48)])
    (tmp_path / "odd.yaml").write_text("train: {epochs: 1}")
    capsys.readouterr()
    for arguments, told in (
        (["train", "--data", chips, "--params", params, "--model", "huge"], "models tiny, rule; name one of them"),
        (["train", "--data", chips, "--model", "tiny"], "--model tiny: name the parameters it stands in"),
        (["train", "--data", chips, "--params", str(tmp_path / "bad.yaml")], "models.tiny, train: lr:"),
        (["train", "--data", str(tmp_path)], "no chips there"),
        (["train", "--data", chips, "--fold", "7"], "fold 7: there are folds 0 to 4"),
        (["train", "--data", chips, "--architecture", "vgg"], "'vgg' is not known"),
        (["calibrate", str(made / "runs/tiny"), "--data", chips, "--method", "magic"], "method 'magic'"),
        (["calibrate", str(tmp_path), "--data", chips], "not a model bundle"),
        (["calibrate", str(made / "runs/tiny"), "--data", chips, "--tta", "3"], "tta 3: use one of"),
        (["train", "--data", str(made / "odd"), "--architecture", "segformer", "--params", str(tmp_path / "odd.yaml")],
         "does not take chips of 48 pixels"),
        (["bundle", str(made / "runs/tiny"), "--calibration", str(made / "calibration.json"), "--metrics",
          f"test={made / 'validation.json'}"], "scores of validation, not of test"),
        (["bundle", str(made / "runs/tiny"), "--calibration", str(made / "calibration.json"), "--metrics",
          f"test={made / 'raw.json'}"], "scores at another threshold, prior or"),
        (["calibrate", str(made / "runs/tiny"), "--data", chips, "--plots", chips], "holds test.zarr, which this"),
        (["train", "--data", chips, "--plots", params], "params.yaml: cannot be written (Not a directory)"),
        (["models", "curves", "red_minus_green"], "history.csv: not there, so there are no curves"),
        (["bundle", str(made / "runs/tiny"), "--calibration", str(tmp_path / "broken.json")], "holds no JSON object"),
        (["bundle", str(made / "runs/tiny"), "--calibration", str(tmp_path / "half.json")], "prevalence"),
        (["bundle", str(made / "runs/tiny"), "--calibration", str(made / "calibration.json"), "--metrics", "test"],
         "give a split and a file"),
        (["bundle", str(made / "runs/tiny"), "--calibration", str(made / "calibration.json"), "--metrics",
          f"test={other}"], "scores of another model"),
    ):  # fmt: skip
        assert run([*arguments, "--out", out]) == 2, arguments
        error = capsys.readouterr().err
        assert told in error
        assert error.count("\n") == 1
        assert not Path(out).exists()
