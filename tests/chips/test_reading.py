"""Files of datasets: what is wrong is told in one line that names the file."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from landslide_geo.chips import reading
from landslide_geo.chips.collection import Chip, Collection, has_landslide
from landslide_geo.chips.store import UNKNOWN
from landslide_geo.errors import DatasetError, MissingExtraError


def test_bands_lead_and_what_is_not_finite_is_nan() -> None:
    values = np.arange(18.0).reshape(3, 3, 2)
    values[0, 0, 0], values[2, 2, 1] = np.inf, 1e300
    image = reading.image_of("a.npy", values, ("red", "nir"), 3)
    assert image.dtype == np.float32
    assert np.isnan(image[0, 0, 0])
    assert np.isnan(image[1, 2, 2])
    np.testing.assert_array_equal(image[1, 0], [1, 3, 5])


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (np.zeros((3, 3, 4)), "a.npy: 3 × 3 × 4 values instead of 3 × 3 × 2"),
        (np.zeros((4, 3, 2)), "a.npy: 4 × 3 × 2 values instead of 3 × 3 × 2"),
        (np.zeros(()), "a.npy: single values"),
        (np.zeros((3, 3, 2), dtype="U3"), "a.npy: holds <U3 instead of numbers"),
        (np.stack([np.zeros((3, 3)), np.full((3, 3), np.nan)], axis=2), "a.npy: band nir holds no number"),
    ],
)
def test_bad_images(values: np.ndarray, says: str) -> None:
    with pytest.raises(DatasetError) as error:
        reading.image_of("a.npy", values, ("red", "nir"), 3)
    assert str(error.value).startswith(says)


def test_masks_are_zeros_and_ones_of_any_type() -> None:
    for kind in (bool, np.float64, np.int16, np.uint8):
        mask = reading.mask_of("m", np.eye(3, dtype=kind)[..., None], 3)
        assert mask.dtype == np.uint8
        np.testing.assert_array_equal(mask, np.eye(3))
    for bad in (np.full((3, 3), 2), np.full((3, 3), np.nan), np.full((3, 3), 0.5), np.zeros((3, 3), dtype="U1")):
        with pytest.raises(DatasetError, match="m: a mask holds 0 and 1 only"):
            reading.mask_of("m", bad, 3)
    with pytest.raises(DatasetError, match="m: 3 × 4 values instead of 3 × 3"):
        reading.mask_of("m", np.zeros((3, 4)), 3)


def test_files_that_are_none_of_their_kind(tmp_path: Path) -> None:
    pytest.importorskip("h5py")
    for name in ("a.npy", "a.h5", "a.png"):
        (tmp_path / name).write_bytes(b"no such thing")
    readers = {
        "a.npy": reading.npy,
        "a.h5": lambda path: reading.hdf5_array(path, "img"),
        "a.png": lambda path: reading.picture(path, "RGB"),
    }
    for name, read in readers.items():
        with pytest.raises(DatasetError, match=rf"{name}: not a readable") as error:
            read(tmp_path / name)
        assert "\n" not in str(error.value)
        with pytest.raises(DatasetError, match=rf"b{name[1:]}: missing"):
            read(tmp_path / f"b{name[1:]}")


def test_a_missing_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "h5py", None)  # an import fails
    with pytest.raises(MissingExtraError, match=r"needs h5py; install it with: pip install 'landslide-geo\[train\]'"):
        reading.hdf5_array(tmp_path / "a.h5", "img")


@pytest.mark.parametrize("mapped", [False, True])
def test_truncated_and_pickled_arrays_are_refused(tmp_path: Path, mapped: bool) -> None:
    path = tmp_path / "a.npy"
    np.save(path, np.arange(1000))
    np.testing.assert_array_equal(reading.npy(path, mapped=mapped), np.arange(1000))
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(DatasetError, match=r"a\.npy: not a readable"):
        reading.npy(path, mapped=mapped)
    path.write_bytes(b"")
    with pytest.raises(DatasetError, match=r"a\.npy: not a readable"):
        reading.npy(path, mapped=mapped)
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(DatasetError, match=r"a\.npy: not a readable"):
        reading.npy(path, mapped=mapped)
    with path.open("wb") as file:
        np.savez(file, a=np.zeros(3))
    with pytest.raises(DatasetError, match=r"a\.npy: an archive"):
        reading.npy(path, mapped=mapped)


def test_a_truncated_picture_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)).save(path)
    assert reading.picture(path, "RGB").size == (64, 64)
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(DatasetError, match=r"a\.png: not a readable picture"):
        reading.picture(path, "RGB")


def test_pictures_with_other_channels_are_refused(tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(0, 255, (8, 8, 3), dtype=np.uint8)
    for name, kind in {
        "grey": values[..., 0],
        "colours": values,
        "equal": np.repeat(values[..., :1], 3, axis=2),
    }.items():
        Image.fromarray(kind).save(tmp_path / f"{name}.png")
    Image.fromarray(np.dstack([values, values[..., 0]])).save(tmp_path / "transparent.png")
    np.testing.assert_array_equal(reading.picture(tmp_path / "transparent.png", "RGB"), values)
    np.testing.assert_array_equal(reading.picture(tmp_path / "equal.png", "L"), values[..., 0])
    with pytest.raises(DatasetError, match=r"grey\.png: has the channels L, but red, green and blue are needed"):
        reading.picture(tmp_path / "grey.png", "RGB")
    for mode in ("L", "F"):
        with pytest.raises(DatasetError, match=r"colours\.png: has the channels R, G, B, but a single one is needed"):
            reading.picture(tmp_path / "colours.png", mode)


def chips(count: int, truth: object) -> Collection:
    image = np.ones((2, 4, 4), dtype=np.float32)
    image[1, 0, 0] = np.nan
    return Collection(
        "made", ("red", "nir"), ("a", "b"), None, {"train": range(count)},
        lambda i: None if i == 3 else Chip(f"c{i}", f"b{i // 2}", image, truth),  # type: ignore[arg-type]
    )  # fmt: skip


def test_batches_hold_all_chips_but_those_left_out() -> None:
    parts = list(chips(70, np.eye(4, dtype=np.uint8)).batches("train"))
    assert [part.sizes["chip"] for part in parts] == [32, 32, 5]
    assert [str(i) for part in parts for i in part["id"].to_numpy()] == [f"c{i}" for i in range(70) if i != 3]
    mask = parts[2]["mask"].to_numpy()
    assert mask[0, 0, 0] == UNKNOWN  # a band is unknown there
    np.testing.assert_array_equal(mask[0, 1:], np.eye(4)[1:])


@pytest.mark.parametrize("truth", [True, False, np.eye(4, dtype=np.uint8), np.zeros((4, 4), dtype=np.uint8)])
def test_labels_tell_whether_there_is_a_landslide(truth: bool | np.ndarray) -> None:
    (part,) = chips(2, truth).batches("train", labels=True)
    assert "mask" not in part
    assert (part["label"] == int(np.any(truth))).all()
    assert has_landslide(truth) == np.any(truth)
