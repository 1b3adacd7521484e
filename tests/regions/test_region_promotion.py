from __future__ import annotations

import json
import shutil

import pytest

from landslide_geo.cli.main import run
from landslide_geo.config.regions import RegionParams
from landslide_geo.errors import BundleError, PromotionError, SourceNotFoundError
from landslide_geo.models import open_ensemble
from landslide_geo.models.bundle import shipped_directory
from landslide_geo.models.ensemble import EnsembleManifest, is_ensemble, save_ensemble
from landslide_geo.regions.promotion import in_service, promote, promotions, read_metrics, rollback
from landslide_geo.regions.region import Region
from landslide_geo.regions.retraining import is_better


@pytest.fixture
def region(tmp_path):
    params = RegionParams(name="one", bbox=(141, 42, 142, 43), scan={"model": "red_minus_green"})
    return Region(params, tmp_path / "regions/one.yaml", tmp_path / "data/one")


@pytest.fixture
def bundle(tmp_path):
    return shutil.copytree(shipped_directory() / "rdndvi", tmp_path / "trained")


def test_the_better_one_goes_into_service_and_back_again_in_one_step(region, bundle):
    assert in_service(region) == "red_minus_green"
    promote(region, str(bundle), {"f1": 0.5, "n": 100.0}, reason="first")
    first = in_service(region)
    assert open_ensemble(first).sha256 == open_ensemble(str(bundle)).sha256
    shutil.rmtree(bundle)
    assert open_ensemble(in_service(region)).name == "rdndvi", "training may write over its folder"
    promote(region, "default", {"f1": 0.7})
    assert in_service(region) == "default"
    assert rollback(region, reason="worse in snow")["name"] == "rdndvi"
    assert in_service(region) == first
    assert rollback(region)["model"] is None and in_service(region) == "red_minus_green"
    with pytest.raises(PromotionError, match="none to go back to"):
        rollback(region)
    assert [entry["action"] for entry in promotions(region)] == ["promote", "promote", "rollback", "rollback"]
    assert promotions(region)[2]["reason"] == "worse in snow"


@pytest.mark.parametrize("score", [0.49, 0.5, float("nan")])
def test_one_that_is_no_better_is_refused(region, bundle, score):
    promote(region, str(bundle), {"f1": 0.5})
    before = (region.folder / "models.json").read_bytes()
    with pytest.raises(PromotionError):
        promote(region, "default", {"f1": score})
    with pytest.raises(PromotionError, match="have no iou"):
        promote(region, "default", {"f1": 0.9}, metric="iou")
    with pytest.raises(PromotionError, match="has no iou on record"):
        promote(region, "default", {"f1": 0.9, "iou": 0.9}, metric="iou")
    with pytest.raises(BundleError):
        promote(region, "nothing", {"f1": 0.9})
    assert (region.folder / "models.json").read_bytes() == before
    if score == score:
        promote(region, "default", {"f1": score}, force=True)
        assert in_service(region) == "default"


def test_an_ensemble_is_kept_with_its_members(region, tmp_path):
    shutil.copytree(shipped_directory() / "rdndvi", tmp_path / "bundles" / "one")
    ensemble = tmp_path / "ensembles" / "both"
    members = [{"bundle": name, "weight": 0.5} for name in ("../../bundles/one", "red_minus_green")]
    stated = {
        "name": "both", "description": "two rules", "members": members, "licence": "CC0-1.0",
        "threshold": {"value": 0.4, "how": "for this test"}, "created": "2026-11-21T00:00:00Z",
    }  # fmt: skip
    save_ensemble(ensemble, EnsembleManifest.model_validate(stated))
    promote(region, str(ensemble), {"f1": 0.5})
    before = open_ensemble(str(ensemble))
    shutil.rmtree(tmp_path / "bundles")
    shutil.rmtree(ensemble)
    kept = open_ensemble(in_service(region))
    assert is_ensemble(kept.directory) and len(kept.models) == 2
    assert [model.sha256 for model, _ in kept.models] == [model.sha256 for model, _ in before.models]


def test_a_record_or_scores_that_cannot_be_read_are_named(region, tmp_path):
    region.folder.mkdir(parents=True)
    (region.folder / "models.json").write_text("{")
    with pytest.raises(PromotionError, match=r"models\.json: cannot be read"):
        in_service(region)
    with pytest.raises(SourceNotFoundError, match="landslide evaluate"):
        read_metrics(tmp_path / "none.json")
    (tmp_path / "bad.json").write_text("[1]")
    with pytest.raises(PromotionError, match="holds no scores"):
        read_metrics(tmp_path / "bad.json")


def test_scores_that_are_missing_or_no_numbers_are_not_compared():
    assert is_better({"f1": 0.6}, {"f1": 0.5}, "f1")
    assert not is_better({"f1": 0.5}, {"f1": 0.5}, "f1")
    for candidate, serving, whose in (
        ({"f1": 0.6}, {"iou": 0.4}, "the model in service"),
        ({"f1": 0.6}, {"f1": float("nan"), "iou": 0.4}, "the model in service"),
        ({"f1": float("nan")}, {"f1": 0.5}, "the candidate"),
    ):
        with pytest.raises(PromotionError, match=f"metric f1: {whose} has no such score"):
            is_better(candidate, serving, "f1")


def test_from_the_command_line(tmp_path, monkeypatch, capsys, bundle):
    monkeypatch.chdir(tmp_path)
    assert run(["region", "add", "one", "--bbox", "141.9,42.6,142,42.7", "--model", "red_minus_green",
                "--schedule", "0 3 * * *", "--timezone", "Asia/Tokyo"]) == 0  # fmt: skip
    (tmp_path / "metrics.json").write_text(json.dumps({"f1": 0.5, "split": "test"}))
    command = ["region", "model", "promote", "one", str(bundle), "--metrics", "metrics.json", "--reason", "trial"]
    assert run(command) == 0
    assert "rdndvi" in capsys.readouterr().out
    assert run(command) == 2
    error = capsys.readouterr().err
    assert "f1 0.5000 is not better" in error and error.count("\n") == 1
    assert run(["region", "model", "history", "one"]) == 0
    assert "promote rdndvi f1 0.5000: trial" in capsys.readouterr().out
    assert run(["region", "model", "rollback", "one"]) == 0
    assert "the model of regions/one.yaml is in service again" in capsys.readouterr().out
    assert run(["region", "add", "one", "--bbox", "141.9,42.6,142,42.7"]) == 2
    assert run(["region", "add", "two", "--bbox", "141.9,42.6,142,42.7", "--schedule", "nightly"]) == 2
    assert "schedule.cron: five parts are needed" in capsys.readouterr().err
    assert not (tmp_path / "regions/two.yaml").exists()
