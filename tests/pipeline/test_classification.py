"""Networks that classify whole chips: trained, calibrated, bundled and put together by the commands of the stages."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from squares import batch

from landslide_geo.chips import store
from landslide_geo.chips.split import Split
from landslide_geo.cli.main import run
from landslide_geo.models import load_ensemble, load_model
from landslide_geo.training.evaluate import answer

pytest.importorskip("lightning")

PARAMS = """
models:
  tiny:
    architecture: classifier
    arguments: {encoder: resnet10t}
    loss: {kind: focal, alpha: 0.5}
    balance: 0.5
    epochs: 5
    late_epochs: 0
    batch_size: 8
    lr: 0.004
    warmup_epochs: 1
    ema_decay: 0.8
    augment: {affine: 0, cutmix: 0.2, mixup: 0.2}
    tta: 2
    threads: 1
    folds: 2
  other: {architecture: classifier, arguments: {encoder: resnet10t}, epochs: 1, late_epochs: 0, folds: 2, tta: 1}
"""


def chips(count: int, seed: int, *, blocks: int = 8):
    """With a red square or without; no masks, one label each."""
    rows = [batch(count // 2, seed + i, landslides=bool(i), simulated=False, blocks=blocks) for i in range(2)]
    labelled = [
        part.drop_vars("mask").assign(label=("chip", np.full(count // 2, i, np.uint8))) for i, part in enumerate(rows)
    ]
    return labelled


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Chips, and parameters."""
    found = tmp_path_factory.mktemp("project")
    for split, seed, count in (("train", 0, 64), ("validation", 10, 32), ("test", 20, 32)):
        store.write(found / f"chips/{split}.zarr", chips(count, seed))
    (found / "params.yaml").write_text(PARAMS)
    return found


def command(folder: Path, *arguments: str) -> int:
    return run([str(folder / a[1:]) if a.startswith("@") else a for a in arguments])


def make(folder: Path, name: str, model: str, *options: str) -> None:
    """A finished bundle with its predictions."""
    for arguments in (
        ["train", "--data", "@chips", "--params", "@params.yaml", "--model", model, "--out", f"@runs/{name}", *options],
        ["calibrate", f"@runs/{name}", "--data", "@chips", "--out", f"@{name}.json", "--predictions", f"@{name}.csv"],
        ["bundle", f"@runs/{name}", "--calibration", f"@{name}.json", "--predictions", f"@{name}.csv", "--out",
         f"@bundles/{name}"],
    ):  # fmt: skip
        assert command(folder, *arguments) == 0


@pytest.fixture(scope="module")
def made(folder: Path) -> Path:
    """Two folds of one system and one fold of another."""
    for fold in "01":
        make(folder, f"tiny-{fold}", "tiny", "--fold", fold)
    return folder


def test_it_learns_and_says_what_it_is(made: Path) -> None:
    model = load_model(made / "bundles/tiny-0")
    assert model.manifest.task == "classification"
    assert (model.manifest.window, model.manifest.overlap) == (64, 32), "as large as its chips, half of it shared"
    assert "highest chip F1" in model.manifest.threshold.how
    assert model.manifest.calibration.prevalence == 0.5
    out = made / "test.json"
    assert command(made, "evaluate", "--model", "@bundles/tiny-0", "--dataset", "chips", "--root", "@chips", "--split",
                   "test", "--out", str(out), "--plots", "@plots") == 0  # fmt: skip
    told = json.loads(out.read_text())
    assert (told["unit"], told["n"], told["prevalence"]) == ("chip", 32, 0.5)
    assert told["auc"] > 0.8
    assert (made / "plots/samples.png").stat().st_size > 10_000


def test_chips_of_any_size_make_a_bundle(folder: Path, tmp_path: Path) -> None:
    for split in ("train", "validation"):
        cropped = [part.isel(y=slice(40), x=slice(40)) for part in chips(16, 0)]
        store.write(tmp_path / f"chips/{split}.zarr", cropped)
    params = str(folder / "params.yaml")
    assert command(tmp_path, "train", "--data", "@chips", "--params", params, "--model", "other", "--out", "@run") == 0
    manifest = load_model(tmp_path / "run").manifest
    assert (manifest.window, manifest.overlap) == (64, 32), "windows are counted in 32 pixels"


def test_its_predictions_are_of_its_own_fold(made: Path) -> None:
    tables = [pd.read_csv(made / f"tiny-{fold}.csv") for fold in range(2)]
    training = Split.read(made / "chips/train.zarr")
    assert sorted([*tables[0]["id"], *tables[1]["id"]]) == sorted(training.ids)
    assert not set(tables[0]["block"]) & set(tables[1]["block"])
    model = load_model(made / "bundles/tiny-1")
    first = tables[1].iloc[3]
    found = answer(model, training.at([training.ids.tolist().index(first["id"])]))
    assert found.probability.item() == pytest.approx(first["probability"], abs=1e-5)
    assert found.spread.item() == pytest.approx(first["spread"], abs=1e-5)
    assert first["truth"] == training.mask(training.ids.tolist().index(first["id"])).item()


def test_folds_become_one_model(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(made, "ensemble", "@bundles/tiny-0", "@bundles/tiny-1", "--abstain", "0.2", "--out", "@both") == 0
    said = capsys.readouterr().out
    assert "tiny-0: f1" in said
    assert "mean of folds" in said
    both = load_ensemble(made / "both")
    assert both.task == "classification"
    assert [weight for _, weight in both.models] == [0.5, 0.5]
    assert both.anchors == tuple(load_model(made / f"bundles/tiny-{i}").threshold for i in range(2))
    told = both.manifest["metrics"]["out_of_fold"]
    assert told["n"] == 64
    assert told["folds"]["tiny-1"]["n"] == 32
    chosen = Split.read(made / "chips/test.zarr").at(range(4))
    alone = [answer(model, chosen, tta=1).probability for model, _ in both.models]
    together = answer(both, chosen, tta=1).probability  # nobody abstains where there is one answer
    bent = [both.settle(i)(m.probabilities(_seen(m, chosen))[..., None]) for i, (m, _) in enumerate(both.models)]
    assert together == pytest.approx(np.mean([b.reshape(together.shape) for b in bent], axis=0), abs=1e-5)
    assert not np.allclose(together, np.mean(alone, axis=0), atol=1e-4), "probabilities were bent"


def _seen(model, chosen: Split) -> np.ndarray:
    from landslide_geo.training.evaluate import images, own_chips

    return images(own_chips(model, chosen), model.manifest.normalisation)


def test_weights_can_be_given(made: Path) -> None:
    for fold in "01":
        make(made, f"other-{fold}", "other", "--fold", fold)
    members = [f"@bundles/{name}-{fold}" for name in ("tiny", "other") for fold in "01"]
    assert command(made, "ensemble", *members, "--weight", "tiny=0.7", "--weight", "other=0.3", "--no-anchor",
                   "--out", "@four") == 0  # fmt: skip
    four = load_ensemble(made / "four")
    assert [weight for _, weight in four.models] == pytest.approx([0.35, 0.35, 0.15, 0.15])
    assert four.anchors == (None,) * 4
    assert command(made, "ensemble", *members, "--out", "@fitted") == 0
    told = load_ensemble(made / "fitted").manifest["metrics"]["out_of_fold"]
    assert told["weights_fitted"]
    assert sum(told["weights"].values()) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["@bundles/tiny-0", "@bundles/tiny-0"], "named twice"),
        (["@bundles/tiny-0", "--weight", "x=1"], "the members are of tiny"),
        (["@bundles/tiny-0", "--weight", "tiny"], "give a name and a number"),
        (["@bundles/tiny-0", "--abstain", "0.7"], "lies between 0 and 0.5"),
        (["@runs/tiny-0"], "holds no predictions.csv"),
        (["@nowhere"], "no such model"),
    ],
)
def test_what_cannot_be_put_together_is_said(
    made: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], complaint: str
) -> None:
    assert command(made, "ensemble", *arguments, "--out", "@none") == 2
    assert complaint in capsys.readouterr().err
    assert not (made / "none").exists()


def test_networks_that_outline_need_masks(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(made, "train", "--data", "@chips", "--architecture", "unet", "--out", "@runs/unet") == 2
    assert "labels and no masks" in capsys.readouterr().err
    assert command(made, "evaluate", "--model", "default", "--dataset", "chips", "--root", "@chips", "--split", "test",
                   "--out", "@none.json") == 2  # fmt: skip
    assert "labels and no masks" in capsys.readouterr().err


@pytest.mark.parametrize("fold", ["0", "1"])
def test_a_fold_of_one_class_is_told_before_training(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], fold: str
) -> None:
    store.write(tmp_path / "one/train.zarr", chips(16, 0, blocks=1))
    out = tmp_path / "runs/tiny"
    assert run(["train", "--data", str(tmp_path / "one"), "--params", str(folder / "params.yaml"), "--model", "tiny",
                "--fold", fold, "--out", str(out)]) == 2  # fmt: skip
    said = capsys.readouterr().err
    assert "train.zarr: fold 1 of 2 has no chip with a landslide, as only 1 block has any; set fewer" in said
    assert not (tmp_path / "runs").exists()
