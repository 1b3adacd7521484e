"""Attributions of networks whose attributions are known, and their sum for all others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr

from landslide_geo.chips import store
from landslide_geo.chips.simulated import collection
from landslide_geo.chips.split import Split
from landslide_geo.chips.zindi import BANDS
from landslide_geo.cli.main import run
from landslide_geo.config import FixedParams
from landslide_geo.errors import ParameterError
from landslide_geo.models import BundleManifest, Model, build, load_model, read_manifest, save_bundle
from landslide_geo.models.modalities import arguments_of
from landslide_geo.models.registry import task
from landslide_geo.training.evaluate import images
from landslide_geo.training.explain import Explanation, Gate, explain
from landslide_geo.training.statistics import settled

ALL = (*BANDS, "slope")
SMALL: dict[str, dict[str, Any]] = {
    "attention_fusion": {"encoder": "resnet10t", "size": None, "hidden": 16},
    "multimodal_fpn": {},
    "fusion_unet": {"encoder": "tu-resnet10t", "decoder_channels": [16, 8, 8, 8, 8]},
    "classifier": {"encoder": "resnet10t"},
}


@pytest.fixture(scope="module")
def batches() -> list[xr.Dataset]:
    made = collection(chips=10, size=64, bands=ALL, clouds=0.3)
    return list(made.batches("train"))


@pytest.fixture(scope="module")
def chips(batches: list[xr.Dataset]) -> Split:
    return Split.of("simulated train", batches).at(range(4))


def bundled(folder: Path, architecture: str, chips: Split, **arguments: Any) -> Model:
    """A network with random weights."""
    bands = ALL if architecture in ("fusion_unet", "classifier") else BANDS
    own = chips.taking(bands)
    how = settled(FixedParams(), own)
    completed = arguments_of(architecture, bands, SMALL.get(architecture, {}) | arguments)
    torch.manual_seed(0)
    network = build(architecture, bands=len(bands), arguments=completed).train()
    with torch.no_grad():
        for _ in range(10):  # statistics of norms such as training leaves
            network(torch.from_numpy(images(own, how)))
    stated = read_manifest("default").model_dump() | {
        "name": architecture,
        "architecture": architecture,
        "task": task(architecture),
        "arguments": completed,
        "bands": [{"name": name, "unit": unit} for name, unit in zip(own.bands, own.units, strict=True)],
        "normalisation": how.model_dump(),
        "window": 64,
        "overlap": 32,
        "receptive_field": None,
        "windows": None,
        "calibration": {"method": "none", "prevalence": 0.5, "data": "none"},
    }
    manifest = BundleManifest.model_validate(stated)
    return Model(save_bundle(folder / architecture, manifest, network.eval(), card="made for a test"))


@pytest.mark.parametrize("architecture", SMALL)
def test_attributions_sum_to_what_the_answer_gained(architecture: str, chips: Split, tmp_path: Path) -> None:
    """Completeness; the leap where networks find a sensor is not on the way."""
    model = bundled(tmp_path, architecture, chips)
    found = explain(model, chips.at([0, 2]), steps=48)
    # Maxima and rectifiers bend on the way, in proportion to what is attributed.
    missed = found.signed.sum(axis=1) - (found.answers - found.baseline)
    assert (np.abs(missed) < 0.005 * found.absolute.sum(axis=1)).all()
    assert (np.abs(found.signed) <= found.absolute + 1e-9).all()
    assert (found.gate is not None) == (architecture in ("attention_fusion", "fusion_unet"))
    if task(architecture) == "classification":
        batch = images(chips.at([0, 2]).taking(model.bands), model.manifest.normalisation)
        with torch.no_grad():
            logits = model.bundle.network(torch.from_numpy(batch))[:, 0].numpy()
        np.testing.assert_allclose(found.answers, logits, rtol=1e-4, atol=1e-5)
        assert not found.outlined.any()


def test_a_linear_rule_is_told_exactly(chips: Split, tmp_path: Path) -> None:
    """Of slope (red − green) + intercept, red has slope × its mean inside of the outline."""
    model = bundled(tmp_path, "red_minus_green", chips, slope=2.0, intercept=0.5)
    found = explain(model, chips, steps=2)
    for index in range(len(chips)):
        image = images(chips.at([index]).taking(BANDS), model.manifest.normalisation)[0].astype(np.float64)
        logits = 2 * (image[0] - image[1]) + 0.5
        inside = 1 / (1 + np.exp(-logits)) >= model.threshold
        assert found.outlined[index] == inside.any()
        inside = inside if inside.any() else np.ones_like(inside)
        expected = np.zeros(len(BANDS))
        expected[:2] = 2 * image[0][inside].mean(), -2 * image[1][inside].mean()
        np.testing.assert_allclose(found.signed[index], expected, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(found.absolute[index, 0], 2 * np.abs(image[0][inside]).mean(), rtol=1e-4)
    np.testing.assert_allclose(found.baseline, 0.5, atol=1e-4)


def test_shares_are_shares() -> None:
    found = Explanation(
        bands=("red", "vv_asc", "pre_red"),
        ids=("a", "b"),
        outlined=np.array([True, False]),
        answers=np.array([3.0, 1.0]),
        baseline=np.zeros(2),
        signed=np.array([[1.0, 1.0, 1.0], [2.0, -1.0, 0.0]]),
        absolute=np.array([[1.0, 1.0, 1.0], [2.0, 2.0, 1.0]]),
        gate=None,
    )
    assert found.by_band()["absolute_share"].tolist() == [3 / 8, 3 / 8, 2 / 8]
    assert found.by_band()["signed_mean"].tolist() == [1.5, 0.0, 0.5]
    modalities = found.by_modality()
    assert modalities["modality"].tolist() == ["optical", "sar_asc"]
    assert modalities["bands"].tolist() == [2, 1]
    assert modalities["absolute_share"].tolist() == [5 / 8, 3 / 8]
    assert modalities["signed_mean"].tolist() == [2.0, 0.0]
    assert found.by_chip()["region"].tolist() == ["outlined", "chip"]
    assert found.error() == 0
    assert found.by_gate().empty


def test_the_gate_s_correlation_counts_chips_with_both_sensors() -> None:
    weights = np.array([[0.9, 0.2], [0.5, 0.4], [0.1, 0.6], [0.0, 1.0]])
    gate = Gate(weights, np.array([0.0, 1.0, 2.0, -9.0]))
    assert gate.both.tolist() == [True, True, True, False]
    assert gate.correlations() == pytest.approx((-1, 1))
    assert Gate(weights, np.zeros(4)).correlations() is None
    assert Gate(weights[2:], np.arange(2.0)).correlations() is None


def test_shares_of_the_segmenting_gate_add_up(chips: Split, tmp_path: Path) -> None:
    gate = explain(bundled(tmp_path, "fusion_unet", chips), chips, steps=2).gate
    assert gate is not None
    np.testing.assert_allclose(gate.weights.sum(axis=1), 1, rtol=1e-5)


def test_what_cannot_be_explained_is_said(chips: Split) -> None:
    with pytest.raises(ParameterError, match="is made of ratios"):
        explain(load_model("rdndvi"), chips)
    with pytest.raises(ParameterError, match="steps 1"):
        explain(load_model("red_minus_green"), chips, steps=1)


def test_the_command_writes_tables_and_pictures(
    batches: list[xr.Dataset], chips: Split, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store.write(tmp_path / "chips" / "test.zarr", batches)
    model = bundled(tmp_path, "attention_fusion", chips).bundle.directory
    command = ["explain", "--model", str(model), "--data", str(tmp_path / "chips"), "--chips", "3", "--steps", "8"]
    out = tmp_path / "out"
    for _ in range(2):  # the second time it takes the place of the first
        assert run([*command, "--out", str(out)]) == 0
    assert "on 3 chips of simulated test (simulated)" in capsys.readouterr().out
    names = {path.name for path in out.iterdir()}
    assert names == {
        *("explain.json", "bands.csv", "modalities.csv", "chips.csv", "attributions.png", "gate.csv", "gate.png")
    }
    told = json.loads((out / "explain.json").read_text())
    assert told["simulated"]
    assert sum(one["absolute_share"] for one in told["modalities"].values()) == pytest.approx(1, abs=1e-4)
    assert list(pd.read_csv(out / "bands.csv")["band"]) == list(BANDS)
    assert len(pd.read_csv(out / "gate.csv")) == 3
    for path in out.glob("*.png"):
        assert path.read_bytes()[:4] == b"\x89PNG"

    (out / "notes.txt").write_text("mine")
    for more, words in (
        (["--out", str(out)], "holds notes.txt, which this command does not write; name another --out"),
        (["--out", str(tmp_path / "new"), "--split", "tset"], "no chips of split 'tset'"),
        (["--out", str(tmp_path / "new"), "--chips", "0"], "chips 0"),
    ):
        assert run([*command, *more]) == 2
        assert words in capsys.readouterr().err
    assert not (tmp_path / "new").exists()
