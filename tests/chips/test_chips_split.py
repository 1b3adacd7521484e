"""A split of chips as arrays: what it gives is what was stored, whichever way it came."""

from __future__ import annotations

import pickle
import resource
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from landslide_geo.chips import store
from landslide_geo.chips.split import Split
from landslide_geo.errors import DatasetError

BANDS = ("red", "nir", "vv_asc")


def made(count: int, seed: int = 0, **changes):
    rng = np.random.default_rng(seed)
    image = rng.normal(size=(count, 3, 8, 8)).astype(np.float32)
    mask = (rng.random((count, 8, 8)) < 0.2).astype(np.uint8)
    image[0, 1, 2, 3] = np.nan
    mask[0, 0, 0] = store.UNKNOWN
    mask[-1] = 0
    what = {
        "bands": BANDS, "units": ("dn", "dn", "dB"), "gsd_m": 10.0, "crs": "", "quantum": (2.0, None, None),
        "id": [f"{seed}_{i}" for i in range(count)], "block": [f"b{i // 2}" for i in range(count)],
        "source": ["here"] * count, "reason": [""] * count,
    } | changes  # fmt: skip
    return store.batch(image, mask, **what)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    store.write(tmp_path / "train.zarr", [made(70, 1), made(3, 2)])
    return tmp_path / "train.zarr"


def test_from_a_store_and_from_memory_it_is_the_same(path: Path) -> None:
    one, other = Split.read(path), Split.of("memory", [made(70, 1), made(3, 2)])
    assert isinstance(one.images, np.memmap)
    assert len(one) == len(other) == 73
    for index in (0, 1, 69, 72):
        np.testing.assert_array_equal(one.image(index), other.image(index))
        np.testing.assert_array_equal(one.mask(index), other.mask(index))
    assert one.ids.tolist() == other.ids.tolist()
    assert (one.bands, one.units, one.quantum, one.size) == (BANDS, ("dn", "dn", "dB"), (2.0, None, None), 8)
    assert one.gsd_m == 10
    assert not one.simulated
    assert len(pickle.dumps(one)) < len(pickle.dumps(other)) - other.images.nbytes + 1000, "mapped files travel by name"
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(one)).image(72), other.image(72))
    again = Split.read(path)
    assert again.images.filename == one.images.filename, "unpacked once"


def test_a_store_that_was_made_again_is_unpacked_again(path: Path, tmp_path: Path) -> None:
    first = Split.read(path).image(1)
    path.rename(tmp_path / "old.zarr")
    store.write(path, [made(70, 5)])
    assert not np.array_equal(Split.read(path).image(1), first)


def test_where_nothing_can_be_kept_it_is_read_into_memory(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = Split.read(path).image(3)
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    found = Split.read(path)
    assert not isinstance(found.images, np.memmap)
    np.testing.assert_array_equal(found.image(3), expected)


def test_a_disk_without_room_is_no_obstacle(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = Split.read(path).image(3)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "other"))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    try:
        found = Split.read(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not isinstance(found.images, np.memmap)
    np.testing.assert_array_equal(found.image(3), expected)
    assert [place.name for place in (tmp_path / "other/landslide-geo/chips").iterdir()] == [], "nothing half-made"


def test_what_is_unknown_in_one_band_or_in_the_mask_is_unknown_in_all() -> None:
    chips = Split.of("memory", [made(4)])
    valid = chips.valid(0)
    assert not valid[2, 3]
    assert not valid[0, 0]
    assert valid.sum() == 62
    np.testing.assert_array_equal(np.isnan(chips.image(0)), np.broadcast_to(~valid, (3, 8, 8)))
    assert chips.taking(["red"]).valid(0)[2, 3], "the band that is unknown there was not taken"


def test_bands_are_taken_by_name_in_any_order() -> None:
    chips = Split.of("memory", [made(4)])
    turned = chips.taking(["vv_asc", "red"])
    np.testing.assert_array_equal(turned.image(1), chips.image(1)[[2, 0]])
    assert (turned.bands, turned.units, turned.quantum) == (("vv_asc", "red"), ("dB", "dn"), (None, 2.0))
    np.testing.assert_array_equal(turned.taking(["red"]).image(1), chips.image(1)[:1])
    with pytest.raises(DatasetError, match=r"memory: the chips have no band slope .they have red, nir, vv_asc"):
        chips.taking(["red", "slope"])


def test_some_chips_keep_what_is_known_of_them() -> None:
    chips = Split.of("memory", [made(6)])
    part = chips.at([4, 1]).at([1])
    np.testing.assert_array_equal(part.image(0), chips.image(1))
    assert part.ids.tolist() == ["0_1"]
    assert part.blocks.tolist() == ["b0"]
    assert chips.has_landslide().tolist() == [True] * 5 + [False]


def test_chips_with_other_labels_are_other_chips() -> None:
    chips = Split.of("memory", [made(6)])
    assert chips.digest() == Split.of("elsewhere", [made(6)]).digest()
    assert chips.digest() != Split.of("memory", [made(6, units=("dn", "reflectance", "dB"))]).digest()
    masks = chips.masks.copy()
    masks[3, 4, 5] ^= 1
    assert chips.digest() != replace(chips, masks=masks).digest()
    images = chips.images.copy()
    images[3, 0, 4, 5] += 1
    assert chips.digest() != replace(chips, images=images).digest()


def test_what_cannot_be_trained_on_is_said(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no chips there"):
        Split.read(tmp_path / "nothing.zarr")
    with pytest.raises(DatasetError, match="there is no chip"):
        Split.of("nothing", [])
    labelled = made(2)
    rows = labelled.drop_vars("mask").assign(label=("chip", np.array([0, 1], np.uint8)))
    store.write(tmp_path / "labels.zarr", [rows])
    with pytest.raises(DatasetError, match="labels and no masks"):
        Split.read(tmp_path / "labels.zarr").as_masked()


def test_labels_are_masks_of_one_pixel(tmp_path: Path) -> None:
    rows = made(3).drop_vars("mask").assign(label=("chip", np.array([0, 1, 1], np.uint8)))
    rows["image"][1, 0, 2, 3] = np.nan
    store.write(tmp_path / "labels.zarr", [rows])
    for chips in (Split.read(tmp_path / "labels.zarr"), Split.of("here", [rows])):
        assert chips.labelled
        assert chips.as_labelled() is chips
        assert chips.has_landslide().tolist() == [False, True, True]
        assert chips.mask(1).tolist() == [[True]]
        assert chips.valid(1).tolist() == [[True]], "one sensor does not see a pixel, another may"
        assert np.isnan(chips.image(1)).sum() == 1, "only where it is unknown itself"


def test_chips_with_masks_become_labelled() -> None:
    chips = Split.of("here", [made(6)])
    chips.masks[chips.masks == 255] = 0
    labelled = chips.at([5, 0, 3]).as_labelled()
    assert not chips.labelled
    assert chips.as_masked() is chips
    assert labelled.has_landslide().tolist() == chips.has_landslide()[[5, 0, 3]].tolist()
    assert labelled.taking(chips.bands[:1]).at([0]).mask(0).tolist() == [[bool(chips.mask(5).any())]]
    assert labelled.digest() != chips.at([5, 0, 3]).digest()


def test_reflectances_are_read_as_digital_numbers_where_somebody_takes_them_so() -> None:
    numbers = Split.of("numbers", [made(2, units=("digital number", "digital number", "dB"))])
    wanted = ("reflectance", "reflectance or digital number", "m")
    turned = numbers.in_units(wanted)
    assert turned.units == ("reflectance", "digital number", "dB"), "either will do, and dB is no height"
    np.testing.assert_allclose(turned.image(0)[0], numbers.image(0)[0] * 1e-4, rtol=1e-6)
    np.testing.assert_array_equal(turned.image(0)[1:], numbers.image(0)[1:])
    assert turned.quantum[0] == pytest.approx(2e-4) and turned.quantum[1:] == numbers.quantum[1:]
    np.testing.assert_array_equal(turned.taking(["nir", "red"]).image(1), turned.image(1)[[1, 0]])
    back = turned.in_units(numbers.units)
    np.testing.assert_allclose(back.image(1), numbers.image(1), rtol=1e-6)
    assert back.in_units(numbers.units) is back
