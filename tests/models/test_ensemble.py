from __future__ import annotations

import json
import shutil

import pytest

from landslide_geo.errors import BundleError
from landslide_geo.models import find_bundle, load_model
from landslide_geo.models.ensemble import EnsembleManifest, EnsembleMember, load_ensemble, save_ensemble
from landslide_geo.models.manifest import MANIFEST, Threshold


def manifest(*members: tuple[str, float]) -> EnsembleManifest:
    return EnsembleManifest(
        name="both",
        description="the network and the rule",
        members=tuple(EnsembleMember(bundle=bundle, weight=weight) for bundle, weight in members),
        threshold=Threshold(value=0.4, how="for this test"),
        licence="CC0-1.0",
        created="2026-11-21T00:00:00Z",
    )


def test_a_single_model_is_an_ensemble_of_one():
    model, one = load_model("default"), load_ensemble("default")
    assert [(m.sha256, w) for m, w in one.models] == [(model.sha256, 1.0)]
    assert (one.sha256, one.threshold, one.bands) == (model.sha256, model.threshold, model.bands)
    assert one.tta == model.manifest.tta
    assert one.windows("cpu") == (model.manifest.windows["cpu"].window, model.manifest.windows["cpu"].overlap)
    assert one.windows("cuda")[0] > one.windows("cpu")[0]


def test_members_come_by_name_and_by_folder_with_their_weights(tmp_path):
    shutil.copytree(find_bundle("red_minus_green"), tmp_path / "rule")
    both = save_ensemble(tmp_path / "both", manifest(("default", 0.7), ("../rule", 0.3)))
    assert [(m.manifest.name, w) for m, w in both.models] == [("default", 0.7), ("red_minus_green", 0.3)]
    assert both.threshold == 0.4
    assert set(both.bands) == {"red", "green", "blue"}
    assert both.manifest["members"][1]["sha256"] == load_model("red_minus_green").sha256
    assert both.sha256 == load_ensemble(tmp_path / "both").sha256
    other = save_ensemble(tmp_path / "both", manifest(("default", 0.6), ("../rule", 0.4)))
    assert other.sha256 != both.sha256


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"members": []}, "members"),
        ({"members": [{"bundle": "default", "weight": 0}]}, "weight"),
        ({"members": [{"bundle": "nowhere", "weight": 1}]}, "no such model"),
        ({"threshold": {"value": 2, "how": ""}}, "threshold"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, change, message):
    save_ensemble(tmp_path / "both", manifest(("default", 1)))
    path = tmp_path / "both" / MANIFEST
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(BundleError, match=message):
        load_ensemble(tmp_path / "both")


def test_an_ensemble_of_ensembles_is_refused_and_a_model_is_not_overwritten(tmp_path):
    save_ensemble(tmp_path / "one", manifest(("default", 1)))
    with pytest.raises(BundleError, match="ensemble itself"):
        save_ensemble(tmp_path / "two", manifest(("../one", 1)))
    assert not (tmp_path / "two").exists()
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / MANIFEST).write_text("{}")
    with pytest.raises(BundleError, match="model of its own"):
        save_ensemble(tmp_path / "model", manifest(("default", 1)))


def test_a_folder_is_replaced_at_once_and_its_members_stay(tmp_path, monkeypatch):
    folder = tmp_path / "both"
    shutil.copytree(find_bundle("red_minus_green"), folder / "members/rule")
    (folder / "members/link").symlink_to("rule")
    first = save_ensemble(folder, manifest(("members/rule", 1)))
    before = {path: path.stat().st_ino for path in (folder / "members/rule").iterdir()}
    other = save_ensemble(folder, manifest(("default", 0.5), ("members/link", 0.5)))
    assert other.sha256 != first.sha256
    assert len(other.models) == 2
    assert {path: path.stat().st_ino for path in (folder / "members/rule").iterdir()} == before, "not written again"
    assert sorted(path.name for path in folder.iterdir()) == ["bundle.json", "members"]
    assert (folder / "members/link").is_symlink()
    monkeypatch.setattr("os.link", lambda *_, **__: (_ for _ in ()).throw(OSError(95, "Operation not supported")))
    assert save_ensemble(folder, manifest(("members/rule", 1))).sha256 == first.sha256, "by copies then"
    assert [path.name for path in tmp_path.iterdir()] == ["both"]
