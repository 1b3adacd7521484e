"""From chips to a filter on disk, through the command line."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from squares import batch

from landslide_geo.chips import store
from landslide_geo.cli.main import run
from landslide_geo.models.prefilter import Prefilter
from landslide_geo.pipeline.prefilter import WRITTEN


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("chips")
    store.write(folder / "train.zarr", [batch(80, 1, blocks=40), batch(80, 2, landslides=False, blocks=40)])
    store.write(folder / "validation.zarr", [batch(20, 3), batch(20, 4, landslides=False)])
    (folder / "params.yaml").write_text("prefilter: {rounds: 50, min_child_weight: 1}\n")
    (folder / "energy.json").write_text('{"energy_wh": 5, "chips": 1000}')
    return folder


def written(data: Path, out: Path, *options: object) -> dict:
    assert run(["prefilter", "--data", str(data), "--out", str(out), *map(str, options)]) == 0
    return json.loads((out / "metrics.json").read_text())


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert run(["prefilter", *map(str, arguments)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    return error


def test_a_filter_with_all_that_is_known_of_it(data: Path, tmp_path: Path, capsys) -> None:
    out = tmp_path / "filter"
    found = written(data, out, "--params", data / "params.yaml", "--energy", data / "energy.json")
    said = capsys.readouterr().out
    assert "recall 1.0000, landslides in 50.0% of chips before" in said
    assert "energy saved: " in said
    assert {path.name for path in out.iterdir()} == set(WRITTEN)
    kept = Prefilter.load(out)
    assert (kept.bands, kept.manifest.tile, kept.manifest.gsd_m) == (("red", "green", "blue"), 64, 10.0)
    assert kept.manifest.parameters["rounds"] == 50
    # The table of the folds tells the threshold and all that follows from it.
    with (out / "out_of_fold.csv").open() as file:
        rows = list(csv.DictReader(file))
    probability = np.array([row["probability"] for row in rows], np.float32)
    label = np.array([row["label"] for row in rows], int) == 1
    assert probability[label].min() == np.float32(kept.threshold) == np.float32(found["threshold"])
    assert found["out_of_fold"]["filtered"] == pytest.approx((probability < kept.threshold).mean(), abs=1e-6)
    assert found["out_of_fold"]["filtered"] > 0.2
    assert found["out_of_fold"]["auc"] > 0.9
    # Validation is measured by the files that are kept.
    chips = store.read(data / "validation.zarr")
    own = kept.probabilities(chips["image"].to_numpy()) >= np.float32(kept.threshold)
    truth = (chips["mask"].to_numpy() == 1).any(axis=(1, 2))
    assert found["validation"]["recall"] == pytest.approx((own & truth).sum() / truth.sum(), abs=1e-6)
    assert found["validation"]["filtered"] == pytest.approx(1 - own.mean(), abs=1e-6)
    assert kept.manifest.validation.recall == pytest.approx(found["validation"]["recall"], abs=1e-6)
    saved = found["energy"]["saved_wh_per_1000_chips"]
    assert saved == pytest.approx(5 * found["validation"]["filtered"], abs=1e-6)
    with (out / "importance.csv").open() as file:
        assert sum(float(row["share"]) for row in csv.DictReader(file)) == pytest.approx(1, abs=1e-4)


def test_the_same_again_is_the_same_bytes_and_a_weaker_one_keeps_back_more(data: Path, tmp_path: Path) -> None:
    # Few enough that some landslide looks as if it were none.
    store.write(tmp_path / "train.zarr", [batch(60, 1, blocks=12), batch(60, 2, landslides=False, blocks=12)])
    first = written(tmp_path, tmp_path / "a", "--params", data / "params.yaml")
    written(tmp_path, tmp_path / "b", "--params", data / "params.yaml")
    for name in WRITTEN:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name
    weaker = written(tmp_path, tmp_path / "b", "--params", data / "params.yaml", "--recall", 0.9)
    assert 0.9 <= weaker["out_of_fold"]["recall"] < 1
    assert weaker["out_of_fold"]["filtered"] > first["out_of_fold"]["filtered"]
    assert weaker["threshold"] > first["threshold"]


def test_chips_with_labels_alone_and_some_of_their_bands_will_do(data: Path, tmp_path: Path) -> None:
    chips = store.read(data / "train.zarr").load()
    labels = (chips["mask"] == 1).any(dim=("y", "x")).astype("uint8")
    store.write(tmp_path / "labelled/train.zarr", [chips.drop_vars("mask").assign(label=labels)])
    found = written(
        tmp_path / "labelled", tmp_path / "filter", "--bands", "red,green", "--params", data / "params.yaml"
    )
    assert Prefilter.load(tmp_path / "filter").bands == ("red", "green")
    assert "validation" not in found
    assert "energy" not in found
    assert found["out_of_fold"]["recall"] == 1


def test_what_cannot_be_is_one_line_and_leaves_nothing(data: Path, tmp_path: Path, capsys) -> None:
    out = tmp_path / "out"

    def says(text: str, *options: object) -> None:
        assert text in refused(capsys, "--data", data, "--out", out, *options)
        assert not out.exists()

    says("recall: Input should be less than or equal to 1", "--recall", 1.5)
    says("no band nir", "--bands", "nir")
    says("ask for fewer --folds", "--folds", 60)
    says("energy.json: no such file", "--energy", tmp_path / "energy.json")
    (tmp_path / "bad.json").write_text('{"energy_wh": -1, "chips": 3}')
    says("energy_wh (0 or more) and chips", "--energy", tmp_path / "bad.json")
    assert "no chips there" in refused(capsys, "--data", tmp_path, "--out", out)
    out.mkdir()
    (out / "mine.txt").write_text("")
    assert "holds mine.txt, which this command does not write; name another --out" in refused(
        capsys, "--data", data, "--out", out
    )
