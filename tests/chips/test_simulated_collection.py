"""Simulated chips as a dataset."""

from __future__ import annotations

import numpy as np
import pytest

from landslide_geo.bands import OPTICAL, PRE, SAR, TERRAIN, VOCABULARY
from landslide_geo.chips import simulated as reader
from landslide_geo.chips import store
from landslide_geo.errors import ParameterError, UnknownBandError
from landslide_geo.scene.terrain import aspect_degrees, slope_degrees


def test_every_band_of_the_vocabulary_can_be_made() -> None:
    assert set(reader.BANDS) == VOCABULARY | {PRE + name for name in (*OPTICAL, *SAR)}
    found = reader.collection(chips=2, size=40, bands=reader.BANDS, clouds=0.1)
    for entry in [i for entries in found.splits.values() for i in entries]:
        chip = found.read(entry)
        assert chip is not None
        assert chip.image.shape == (len(reader.BANDS), 40, 40)
        assert np.isfinite(chip.image).all()
    assert len(found.units) == len(reader.BANDS)


def test_terrain_is_that_of_the_elevation() -> None:
    found = reader.collection(chips=4, size=64, bands=TERRAIN, share=1.0)
    for index in range(4):
        chip = found.read(index)
        assert chip is not None
        b = dict(zip(TERRAIN, chip.image.astype(np.float64), strict=True))
        inner = (slice(1, -1), slice(1, -1))
        elevation = chip.image[0]
        np.testing.assert_allclose(b["slope"][inner], slope_degrees(elevation, (10, 10))[inner], atol=1e-4)
        np.testing.assert_allclose(b["aspect"][inner], aspect_degrees(elevation, (10, 10))[inner], atol=1e-2)
        assert b["slope"][chip.truth == 1].min() > 9
        assert (b["relief"] >= 0).all()
        # Whatever lies in the middle of the chip is within 500 m of it.
        near = elevation[22:42, 22:42]
        assert b["relief"][32, 32] >= near.max() - near.min()


def test_stores_tell_that_they_are_simulated() -> None:
    found = reader.collection(chips=20, size=16, seed=3)
    sizes = {name: len(entries) for name, entries in found.splits.items()}
    assert sizes == {"train": 12, "validation": 4, "test": 4}
    blocks = {}
    for split in sizes:
        (part,) = found.batches(split)
        assert store.is_simulated(part)
        assert set(part["source"].to_numpy()) == {"simulated"}
        assert part["mask"].max() <= 1
        blocks[split] = set(part["block"].to_numpy())
    assert not blocks["train"] & (blocks["validation"] | blocks["test"])
    assert part.attrs["quantum"] == [1.0] * 12 + [None, None]


def test_the_same_arguments_make_the_same_chips() -> None:
    one, again, other = (reader.collection(chips=3, size=20, seed=seed) for seed in (1, 1, 2))
    assert one.splits == again.splits
    for index in range(3):
        np.testing.assert_array_equal(one.read(index).image, again.read(index).image)  # type: ignore[union-attr]
        assert (one.read(index).image != other.read(index).image).any()  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("given", "kind", "says"),
    [
        ({"chips": 0}, ParameterError, "make at least 1"),
        ({"size": 8}, ParameterError, "at least 16"),
        ({"share": 2.0}, ParameterError, "within 0–1"),
        ({"clouds": 0.9}, ParameterError, "within 0–0.5"),
        ({"bands": ["red", "pre_slope"]}, ParameterError, "pre_slope cannot be simulated"),
        ({"bands": ["red", "B04"]}, ParameterError, "red is asked for twice"),
        ({"bands": ["ultraviolet"]}, UnknownBandError, "not known"),
    ],
)
def test_bad_requests_are_refused(given: dict, kind: type[Exception], says: str) -> None:
    with pytest.raises(kind, match=says):
        reader.collection(**given)
