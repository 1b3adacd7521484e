"""One small image and what a model makes of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from PIL import Image

from landslide_geo.errors import DatasetError, LandslideError, ParameterError
from landslide_geo.models import load_model
from landslide_geo.pipeline.patch import read_patch, simulated_patch, try_patch
from tests.pipeline.test_scan_sensors import bundle


def test_a_simulated_patch_is_found_by_every_shipped_model() -> None:
    patch = simulated_patch(0)
    assert patch.simulated and patch.truth is not None and patch.truth.any()
    for name in ("default", "rdndvi", "red_minus_green"):
        probability = try_patch(load_model(name), patch).probability
        assert probability.shape == patch.shape and probability.dtype == np.float32
        assert probability.min() >= 0 and probability.max() <= 1
        assert probability[patch.truth].mean() > 5 * probability[~patch.truth].mean(), name


def test_a_picture_of_any_shape_is_taken_and_a_mask_beside_it(tmp_path: Path) -> None:
    patch = simulated_patch(0)
    rgb = patch.image[[patch.bands.index(name) for name in ("red", "green", "blue")]][:, :90, :70]
    picture = np.clip(rgb / rgb.max() * 255, 0, 255).astype(np.uint8)
    Image.fromarray(np.moveaxis(picture, 0, -1)).save(tmp_path / "a.png")
    Image.fromarray(patch.truth[:90, :70].astype(np.uint8) * 255).save(tmp_path / "mask.png")
    read = read_patch(tmp_path / "a.png", truth=tmp_path / "mask.png")
    np.testing.assert_array_equal(read.image, picture)
    np.testing.assert_array_equal(read.truth, patch.truth[:90, :70])
    assert try_patch(load_model(), read).probability.shape == (90, 70)


def test_unknown_ground_stays_unknown(tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(1, 3000, (3, 64, 64)).astype(np.uint16)
    values[:, 20:30, :5] = 0
    with rasterio.open(
        tmp_path / "a.tif", "w", driver="GTiff", width=64, height=64, count=3, dtype="uint16", nodata=0
    ) as dataset:
        dataset.write(values)
        dataset.descriptions = ("B04", "B03", "B02")
    patch = read_patch(tmp_path / "a.tif")
    assert patch.bands == ("red", "green", "blue")
    found = try_patch(load_model(), patch).probability
    np.testing.assert_array_equal(np.isnan(found), values[0] == 0)


def test_landslide4sense_is_read_with_its_14_bands(mirror: Path) -> None:
    path = mirror / "landslide4sense_h5"
    image = next((path / "img").glob("image_*.h5"))
    patch = read_patch(image, truth=path / "mask" / image.name.replace("image", "mask"))
    assert len(patch.bands) == 14 and patch.truth is not None
    assert np.isfinite(try_patch(load_model(), patch).probability).all()


def test_the_gate_of_a_fusion_model_is_told(tmp_path: Path) -> None:
    model = load_model(bundle(tmp_path / "fused", "attention_fusion", encoder="resnet10t", size=None, hidden=16))
    patch = simulated_patch(0, size=64)
    tried = try_patch(model, patch)
    assert tried.gate is not None and set(tried.gate) == {"optical", "radar"} and tried.cloud_score is not None
    assert all(0 < weight < 1 for weight in tried.gate.values())
    assert np.ptp(tried.probability) == 0  # it classifies
    names = [name for name in patch.bands if "vv" in name or "vh" in name]
    for name in names:
        patch.image[patch.bands.index(name)] = np.nan
    alone = try_patch(model, patch)
    assert alone.gate is not None and alone.gate["radar"] == 0 < alone.gate["optical"]
    assert np.isfinite(alone.probability).all(), "one sensor is enough for it"


@pytest.mark.parametrize("size", [(20, 64), (64, 2000)])
def test_what_is_no_patch_is_refused(tmp_path: Path, size: tuple[int, int]) -> None:
    Image.fromarray(np.zeros((*size, 3), np.uint8)).save(tmp_path / "a.png")
    with pytest.raises(ParameterError, match="a patch has sides of 32 to 1024"):
        read_patch(tmp_path / "a.png")


def test_a_mask_of_another_size_and_a_missing_band_are_told(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((64, 64, 3), np.uint8)).save(tmp_path / "a.png")
    Image.fromarray(np.zeros((32, 64), np.uint8)).save(tmp_path / "mask.png")
    with pytest.raises(DatasetError, match=r"a mask of \(64, 32\) pixels for an image of \(64, 64\)"):
        read_patch(tmp_path / "a.png", truth=tmp_path / "mask.png")
    with pytest.raises(LandslideError, match="have no band pre_red, pre_nir, nir"):
        try_patch(load_model("rdndvi"), read_patch(tmp_path / "a.png"))


def test_a_picture_that_unpacks_to_gigabytes_is_told_by_its_head(tmp_path: Path) -> None:
    Image.new("1", (40_000, 4_000)).save(tmp_path / "bomb.png")
    declared = (tmp_path / "bomb.png").read_bytes()
    (tmp_path / "bomb.png").write_bytes(declared[:200])  # nothing behind the head is looked at
    for files in ({"path": tmp_path / "bomb.png"}, {"path": _small(tmp_path), "truth": tmp_path / "bomb.png"}):
        with pytest.raises(ParameterError, match=r"bomb\.png: 40,000 × 4,000 pixels; a patch has sides of 32 to 1024"):
            read_patch(**files)


def _small(folder: Path) -> Path:
    Image.new("RGB", (64, 64)).save(folder / "small.png")
    return folder / "small.png"
