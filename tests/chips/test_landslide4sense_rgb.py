"""The reader of Landslide4Sense-RGB and its splits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from landslide_geo.chips import landslide4sense_rgb as reader
from landslide_geo.config import L4S_GAINS
from landslide_geo.errors import DatasetError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for split, numbers in {"train": (0, 3, 10, 11), "validation": (7, 8)}.items():
        for kind in ("images", "masks"):
            (tmp_path / split / kind).mkdir(parents=True)
        for number in numbers:
            picture = rng.integers(0, 256, (128, 128, 3), dtype=np.uint8)
            Image.fromarray(picture).save(tmp_path / split / "images" / f"image_{number}.png")
            mask = np.where(rng.random((128, 128)) < 0.1, 255, 0).astype(np.uint8)
            Image.fromarray(mask).save(tmp_path / split / "masks" / f"mask_{number}.png")
    return tmp_path


@given(count=st.integers(1, 200), seed=st.integers(0, 2**31), data=st.data())
def test_the_split_is_a_partition_that_ignores_order(count: int, seed: int, data: st.DataObject) -> None:
    names = [f"image_{i}" for i in range(count)]
    number = data.draw(st.integers(0, count))
    train, test = reader.split_ids(names, test_patches=number, seed=seed)
    assert len(test) == number
    assert sorted(train + test) == sorted(names)
    assert reader.split_ids(data.draw(st.permutations(names)), test_patches=number, seed=seed) == (train, test)


def test_digital_numbers_undo_the_gains_and_keep_invalid_pixels_out() -> None:
    image = np.full((3, 2, 2), 10, np.uint8)
    valid = np.array([[True, False], [True, True]])
    numbers = reader.to_digital_numbers(image, valid)
    assert numbers[:, 0, 0] == pytest.approx(10.5 * np.array(L4S_GAINS))
    assert np.isnan(numbers[:, 0, 1]).all()


def test_the_real_pictures_are_patches_divided_by_their_maximum(mirror: Path) -> None:
    h5py = pytest.importorskip("h5py")
    with h5py.File(mirror / "landslide4sense_h5/img/image_1.h5") as file:
        original = file["img"][:][:, :, [3, 2, 1]].transpose(2, 0, 1)
    picture = np.asarray(Image.open(mirror / "landslide4sense_rgb/train/images/image_0.png")).transpose(2, 0, 1)
    np.testing.assert_array_equal(picture, np.floor(255 * original / original.max()))
    numbers = original * np.array(L4S_GAINS)[:, None, None]
    # Averages of resampled digital numbers: halves occur, nothing finer.
    np.testing.assert_allclose(2 * numbers, np.round(2 * numbers), atol=1e-2)


def test_the_real_splits_have_the_sizes_in_the_documentation(mirror: Path) -> None:
    splits = reader.collection(mirror / "landslide4sense_rgb", seed=42).splits
    assert {name: len(entries) for name, entries in splits.items()} == {"train": 1184, "validation": 395, "test": 200}
    assert not {entry.id for entry in splits["train"]} & {entry.id for entry in splits["test"]}
    masks = [np.asarray(Image.open(entry.mask)) == 255 for entry in splits["validation"]]
    assert np.mean(masks) == pytest.approx(0.0404, abs=1e-4)


def test_chips_are_digital_numbers_with_their_steps(root: Path) -> None:
    found = reader.collection(root, seed=3)
    assert {name: len(entries) for name, entries in found.splits.items()} == {"train": 4, "validation": 2, "test": 0}
    (part,) = found.batches("validation")
    assert part.attrs["quantum"] == list(L4S_GAINS)
    assert part.attrs["gsd_m"] == 10
    picture = np.asarray(Image.open(root / "validation/images/image_8.png")).transpose(2, 0, 1)
    steps = part["image"][1].to_numpy() / np.array(L4S_GAINS, np.float32)[:, None, None]
    np.testing.assert_allclose(steps, picture + 0.5, rtol=1e-6)
    assert list(part["id"].to_numpy()) == ["validation/image_7", "validation/image_8"]
    np.testing.assert_array_equal(part["mask"][1], np.asarray(Image.open(root / "validation/masks/mask_8.png")) == 255)


def test_a_fifth_of_few_patches_is_the_test(tmp_path: Path) -> None:
    for kind, mode in (("image", "RGB"), ("mask", "L")):
        (tmp_path / f"train/{kind}s").mkdir(parents=True)
        for i in range(10):
            Image.new(mode, (128, 128)).save(tmp_path / f"train/{kind}s/{kind}_{i}.png")
    splits = reader.collection(tmp_path, seed=0).splits
    assert {name: len(entries) for name, entries in splits.items()} == {"train": 8, "test": 2}
    assert splits == reader.collection(tmp_path, seed=0).splits
    assert splits != reader.collection(tmp_path, seed=1).splits


def test_bad_files_of_a_collection_are_named(root: Path) -> None:
    def says(pattern: str) -> None:
        with pytest.raises(DatasetError, match=pattern) as error:
            for split in (found := reader.collection(root, seed=0)).splits:
                list(found.batches(split))
        assert "\n" not in str(error.value)

    image, mask = root / "validation/images/image_7.png", root / "validation/masks/mask_7.png"
    Image.new("L", (128, 128)).save(image)
    says(r"image_7\.png: has the channels L")
    Image.new("RGB", (128, 64)).save(image)
    says(r"image_7\.png: 128 × 64 pixels; patches have 128 × 128")
    Image.new("RGB", (128, 128)).save(image)
    Image.new("L", (128, 128), 128).save(mask)
    says(r"mask_7\.png: a mask holds 0 and 1 only")
    mask.write_bytes(mask.read_bytes()[:60])
    says(r"mask_7\.png: not a readable picture")
    mask.unlink()
    says(r"masks/mask_7\.png: missing, but its image is there")
    Image.new("L", (128, 128)).save(mask)
    image.unlink()
    says(r"images/image_7\.png: missing, but its mask is there")
    with pytest.raises(DatasetError, match=r"train/images: no image_\*\.png there"):
        reader.collection(root / "validation", seed=0)
