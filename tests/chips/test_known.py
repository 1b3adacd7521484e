"""Chips of several sensors: where one of them is enough, and what of the others is left then."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landslide_geo.bands import MASKS, OPTICAL, PRE, SAR, TERRAIN, sensors
from landslide_geo.chips import store
from landslide_geo.chips.collection import Chip, Collection
from landslide_geo.chips.known import known, with_masks, without_parts
from landslide_geo.chips.split import Split
from landslide_geo.models.modalities import modalities

BANDS = ("red", "nir", "vv_asc", "vh_asc", "slope", "cloud_mask")
SENSORS = (("red", "nir"), ("vv_asc", "vh_asc"))
ALL = (*OPTICAL, *SAR, *TERRAIN, *MASKS, *(PRE + name for name in (*OPTICAL, *SAR)))


def holes(seed: int, share: float, count: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(count, len(BANDS), 6, 6)).astype(np.float32)
    values[rng.random(values.shape) < share] = np.nan
    return values


@given(st.lists(st.sampled_from(ALL), unique=True, min_size=1))
def test_sensors_are_the_modalities_without_terrain_and_masks_go_with_optical_bands(bands: list[str]) -> None:
    own, found = modalities(bands), sensors(bands)
    assert list(found) == [what for what in own if what in ("optical", "sar_desc", "sar_asc")]
    for what, places in found.items():
        masks = own.get("masks", ()) if what == "optical" else ()
        assert sorted(places) == sorted((*own[what], *masks))


@given(st.integers(0, 2**16), st.floats(0, 0.5))
def test_a_pixel_counts_where_one_sensor_sees_it_and_the_terrain_is_known(seed: int, share: float) -> None:
    values = holes(seed, share, count=3)
    there = np.isfinite(values)
    own = [[0, 1, 5], [2, 3]]
    optical, radar = there[:, [0, 1, 5]].all(1), there[:, [2, 3]].all(1)
    np.testing.assert_array_equal(known(values, own), (optical | radar) & there[:, 4])
    np.testing.assert_array_equal(known(values, []), there.all(1), "all bands are needed")
    np.testing.assert_array_equal(known(values[0], own), known(values, own)[0])
    parts = np.isfinite(without_parts(values.copy(), own))
    for places, seen in (((0, 1, 5), optical), ((2, 3), radar)):
        for place in places:
            np.testing.assert_array_equal(parts[:, place], seen)
    np.testing.assert_array_equal(parts[:, 4], there[:, 4])


def test_masks_go_with_the_optical_bands() -> None:
    assert with_masks(SENSORS, BANDS) == (("red", "nir", "cloud_mask"), ("vv_asc", "vh_asc"))
    assert with_masks(SENSORS, BANDS[:5]) == SENSORS
    assert with_masks((), BANDS) == ()


@settings(max_examples=20)
@given(st.integers(0, 2**16), st.floats(0, 0.5))
def test_splits_hide_what_a_model_cannot_use(seed: int, share: float) -> None:
    values = holes(seed, share)
    mask = (np.random.default_rng(seed).random((1, 6, 6)) < 0.3).astype(np.uint8)
    mask[0, 0, 0] = store.UNKNOWN
    units = ("dn", "dn", "dB", "dB", "degrees", "1 on clouds")
    texts = {name: ["x"] for name in ("id", "block", "source", "reason")}
    chips = Split.of("made", [store.batch(values, mask, bands=BANDS, units=units, gsd_m=10.0, crs="", **texts)])
    told = mask[0] != store.UNKNOWN
    stern, easy = chips.valid(0), chips.seen_by(SENSORS)
    np.testing.assert_array_equal(stern, np.isfinite(values[0]).all(0) & told)
    seen = known(values[0], [[0, 1, 5], [2, 3]]) & told
    np.testing.assert_array_equal(easy.valid(0), seen)
    image = easy.image(0)
    assert np.isnan(image[:, ~seen]).all()
    np.testing.assert_array_equal(
        image[2:4], np.where(seen & np.isfinite(values[0, 2:4]).all(0), values[0, 2:4], np.nan)
    )
    np.testing.assert_array_equal(
        easy.taking(["vv_asc", "slope"]).valid(0), np.isfinite(values[0, [2, 4]]).all(0) & told
    )
    labelled = replace(easy, masks=np.ones((1, 1, 1), np.uint8))
    parts = without_parts(values[0].copy(), [[0, 1, 5], [2, 3]])
    np.testing.assert_array_equal(labelled.image(0), parts, "where a chip has one label nothing else is hidden")


@pytest.mark.parametrize("lacking", [(2, 3), (0, 1, 5)], ids=["no radar", "no optical"])
def test_prepared_masks_say_what_any_sensor_saw(lacking: tuple[int, ...]) -> None:
    values = holes(1, 0.0)[0]
    values[list(lacking)] = np.nan
    values[4, 0] = np.nan
    truth = np.ones((6, 6), np.uint8)
    units = ("dn", "dn", "dB", "dB", "degrees", "1 on clouds")
    read = {"a": Chip("a", "a", values, truth)}.__getitem__
    (made,) = Collection("made", BANDS, units, 10.0, {"train": ["a"]}, read).batches("train")
    expected = np.ones((6, 6), np.uint8)
    expected[0] = store.UNKNOWN
    np.testing.assert_array_equal(made["mask"][0], expected, "terrain is no sensor's")
    chips = Split.of("made", [made])
    assert chips.seen_by(SENSORS).valid(0).sum() == 30
    assert not chips.valid(0).any(), "a model that needs all has nothing of it"
