"""What a user installs: the wheel alone, in an empty environment, scans with the model inside it."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def call(*command: object, cwd: Path) -> str:
    done = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    return done.stdout


@pytest.mark.integration
@pytest.mark.timeout(1500)
def test_the_wheel_in_an_empty_environment_scans(tmp_path, simulated):
    call(sys.executable, "-m", "build", "--wheel", "--outdir", tmp_path / "dist", ROOT, cwd=tmp_path)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        names = set(packed.namelist())
    pages = ROOT / "landslide_geo/app/static"
    assert {str(path.relative_to(ROOT)) for path in pages.rglob("*") if path.is_file()} <= names, "the web page"
    venv.create(tmp_path / "env", with_pip=True)
    python = tmp_path / "env/bin/python"
    call(
        python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--constraint",
        ROOT / "constraints.txt", wheel, cwd=tmp_path,
    )  # fmt: skip
    installed = {
        package["name"] for package in json.loads(call(python, "-m", "pip", "list", "--format=json", cwd=tmp_path))
    }
    assert not {"prefect", "dvc", "lightning", "pytest"} & installed, "the core holds what a scan needs, no more"
    landslide = tmp_path / "env/bin/landslide"
    out = call(landslide, "scan", *simulated.sources, "--dem", simulated.dem, "--out", "out", "--json", cwd=tmp_path)
    assert json.loads(out)["landslides"] > 0
    record = json.loads((tmp_path / "out/scan.json").read_text())
    assert record["model"]["name"] == "default"
    assert (tmp_path / "out/landslides.gpkg").exists()
    page = subprocess.run([landslide, "app"], cwd=tmp_path, capture_output=True, text=True)
    assert page.returncode == 2 and "pip install 'landslide-geo[app]'" in page.stderr
