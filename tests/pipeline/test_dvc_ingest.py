"""The stage of the pipeline that loads scenes: as DVC understands it, without a network."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from landslide_geo.cli.main import run
from landslide_geo.config import load_params
from landslide_geo.errors import ParameterError

pytest.importorskip("dvc", reason="the extra 'train' is not installed")
ROOT = Path(__file__).resolve().parents[2]
ENTRY = {"name": "iburi", "from": "area.geojson", "options": "--aoi area.geojson --event 2018-09-06"}


@pytest.fixture
def checkout(tmp_path):
    """What DVC needs to know of the repository to plan that stage."""
    ignored = shutil.ignore_patterns("__pycache__")
    for name in ("landslide_geo/scene/stac", "landslide_geo/pipeline"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=ignored)
    (tmp_path / ".dvc").mkdir()
    for name in ("dvc.yaml", ".dvcignore", ".dvc/config"):
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "area.geojson").write_text("{}")
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True, capture_output=True)
    assert run(["profile", "smoke", "--out", str(tmp_path / "params.yaml")]) == 0
    return tmp_path


def dvc(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "dvc", *arguments], cwd=folder, env=os.environ | {"DVC_NO_ANALYTICS": "1"},
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def change(folder: Path, **scan: str) -> None:
    path = folder / "params.yaml"
    params = yaml.safe_load(path.read_text())
    params["ingest"] = [ENTRY]
    params["scan"] |= scan
    path.write_text(yaml.safe_dump(params))


def test_without_an_entry_there_is_no_stage_and_with_one_it_is_run_as_the_command_is_typed(checkout):
    assert "ingest" not in dvc(checkout, "stage", "list", "--name-only")
    change(checkout)
    assert "ingest@scene0" in dvc(checkout, "stage", "list", "--name-only").split()
    planned = dvc(checkout, "repro", "--dry", "ingest@scene0")
    command = "landslide ingest --aoi area.geojson --event 2018-09-06 --out data/scenes/iburi --overwrite"
    assert [line for line in planned.splitlines() if line.startswith("> ")] == [f"> {command}"]
    assert not (checkout / "data/scenes").exists()
    assert load_params(checkout / "params.yaml").ingest[0].name == "iburi"


def test_a_scan_of_such_a_scene_comes_after_it(checkout):
    assert "ingest" not in dvc(checkout, "dag", "scan")
    change(checkout, **{"sources": "data/scenes/iburi", "from": "data/scenes/iburi"})
    assert "ingest@scene0" in dvc(checkout, "dag", "scan")


@pytest.mark.parametrize(("key", "value"), [("options", ""), ("from", ""), ("name", "../elsewhere")])
def test_entries_that_dvc_could_not_run_are_refused(checkout, key, value):
    change(checkout)
    path = checkout / "params.yaml"
    params = yaml.safe_load(path.read_text())
    params["ingest"][0][key] = value
    path.write_text(yaml.safe_dump(params))
    with pytest.raises(ParameterError, match=rf"ingest\.0\.{key}"):
        load_params(path)
