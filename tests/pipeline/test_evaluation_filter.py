"""A filter in a model's folder is asked by evaluate and predict-chips as a scan asks it: its negatives win."""

from __future__ import annotations

import csv
import json
import re
import shutil
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from squares import batch, chips

from landslide_geo.chips import store
from landslide_geo.chips.split import Split
from landslide_geo.cli.main import run
from landslide_geo.config import FixedParams, PrefilterParams, TrainParams
from landslide_geo.errors import ParameterError
from landslide_geo.models import build, find_bundle, load_model
from landslide_geo.models.prefilter import Prefilter, add_prefilter
from landslide_geo.pipeline.cross import cross_evaluate, cross_table
from landslide_geo.pipeline.evaluation import evaluate_model
from landslide_geo.pipeline.prefilter import train_prefilter
from landslide_geo.training.energy import Meter, measured
from landslide_geo.training.evaluate import answer, passing
from landslide_geo.training.package import draft


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Chips with and without red squares, a filter of them, and two models that hold it; never write into it."""
    made = tmp_path_factory.mktemp("filtered")
    for split, seed in (("train", 1), ("test", 5)):
        parts = [batch(40, seed, blocks=10), batch(40, seed + 1, landslides=False, blocks=10)]
        store.write(made / f"chips/{split}.zarr", parts)
    params = PrefilterParams(rounds=20, min_child_weight=1, folds=4)
    train_prefilter(made / "chips", made / "filter", params=params)
    shutil.copytree(find_bundle("red_minus_green"), made / "rule")
    how = FixedParams(centre=(0.0,) * 3, scale=(1e5,) * 3)
    train = TrainParams(architecture="classifier", arguments={"encoder": "resnet10t"}, normalisation=how, tta=2)
    network = build("classifier", bands=3, arguments=train.arguments).eval()
    draft(network, Split.read(made / "chips/train.zarr"), params=train, normalisation=how, out=made / "classifier",
          command="none", data=["none"], measured={})  # fmt: skip
    for name in ("rule", "classifier"):
        add_prefilter(made / name, made / "filter")
    return made


@pytest.mark.parametrize("name", ["rule", "classifier"])
def test_what_does_not_pass_is_zero_and_all_else_is_as_it_was(folder: Path, name: str) -> None:
    found, test = load_model(folder / name), Split.read(folder / "chips/test.zarr")
    through = passing(Prefilter.load(folder / "filter"), test)
    assert 0 < through.sum() < len(test)
    every, some = answer(found, test), answer(found, test, through=through)
    assert some.probability.shape == every.probability.shape
    assert not some.probability[~through].any()
    assert not some.spread[~through].any()
    np.testing.assert_allclose(some.probability[through], every.probability[through], atol=1e-6)
    none = answer(found, test, through=np.zeros(len(test), bool))
    assert none.probability.shape == every.probability.shape
    assert not none.probability.any()


@pytest.mark.parametrize("name", ["rule", "classifier"])
def test_scores_are_those_of_what_passes(folder: Path, name: str, tmp_path: Path) -> None:
    root = folder / "chips"
    asked = evaluate_model(folder / name, dataset="chips", root=root, split="test", threshold=0.3)
    plain = evaluate_model(folder / name, dataset="chips", root=root, split="test", threshold=0.3, filter=False)
    assert asked.through is not None
    assert asked.metrics["filtered"] == pytest.approx((~asked.through).mean(), abs=1e-5)
    assert "filtered" not in plain.metrics
    assert plain.through is None
    for counts, before, passed in zip(asked.each, plain.each, asked.through, strict=True):
        assert counts.n == before.n
        if passed:
            assert abs(counts.tp - before.tp) + abs(counts.fp - before.fp) <= 0.001 * counts.n
        else:
            assert counts.tp == counts.fp == 0
    out = tmp_path / "metrics.json"
    line = ["evaluate", "--model", str(folder / name), "--dataset", "chips", "--root", str(root), "--threshold", "0.3"]
    assert run([*line, "--out", str(out), "--plots", str(tmp_path / "plots")]) == 0
    assert json.loads(out.read_text())["filtered"] == asked.metrics["filtered"]
    assert run([*line, "--out", str(out), "--no-filter"]) == 0
    assert "filtered" not in json.loads(out.read_text())


def test_predict_chips_asks_it_and_tells_the_share(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    through = passing(Prefilter.load(folder / "filter"), Split.read(folder / "chips/test.zarr"))
    out, more = tmp_path / "submission.csv", tmp_path / "more.csv"
    line = ["predict-chips", "--model", str(folder / "classifier"), "--dataset", "chips", "--root",
            str(folder / "chips"), "--out", str(out), "--probabilities", str(more)]  # fmt: skip
    assert run(line) == 0
    said = re.search(r"; ([\d.]+)% filtered", capsys.readouterr().out)
    assert said is not None
    assert float(said[1]) == pytest.approx(100 * (~through).mean(), abs=0.05)
    with more.open(newline="") as file:
        assert [float(row["probability"]) == 0 for row in csv.DictReader(file)] == (~through).tolist()
    assert run([*line, "--no-filter"]) == 0
    assert "filtered" not in capsys.readouterr().out
    with more.open(newline="") as file:
        assert all(float(row["probability"]) > 0 for row in csv.DictReader(file))


def test_a_larger_chip_is_asked_tile_by_tile_and_the_likeliest_decides(folder: Path) -> None:
    found = Prefilter.load(folder / "filter")
    large = chips(6, 11, size=96)
    tiles = found.tiles(large.image(0))
    assert tiles.shape == (4, 3, 64, 64)
    np.testing.assert_array_equal(tiles[3], large.image(0)[:, 32:, 32:])
    likeliest = [found.probabilities(found.tiles(large.image(index))).max() for index in range(6)]
    np.testing.assert_array_equal(passing(found, large), np.array(likeliest) >= found.threshold)
    assert found.tiles(large.image(0)[:, :40, :64]).shape == (1, 3, 40, 64)


def test_a_chip_of_which_nothing_is_known_passes_and_other_units_are_refused(folder: Path) -> None:
    found, some = Prefilter.load(folder / "filter"), chips(2, 3, landslides=False)
    images = np.array(some.images)
    images[1] = np.nan
    assert passing(found, replace(some, images=images))[1]
    with pytest.raises(ParameterError, match=r"takes red in digital number; .* has it in dB; .*--no-filter"):
        passing(found, replace(some, units=("dB",) * 3))
    reflectance = replace(some, images=np.array(some.images) * np.float32(1e-4), units=("reflectance",) * 3)
    np.testing.assert_array_equal(passing(found, reflectance), passing(found, some))


def test_the_table_of_models_and_datasets_asks_it_too(folder: Path) -> None:
    models, chips = [folder / "rule", "red_minus_green"], [folder / "chips"]
    own, plain = cross_evaluate(models, chips)["cells"]
    alone = evaluate_model(folder / "rule", dataset="chips", root=folder / "chips", split="test").metrics
    assert own["filtered"] == alone["filtered"] > 0
    assert own["scores"] == {name: alone[name] for name in own["scores"]}
    assert "filtered" not in plain
    without, _ = cross_evaluate(models, chips, filter=False)["cells"]
    assert without["scores"] == plain["scores"]
    assert "filtered" not in without
    found = cross_evaluate(models, chips)
    assert "Chips that the filter of red_minus_green (" in cross_table(found)
    assert "the filter" not in cross_table(cross_evaluate(models, chips, filter=False))


def test_what_it_saves_is_measured(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base = ["evaluate", "--model", str(folder / "classifier"), "--dataset", "chips", "--root", str(folder / "chips"),
            "--out", str(tmp_path / "m.json")]  # fmt: skip
    assert run([*base, "--compare-filter"]) == 0
    assert "with the filter" in capsys.readouterr().out
    compared = json.loads((tmp_path / "m.json").read_text())
    saves = compared.pop("filter_saves")
    assert run(base) == 0
    alone = json.loads((tmp_path / "m.json").read_text())
    assert compared == alone, "what else is told does not change"
    assert run([*base, "--no-filter"]) == 0
    without = json.loads((tmp_path / "m.json").read_text())
    for name, told in (("with_filter", alone), ("without_filter", without)):
        assert (saves[name]["f1"], saves[name]["recall"]) == (told["f1"], told["recall"])
        assert saves[name]["seconds"] > 0
        assert saves[name]["energy_wh"] > 0
    own, every = saves["with_filter"], saves["without_filter"]
    assert saves["energy_share"] == pytest.approx(1 - own["energy_wh"] / every["energy_wh"], abs=1e-4)
    assert saves["seconds_share"] == pytest.approx(1 - own["seconds"] / every["seconds"], abs=1e-4)
    assert saves["wh_per_1000_chips"] == pytest.approx((every["energy_wh"] - own["energy_wh"]) * 1000 / 80, rel=1e-3)
    capsys.readouterr()
    for options, complaint in (
        (["--compare-filter", "--no-filter"], "leave out --no-filter"),
        (["--compare-filter", "--model", "red_minus_green"], "has no filter"),
    ):
        assert run([*base, *options, "--out", str(tmp_path / "no.json")]) == 2
        assert complaint in capsys.readouterr().err
    assert not (tmp_path / "no.json").exists()


def test_work_costs_time_and_energy() -> None:
    meter = Meter("DEU")
    try:
        result, short = measured(meter, lambda: time.sleep(0.1) or 7)
        _, long = measured(meter, lambda: time.sleep(1.0))
    finally:
        meter.stop()
    assert result == 7
    assert 0.1 <= short["seconds"] < 1.0 <= long["seconds"]
    assert 0 < short["energy_wh"] < long["energy_wh"]
