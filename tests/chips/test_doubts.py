"""Orders of channels that are doubtful, and patches of cloud."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from landslide_geo.chips import simulated, store
from landslide_geo.chips.doubts import Doubts, doubts_of
from landslide_geo.chips.split import Split
from landslide_geo.cli.main import run
from landslide_geo.config import BIGEARTHNET

NAMES = ("red", "green", "blue", "nir")


def said(order: tuple[str, ...], *, unit: str = "digital number", clouds: int = 0) -> list[str]:
    """Of chips named `NAMES` whose channels are in an order."""
    rng = np.random.default_rng(0)
    means = np.array([BIGEARTHNET[name][0] for name in order])[:, None, None]
    doubts = Doubts((*NAMES, "vv_asc"), (*[unit] * 4, "dB"))
    for number in range(5 + clouds):
        image = means * rng.uniform(0.8, 1.2, (4, 8, 8)) if number < 5 else np.full((4, 8, 8), 9000.0)
        image = image * (1e-4 if unit == "reflectance" else 1)
        doubts.add(np.concatenate([image, np.full((1, 8, 8), -12.0)]).astype(np.float32))
    return doubts.lines("chips/train.zarr")


@pytest.mark.parametrize("unit", ["digital number", "reflectance"])
def test_another_order_is_told_and_the_right_one_is_not(unit: str) -> None:
    assert said(NAMES, unit=unit) == []
    (line,) = said(("nir", "green", "blue", "red"), unit=unit)
    assert line.startswith(
        "chips/train.zarr: channels named red, green, blue, nir look like nir, green, blue, red; check"
    )


@pytest.mark.parametrize("unit", ["digital number", "reflectance"])
def test_patches_of_cloud_are_counted(unit: str) -> None:
    (line,) = said(NAMES, unit=unit, clouds=3)
    assert line.startswith("chips/train.zarr: 3 of 8 patches are all cloud")
    assert "leave them out" in line


def test_other_units_and_unknown_chips_raise_no_doubt() -> None:
    assert said(("nir", "green", "blue", "red"), unit="8-bit picture") == []
    doubts = Doubts(NAMES, ("digital number",) * 4)
    doubts.add(np.full((4, 8, 8), np.nan, np.float32))
    assert doubts.lines("there") == []


@pytest.fixture
def swapped(tmp_path: Path) -> Path:
    """Stores whose red and near infrared are named for each other, and of which one chip is all cloud."""
    made = simulated.collection(chips=20, size=32, bands=NAMES, share=0.5)
    for folder, split in (("chips", "train"), ("chips", "validation"), ("negatives", "train")):
        (whole,) = made.batches(split)
        whole["image"] = whole["image"][:, [3, 1, 2, 0]].assign_coords(band=whole["band"])
        whole["image"][0] = 9000
        store.write(tmp_path / folder / f"{split}.zarr", [whole])
    return tmp_path


def test_a_store_is_told_of_once_whatever_its_masks_hide(swapped: Path) -> None:
    chips = Split.read(swapped / "chips/train.zarr")
    told = doubts_of(chips)
    assert [line.split(": ")[0] for line in told] == [str(swapped / "chips/train.zarr")] * 2
    assert f"1 of {len(chips)} patches are all cloud" in told[0]
    assert "channels named red, green, blue, nir look like nir" in told[1]
    hidden = replace(chips, masks=np.full_like(chips.masks, store.UNKNOWN))
    assert doubts_of(hidden) == told
    assert doubts_of(chips.taking(["green"])) == []
    assert doubts_of(replace(chips, units=("0–255",) * 4)) == []


def test_training_and_evaluation_warn_on_standard_error(swapped: Path, capsys: pytest.CaptureFixture[str]) -> None:
    params = swapped / "params.yaml"
    params.write_text("train: {bands: [red, green, blue], normalisation: {kind: local_quantile}}\n")
    arguments = ["train", "--data", swapped / "chips", "--negatives", swapped / "negatives", "--architecture",
                 "red_minus_green", "--params", params, "--out", swapped / "rule"]  # fmt: skip
    assert run([str(one) for one in arguments]) == 0
    said = capsys.readouterr()
    for store_of in ("chips/train", "chips/validation", "negatives/train"):
        lines = [line for line in said.err.splitlines() if f"{swapped / store_of}.zarr" in line]
        assert len(lines) == 2
        assert all(line.startswith("warning: ") for line in lines)
    assert "warning" not in said.out
    arguments = ["evaluate", "--model", swapped / "rule", "--dataset", "chips", "--root", swapped / "chips", "--split",
                 "validation", "--out", swapped / "m.json"]  # fmt: skip
    assert run([str(one) for one in arguments]) == 0
    assert capsys.readouterr().err.count(f"warning: {swapped / 'chips/validation.zarr'}: ") == 2


def test_preparing_warns_by_the_name_that_the_store_will_have(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(0)
    wrong = np.array([BIGEARTHNET[name][0] for name in ("nir", "green", "blue", "red")])
    for i in range(5):
        values = np.concatenate([wrong * rng.uniform(0.9, 1.1, (64, 64, 4)), np.full((64, 64, 8), -12.0)], axis=2)
        np.save(tmp_path / f"ID_{i}.npy", values)
    (tmp_path / "Train.csv").write_text("ID,label\n" + "\n".join(f"ID_{i},{i % 2}" for i in range(5)) + "\n")
    assert run(["prepare", "zindi", "--root", str(tmp_path), "--out", str(tmp_path / "chips")]) == 0
    said = capsys.readouterr().err.splitlines()
    assert [line.partition(": channels")[0] for line in said] == [
        f"warning: {tmp_path / 'chips' / split}.zarr" for split in ("train", "validation")
    ]
