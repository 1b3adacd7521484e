"""Ablations: real DVC experiments of a small pipeline in a repository of its own."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

from landslide_geo.cli.main import run
from landslide_geo.config import AblationParams, load_params
from landslide_geo.errors import ParameterError

pytest.importorskip("dvc", reason="the extra 'train' is not installed")

PARAMS = """# what people write stays
profile: mine
ablations:
  - {name: whole, group: net, target: fit, metric: metrics/score.json}
  - {name: no-gate, group: net, set: [models.net.arguments.gate=false], target: fit, metric: metrics/score.json}
  - {name: both, group: two, target: [fit, combine], metric: metrics/both.json}
  - {name: alone, group: two, set: [ensembles.0.options=--weight a=1], target: combine, metric: metrics/both.json}
models:
  net: {arguments: {gate: true}}
ensembles:
  - {name: both, members: a b, options: --weight a=0.7 --weight b=0.3, data: none}
train: {seed: 0}
"""
STAGES = """
stages:
  fit:
    cmd: "{python} fit.py"
    params: [train, models]
    deps: [fit.py]
    metrics: [metrics/score.json: {{cache: false}}]
  combine:
    cmd: "{python} combine.py"
    params: [ensembles]
    deps: [metrics/score.json, combine.py]
    metrics: [metrics/both.json: {{cache: false}}]
  other:
    cmd: "{python} never.py"
    outs: [other.txt]
"""
#: A score that is 0.8, less 0.1 without the gate, and 0.01 more with each seed. Each run leaves a line.
FIT = """
import json, pathlib, yaml
given = yaml.safe_load(open("params.yaml"))
seed, gate = given["train"]["seed"], given["models"]["net"]["arguments"]["gate"]
if seed == 13:
    raise SystemExit("no luck")
pathlib.Path("metrics").mkdir(exist_ok=True)
told = {"f1": 0.7 + 0.1 * gate + 0.01 * seed, "unit": "chip", "n": 20, "dataset": "dots", "split": "test",
        "simulated": True}
json.dump(told, open("metrics/score.json", "w"))
print(seed, gate, file=open("../runs.txt", "a"))
"""
COMBINE = """
import json, yaml
told = json.load(open("metrics/score.json"))
told["f1"] += 0.05 * (yaml.safe_load(open("params.yaml"))["ensembles"][0]["options"].count("weight") - 1)
json.dump(told, open("metrics/both.json", "w"))
"""


def git(folder: Path, *arguments: str) -> str:
    who = ["-c", "user.name=nobody", "-c", "user.email=nobody@example.org"]
    return subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    for name, text in {
        "params.yaml": PARAMS, "dvc.yaml": STAGES.format(python=sys.executable), "fit.py": FIT, "combine.py": COMBINE,
        ".gitignore": "/out/\n",
    }.items():  # fmt: skip
        (folder / name).write_text(text)
    git(folder, "init", "--quiet")
    subprocess.run([sys.executable, "-m", "dvc", "init", "--quiet"], cwd=folder, check=True, capture_output=True)
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message", "begin")
    monkeypatch.chdir(folder)
    return folder


def rows(path: Path) -> dict[tuple[str, int], float]:
    with path.open(newline="") as file:
        return {(row["name"], int(row["seed"])): float(row["f1"]) for row in csv.DictReader(file)}


@pytest.mark.integration
def test_every_system_and_seed_is_an_experiment_and_the_whole_one_stays(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["ablate", "--seeds", "0,2", "--out", "out/a"]) == 0
    assert rows(project / "out/a/ablations.csv") == pytest.approx({
        ("whole", 0): 0.8, ("whole", 2): 0.82, ("no-gate", 0): 0.7, ("no-gate", 2): 0.72,
        ("both", 0): 0.85, ("both", 2): 0.87, ("alone", 0): 0.8, ("alone", 2): 0.82,
    })  # fmt: skip
    table = (project / "out/a/ablations.md").read_text()
    assert "| `net` | `no-gate` | 0.710 | 0.700, 0.720 | -0.100 | apart |" in table
    assert "(simulated)" in table
    assert (project / "out/a/ablations.png").stat().st_size > 10_000
    shown = subprocess.run([sys.executable, "-m", "dvc", "exp", "list"], capture_output=True, text=True, check=True)
    for name in ("whole-0", "no-gate-2", "both-0", "alone-2"):
        assert name in shown.stdout
    # The workspace is the whole system's, of the first seed, in the words of whoever wrote the parameters.
    assert (project / "params.yaml").read_text() == PARAMS
    assert json.loads((project / "metrics/score.json").read_text())["f1"] == pytest.approx(0.8)
    assert json.loads((project / "metrics/both.json").read_text())["f1"] == pytest.approx(0.85)
    assert git(project, "status", "--porcelain", "params.yaml", "dvc.yaml") == ""

    # Once more, with another seed: what is there is not run again.
    before = (project.parent / "runs.txt").read_text().count("\n")
    capsys.readouterr()
    assert run(["ablate", "--seeds", "0,2,5", "--only", "net", "--out", "out/b"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[:2] == ["whole-0: f1 0.8000, was there", "no-gate-0: f1 0.7000, was there"]
    assert "whole-5: f1 0.8500" in said
    assert (project.parent / "runs.txt").read_text().count("\n") == before + 2
    assert set(rows(project / "out/b/ablations.csv")) == {(name, s) for name in ("whole", "no-gate") for s in (0, 2, 5)}

    # Of another seed than that of the parameters: they say so.
    assert run(["ablate", "--seeds", "2", "--only", "net", "--out", "out/d"]) == 0
    assert load_params(project / "params.yaml").training(None).seed == 2
    assert json.loads((project / "metrics/score.json").read_text())["f1"] == pytest.approx(0.82)
    git(project, "checkout", "params.yaml")

    # A stage that fails is one line, and nothing is written; what was run before is kept.
    assert run(["ablate", "--seeds", "0,13", "--only", "net", "--out", "out/c"]) == 2
    assert "whole-13 failed: ERROR: failed to reproduce 'fit'" in capsys.readouterr().err
    assert (project / "params.yaml").read_text() == PARAMS
    assert not (project / "out/c").exists()


@pytest.mark.integration
def test_what_cannot_be_compared_is_said_before_anything_runs(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def says(complaint: str, *arguments: str) -> None:
        assert run(["ablate", "--out", "out/x", *arguments]) == 2
        assert complaint in capsys.readouterr().err
        assert not (project / "out/x").exists()
        assert not (project.parent / "runs.txt").exists()

    says("the groups of params.yaml are net, two", "--only", "three")
    says("give whole numbers", "--seeds", "a")
    says("seeds are 0 or more", "--seeds", "-1")
    says("each once", "--seeds", "1,1")
    (project / "fit.py").write_text(FIT + "\n")
    says("fit.py: was changed since the last commit")
    git(project, "checkout", "fit.py")
    git(project, "rm", "--cached", "--quiet", "params.yaml")
    says("params.yaml: git does not know it")
    (project / "params.yaml").write_text(
        PARAMS.replace("name: whole, group: net,", "name: whole, group: net, set: [a=1],")
    )
    says("net needs one without `set`")
    (project / "params.yaml").write_text(PARAMS.replace("name: no-gate", "name: whole"))
    says("whole is there twice")
    (project / "params.yaml").write_text("profile: mine\n")
    says("has no `ablations`")


def test_outside_of_git_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    (tmp_path / "params.yaml").write_text(PARAMS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert run(["ablate", "--out", "out"]) == 2
    assert "no git repository with a commit" in capsys.readouterr().err


def test_a_change_is_a_name_and_a_value(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(PARAMS)
    found = load_params(path).ablations
    assert found[2].targets == ("fit", "combine")
    assert found[3].targets == ("combine",)
    assert isinstance(found[0], AblationParams)
    path.write_text(PARAMS.replace("models.net.arguments.gate=false", "gate"))
    with pytest.raises(ParameterError, match="write NAME=VALUE"):
        load_params(path)
