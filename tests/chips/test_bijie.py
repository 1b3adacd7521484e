"""Bijie's pictures, masks and elevations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from landslide_geo.chips import bijie as reader
from landslide_geo.errors import DatasetError, ParameterError


def made(root: Path, *, dem: bool, suffix: str = "png", sizes: tuple[int, ...] = (100, 224, 300)) -> Path:
    """Images of one colour each, of which the upper half is a landslide."""
    for name in ("landslide", "non-landslide"):
        for kind in ("image", *(["mask"] if name == "landslide" else []), *(["dem"] if dem else [])):
            (root / name / kind).mkdir(parents=True)
        for i, size in enumerate(sizes):
            stem = f"{name[0]}s_{i:04}"
            Image.new("RGB", (size + 20, size), (10 * i + 5, 80, 160)).save(root / name / "image" / f"{stem}.{suffix}")
            if name == "landslide":
                mask = np.full((size, size + 20), 3, dtype=np.uint8)  # as JPEG leaves it
                mask[: size // 2] = 251
                Image.fromarray(mask).save(root / name / "mask" / f"{stem}.png")
            if dem:
                Image.new("L", (size + 20, size), 20 + i).save(root / name / "dem" / f"{stem}.png")
    return root


def one(root: Path, seed: int = 42, **options: int) -> dict:
    found = reader.collection(root, seed=seed, **options)
    return {chip.id: chip for entries in found.splits.values() for chip in map(found.read, entries) if chip}


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_pictures_of_any_size_become_one_size(tmp_path: Path, suffix: str) -> None:
    chips = one(made(tmp_path, dem=False, suffix=suffix))
    assert len(chips) == 6
    for i in range(3):
        chip = chips[f"landslide/ls_{i:04}"]
        assert chip.image.shape == (3, 224, 224)
        np.testing.assert_allclose(chip.image.mean(axis=(1, 2)), [10 * i + 5, 80, 160], atol=2)
        assert isinstance(chip.truth, np.ndarray)
        assert chip.truth[:111].all()
        assert not chip.truth[113:].any()
        assert not np.any(chips[f"non-landslide/ns_{i:04}"].truth)


def test_elevations_are_a_band_where_they_are_there(tmp_path: Path) -> None:
    found = reader.collection(made(tmp_path, dem=True), seed=0)
    assert found.bands == ("red", "green", "blue", "elevation")
    assert len(found.units) == 4
    assert (one(tmp_path)["landslide/ls_0002"].image[3] == 22).all()


def test_a_third_of_each_kind_is_validation(tmp_path: Path) -> None:
    made(tmp_path, dem=False, sizes=(8,) * 12)
    splits = reader.collection(tmp_path, seed=42).splits
    for split, count in {"train": 8, "validation": 4}.items():
        assert [entry.id.split("/")[0] for entry in splits[split]].count("landslide") == count
    assert splits == reader.collection(tmp_path, seed=42).splits
    assert splits != reader.collection(tmp_path, seed=43).splits


def test_bad_files_are_named(tmp_path: Path) -> None:
    def says(pattern: str) -> None:
        with pytest.raises(DatasetError, match=pattern) as error:
            one(tmp_path)
        assert "\n" not in str(error.value)

    says(r"landslide/image: no pictures there")
    made(tmp_path, dem=True)
    mask, dem = tmp_path / "landslide/mask/ls_0001.png", tmp_path / "non-landslide/dem/ns_0001.png"
    Image.new("L", (244, 224), 100).save(mask)
    says(r"mask/ls_0001\.png: no landslide in it")
    Image.new("L", (224, 224), 255).save(mask)
    says(r"mask/ls_0001\.png: 224 × 224 pixels, but its image has 244 × 224")
    mask.rename(mask.with_name("ls_0009.png"))
    says(r"mask/ls_0001\.png: missing, but its image is there")
    Image.new("L", (244, 224), 255).save(mask)
    says(r"mask/ls_0009\.png: has no image ls_0009")
    mask.with_name("ls_0009.png").unlink()
    dem.write_bytes(dem.read_bytes()[:40])
    says(r"dem/ns_0001\.png: not a readable picture")
    dem.unlink()
    says(r"dem/ns_0001\.png: missing")
    for path in dem.parent.iterdir():
        path.unlink()
    dem.parent.rmdir()
    says(r"non-landslide/dem: missing, but the other images have elevations")


def test_a_missing_mask_is_drawn_from_its_outline(tmp_path: Path) -> None:
    made(tmp_path, dem=False)
    folder = tmp_path / "landslide"
    before = one(tmp_path)["landslide/ls_0001"].truth
    (folder / "mask/ls_0001.png").unlink()
    (folder / "polygon_coordinate").mkdir()
    outline = folder / "polygon_coordinate/ls_0001.txt"
    outline.write_text("ls_0001.png\n4\n0 0\n243 0\n243 111\n0 111\n\n")
    found = reader.collection(tmp_path, seed=42)
    kinds = [entry.id.split("/")[0] for entry in found.splits["validation"]]
    assert kinds.count("landslide") == 1
    np.testing.assert_array_equal(one(tmp_path)["landslide/ls_0001"].truth, before)  # the upper half, as before

    def says(text: str, pattern: str) -> None:
        outline.write_text(text)
        with pytest.raises(DatasetError, match=pattern):
            one(tmp_path)

    says("a\nb\n1 2\n3 x\n5 6\n", r"ls_0001\.txt, line 4: '3 x' is no corner")
    says("a\nb\n1 2\n3 4\n", r"ls_0001\.txt: 2 corners are no outline")
    says("a\nb\n900 900\n950 900\n950 950\n", r"ls_0001\.txt: no landslide in it")
    outline.unlink()
    with pytest.raises(DatasetError, match=r"mask/ls_0001\.png: missing, but its image is there"):
        one(tmp_path)


def test_a_mask_goes_before_an_outline(tmp_path: Path) -> None:
    made(tmp_path, dem=False)
    (tmp_path / "landslide/polygon_coordinate").mkdir()
    (tmp_path / "landslide/polygon_coordinate/ls_0001.txt").write_text("not read")
    assert len(one(tmp_path)) == 6


def test_pictures_with_other_channels_are_named(tmp_path: Path) -> None:
    made(tmp_path, dem=False)
    Image.new("L", (244, 224)).save(tmp_path / "non-landslide/image/ns_0001.png")
    with pytest.raises(DatasetError, match=r"image/ns_0001\.png: has the channels L"):
        one(tmp_path)


def test_pictures_may_be_made_smaller_and_no_landslide_is_lost(tmp_path: Path) -> None:
    root = made(tmp_path, dem=True)
    speck = np.zeros((100, 120), dtype=np.uint8)
    speck[9:11, 31:33] = 255  # of 0.6 pixels a side at this size, between the pixels that the nearest would take
    Image.fromarray(speck).save(root / "landslide/mask/ls_0000.png")
    chips = one(root, size=32)
    assert {chip.image.shape for chip in chips.values()} == {(4, 32, 32)}
    mask = chips["landslide/ls_0000"].truth
    assert mask.shape == (32, 32) and mask.sum() == 1 and mask[3, 8]
    assert chips["landslide/ls_0001"].truth[:16].all() and not chips["landslide/ls_0001"].truth[16:].any()
    with pytest.raises(ParameterError, match="give a size of 1 or more"):
        one(root, size=0)


@pytest.mark.parametrize(("folder", "counts"), [("bijie_native", (25, 25)), ("bijie_224", (620, 900))])
def test_the_real_pictures(mirror: Path, folder: str, counts: tuple[int, int]) -> None:
    if not (mirror / folder).is_dir():
        pytest.skip(f"the mirror holds no {folder}")
    found = reader.collection(mirror / folder, seed=42)
    everything = [entry for entries in found.splits.values() for entry in entries]
    landslides = [entry for entry in everything if entry.id.startswith("landslide/")]
    assert (len(landslides), len(everything) - len(landslides)) == counts
    assert len(found.splits["validation"]) == sum(round(0.33 * count) for count in counts)
    for entry in [*landslides[:20], *everything[-5:]]:
        chip = found.read(entry)
        assert chip is not None
        assert chip.image.shape == (3, 224, 224)
        assert chip.image.std() > 5
        assert np.any(chip.truth) == entry.id.startswith("landslide/")
