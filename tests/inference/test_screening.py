"""A filter in a scan: tiles that cover a window, unknown ground, and units."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from squares import batch

from landslide_geo import open_scene
from landslide_geo.chips import store
from landslide_geo.config import FixedParams, PrefilterParams
from landslide_geo.errors import ParameterError
from landslide_geo.inference.cluster import Parcel
from landslide_geo.inference.normalise import Normalised, NormalisedSource, Raw, marked, scene_statistics, unmarked
from landslide_geo.inference.screening import TileFilter, raw_bands, screen_of
from landslide_geo.models.manifest import InputBand
from landslide_geo.models.prefilter import Prefilter, starts
from landslide_geo.pipeline.prefilter import train_prefilter
from landslide_geo.scene.grid import Block

SIDE = 32


@pytest.fixture(scope="module")
def prefilter(tmp_path_factory: pytest.TempPathFactory) -> Prefilter:
    folder = tmp_path_factory.mktemp("prefilter")
    parts = [batch(60, 1, size=SIDE), batch(60, 2, size=SIDE, landslides=False)]
    store.write(folder / "train.zarr", parts)
    train_prefilter(folder, folder / "filter", params=PrefilterParams(rounds=20, min_child_weight=1))
    return Prefilter.load(folder / "filter")


@given(st.integers(1, 300), st.integers(1, 100))
def test_tiles_cover_a_length_and_stay_inside(length: int, side: int) -> None:
    found = starts(length, side)
    size = min(side, length)
    assert np.unique(np.concatenate([np.arange(start, start + size) for start in found])).tolist() == [*range(length)]
    assert len(found) == max(-(-length // side), 1)
    assert found == sorted(set(found))


def handed_on(values: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """As the engine hands windows on: normalised channels first, what is unknown 0."""
    raw = np.nan_to_num(marked(values.copy(), valid))
    return np.concatenate([np.ones_like(raw[:2]), raw])[None].astype(np.float32)


def test_zero_is_a_value_and_unknown_ground_is_none() -> None:
    values = np.array([[[0, 5, 7]], [[0, np.nan, 3]]], np.float32)
    valid = np.array([[True, True, False]])
    found = unmarked(handed_on(values, valid)[:, 2:])[0]
    np.testing.assert_allclose(found, [[[0, 5, np.nan]], [[0, np.nan, np.nan]]], atol=1e-30)


def test_the_likeliest_tile_decides(prefilter: Prefilter) -> None:
    parts = [batch(20, 9, size=SIDE), batch(20, 8, size=SIDE, landslides=False)]
    tiles = np.concatenate([part["image"].to_numpy() for part in parts])
    alone = prefilter.probabilities(tiles)
    calm, steep = tiles[alone.argmin()], tiles[alone.argmax()]
    assert alone.min() < prefilter.threshold <= alone.max()
    ask = TileFilter(prefilter, slice(2, 5))
    window = np.tile(calm, (1, 2, 3))
    valid = np.ones(window.shape[1:], bool)
    assert ask(handed_on(window, valid))[0] == 0, "negatives win, whatever the network's threshold"
    window[:, SIDE:, SIDE : 2 * SIDE] = steep
    assert ask(handed_on(window, valid))[0] == alone.max()
    # Where it cannot be seen nothing can be mapped, so it does not count.
    valid[SIDE:, SIDE : 2 * SIDE] = False
    assert ask(handed_on(window, valid))[0] == 0
    valid[:] = False
    assert np.isnan(ask(handed_on(window, valid))[0]), "who does not know keeps nothing back"
    # Windows that are smaller than a tile are taken as they are.
    small = steep[:, : SIDE // 2]
    known = np.ones(small.shape[1:], bool)
    wanted = prefilter.probabilities(small[None])[0]
    assert ask(handed_on(small, known))[0] == (wanted if wanted >= np.float32(prefilter.threshold) else 0)


def test_a_filter_travels_to_other_processes_by_its_path(prefilter: Prefilter) -> None:
    screen = screen_of(prefilter, slice(0, 3))
    tiles = batch(8, 5, size=SIDE)["image"].to_numpy()
    before = screen.probabilities(tiles)
    parcel = Parcel(screen)
    assert len(parcel._packed) < 30_000
    found = parcel.unpacked()
    np.testing.assert_array_equal(found.probabilities(tiles), before)
    assert (found.name, found.threshold) == (screen.name, screen.threshold)


def in_units(prefilter: Prefilter, *units: str) -> Prefilter:
    bands = tuple(InputBand(name=name, unit=unit) for name, unit in zip(prefilter.bands, units, strict=True))
    return Prefilter(prefilter.folder, prefilter.manifest.model_copy(update={"bands": bands}))


def test_units_of_chips_and_scenes_are_brought_together(prefilter: Prefilter, simulated) -> None:
    scene = open_scene(simulated.sources)
    reflectance = in_units(prefilter, *["reflectance"] * 3)
    picture = in_units(prefilter, *["8-bit picture"] * 3)
    assert scene.reflectance_scale == 1e-4
    assert raw_bands(prefilter, scene).factors == (1, 1, 1)
    assert raw_bands(reflectance, scene).factors == (1e-4,) * 3
    floats = replace(scene, reflectance_scale=1.0)
    assert raw_bands(prefilter, floats).factors == pytest.approx((10000,) * 3)
    assert raw_bands(reflectance, floats).factors == (1, 1, 1)
    bytes_ = replace(scene, reflectance_scale=None)
    assert raw_bands(picture, bytes_).factors == (1, 1, 1)
    for filter_, of in ((picture, scene), (prefilter, bytes_), (in_units(prefilter, *["a ratio"] * 3), scene)):
        with pytest.raises(ParameterError, match=r"the model's filter takes red in .*--no-filter"):
            raw_bands(filter_, of)


def test_raw_bands_come_behind_those_of_the_networks(simulated, tmp_path: Path) -> None:
    scene = open_scene(simulated.sources)
    params = FixedParams(centre=(100.0, 100.0), scale=(50.0, 50.0))
    statistics = scene_statistics(scene, ("green", "red"), params)
    (tmp_path / "statistics.json").write_text(json.dumps(statistics.to_json()))
    group = Normalised(("green", "red"), params, tmp_path / "statistics.json")
    block = Block(0, 0, 128, 160)
    plain, _ = NormalisedSource(scene, [group]).read(block)
    source = NormalisedSource(scene, [group], Raw(("red",), (1e-4,)))
    assert (source.count, source.raw_channels) == (3, slice(2, 3))
    values, valid = source.read(block)
    np.testing.assert_array_equal(values[:2], plain)
    assert (np.isfinite(values[2]) == valid).all()
    assert 0 < valid.mean() < 1, "the test needs some of each"
    red = scene.read(("red",), block)[0]
    np.testing.assert_allclose(values[2][valid], red[valid] * 1e-4, rtol=1e-6, atol=1e-30)
