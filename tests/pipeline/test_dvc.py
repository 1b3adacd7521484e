"""The DVC pipeline of the repository, run for real in a copy of it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import geopandas as gpd
import pytest

from landslide_geo.chips import store
from landslide_geo.inventory import write_geopackage
from landslide_geo.inventory.geopackage import read_inventory
from landslide_geo.pipeline.review import import_review

pytest.importorskip("dvc", reason="the extra 'train' is not installed")
ROOT = Path(__file__).resolve().parents[2]


def dvc(folder: Path, *arguments: str, code: int = 0) -> str:
    environment = os.environ | {
        # The stages call `landslide`, which is the one of this environment.
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "DVC_NO_ANALYTICS": "1",
    }
    done = subprocess.run(
        [sys.executable, "-m", "dvc", *arguments], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == code, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout + done.stderr


@pytest.fixture
def checkout(tmp_path):
    """A copy of the files DVC looks at, as a repository of its own."""
    folder = tmp_path / "checkout"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "landslide_geo", folder / "landslide_geo", ignore=ignored)
    (folder / "reviewed").mkdir()
    for name in ("dvc.yaml", "reviewed/dvc.yaml", "params.yaml", ".dvcignore"):
        shutil.copy(ROOT / name, folder / name)
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
    dvc(folder, "init", "--quiet")
    return folder


@pytest.mark.integration
def test_repro_fetches_scans_and_vectorizes_and_a_second_one_does_nothing(checkout, mirror, monkeypatch):
    monkeypatch.setenv("LANDSLIDE_MIRROR", str(mirror))
    # The rule instead of the network: this test is about the pipeline, and CI's time is dear.
    params = checkout / "params.yaml"
    params.write_text(params.read_text().replace("model: default", "model: red_minus_green"))
    out = dvc(checkout, "repro")
    assert "Running stage 'vectorize'" in out
    landslides = gpd.read_file(checkout / "data/landslides.gpkg", layer="landslides")
    assert len(landslides) > 100
    again = dvc(checkout, "repro")
    assert "Running stage" not in again
    assert again.count("didn't change, skipping") == 3
    # A parameter of one stage runs that stage and what follows, nothing before.
    params.write_text(
        params.read_text().replace(
            "vectorize:\n  grow: 0.8\n  min_area_m2: 900", "vectorize:\n  grow: 0.8\n  min_area_m2: 5000"
        )
    )
    changed = dvc(checkout, "repro")
    assert "Running stage 'scan'" not in changed
    assert "Running stage 'vectorize'" in changed
    assert len(gpd.read_file(checkout / "data/landslides.gpkg", layer="landslides")) < len(landslides)
    # What an analyst edits is not removed.
    inventory = read_inventory(checkout / "data/scan/landslides.gpkg")
    edited = Path(shutil.copytree(checkout / "data/scan", checkout / "reviewed/scan")) / "landslides.gpkg"
    inventory.landslides.loc[:19, "review_status"] = "confirmed"
    write_geopackage(edited, inventory)
    shutil.copy(edited, checkout / "data/landslides.gpkg")
    before = edited.read_bytes()
    params.write_text(params.read_text().replace("min_area_m2: 5000", "min_area_m2: 6000"))
    assert "holds what analysts decided" in dvc(checkout, "repro", code=255)
    assert (checkout / "data/landslides.gpkg").read_bytes() == before
    # Chips come from the review.
    import_review(edited, out=checkout / "reviewed/landslides.gpkg")
    assert "Running stage 'reviewed/dvc.yaml:chips'" in dvc(checkout, "repro", "reviewed/dvc.yaml")
    assert int((store.read(checkout / "data/chips/train.zarr")["mask"] == 1).sum()) > 100
    assert "Running stage" not in dvc(checkout, "repro", "reviewed/dvc.yaml")
