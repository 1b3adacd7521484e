"""The rasters beside the probability, worked out by several threads."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from landslide_geo import open_scene
from landslide_geo.errors import UnreadableRasterError
from landslide_geo.pipeline import layers
from landslide_geo.scene import cog
from landslide_geo.scene.scene import Scene
from landslide_geo.scene.sources import BandSource

NEEDED = ("red", "green", "blue")
NAMES = {"change.tif", "hillshade.tif", "post.tif", "pre.tif", "visibility.tif"}


def written(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def folders(root: Path) -> tuple[Path, Path]:
    (root / "review").mkdir(parents=True)
    return root, root / "review"


def write_all(scene: Scene, folder: Path, review: Path) -> None:
    layers.write_measured(scene, folder, review, needed=NEEDED)
    layers.write_pictures(scene, review)


def test_bytes_do_not_depend_on_threads_nor_on_the_size_of_blocks(simulated, tmp_path, monkeypatch):
    scene = open_scene(simulated.sources, dem=simulated.dem)
    write_all(scene, *folders(tmp_path / "many"))
    monkeypatch.setattr(layers, "THREADS", 1)
    monkeypatch.setattr(cog, "THREADS", 1)
    monkeypatch.setattr(cog, "_WIDTH", cog.TILE)
    write_all(scene, *folders(tmp_path / "one"))
    assert set(written(tmp_path / "many")) == NAMES | {"rdndvi.tif"}
    assert written(tmp_path / "many") == written(tmp_path / "one")


def test_what_is_there_is_left_and_what_has_no_bands_is_left_out(simulated, tmp_path):
    scene = open_scene([source for source in simulated.sources if not source.startswith("pre_")])
    folder, review = folders(tmp_path / "out")
    (review / "post.tif").write_bytes(b"here already")
    write_all(scene, folder, review)
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
        write_all(replace(scene, bands=bands), folder, review)
    assert not [path for path in folder.rglob("*") if path.name.startswith(".")]
