"""Hard negatives cut from a scene."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

from landslide_geo.chips import negatives
from landslide_geo.chips.store import UNKNOWN
from landslide_geo.config import L4S_GAINS
from landslide_geo.errors import DatasetError


def scene(height: int = 1280, width: int = 200) -> np.ndarray:
    values = np.random.default_rng(0).uniform(100, 3000, (3, height, width)).astype(np.float32)
    values[:, :, :20] = np.nan
    return values


def test_the_held_out_strip_shares_no_row_with_training() -> None:
    values = scene()
    rows = {
        held_out: {
            row
            for name in negatives.cut(values, held_out=held_out).ids
            for row in range(int(name.split("_")[1]), int(name.split("_")[1]) + negatives.SIZE)
        }
        for held_out in (True, False)
    }
    assert rows[True]
    assert rows[False]
    assert not rows[True] & rows[False]


def test_patches_look_like_those_of_the_dataset() -> None:
    values = scene()
    patches = negatives.cut(values, held_out=False)
    assert patches.images.max(axis=(1, 2, 3)).tolist() == [255] * len(patches)
    assert not patches.masks.any()
    assert not patches.valid[0, :, :20].any()
    assert patches.valid[0, :, 20:].all()
    block = (values[:, :128, 20:128] / np.array(L4S_GAINS, np.float32)[:, None, None]).astype(float)
    np.testing.assert_array_equal(patches.images[0][:, :, 20:], np.floor(255 * block / block.max()).astype(np.uint8))


def test_patches_with_too_few_valid_pixels_are_left_out() -> None:
    assert len(negatives.cut(np.full((3, 600, 200), np.nan, np.float32), held_out=False)) == 0


def test_geographic_scenes_become_square_metres(tmp_path: Path) -> None:
    path = tmp_path / "scene.tif"
    profile = {"driver": "GTiff", "width": 300, "height": 200, "count": 4, "dtype": "uint16", "nodata": 0}
    degrees = 8.983152841e-05
    with rasterio.open(
        path, "w", crs="EPSG:4326", transform=from_origin(91.7, 22.5, degrees, degrees), **profile
    ) as out:
        for band, name in enumerate(("B08", "B02", "B03", "B04"), start=1):
            out.write(np.full((200, 300), 100 * band, np.uint16), band)
            out.set_band_description(band, name)
    values = negatives.read_rgb(path)
    assert np.nanmedian(values, axis=(1, 2)).tolist() == [400, 300, 200]  # red, green, blue
    # 300 columns of 9.25 m and 200 rows of 9.95 m at this latitude
    assert values.shape[1] == pytest.approx(200 * 9.95 / 10, abs=8)
    assert values.shape[2] == pytest.approx(300 * 9.25 / 10, abs=8)


def test_scenes_that_cannot_serve_are_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"nowhere\.tif: no scene with the bands red, green, blue"):
        negatives.read_rgb(tmp_path / "nowhere.tif")


def test_chips_are_the_patches_that_are_cut(tmp_path: Path) -> None:
    path = tmp_path / "city.tif"
    profile = {"driver": "GTiff", "width": 200, "height": 1280, "count": 3, "dtype": "float32", "nodata": np.nan}
    with rasterio.open(path, "w", crs="EPSG:32646", transform=from_origin(4e5, 25e5, 10, 10), **profile) as out:
        out.write(scene())
        for band, name in enumerate(negatives.BANDS, start=1):
            out.set_band_description(band, name)
    found = negatives.collection(path, seed=0)
    for split, cut in {
        "train": negatives.cut(scene(), held_out=False),
        "test": negatives.cut(scene(), held_out=True, stride=negatives.SIZE),
    }.items():
        (part,) = found.batches(split)
        assert list(part["id"].to_numpy()) == [f"city/{name}" for name in cut.ids]
        for i in range(len(cut)):
            np.testing.assert_array_equal(part["image"][i], cut.digital_numbers(i))
            np.testing.assert_array_equal(part["mask"][i], np.where(cut.valid[i], 0, UNKNOWN))
        assert part.attrs["quantum"] == list(L4S_GAINS)
    blocks = {str(block) for split in found.splits for part in found.batches(split) for block in part["block"].values}
    assert blocks == {"city/north", "city/south", "city/strip"}


def test_a_scene_that_is_too_small_is_named(tmp_path: Path) -> None:
    path = tmp_path / "small.tif"
    profile = {"driver": "GTiff", "width": 100, "height": 100, "count": 3, "dtype": "uint16"}
    with rasterio.open(path, "w", crs="EPSG:32646", transform=from_origin(4e5, 25e5, 10, 10), **profile) as out:
        for band, name in enumerate(negatives.BANDS, start=1):
            out.set_band_description(band, name)
    with pytest.raises(DatasetError, match=r"small\.tif: holds no patch of 128 × 128 pixels of 10 m"):
        negatives.collection(path, seed=0)


def test_the_real_scene(mirror: Path) -> None:
    if not (mirror / "scene_chittagong").is_dir():
        pytest.skip("the mirror holds no scene_chittagong")
    values = negatives.read_rgb(mirror / "scene_chittagong/s2_B4B3B2B8.tif")
    chips = negatives.collection(mirror / "scene_chittagong/s2_B4B3B2B8.tif", seed=0)
    assert len(chips.splits["train"]) == len(negatives.cut(values, held_out=False))
    assert len(negatives.cut(values, held_out=False)) > 100
    assert len(negatives.cut(values, held_out=True, stride=negatives.SIZE)) >= 5
