"""Reviews become chips, the pipeline makes a model, and that goes into service only where it is better."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import xarray as xr
import yaml
from catalogue import catalogue
from region_world import acquire, region_on
from squares import batch

from landslide_geo.chips import store
from landslide_geo.config import ChipParams
from landslide_geo.errors import PipelineError, SourceNotFoundError
from landslide_geo.models import load_model, save_bundle
from landslide_geo.regions.database import transaction
from landslide_geo.regions.features import prepare
from landslide_geo.regions.history import History
from landslide_geo.regions.promotion import in_service, promotions, rollback
from landslide_geo.regions.retraining import import_reviews, promote_if_better, reproduce
from landslide_geo.regions.run import run_region

pytest.importorskip("prefect", reason="the extra 'flows' is not installed")
pytest.importorskip("dvc", reason="the extra 'train' is not installed")

A, B = (20, 20, 30), (60, 70, 30)


def blind(folder: Path) -> str:
    """The rule, but hardly anything passes its threshold."""
    found = load_model("red_minus_green")
    threshold = found.manifest.threshold.model_copy(update={"value": 0.999})
    manifest = found.manifest.model_copy(update={"name": "blind", "threshold": threshold})
    save_bundle(folder, manifest, found.bundle.network)
    return str(folder)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project whose pipeline trains a rule on chips, and chips that are held out."""
    found = tmp_path / "project"
    for split, seed in (("train", 0), ("validation", 1), ("test", 2)):
        store.write(found / f"data/chips/squares/{split}.zarr", [batch(16, seed)])
    command = "landslide train --data data/chips/squares --architecture red_minus_green --out data/bundles/rule"
    stage = {"cmd": command, "deps": ["data/chips/squares"], "outs": ["data/bundles/rule"]}
    (found / "dvc.yaml").write_text(yaml.safe_dump({"stages": {"train": stage}}))
    subprocess.run([sys.executable, "-m", "dvc", "init", "--no-scm", "-q"], cwd=found, check=True)
    return found


@pytest.mark.integration
def test_a_better_model_goes_into_service_and_a_worse_one_does_not(prefect_server, project, tmp_path):
    from flows.retraining import retrain

    region = region_on(tmp_path, "http://127.0.0.1:9/", scan={"model": blind(tmp_path / "blind")})
    given = {
        "region": "small", "candidate": str(project / "data/bundles/rule"), "root": project / "data/chips/squares",
        "chips": None, "project": project, "regions": tmp_path / "regions", "work": tmp_path / "data",
    }  # fmt: skip
    told = retrain(**given)
    assert told["promoted"] and told["candidate"]["f1"] > told["in_service"]["f1"] + 0.2
    assert load_model(in_service(region)).name == "red_minus_green"
    again = retrain(**given)
    assert not again["promoted"] and again["candidate"]["f1"] == again["in_service"]["f1"], "as good is not better"
    worse = promote_if_better(
        region, str(tmp_path / "blind"), dataset="chips", root=project / "data/chips/squares", split="test"
    )
    assert not worse["promoted"]
    (entry,) = promotions(region)
    assert "better than" in entry["reason"] and entry["metrics"]["f1"] == told["candidate"]["f1"]
    rollback(region)
    assert load_model(in_service(region)).name == "blind"
    assert [event["promoted"] for event in History(region.history).events() if event["kind"] == "retrained"] == [
        True, False, False
    ]  # fmt: skip


def test_a_stage_that_fails_is_told_in_one_line(project):
    (project / "dvc.yaml").write_text(yaml.safe_dump({"stages": {"train": {"cmd": "false", "outs": ["nothing"]}}}))
    with pytest.raises(PipelineError, match=r"dvc repro train failed: .*train") as caught:
        reproduce(["train"], project=project)
    assert "\n" not in str(caught.value)


@pytest.mark.integration
def test_chips_are_cut_of_what_analysts_decided(tmp_path):
    with catalogue(tmp_path / "world") as made:
        acquire(made, 0, [])
        acquire(made, 5, [A, B])
        with made.served() as url:
            region = region_on(tmp_path, url, keep_scenes=True, look_back_days=3650)
            with pytest.raises(SourceNotFoundError, match="keep_scenes: true"):
                import_reviews(region, tmp_path / "chips", params=ChipParams(size=64, stride=32))
            run_region(region)
    with transaction(region.inventory, prepare=prepare) as database:
        database.execute("UPDATE landslides SET review_status='confirmed' WHERE fid=1")
        database.execute("UPDATE landslides SET review_status='rejected', reject_reason='field' WHERE fid=2")
    told = import_reviews(region, tmp_path / "chips", params=ChipParams(size=64, stride=32))
    (counts,) = told.values()
    stores = list((tmp_path / "chips").rglob("*.zarr"))
    masks = [xr.open_zarr(path)["mask"].values for path in stores]
    assert sum(int((mask == 1).sum()) for mask in masks) > 0
    assert sum(counts[split].get("hard_negative", 0) for split in counts if isinstance(counts[split], dict)) > 0
    assert json.dumps(told, default=str)
