"""Landslide4Sense's patches with 14 bands."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.landslide4sense import constants, recovered
from landslide_geo.chips import landslide4sense as reader
from landslide_geo.config import LANDSLIDE4SENSE
from landslide_geo.errors import DatasetError

h5py = pytest.importorskip("h5py")


def made(folder: Path, numbers: tuple[int, ...], names: tuple[str, str] = ("img", "mask")) -> Path:
    """Patches whose bands are 14 × number … and whose masks are one row."""
    for kind, stem, key in zip(names, ("image", "mask"), ("img", "mask"), strict=True):
        (folder / kind).mkdir(parents=True)
        for number in numbers:
            values = np.tile(14.0 * number + np.arange(14), (128, 128, 1))
            if key == "mask":
                values = np.zeros((128, 128), dtype=np.uint8)
                values[number] = 1
            write(folder / kind / f"{stem}_{number}.h5", key, values)
    return folder


def write(path: Path, key: str, values: np.ndarray) -> None:
    with h5py.File(path, "w") as file:
        file[key] = values


def test_the_published_layout_keeps_its_splits(tmp_path: Path) -> None:
    made(tmp_path / "TrainData", (1, 2, 10))
    made(tmp_path / "TestData", (1,))
    found = reader.collection(tmp_path, seed=0)
    assert {name: len(entries) for name, entries in found.splits.items()} == {"train": 3, "test": 1}
    (part,) = found.batches("train")
    assert list(part["id"].to_numpy()) == ["TrainData/image_1", "TrainData/image_2", "TrainData/image_10"]
    assert list(part["band"].to_numpy()) == [
        "coastal", "blue", "green", "red", "rededge071", "rededge075", "rededge078", "nir", "nir09", "cirrus",
        "swir16", "swir22", "slope", "elevation",
    ]  # fmt: skip
    np.testing.assert_array_equal(part["image"][2, :, 5, 5], 140 + np.arange(14))
    np.testing.assert_array_equal(np.flatnonzero(part["mask"][2].to_numpy()), 1280 + np.arange(128))
    assert part.attrs["gsd_m"] == 10
    assert set(part.attrs["units"]) == {reader.UNIT}


def test_the_copy_on_hugging_face_keeps_its_splits(tmp_path: Path) -> None:
    for split, numbers in {"train": (1, 2), "validation": (1,), "test": (3,)}.items():
        made(tmp_path / split, numbers)
        for kind, name in {"img": "images", "mask": "annotations"}.items():
            (tmp_path / name).mkdir(exist_ok=True)
            (tmp_path / split / kind).rename(tmp_path / name / split)
    found = reader.collection(tmp_path, seed=0)
    ids = {name: [entry.id for entry in entries] for name, entries in found.splits.items()}
    assert ids == {
        "train": ["train/image_1", "train/image_2"], "validation": ["validation/image_1"], "test": ["test/image_3"]
    }  # fmt: skip
    (part,) = found.batches("test")
    np.testing.assert_array_equal(np.flatnonzero(part["mask"][0].to_numpy()), 3 * 128 + np.arange(128))
    (tmp_path / "annotations/test/mask_3.h5").unlink()
    with pytest.raises(DatasetError, match=r"annotations/test/mask_3\.h5: missing"):
        reader.collection(tmp_path, seed=0)


@pytest.mark.parametrize("names", [("img", "mask"), ("images", "masks")])
def test_flat_layouts_are_divided_by_the_seed(tmp_path: Path, names: tuple[str, str]) -> None:
    made(tmp_path, tuple(range(10)), names)
    found = reader.collection(tmp_path, seed=0)
    assert {name: len(entries) for name, entries in found.splits.items()} == {"train": 6, "validation": 2, "test": 2}
    ids = {entry.id for entries in found.splits.values() for entry in entries}
    assert ids == {f"image_{i}" for i in range(10)}
    assert found.splits == reader.collection(tmp_path, seed=0).splits
    assert found.splits != reader.collection(tmp_path, seed=1).splits


def test_bad_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"no image_N\.h5 there"):
        reader.collection(tmp_path, seed=0)
    made(tmp_path, (1, 2, 3))

    def says(pattern: str) -> None:
        with pytest.raises(DatasetError, match=pattern) as error:
            for split in (found := reader.collection(tmp_path, seed=0)).splits:
                list(found.batches(split))
        assert "\n" not in str(error.value)

    image, mask = tmp_path / "img/image_2.h5", tmp_path / "mask/mask_2.h5"
    write(image, "img", np.zeros((128, 128, 13)))
    says(r"image_2\.h5: 128 × 128 × 13 values instead of 128 × 128 × 14")
    write(image, "image", np.zeros((128, 128, 14)))
    says(r"image_2\.h5: holds no array 'img' \(it has image\)")
    values = np.zeros((128, 128, 14))
    values[:, :, 12] = np.nan
    write(image, "img", values)
    says(r"image_2\.h5: band slope holds no number")
    image.write_bytes(image.read_bytes()[:5000])
    says(r"image_2\.h5: not a readable HDF5 file")
    write(image, "img", np.zeros((128, 128, 14)))
    write(mask, "mask", np.full((128, 128), 255, dtype=np.uint8))
    says(r"mask_2\.h5: a mask holds 0 and 1 only")
    mask.unlink()
    says(r"mask_2\.h5: missing, but its image is there")
    image.unlink()
    (tmp_path / "img/image_3.h5").unlink()
    says(r"image_3\.h5: missing, but its mask is there")


def test_the_real_patches(mirror: Path) -> None:
    if not (mirror / "landslide4sense_h5").is_dir():
        pytest.skip("the mirror holds no landslide4sense_h5")
    found = reader.collection(mirror / "landslide4sense_h5", seed=42)
    chips = {chip.id: chip for entries in found.splits.values() for chip in map(found.read, entries) if chip}
    assert set(chips) == {"image_1", "image_42", "image_1002", "image_3520"}
    for chip in chips.values():
        assert np.isfinite(chip.image).all()
        assert chip.image.min() >= 0
        with h5py.File(mirror / f"landslide4sense_h5/img/{chip.id}.h5") as file:
            np.testing.assert_array_equal(chip.image[3], file["img"][:, :, 3].astype(np.float32))
    assert any((chip.truth == 1).any() for chip in chips.values())


def test_the_constants_follow_from_the_real_patches(mirror: Path) -> None:
    if not (mirror / "landslide4sense_h5").is_dir():
        pytest.skip("the mirror holds no landslide4sense_h5")
    found = constants(mirror / "landslide4sense_h5")
    assert tuple(found) == reader.BANDS
    for band, one in found.items():
        assert one.constant == pytest.approx(LANDSLIDE4SENSE[band], rel=2e-7), band
        assert one.off < 1e-8, f"{band}: its values are no whole multiples"
    # What they are divided into is what such ground has: reflectance below 1, slopes below 90°.
    assert max(found[band].largest for band in reader.BANDS[:12]) < 10_000
    assert found["slope"].largest < 90


@given(st.floats(3, 3000), st.integers(0, 2**16))
def test_a_constant_is_recovered_from_any_whole_numbers(constant: float, seed: int) -> None:
    whole = np.append(np.random.default_rng(seed).integers(2, 5000, 300), [700, 701])
    found = recovered(whole / constant)
    assert found.constant == pytest.approx(constant, rel=1e-12)
    assert (found.largest, found.different) == (whole.max(), np.unique(whole).size)
