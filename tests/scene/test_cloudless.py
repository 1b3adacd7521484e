"""Clouds of Level 1C by s2cloudless."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from products import write_safe

from landslide_geo import open_scene
from landslide_geo.cli.main import run
from landslide_geo.pipeline.chips import scene_of
from landslide_geo.scene import cloudless
from landslide_geo.scene.grid import Block
from landslide_geo.scene.stage import seen_once
from landslide_geo.scene.told import Level
from landslide_geo.scene.visibility import Visibility

pytest.importorskip("lightgbm")
if not cloudless.available():
    pytest.skip("the extra l1c is not installed", allow_module_level=True)

#: Top-of-atmosphere reflectance of Sentinel-2's bands, B01 to B12.
NUMBERS = ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B10", "B11", "B12")
FOREST = dict(zip(NUMBERS, (0.13, 0.1, 0.09, 0.06, 0.1, 0.22, 0.28, 0.3, 0.31, 0.1, 0.001, 0.15, 0.07), strict=True))
CLOUD = dict(zip(NUMBERS, (0.45, 0.45, 0.44, 0.45, 0.47, 0.49, 0.5, 0.5, 0.52, 0.3, 0.02, 0.4, 0.3), strict=True))
#: Bright and white, and no cloud: the rules take it for one.
ROOF = dict(zip(NUMBERS, (0.3, 0.35, 0.34, 0.35, 0.36, 0.36, 0.37, 0.37, 0.37, 0.2, 0.0012, 0.4, 0.35), strict=True))
LOOKED_AT = ("B01", "B02", "B04", "B05", "B08", "B8A", "B09", "B10", "B11", "B12")
SIDE = 180  # pixels of 10 m
OVER, HOUSE = np.s_[60:96, 60:96], np.s_[120:150, 30:60]


def numbers(band: str, metres: int = 10) -> np.ndarray:
    """Digital numbers with the offset of new products, as large as the file's pixels make it."""
    values = np.full((SIDE, SIDE), FOREST[band])
    values[OVER], values[HOUSE] = CLOUD[band], ROOF[band]
    step = metres // 10
    return np.rint(values[::step, ::step] * 10_000 + 1000).astype(np.uint16)


@pytest.fixture(scope="module")
def product(tmp_path_factory) -> Path:
    sizes = {"B01": 60, "B05": 20, "B10": 60}  # as `write_safe` has them
    bands = {band: numbers(band, sizes.get(band, 10)) for band in NUMBERS}
    return write_safe(tmp_path_factory.mktemp("l1c"), bands, level="1C", offset=-1000)


def test_single_pixels_are_told_apart():
    values = np.array([[cover[band] for cover in (FOREST, CLOUD, ROOF, CLOUD)] for band in LOOKED_AT], np.float32)
    values[3, 3] = np.nan
    found = cloudless.probability(values.reshape(10, 2, 2))
    assert found.shape == (2, 2)
    assert found[0, 0] < 0.2 and found[0, 1] > 0.9 and found[1, 0] < 0.2
    assert np.isnan(found[1, 1])


@settings(max_examples=25)
@given(
    st.integers(-20, 60), st.integers(-20, 60), st.integers(1, 70), st.integers(1, 70), st.sampled_from([10, 20, 60])
)
def test_clouds_depend_on_no_block(row, col, height, width, pixel):
    rng = np.random.default_rng(5)
    whole = np.full((10, 66, 66), np.nan, np.float32)
    mix = rng.random((66, 66)) < 0.6
    for number, band in enumerate(LOOKED_AT):
        whole[number] = np.where(mix, CLOUD[band], FOREST[band])
    whole[:, 30:40, 10:50] = np.nan

    def read(block: Block) -> np.ndarray:
        out = np.full((10, *block.shape), np.nan, np.float32)
        part = block.clipped(66, 66)
        out[(slice(None), *part.inside(block))] = whole[(slice(None), *part.slices)]
        return out

    everything = cloudless.cloudy(read, Block(0, 0, 66, 66), pixel=pixel)
    block = Block(row, col, height, width)
    inner = block.clipped(66, 66)
    found = cloudless.cloudy(read, block, pixel=pixel)
    assert np.array_equal(found[inner.inside(block)], everything[inner.slices])


def test_a_product_of_level_1c_has_its_clouds_told_by_all_bands(product, tmp_path):
    scene = open_scene(product)
    assert scene.level is Level.TOP and scene.cloudless and not scene.pre_cloudless
    codes = scene.read_visibility(scene.extent)
    assert (codes[OVER] == Visibility.CLOUD).all()
    assert (codes[HOUSE] == Visibility.CLEAR).all()
    rules = replace(scene, cloudless=False).read_visibility(scene.extent)
    assert (rules[HOUSE] == Visibility.CLOUD).all(), "white and bright is all that three bands see"
    once = seen_once(scene, tmp_path, needed=("red", "green", "blue"))
    part = Block(50, 40, 70, 90)
    for one in (scene, once):
        assert np.array_equal(one.read_visibility(part, needed=("red", "green", "blue")), codes[part.slices])


def test_a_scan_says_who_told_the_clouds(product, tmp_path, monkeypatch, capsys):
    def scanned(out: Path) -> dict:
        assert run(["scan", str(product), "--out", str(out), "--model", "red_minus_green", "--json"]) == 0
        capsys.readouterr()
        return json.loads((out / "scan.json").read_text())

    told = scanned(tmp_path / "with")
    assert told["cloudless"] == ["post"]
    assert scene_of(told).cloudless
    assert not [line for line in told["warnings"] if "l1c" in line]
    monkeypatch.setattr(cloudless, "available", lambda: False)
    without = scanned(tmp_path / "without")
    assert without["cloudless"] == [] and without["key"] != told["key"]
    (line,) = [line for line in without["warnings"] if "l1c" in line]
    assert "pip install 'landslide-geo[l1c]'" in line
    clouds = [one["summary"]["visibility_m2"]["cloud"] for one in (told, without)]
    assert clouds[0] < clouds[1]


def test_products_that_lack_a_band_go_by_the_rules(tmp_path):
    bands = {band: numbers(band) for band in ("B02", "B03", "B04", "B08")}
    assert not open_scene(write_safe(tmp_path, bands, level="1C", offset=-1000)).cloudless
