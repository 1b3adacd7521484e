"""The DVC pipeline of the repository, run for real in a copy of it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import geopandas as gpd
import pytest
import torch

from landslide_geo.chips import store
from landslide_geo.cli.main import run
from landslide_geo.config import load_params
from landslide_geo.inventory import write_geopackage
from landslide_geo.inventory.geopackage import read_inventory
from landslide_geo.models import build
from landslide_geo.models.modalities import NEED_CHANNELS, arguments_of
from landslide_geo.pipeline.experiments import assignment
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


def git(folder: Path, *arguments: str) -> None:
    who = ("-c", "user.name=nobody", "-c", "user.email=nobody@example.org")
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def checkout(tmp_path):
    """A copy of the files DVC looks at, as a repository of its own."""
    folder = tmp_path / "checkout"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "landslide_geo", folder / "landslide_geo", ignore=ignored)
    (folder / "reviewed").mkdir()
    (folder / ".dvc").mkdir()
    for name in ("dvc.yaml", "reviewed/dvc.yaml", "params.yaml", ".dvcignore", ".dvc/config", ".gitignore"):
        shutil.copy(ROOT / name, folder / name)
    git(folder, "init", "--quiet")
    return folder


@pytest.mark.integration
def test_repro_of_the_smoke_profile_goes_from_nothing_to_polygons(checkout):
    (checkout / "params.yaml").unlink()
    assert run(["profile", "smoke", "--out", str(checkout / "params.yaml")]) == 0
    out = dvc(checkout, "repro")
    runs = [line for line in out.splitlines() if line.startswith("Running stage")]
    stages = "fetch, prepare twice, four of each of four models, filter, ensemble, its scores, scan, vectorize"
    assert len(runs) == 24, stages
    landslides = gpd.read_file(checkout / "data/landslides.gpkg", layer="landslides")
    assert len(landslides) > 20
    scores = {name: json.loads((checkout / f"metrics/{name}.json").read_text()) for name in ("unet", "eca_resnet50")}
    assert all(found["simulated"] for found in scores.values()), "its figures are called simulated"
    assert scores["unet"]["auc"] > 0.8
    again = dvc(checkout, "repro")
    assert "Running stage" not in again
    assert again.count("didn't change, skipping") == 24
    assert "simulated" in dvc(checkout, "metrics", "show")
    assert "file://" in dvc(checkout, "plots", "show")
    assert "pushed" in dvc(checkout, "push"), "there is a remote out of the box"

    # A parameter of one stage runs that stage and what follows, nothing before.
    params = checkout / "params.yaml"
    params.write_text(
        params.read_text().replace(
            "vectorize:\n  grow: 0.8\n  min_area_m2: 900", "vectorize:\n  grow: 0.8\n  min_area_m2: 5000"
        )
    )
    changed = dvc(checkout, "repro")
    assert changed.count("Running stage") == 1
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
    assert int((store.read(checkout / "data/reviewed-chips/train.zarr")["mask"] == 1).sum()) > 100

    # An experiment changes one parameter of all models, and trains again with it.
    git(checkout, "add", ".")
    git(checkout, "commit", "--quiet", "--message", "smoke")
    tried = dvc(checkout, "exp", "run", "-S", "train.lr=0.01", "-S", "train.epochs=1", "evaluate@run0")
    assert "Ran experiment" in tried
    assert "Running stage 'prepare" not in tried
    manifest = json.loads((checkout / "data/drafts/unet/bundle.json").read_text())
    assert manifest["training"]["parameters"]["lr"] == 0.01


def test_profiles_are_whole_and_edited_parameters_are_not_lost(tmp_path, capsys):
    out = tmp_path / "params.yaml"
    for name in ("smoke", "sensors", "fused", "cpu", "bijie", "gpu", "zindi"):
        assert run(["profile", name, "--out", str(out)]) == 0
        params = load_params(out)
        assert params.profile == name
        prepared = {one.name for one in params.prepare}
        assert {one.data for one in (*params.runs, *params.filters, *params.ensembles)} <= prepared
        for model in {one.model for one in params.runs}:
            training = params.training(model)
            both = ("red", "green", "blue", "nir", "vv_desc", "vh_desc", "vv_asc", "vh_asc")
            bands = training.bands or (both if training.architecture in NEED_CHANNELS else both[:4])
            given = arguments_of(training.architecture, bands, training.arguments)
            given |= {"weights": None} if "weights" in given else {}  # nothing is downloaded here
            if training.architecture not in ("segformer", "unet"):  # they ask for values while they are built
                with torch.device("meta"):  # large ones take no memory there
                    build(training.architecture, bands=len(bands), arguments=given)
            else:
                build(training.architecture, bands=len(bands), arguments=given)
        runs = {f"data/bundles/{one.name}" for one in params.runs}
        assert params.scan.model in runs | {"default"}
        assert all(set(one.members.split()) <= runs for one in params.ensembles)
    capsys.readouterr()
    out.write_text(out.read_text() + "# mine\n")
    assert run(["profile", "smoke", "--out", str(out)]) == 2
    assert "holds parameters that were edited" in capsys.readouterr().err
    assert out.read_text().endswith("# mine\n")
    assert run(["profile", "smoke", "--out", str(out), "--overwrite"]) == 0
    assert run(["profile", "tpu", "--out", str(out)]) == 2
    assert "no profile 'tpu'; there are: bijie, cpu, fused, gpu, sensors, smoke, zindi" in capsys.readouterr().err
    assert (ROOT / "params.yaml").read_text() == (ROOT / "landslide_geo/config/profiles/smoke.yaml").read_text()


@pytest.mark.parametrize(
    ("profile", "groups", "filtered"),
    [
        ("sensors", {"attention_fusion", "multimodal_fpn", "pyramid"}, "pyramid-no-filter"),
        ("bijie", {"classifier", "multimodal_fpn", "filter"}, "two-stage-no-filter"),
    ],
)
def test_ablations_of_a_profile_change_what_they_say(tmp_path, profile, groups, filtered):
    from dvc.utils.hydra import apply_overrides

    out = tmp_path / "params.yaml"
    assert run(["profile", profile, "--out", str(out)]) == 0
    params, text = load_params(out), out.read_text()
    assert all("--seed" not in one.options for one in params.runs), "it would win over train.seed"
    assert {one.group for one in params.ablations} == groups
    metrics = {f"evaluate@run{i}": one.name for i, one in enumerate(params.runs)}
    metrics |= {f"evaluate-ensemble@ensemble{i}": one.name for i, one in enumerate(params.ensembles)}
    for one in params.ablations:
        assert one.metric == f"metrics/{metrics[one.target]}.json"
        out.write_text(text)
        apply_overrides(out, [assignment(tmp_path, given) for given in ("train.seed=7", *one.set)])
        changed = load_params(out)
        assert {changed.training(run.model).seed for run in params.runs} == {7}
        whole = params.model_copy(update={"train": changed.train})
        assert (changed != whole) == bool(one.set)
    out.write_text(text)
    without = next(one for one in params.ablations if one.name == filtered)
    place = int(str(without.target).removeprefix("evaluate-ensemble@ensemble"))
    assert "--prefilter" in params.ensembles[place].options
    apply_overrides(out, [assignment(tmp_path, *without.set)])
    assert "--prefilter" not in load_params(out).ensembles[place].options
