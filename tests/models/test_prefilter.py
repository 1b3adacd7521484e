"""A filter's two files: round trip, and one clear line for whatever is wrong with them."""

from __future__ import annotations

import hashlib
import json
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from squares import batch

from landslide_geo.bands import EITHER
from landslide_geo.chips import store
from landslide_geo.config import PrefilterParams
from landslide_geo.errors import BundleError, OutputError
from landslide_geo.models import (
    EnsembleManifest,
    EnsembleMember,
    find_bundle,
    load_ensemble,
    load_model,
    open_ensemble,
    save_bundle,
    save_ensemble,
)
from landslide_geo.models.manifest import InputBand, Threshold
from landslide_geo.models.prefilter import FILES, Prefilter, open_prefilter, require_bands
from landslide_geo.pipeline.prefilter import train_prefilter


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A filter of simulated squares; never write into its folder."""
    folder = tmp_path_factory.mktemp("prefilter")
    parts = [batch(60, 1, blocks=12), batch(60, 2, landslides=False, blocks=12)]
    store.write(folder / "chips/train.zarr", parts)
    train_prefilter(folder / "chips", folder / "filter", params=PrefilterParams(rounds=20, min_child_weight=1))
    return folder / "filter"


def windows(count: int = 5) -> np.ndarray:
    return batch(count, 9)["image"].to_numpy()


def test_answers_survive_the_files_and_the_way_to_another_process(made: Path) -> None:
    found = Prefilter.load(made)
    said = found.probabilities(windows())
    assert said.dtype == np.float32
    assert said.shape == (5,)
    assert ((said >= 0) & (said <= 1)).all()
    travelled = pickle.loads(pickle.dumps(found))
    assert len(pickle.dumps(found)) < 20_000, "the path travels, not the trees"
    np.testing.assert_array_equal(travelled.probabilities(windows()), said)
    # A window's answer does not depend on the others.
    np.testing.assert_array_equal([found.probabilities(window[None])[0] for window in windows()], said)
    assert found.probabilities(windows()[:0]).shape == (0,)


def test_xgboost_is_left_alone_until_a_filter_is_asked(made: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from landslide_geo.models.prefilter import Prefilter; "
        "from landslide_geo.models import open_ensemble; open_ensemble('default'); "
        f"Prefilter.load({str(made)!r}); assert 'xgboost' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_broken_filter_is_named_with_its_remedy(made: Path, tmp_path: Path) -> None:
    folder = tmp_path / "filter"

    def says(pattern: str, change=None, **fields) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(made, folder)
        told = json.loads((folder / "prefilter.json").read_text())
        (folder / "prefilter.json").write_text(json.dumps(told | fields))
        if change is not None:
            change()
        with pytest.raises(BundleError, match=pattern) as error:
            Prefilter.load(folder).probabilities(windows())
        assert "\n" not in str(error.value)

    trees, manifest = folder / "filter.json", folder / "prefilter.json"
    says(r"prefilter\.json is missing; make one with landslide prefilter", manifest.unlink)
    says(r"filter\.json: missing; copy", trees.unlink)
    says(r"filter\.json: not the trees that prefilter\.json describes", lambda: trees.write_text("{}"))
    says(r"prefilter\.json: threshold: .*landslide prefilter", threshold=2)
    names = json.loads((made / "prefilter.json").read_text())["features"]
    says(r"prefilter\.json: a filter trained on other features .*red_mean.*train it again", features=names[1:])
    says(r"a filter trained on other features .*their order", features=names[::-1])
    bands = [{"name": name, "unit": "digital number"} for name in ("red", "green", "nir")]
    says(r"a filter trained on other features", bands=bands)

    def not_trees() -> None:
        trees.write_text("{}")
        told = json.loads(manifest.read_text()) | {"sha256": hashlib.sha256(b"{}").hexdigest()}
        manifest.write_text(json.dumps(told))

    says(r"filter\.json: no trees of XGBoost", not_trees)


def test_a_filter_is_part_of_what_a_bundle_is(made: Path, tmp_path: Path) -> None:
    folder = tmp_path / "rule"
    shutil.copytree(find_bundle("red_minus_green"), folder)
    before = load_model(folder).sha256
    assert before == load_model("red_minus_green").sha256, "bundles without a filter keep their checksum"
    assert open_prefilter(folder) is None
    for name in FILES:
        shutil.copy(made / name, folder / name)
    after = open_ensemble(folder).sha256
    assert after != before
    assert open_prefilter(folder).manifest == Prefilter.load(made).manifest
    told = json.loads((folder / "prefilter.json").read_text())
    (folder / "prefilter.json").write_text(json.dumps(told | {"threshold": 0.123}))
    assert open_ensemble(folder).sha256 not in (before, after)


def test_ensembles_hold_filters_of_bands_that_a_member_sees(made: Path, tmp_path: Path) -> None:
    manifest = EnsembleManifest(
        name="one", description="the rule", members=(EnsembleMember(bundle="red_minus_green", weight=1),),
        threshold=Threshold(value=0.4, how="for this test"), licence="CC0-1.0", created="2026-11-21T00:00:00Z",
    )  # fmt: skip
    plain = save_ensemble(tmp_path / "one", manifest).sha256
    with_filter = save_ensemble(tmp_path / "one", manifest, prefilter=made)
    assert with_filter.sha256 == load_ensemble(tmp_path / "one").sha256 != plain
    assert open_prefilter(with_filter.directory) is not None
    assert save_ensemble(tmp_path / "one", manifest).sha256 == plain
    assert {path.name for path in (tmp_path / "one").iterdir()} == {"bundle.json"}
    other = tmp_path / "other"
    parts = [batch(40, 1), batch(40, 2, landslides=False)]
    store.write(other / "train.zarr", [part.assign_coords(band=["red", "green", "nir"]) for part in parts])
    train_prefilter(other, other / "filter", params=PrefilterParams(rounds=2))
    with pytest.raises(BundleError, match=r"looks at nir, which one does not .*landslide prefilter --bands"):
        save_ensemble(tmp_path / "one", manifest, prefilter=other / "filter")


def altered(made: Path, folder: Path, **fields) -> Path:
    """The same filter with another word in its manifest."""
    shutil.copytree(made, folder)
    told = json.loads((folder / "prefilter.json").read_text())
    (folder / "prefilter.json").write_text(json.dumps(told | fields))
    return folder


def test_a_filter_is_of_the_model_s_units_and_pixels(made: Path, tmp_path: Path) -> None:
    def required(source: Path, unit: str, low: float, high: float) -> None:
        bands = [InputBand(name=name, unit=unit) for name in ("red", "green", "blue", "nir")]
        require_bands(source, bands, gsd_m=(low, high), of="a model")

    for unit in ("digital number", EITHER, "any linear unit: all"):
        required(made, unit, 7, 15)
    with pytest.raises(BundleError, match=r"prefilter\.json: the filter takes red in digital number, and .* in dB"):
        required(made, "dB", 7, 15)
    with pytest.raises(BundleError, match=r"of pixels of 10 m, and a model of 0\.5 to 2 m; train one on chips of such"):
        required(made, "digital number", 0.5, 2)
    required(made, "digital number", 2, 0.5)  # members that no pixels suit say nothing
    required(altered(made, tmp_path / "anywhere", gsd_m=None), "digital number", 0.5, 2)


def test_a_bundle_s_own_folder_may_be_the_filter_s(made: Path, tmp_path: Path) -> None:
    rule = load_model("red_minus_green")
    folder = tmp_path / "rule"
    first = save_bundle(folder, rule.manifest, rule.bundle.network, prefilter=made)
    again = save_bundle(folder, rule.manifest, rule.bundle.network, prefilter=folder)
    assert again.sha256 == first.sha256
    assert open_prefilter(folder).manifest == Prefilter.load(made).manifest
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(BundleError, match=r"pixels of 0\.5 m"):
        save_bundle(folder, rule.manifest, rule.bundle.network, prefilter=altered(made, tmp_path / "fine", gsd_m=0.5))
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fine", "rule"]


def test_an_ensemble_that_cannot_be_written_leaves_the_old_one(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = EnsembleManifest(
        name="one", description="the rule", members=(EnsembleMember(bundle="red_minus_green", weight=1),),
        threshold=Threshold(value=0.4, how="for this test"), licence="CC0-1.0", created="2026-11-21T00:00:00Z",
    )  # fmt: skip
    folder = tmp_path / "one"
    old = save_ensemble(folder, manifest, prefilter=made).sha256
    assert save_ensemble(folder, manifest, prefilter=folder).sha256 == old, "its own filter"
    (folder / "notes.txt").write_text("stays")
    other = manifest.model_copy(update={"threshold": Threshold(value=0.6, how="another")})

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(OutputError, match="No space left"):
        patch.setattr("landslide_geo.models.ensemble.add_prefilter", full)
        save_ensemble(folder, other, prefilter=made)
    assert load_ensemble(folder).sha256 == old
    with monkeypatch.context() as patch, pytest.raises(OutputError, match="No space left"):
        patch.setattr("landslide_geo.models.ensemble.add_prefilter", full)
        save_ensemble(tmp_path / "new", other, prefilter=made)
    assert [path.name for path in tmp_path.iterdir()] == ["one"]
    assert {path.name for path in folder.iterdir()} == {"bundle.json", *FILES, "notes.txt"}
    assert save_ensemble(folder, other, prefilter=made).threshold == 0.6
