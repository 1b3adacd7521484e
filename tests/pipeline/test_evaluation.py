"""`landslide evaluate`: what it writes, on datasets in their own layout and on chips, and what it says is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from squares import batch
from typer.testing import CliRunner

from landslide_geo.chips import store
from landslide_geo.cli import models
from landslide_geo.cli.main import run
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

RULE = "red_minus_green"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of green patches with a red square each, laid out as Landslide4Sense-RGB."""
    folder = tmp_path_factory.mktemp("dataset")
    rng = np.random.default_rng(0)
    for split, count in {"train": 10, "validation": 8}.items():
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


def evaluated(root: Path, out: Path, *options: str, model: str | Path = RULE, split: str = "validation") -> dict:
    arguments = ["evaluate", "--model", str(model), "--root", str(root), "--split", split, "--out", str(out), *options]
    assert run(arguments) == 0
    return json.loads(out.read_text())


def test_it_writes_the_metrics_of_the_contract(root: Path, tmp_path: Path, capsys) -> None:
    out = tmp_path / "new" / "metrics.json"
    metrics = evaluated(root, out)
    assert {"f1", "iou", "precision", "recall", "threshold", "n"} <= set(metrics)
    assert metrics["f1"] > 0.98
    assert metrics["n"] == 8 * 128 * 128
    assert metrics["prevalence"] == pytest.approx(900 / 128**2, abs=1e-4)
    assert metrics["model_sha256"] == load_model(RULE).sha256
    assert metrics["simulated"] is False
    assert [path.name for path in out.parent.iterdir()] == ["metrics.json"]
    assert "red_minus_green on landslide4sense-rgb validation: f1" in capsys.readouterr().out


def test_simulated_chips_are_called_simulated_wherever_a_figure_is(tmp_path: Path, capsys) -> None:
    store.write(tmp_path / "chips/test.zarr", [batch(6, 0)])
    metrics = evaluated(tmp_path / "chips", tmp_path / "metrics.json", "--dataset", "chips", split="test")
    assert metrics["simulated"] is True
    assert metrics["dataset"] == "squares"
    assert "pixels, simulated)" in capsys.readouterr().out


def test_wrong_requests_are_named(root: Path, tmp_path: Path, capsys) -> None:
    (tmp_path / "file").write_text("")
    store.write(tmp_path / "chips/test.zarr", [batch(2, 0)])
    for options, told in (
        (["--dataset", "bijou"], "'bijou' is not known; use one of landslide4sense"),
        (["--split", "all"], "split 'all' is not known; use one of train, validation, test"),
        (["--tta", "3"], "tta 3: use one of 1, 2, 4, 8"),
        (["--threshold", "1"], "threshold 1.0: give a probability between 0 and 1"),
        (["--prior", "0"], "prior 0.0 is not a share"),
        (["--calibration", str(tmp_path / "none.json")], "none.json: no such file"),
        (["--dataset", "chips", "--root", str(tmp_path / "chips"), "--split", "train"], "(it has test)"),
        (["--out", str(tmp_path / "file" / "metrics.json")], "cannot be written"),
    ):
        arguments = ["evaluate", "--model", RULE, "--root", str(root), "--out", str(tmp_path / "m.json"), *options]
        assert run(arguments) == 2
        error = capsys.readouterr().err
        assert told in error
        assert error.count("\n") == 1
    assert not (tmp_path / "m.json").exists()


PLOTS = ["confusion.csv", "confusion.png", "precision_recall.csv", "precision_recall.png", "reliability.csv",
         "reliability.png", "samples.png"]  # fmt: skip


def test_plots_show_the_figures_and_do_not_change_them(root: Path, tmp_path: Path) -> None:
    alone, plots = evaluated(root, tmp_path / "alone.json"), tmp_path / "new/plots"
    metrics = evaluated(root, tmp_path / "metrics.json", "--plots", str(plots))
    assert metrics == alone
    assert sorted(path.name for path in plots.iterdir()) == PLOTS
    rows = pd.read_csv(plots / "precision_recall.csv")
    assert rows["f1"].max() >= metrics["f1"] - 0.01
    groups = pd.read_csv(plots / "reliability.csv")
    error = ((groups["probability"] - groups["frequency"]).abs() * groups["count"]).sum() / groups["count"].sum()
    assert error == pytest.approx(metrics["calibration_error"], abs=1e-5)
    cells = pd.read_csv(plots / "confusion.csv").value_counts()
    assert cells["landslide", "landslide"] == pytest.approx(metrics["confusion"]["tp"] / metrics["n"] * 1000, abs=3)
    for path in plots.glob("*.png"):
        assert min(Image.open(path).size) > 600
    before = {path.name: path.read_bytes() for path in plots.iterdir()}
    (plots / "samples.png").write_text("an older one")
    evaluated(root, tmp_path / "metrics.json", "--plots", str(plots))
    assert {path.name: path.read_bytes() for path in plots.iterdir()} == before
    assert [path.name for path in plots.parent.iterdir()] == ["plots"], "nothing is left beside it"


def test_chips_without_landslides_have_no_curve(tmp_path: Path) -> None:
    store.write(tmp_path / "chips/test.zarr", [batch(3, 0, landslides=False)])
    evaluated(tmp_path / "chips", tmp_path / "m.json", "--dataset", "chips", "--plots", str(tmp_path / "plots"),
              split="test")  # fmt: skip
    assert sorted(path.name for path in (tmp_path / "plots").iterdir()) == [
        name for name in PLOTS if not name.startswith("precision_recall")
    ]
    assert set(pd.read_csv(tmp_path / "plots/confusion.csv")["actual"]) == {"no landslide"}


def test_plots_are_there_with_their_metrics_or_not_at_all(root: Path, tmp_path: Path, capsys) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "thesis.txt").write_text("mine")
    arguments = ["evaluate", "--model", RULE, "--root", str(root), "--split", "validation"]
    assert run([*arguments, "--out", str(tmp_path / "m.json"), "--plots", str(kept)]) == 2
    assert "kept: holds thesis.txt, which this command does not write" in capsys.readouterr().err
    assert run([*arguments, "--out", str(kept / "thesis.txt/m.json"), "--plots", str(tmp_path / "plots")]) == 2
    assert "cannot be written" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
    assert [path.name for path in kept.iterdir()] == ["thesis.txt"]


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


def test_an_ensemble_of_the_rule_alone_is_the_rule(root: Path, tmp_path: Path, capsys) -> None:
    alone = evaluated(root, tmp_path / "alone.json")
    folder = ensemble(tmp_path / "twice", red_minus_green=1)
    twice = evaluated(
        root, tmp_path / "twice.json", "--plots", str(tmp_path / "plots"), "--prior", "0.03", model=folder
    )
    assert len(list((tmp_path / "plots").iterdir())) == len(PLOTS)
    twice = evaluated(root, tmp_path / "twice.json", model=folder)
    for key in ("f1", "iou", "n", "threshold", "prevalence", "tta"):
        assert twice[key] == pytest.approx(alone[key], abs=2e-3)
    assert twice["model"] == "both"
    assert twice["model_sha256"] == load_ensemble(folder).sha256
    assert twice["seed"] == [load_model(RULE).manifest.training.seed]
    shown = CliRunner().invoke(models.app, ["compare", RULE, str(folder)], catch_exceptions=False).stdout
    assert "| both | 0.700 | – | – | – | – | – | – | – |" in shown
    assert "- both: data not stated test" in shown
    (tmp_path / "calibration.json").write_text("{}")
    arguments = ["evaluate", "--model", str(folder), "--root", str(root), "--out", str(tmp_path / "x.json")]
    assert run([*arguments, "--calibration", str(tmp_path / "calibration.json")]) == 2
    assert "has calibrations of its own" in capsys.readouterr().err


def test_models_list_and_show_know_ensembles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    both = ensemble(tmp_path / "shipped/both", default=3, red_minus_green=1)
    shown = CliRunner().invoke(models.app, ["show", str(both)], catch_exceptions=False).stdout
    for words in ("weight 3", "red_minus_green", "Decision threshold 0.13", "f1 0.7", load_ensemble(both).sha256):
        assert words in shown
    as_json = CliRunner().invoke(models.app, ["show", str(both), "--json"], catch_exceptions=False).stdout
    assert json.loads(as_json)["members"][0] == {"bundle": "default", "weight": 3, "anchor": None}
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
