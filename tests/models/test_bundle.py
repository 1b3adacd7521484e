"""The model bundle: round trip, and one clear line for whatever is wrong with a folder."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from landslide_geo.config import StretchParams
from landslide_geo.errors import BundleError
from landslide_geo.models import (
    BundleManifest,
    build,
    find_bundle,
    list_bundles,
    load_bundle,
    load_model,
    read_manifest,
    save_bundle,
)

SMALL = {"encoder": "tu-resnet10t", "decoder_channels": [16, 8, 8, 8, 8]}


def manifest(**changes: Any) -> BundleManifest:
    values: dict[str, Any] = {
        "name": "small",
        "description": "A small network.",
        "architecture": "unet",
        "arguments": SMALL,
        "bands": [{"name": name, "unit": "digital number"} for name in ("red", "green", "blue")],
        "normalisation": StretchParams(),
        "gsd_m": (8, 12),
        "gsd_native_m": 10,
        "reflectance": "any",
        "window": 64,
        "overlap": 16,
        "tta": 2,
        "threshold": {"value": 0.4, "how": "chosen for this test"},
        "calibration": {"slope": 1.5, "intercept": -0.5, "prevalence": 0.05, "data": "none"},
        "training": {"data": [], "split": "none", "seed": 0, "command": "none"},
        "licence": "Apache-2.0",
        "versions": {"torch": torch.__version__},
        "created": "2026-01-02T03:04:05+00:00",
    }
    return BundleManifest.model_validate(values | changes)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("bundles") / "small"
    save_bundle(folder, manifest(), build("unet", bands=3, arguments=SMALL))
    return folder


@pytest.fixture
def copy(saved: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(saved, tmp_path / "copy"))


def test_a_bundle_comes_back_as_it_was_to_sixteen_bits(saved: Path) -> None:
    torch.manual_seed(0)
    network = build("unet", bands=3, arguments=SMALL)
    bundle = load_bundle(saved)
    assert bundle.manifest == manifest()
    for name, tensor in bundle.network.state_dict().items():
        original = network.state_dict()[name]
        assert tensor.dtype == original.dtype
        if tensor.is_floating_point():
            torch.testing.assert_close(tensor, original.half().float(), rtol=0, atol=0)
    assert not bundle.network.training
    assert sorted(path.name for path in saved.iterdir()) == [
        "README.md",
        "bundle.json",
        "item.json",
        "model.safetensors",
    ]


def test_the_checksum_follows_manifest_and_weights_only(copy: Path, saved: Path) -> None:
    before = load_bundle(saved).sha256
    (copy / "README.md").write_text("another card")
    assert load_bundle(copy).sha256 == before
    tensors = load_file(copy / "model.safetensors")
    name = next(name for name, tensor in tensors.items() if tensor.is_floating_point())
    tensors[name] = tensors[name] + 1
    save_file(tensors, copy / "model.safetensors")
    assert load_bundle(copy).sha256 != before


def test_saving_replaces_a_bundle_but_nothing_else(tmp_path: Path) -> None:
    rule = build("red_minus_green", bands=3, arguments={})
    plain = manifest(architecture="red_minus_green", arguments={})
    folder = tmp_path / "rule"
    save_bundle(folder, plain, rule)
    assert not (folder / "model.safetensors").exists()
    save_bundle(folder, plain.model_copy(update={"name": "second"}), rule)
    assert read_manifest(folder).name == "second"
    assert [path.name for path in tmp_path.iterdir()] == ["rule"]
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "mine.txt").write_text("keep")
    with pytest.raises(BundleError, match="holds something that is not a bundle"):
        save_bundle(tmp_path / "notes", plain, rule)
    assert (tmp_path / "notes" / "mine.txt").read_text() == "keep"


def test_a_folder_that_is_no_bundle_is_said_in_one_line(tmp_path: Path) -> None:
    for where in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(BundleError) as error:
            load_model(where)
        assert str(where) in str(error.value)
        assert "\n" not in str(error.value)
        assert "shipped models" in str(error.value)


def edit(folder: Path, **changes: Any) -> None:
    path = folder / "bundle.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"threshold": {"value": 2, "how": ""}}, r"threshold\.value"),
        ({"surprise": 1}, "surprise"),
        ({"architecture": "perceptron"}, "'perceptron' is not one of unet"),
        ({"schema_version": 9}, "schema_version"),
        ({"overlap": 64}, "overlap 64 must be smaller than window 64"),
        ({"normalisation": {"gains": [1.0]}}, "1 gains for 3 bands"),
        ({"normalisation": {"kind": "fixed"}}, "lacks centre and scale"),
        ({"normalisation": {"kind": "fixed", "centre": [1, 2], "scale": [1, 1]}}, "2 centres for 3 bands"),
        ({"normalisation": {"kind": "fixed", "centre": [1, 2, 3], "scale": [1, 0, 1]}}, "scales are above 0"),
        ({"normalisation": {"kind": "magic"}}, "normalisation"),
        ({"arguments": {"depth": 1000}}, "do not fit"),
        ({"arguments": {"encoder": "no-such-encoder"}}, "do not fit"),
        ({"arguments": SMALL | {"decoder_channels": [16, 8, 8, 8, 16]}}, "tensors do not fit architecture 'unet'"),
    ],
)
def test_wrong_manifests_are_said_in_one_line(copy: Path, changes: dict[str, Any], told: str) -> None:
    edit(copy, **changes)
    with pytest.raises(BundleError, match=told) as error:
        load_bundle(copy)
    assert str(copy) in str(error.value)
    assert "\n" not in str(error.value)


def test_opening_a_bundle_fetches_no_weights_of_others(copy: Path) -> None:
    before = load_bundle(copy).network.state_dict()
    stated = json.loads((copy / "bundle.json").read_text())["arguments"]
    edit(copy, arguments=stated | {"weights": "no-such-weights"})
    after = load_bundle(copy).network.state_dict()
    assert all(torch.equal(one, other) for one, other in zip(before.values(), after.values(), strict=True))


def test_broken_files_are_said(copy: Path) -> None:
    weights = copy / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BundleError, match="broken weights"):
        load_bundle(copy)
    weights.unlink()
    with pytest.raises(BundleError, match=r"model\.safetensors: missing"):
        load_bundle(copy)
    (copy / "bundle.json").write_text("{")
    with pytest.raises(BundleError, match=r"bundle\.json: Invalid JSON"):
        load_bundle(copy)


def test_weights_that_are_not_numbers_are_said(copy: Path) -> None:
    tensors = load_file(copy / "model.safetensors")
    name = next(name for name, tensor in tensors.items() if tensor.is_floating_point())
    tensors[name] = torch.full_like(tensors[name], float("nan"))
    save_file(tensors, copy / "model.safetensors")
    with pytest.raises(BundleError, match="not finite"):
        load_bundle(copy)


def test_a_pickle_is_never_opened(copy: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[Any, ...]:
            return pytest.fail, ("a pickle was opened",)

    torch.save(Bomb(), copy / "model.safetensors")
    with pytest.raises(BundleError, match="broken weights"):
        load_bundle(copy)


def test_the_item_describes_the_model(saved: Path) -> None:
    item = json.loads((saved / "item.json").read_text())
    properties = item["properties"]
    assert item["geometry"] is None
    assert properties["mlm:architecture"] == "unet"
    assert properties["mlm:input"][0]["input"]["shape"] == [-1, 3, 64, 64]
    assert [band["name"] for band in item["assets"]["model"]["bands"]] == ["red", "green", "blue"]
    roles = {asset["href"]: asset["roles"] for asset in item["assets"].values()}
    assert "mlm:model" in roles["./model.safetensors"]
    for href in roles:
        assert (saved / href).is_file()


def test_shipped_bundles_load_by_name_and_are_small() -> None:
    names = list_bundles()
    assert {"default", "red_minus_green", "rdndvi"} <= set(names)
    for name in names:
        bundle = load_bundle(name)
        assert bundle.manifest.name == name
        assert sum(path.stat().st_size for path in find_bundle(name).iterdir()) < 40e6
        assert "/home/" not in (bundle.directory / "bundle.json").read_text()


@pytest.mark.parametrize("name", list_bundles())
def test_shipped_bundles_answer_with_probabilities(name: str) -> None:
    model = load_model(name)
    batch = np.random.default_rng(0).normal(0, 1, (2, len(model.bands), 64, 64)).astype(np.float32)
    batch[0, :, :8] = np.nan
    probability = model.probabilities(batch)
    assert probability.shape == (2, 1, 64, 64)
    assert probability.dtype == np.float32
    assert ((probability >= 0) & (probability <= 1)).all()
    np.testing.assert_array_equal(probability, model.probabilities(batch))
