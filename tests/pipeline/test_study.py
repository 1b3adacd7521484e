"""A study: Optuna's proposals as real DVC experiments of a small pipeline."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from landslide_geo.cli.main import run
from landslide_geo.errors import ParameterError
from landslide_geo.pipeline.study import Choice

pytest.importorskip("dvc", reason="the extra 'train' is not installed")
pytest.importorskip("optuna", reason="the extra 'train' is not installed")

STAGE = """
stages:
  fit:
    cmd: "{python} fit.py"
    params: [train]
    deps: [fit.py]
    metrics: [score.json: {{cache: false}}]
"""
#: A score with one hill, at lr 0.01 with the loss "good".
FIT = """
import json, math, re
text = open("params.yaml").read()
lr, loss = float(re.search(r"lr: (\\S+)", text)[1]), re.search(r"loss: (\\S+)", text)[1]
if loss == "broken":
    raise SystemExit("this loss is broken")
json.dump({"f1": 1 - abs(math.log10(lr) + 2) / 4 - 0.2 * (loss != "good")}, open("score.json", "w"))
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "params.yaml").write_text("train:\n  lr: 0.5\n  loss: bad\n")
    (tmp_path / "dvc.yaml").write_text(STAGE.format(python=sys.executable))
    (tmp_path / "fit.py").write_text(FIT)
    who = ["-c", "user.name=nobody", "-c", "user.email=nobody@example.org"]
    for command in (
        ["git", "init", "--quiet"],
        [sys.executable, "-m", "dvc", "init", "--quiet"],
        ["git", "add", "."],
        ["git", *who, "commit", "--quiet", "--message", "begin"],
    ):
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.integration
def test_trials_are_experiments_and_the_best_one_is_applied(project: Path, capsys) -> None:
    given = [
        "study",
        "--search",
        "train.lr=1e-4..1",
        "--search",
        "train.loss=bad,good,broken",
        "--metric",
        "score.json",
    ]
    assert run([*given, "--trials", "6"]) == 0
    lines = capsys.readouterr().out.splitlines()
    scores = [float(line.rsplit(" ", 1)[1]) for line in lines[:6] if "failed" not in line]
    assert len(lines) == 7
    assert len(scores) >= 2
    assert "failed" in "".join(lines), "one that fails is told, and does not end the study"
    best = max(scores)
    assert f"f1 {best:.4f}; it is applied" in lines[-1]
    assert json.loads((project / "score.json").read_text())["f1"] == pytest.approx(best, abs=1e-4)
    shown = subprocess.run([sys.executable, "-m", "dvc", "exp", "list"], capture_output=True, text=True, check=True)
    assert lines[-1].split()[1].strip(",") in shown.stdout


@pytest.mark.integration
def test_a_study_without_a_success_says_what_went_wrong(project: Path, capsys) -> None:
    given = ["study", "--search", "train.loss=broken", "--metric", "score.json", "--trials", "1"]
    assert run(given) == 2
    assert "no trial succeeded; the last one said: ERROR: failed to reproduce 'fit'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("train.lr=1e-4..1e-2", Choice("train.lr", 1e-4, 1e-2, log=True)),
        ("train.clip=0.5..2", Choice("train.clip", 0.5, 2.0)),
        ("train.epochs=10..40", Choice("train.epochs", 10, 40, whole=True)),
        ("models.unet.loss=bce,focal", Choice("models.unet.loss", among=("bce", "focal"))),
    ],
)
def test_what_to_search_is_read(text: str, expected: Choice) -> None:
    assert Choice.parsed(text) == expected


@pytest.mark.parametrize("text", ["train.lr", "=1..2", "a b=1..2", "train.lr=", "train.lr=2..1", "train.lr=a..b"])
def test_what_cannot_be_searched_is_said(text: str) -> None:
    with pytest.raises(ParameterError, match="--search"):
        Choice.parsed(text)
