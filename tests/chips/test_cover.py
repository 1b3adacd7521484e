"""Cloud cover by chip: where it can be told, what it is, and that stores keep it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from rasters import write_raster

from landslide_geo import open_scene
from landslide_geo.chips import simulated, store, zindi
from landslide_geo.chips.cover import cloud_covers
from landslide_geo.chips.cut import Labels, Place, batches
from landslide_geo.chips.split import Split
from landslide_geo.config import ChipParams, FixedParams, TrainParams
from landslide_geo.models import build
from landslide_geo.pipeline.evaluation import evaluate_model
from landslide_geo.scene.grid import Block
from landslide_geo.training.package import draft

CLOUD = 9000


def images(gain: float = 1.0) -> np.ndarray:
    """(3, 2, 8, 8) red and green: clear, a quarter cloudy of what is known, and unknown."""
    values = np.full((3, 2, 8, 8), 500, np.float32)
    values[1, :, :2] = CLOUD
    values[2] = np.nan
    return values * np.float32(gain)


@pytest.mark.parametrize(("unit", "gain"), [("digital number", 1.0), ("reflectance", 1e-4)])
def test_red_tells_clouds_in_units_that_tell_what_is_bright(unit: str, gain: float) -> None:
    found = cloud_covers(images(gain), ("red", "green"), (unit, unit))
    np.testing.assert_array_equal(found, [0, 0.25, np.nan])
    assert found.dtype == np.float32


def test_a_mask_comes_first_and_other_units_tell_nothing() -> None:
    values = np.concatenate([images(), np.ones((3, 1, 8, 8), np.float32)], axis=1)
    np.testing.assert_array_equal(
        cloud_covers(values, ("red", "green", "cloud_mask"), ("0–255", "0–255", "")), [1, 1, 1]
    )
    assert cloud_covers(images(), ("red", "green"), ("0–255", "0–255")) is None
    assert cloud_covers(images(), ("nir", "green"), ("digital number",) * 2) is None


def test_patches_of_zindi_keep_theirs(tmp_path: Path) -> None:
    shares = [0.0, 0.25, 1.0, 0.5, 0.125]
    for i, share in enumerate(shares):
        values = np.zeros((64, 64, 12))
        values[: int(64 * share), :, 0] = CLOUD
        np.save(tmp_path / f"ID_{i}.npy", values)
    (tmp_path / "Train.csv").write_text("ID,label\n" + "\n".join(f"ID_{i},{i % 2}" for i in range(5)) + "\n")
    for options in ({}, {"cloud_mask": True}):
        found = zindi.collection(tmp_path, seed=0, **options)
        told = {}
        for split in found.splits:
            path = tmp_path / f"{split}-{len(options)}.zarr"
            store.write(path, found.batches(split))
            chips = Split.read(path)
            assert chips.at([0]).cloud_cover.tolist() == chips.cloud_cover[:1].tolist()
            told |= dict(zip(chips.ids.tolist(), chips.cloud_cover.tolist(), strict=True))
        assert told == {f"ID_{i}": share for i, share in enumerate(shares)}


def test_chips_of_a_scene_tell_the_clouds_that_are_hidden_in_them(tmp_path: Path) -> None:
    values = np.full((1, 32, 32), 600, np.float32)
    values[0, :8] = CLOUD
    sources = [f"{name}={write_raster(tmp_path / f'{name}.tif', values)}" for name in ("red", "green", "blue", "nir")]
    scene = open_scene(sources, name="place")
    labels = Labels(np.empty(0, object), None)
    params = ChipParams(size=32, validation=0.0, min_known=0.1)
    chosen = [Place(Block(0, 0, 32, 32), "square", False, ())]
    (made,) = batches(scene, labels, chosen, ("red", "green"), params)
    assert made["cloud_cover"].to_numpy().tolist() == [0.25]
    assert np.isnan(made["image"].to_numpy()[0, :, :8]).all()
    (other,) = batches(scene, labels, chosen, ("green", "blue"), params)
    assert "cloud_cover" not in other


def test_scores_of_a_classifier_are_told_by_cloud_cover(tmp_path: Path) -> None:
    bands = ("red", "green", "blue")
    made = simulated.collection(chips=40, size=64, bands=bands, clouds=0.5)
    store.write(tmp_path / "chips/train.zarr", made.batches("train"))
    chips = Split.read(tmp_path / "chips/train.zarr")
    how = FixedParams(centre=(0.0,) * 3, scale=(1e4,) * 3)
    params = TrainParams(architecture="classifier", arguments={"encoder": "resnet10t"}, normalisation=how, tta=1)
    torch.manual_seed(0)
    network = build("classifier", bands=3, arguments=params.arguments).eval()
    draft(network, chips, params=params, normalisation=how, out=tmp_path / "model", command="none", data=["none"],
          measured={})  # fmt: skip
    # All chips are called landslides: F1 is twice the positives by positives and chips.
    found = evaluate_model(tmp_path / "model", dataset="chips", root=tmp_path / "chips", split="train", threshold=0.001)
    told, labels = found.metrics["by_cloud_cover"], chips.as_labelled().has_landslide()
    clear = chips.cloud_cover < 0.1
    assert told["clear"]["n"] == clear.sum() > 0
    positives = labels[clear].sum()
    assert told["clear"]["f1"] == pytest.approx(2 * positives / (positives + clear.sum()), abs=1e-5)
    cloudy = chips.cloud_cover > 0.5
    assert ("cloudy" in told) == (len(set(labels[cloudy])) == 2)
