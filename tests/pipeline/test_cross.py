"""Every model on every dataset: cells, marks, and what stands where there is nothing to score."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from squares import batch

from landslide_geo.chips import store
from landslide_geo.chips.split import Split
from landslide_geo.cli.main import run
from landslide_geo.models import find_bundle, load_model
from landslide_geo.pipeline.cross import cross_evaluate, cross_table
from landslide_geo.training.evaluate import score

RULE = "red_minus_green"


def renamed(found: xr.Dataset, source: str) -> xr.Dataset:
    return found.assign(source=("chip", np.full(found.sizes["chip"], source, dtype="<U64")))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two datasets of squares, one of them simulated, one with two dates in pictures, and a bundle trained on one."""
    found = tmp_path_factory.mktemp("cross")
    store.write(found / "measured/test.zarr", [batch(4, 1, simulated=False)])
    store.write(found / "measured/train.zarr", [batch(4, 2, simulated=False)])
    store.write(found / "made/test.zarr", [renamed(batch(4, 3), "squares-two")])
    pictures = renamed(batch(4, 4, simulated=False), "pictures")
    image = np.concatenate([pictures["image"].to_numpy()] * 2, axis=1)[:, :4]
    store.write(found / "pictures/test.zarr", [
        pictures.drop_vars(["image", "band"])
        .assign_coords(band=["red", "nir", "pre_red", "pre_nir"])
        .assign(image=(("chip", "band", "y", "x"), image))
        .assign_attrs(pictures.attrs | {"units": ["0–255"] * 4, "quantum": [None] * 4})
    ])  # fmt: skip
    shutil.copytree(find_bundle(RULE), found / "own")
    path = found / "own/bundle.json"
    manifest = json.loads(path.read_text())
    manifest["name"] = "own"
    manifest["training"]["data"] = ["squares train, 4 chips"]
    manifest["calibration"]["data"] = "squares-two validation (simulated), 9 chips"
    path.write_text(json.dumps(manifest))
    return found


@pytest.fixture(scope="module")
def crossed(folder: Path) -> dict:
    chips = [folder / "measured", folder / "made", folder / "pictures", folder / "measured/train.zarr"]
    return cross_evaluate([RULE, folder / "own", "rdndvi"], chips)


def cell(crossed: dict, model: str, dataset: str) -> dict:
    (found,) = [one for one in crossed["cells"] if (one["model"], one["dataset"]) == (model, dataset)]
    return found


def test_a_cell_is_what_the_model_scores_alone(crossed: dict, folder: Path) -> None:
    alone = score(load_model(RULE), Split.read(folder / "made/test.zarr")).to_json()
    assert cell(crossed, RULE, "made test")["scores"] == alone
    assert len(crossed["cells"]) == 3 * 4


def test_what_a_model_knew_is_marked(crossed: dict) -> None:
    known = {name: cell(crossed, "own", name)["known"] for name in ("measured test", "made test", "measured train")}
    assert known == {"measured test": "trained", "made test": "calibrated", "measured train": "training chips"}
    assert {cell(crossed, RULE, name)["known"] for name in known} == {""}


def test_what_cannot_be_scored_is_said_in_its_place(crossed: dict) -> None:
    assert cell(crossed, "rdndvi", "made test")["missing"] == ["pre_red", "pre_nir", "nir"]
    assert "takes pre_red in reflectance or digital number" in cell(crossed, "rdndvi", "pictures test")["refused"]
    assert cell(crossed, RULE, "pictures test")["missing"] == ["green", "blue"]


def test_the_table_says_all_of_it(crossed: dict) -> None:
    table = cross_table(crossed)
    head, _, rule, own, rdndvi = table.splitlines()[:5]
    assert "made test (simulated), 4 chips of 10 m" in head
    assert "measured test, 4 chips" in head
    scores = cell(crossed, "own", "measured test")["scores"]
    assert f"| {scores['f1']:.3f} / {scores['iou']:.3f} / {scores['auc']:.3f} ‡ |" in own
    assert "†" in own
    assert "‡‡" in own
    assert "†" not in rule
    assert "lacks pre_red, pre_nir, nir" in rdndvi
    assert "other values" in rdndvi
    assert rdndvi.startswith("| rdndvi (of simulated chips) |")
    for note in ("‡ other chips of a dataset", "† a dataset that", "Simulated chips are of no real ground",
                 "Not as the model takes them: model 'rdndvi' takes pre_red"):  # fmt: skip
        assert note in table


def test_the_command_writes_a_table_and_its_figures(folder: Path, tmp_path: Path, capsys) -> None:
    out = tmp_path / "new/cross.md"
    command = ["models", "cross", "--model", RULE, "--chips", str(folder / "made"), "--out", str(out)]
    assert run(command) == 0
    captured = capsys.readouterr()
    assert "red_minus_green on made test" in captured.err
    assert out.read_text().strip() in captured.out
    found = json.loads(out.with_suffix(".json").read_text())
    assert found["datasets"][0]["simulated"] is True
    assert found["cells"][0]["scores"]["n"] == 4 * 64 * 64
    assert sorted(path.name for path in out.parent.iterdir()) == ["cross.json", "cross.md"]


@pytest.mark.parametrize(
    ("models", "chips", "out", "message"),
    [
        (["nothing"], ["made"], "cross.md", "nothing: no such model"),
        ([RULE], ["pictures/train.zarr"], "cross.md", "no chips there"),
        ([RULE], ["nowhere"], "cross.md", "no such folder; name one with chips"),
        ([RULE, RULE], ["made"], "cross.md", "this model is given twice"),
        ([RULE], ["made", "made"], "cross.md", "this dataset is given twice"),
        ([RULE], ["made"], "cross.json", "name a Markdown file"),
    ],
)
def test_mistakes_are_told_in_a_line(
    folder: Path, tmp_path: Path, capsys, models: list[str], chips: list[str], out: str, message: str
) -> None:
    command = [part for name in models for part in ("--model", name)]
    command += [part for name in chips for part in ("--chips", str(folder / name))]
    assert run(["models", "cross", *command, "--out", str(tmp_path / out)]) == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_another_split_is_found_by_the_store_s_name(folder: Path, tmp_path: Path, capsys) -> None:
    command = ["models", "cross", "--model", RULE, "--chips", str(folder / "measured"), "--split", "validation"]
    assert run([*command, "--out", str(tmp_path / "cross.md")]) == 2
    assert "no chips of split 'validation' there; name a store of it, such as" in capsys.readouterr().err
