"""The rasters beside the probability, written two at a time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from landslide_geo import open_scene
from landslide_geo.errors import UnreadableRasterError
from landslide_geo.pipeline import layers
from landslide_geo.scene.sources import BandSource

NEEDED = ("red", "green", "blue")
NAMES = {"change.tif", "hillshade.tif", "post.tif", "pre.tif", "visibility.tif"}


def written(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def folders(root: Path) -> tuple[Path, Path]:
    (root / "review").mkdir(parents=True)
    return root, root / "review"


def test_two_at_a_time_give_the_bytes_of_one_after_the_other(simulated, tmp_path, monkeypatch):
    scene = open_scene(simulated.sources, dem=simulated.dem)
    layers.write_layers(scene, *folders(tmp_path / "two"), needed=NEEDED)
    monkeypatch.setattr(layers, "_AT_ONCE", 1)
    layers.write_layers(scene, *folders(tmp_path / "one"), needed=NEEDED)
    assert set(written(tmp_path / "two")) == NAMES | {"rdndvi.tif"}
    assert written(tmp_path / "two") == written(tmp_path / "one")


def test_what_is_there_is_left_and_what_has_no_bands_is_left_out(simulated, tmp_path):
    scene = open_scene([source for source in simulated.sources if not source.startswith("pre_")])
    folder, review = folders(tmp_path / "out")
    (review / "post.tif").write_bytes(b"here already")
    layers.write_layers(scene, folder, review, needed=NEEDED)
    found = written(folder)
    assert set(found) == {"post.tif", "visibility.tif"}
    assert found["post.tif"] == b"here already"


def test_a_band_that_cannot_be_read_is_named_and_nothing_half_written_is_left(simulated, tmp_path):
    scene = open_scene(simulated.sources, dem=simulated.dem)
    nir = next(band for band in scene.bands if band.name == "nir")
    broken = tmp_path / "broken.tif"
    broken.write_bytes(nir.path.read_bytes()[: nir.path.stat().st_size // 2])
    bands = tuple(BandSource("nir", broken) if band.name == "nir" else band for band in scene.bands)
    folder, review = folders(tmp_path / "out")
    with pytest.raises(UnreadableRasterError, match=r"broken\.tif"):
        layers.write_layers(replace(scene, bands=bands), folder, review, needed=NEEDED)
    assert not [path for path in folder.rglob("*") if path.name.startswith(".")]
