"""HR-GLDD's arrays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from landslide_geo.chips import hrgldd as reader
from landslide_geo.errors import DatasetError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for stem, count in {"train": 3, "val": 1, "test": 2}.items():
        images = np.arange(4.0) + 10 * np.arange(count)[:, None, None, None] + np.zeros((count, 128, 128, 4))
        masks = np.zeros((count, 128, 128, 1))
        masks[-1, :5] = 1
        np.save(tmp_path / f"{stem}X.npy", images)
        np.save(tmp_path / f"{stem}Y.npy", masks)
    return tmp_path


def test_patches_are_read_one_by_one(root: Path) -> None:
    found = reader.collection(root, seed=0)
    assert {name: len(entries) for name, entries in found.splits.items()} == {"train": 3, "validation": 1, "test": 2}
    (part,) = found.batches("train")
    assert list(part["id"].to_numpy()) == ["train/0", "train/1", "train/2"]
    np.testing.assert_array_equal(part["image"][:, 3, 0, 0], [3, 13, 23])
    np.testing.assert_array_equal(part["mask"].sum(("y", "x")), [0, 0, 640])
    assert part.attrs["gsd_m"] == 3


def test_bad_arrays_are_named(root: Path) -> None:
    def says(pattern: str) -> None:
        with pytest.raises(DatasetError, match=pattern) as error:
            for split in (found := reader.collection(root, seed=0)).splits:
                list(found.batches(split))
        assert "\n" not in str(error.value)

    x, y = root / "trainX.npy", root / "trainY.npy"
    images = np.load(x)
    images[1, :, :, 3] = np.nan
    np.save(x, images)
    says(r"trainX\.npy, patch 1: band nir holds no number")
    np.save(x, images[..., :3])
    says(r"trainX\.npy: has shape \(3, 128, 128, 3\) instead of \(N, 128, 128, 4\)")
    np.save(x, images[:2])
    says(r"trainY\.npy: 3 masks for the 2 images of trainX\.npy")
    np.save(x, np.zeros_like(images))
    np.save(y, np.full((3, 128, 128, 1), 0.5))
    says(r"trainY\.npy, patch 0: a mask holds 0 and 1 only")
    np.save(y, np.zeros((3, 64, 64, 1)))
    says(r"trainY\.npy: has shape")
    y.write_bytes(y.read_bytes()[:1000])
    says(r"trainY\.npy: not a readable \.npy file")
    y.unlink()
    says(r"trainY\.npy: missing")
    for path in root.iterdir():
        path.unlink()
    says(r"trainX\.npy: not there")
