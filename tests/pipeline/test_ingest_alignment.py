"""An earlier date that its catalogue has in the wrong place, from the server to the scene."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
import rasterio
from catalogue import Catalogue, catalogue
from killing import run as in_process
from odc.geo.geobox import GeoBox
from scipy import ndimage

from landslide_geo import open_scene
from landslide_geo.cli.main import run
from landslide_geo.config.ingesting import IngestParams
from landslide_geo.pipeline.ingest import ingest
from landslide_geo.scene import Visibility

pytestmark = pytest.mark.integration

SIZE = 700
GRID = GeoBox.from_bbox((600000, 4700000, 607000, 4707000), crs="EPSG:32654", resolution=10)
#: Well inside of the tile.
BBOX = "142.222,42.450,142.296,42.505"
CLOUD = np.s_[300:340, 310:360]
OFF = 0.8


def ground(seed: int) -> np.ndarray:
    """Fields of a few pixels, about 1,000."""
    fields = ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal((SIZE, SIZE)), 2)
    return 1000 + 300 * np.tanh(4 * fields)


def add(made: Catalogue, day: datetime, red: np.ndarray, *, cloud: tuple[slice, slice] | None = None) -> None:
    scl = np.full((SIZE, SIZE), 4, np.uint8)
    if cloud is not None:
        scl[cloud] = 9
    rasters = {"red": np.rint(red).astype(np.uint16), "nir": np.rint(3 * red).astype(np.uint16), "scl": scl}
    own = {"platform": "sentinel-2a", "sat__relative_orbit": 74, "eo__cloud_cover": 10.0}
    made.add(f"S2A_54TXN_{day:%Y%m%d}", "sentinel-2-l2a", day, rasters, GRID, **own)


@pytest.fixture(scope="module")
def displaced(tmp_path_factory):
    """The ground of the earlier date lies 0.8 pixels east of where it belongs; it has a cloud, which moves along."""
    with catalogue(tmp_path_factory.mktemp("files")) as made:
        add(made, datetime(2018, 9, 11, 1, 27), ground(0))
        add(
            made, datetime(2018, 8, 12, 1, 27), ndimage.shift(ground(0), (0, OFF), order=3, mode="nearest"), cloud=CLOUD
        )
        with made.served() as url:
            yield url


def params(url: str, **given) -> IngestParams:
    return IngestParams(**({"stac": url, "bands": ("red", "nir"), "sensors": ("s2",)} | given))


def origin(scene) -> tuple[int, int]:
    """Row and column of `GRID` that a scene begins at."""
    here, whole = scene.geobox.transform, GRID.transform
    return round((whole.f - here.f) / 10), round((here.c - whole.c) / 10)


def test_a_displaced_earlier_date_is_measured_told_and_moved(displaced, tmp_path, capsys):
    command = ["ingest", "--bbox", BBOX, "--event", "2018-09-06", "--stac", displaced, "--bands", "red,nir"]
    command += ["--sensors", "s2"]
    assert run([*command, "--out", str(tmp_path / "moved")]) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "the earlier date lay" in line]
    assert float(line.split("lay ")[1].split(" ")[0]) == pytest.approx(OFF, abs=0.08)
    assert line.endswith("and was moved")
    assert run([*command, "--out", str(tmp_path / "left"), "--no-align"]) == 0
    assert "the earlier date lay" not in capsys.readouterr().out

    told = json.loads((tmp_path / "moved/ingest.json").read_text())["checks"]["alignment"]
    assert told["applied"] and told["certain"]
    assert (told["rows"], told["cols"]) == pytest.approx((0, -OFF), abs=0.08)
    assert "alignment" not in json.loads((tmp_path / "left/ingest.json").read_text())["checks"]
    moved, left = open_scene(tmp_path / "moved"), open_scene(tmp_path / "left")
    row, col = origin(moved)
    inner = np.s_[20:-20, 20:-20]
    truth = ground(0)[row : row + moved.height, col : col + moved.width][inner]
    for name, factor in (("pre_red", 1), ("pre_nir", 3)):
        wrong, right = (np.abs(one.read([name], one.extent)[0][inner] / factor - truth).mean() for one in (left, moved))
        assert right < 0.4 * wrong
    assert np.array_equal(moved.read(["red", "nir"], moved.extent), left.read(["red", "nir"], left.extent))
    with rasterio.open(tmp_path / "moved/pre_red.tif") as dataset:
        assert (dataset.dtypes[0], dataset.nodata) == ("uint16", 0)
        assert dataset.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"

    # Classes go along by whole pixels; what comes in at the rim is not known.
    def cloudy(folder: str) -> np.ndarray:
        with rasterio.open(tmp_path / folder / "pre_visibility.tif") as dataset:
            return dataset.read(1)

    before, after = cloudy("left"), cloudy("moved")
    assert (before == Visibility.CLOUD).sum() == 40 * 50
    assert np.array_equal(after[:, :-1], before[:, 1:]) and (after[:, -1] == Visibility.NODATA).all()
    assert not list(tmp_path.glob(".*"))


#: Where each acquisition of a composite has a cloud: no two of one date hide the same ground.
CLOUDS = {
    datetime(2018, 9, 11, 1, 27): np.s_[200:240, 200:250], datetime(2018, 9, 16, 1, 27): np.s_[400:440, 380:420],
    datetime(2018, 9, 21, 1, 27): np.s_[300:330, 250:300], datetime(2018, 8, 12, 1, 27): np.s_[250:290, 400:450],
    datetime(2018, 8, 17, 1, 27): np.s_[420:450, 220:260], datetime(2018, 8, 22, 1, 27): np.s_[330:360, 330:360],
}  # fmt: skip
WHITE = 6000


@pytest.fixture(scope="module")
def displaced_passes(tmp_path_factory):
    """Three passes of each date; the earlier ones lie 1.3 pixels south, whose clouds lie there too."""
    with catalogue(tmp_path_factory.mktemp("passes")) as made:
        for day, cloud in CLOUDS.items():
            off = 1.3 if day.month == 8 else 0.0
            red = ndimage.shift(ground(0), (off, 0), order=3, mode="nearest")
            red[cloud] = WHITE
            add(made, day, red, cloud=cloud)
        with made.served() as url:
            yield url


@pytest.mark.parametrize("composite", ["median", "best"])
def test_a_displaced_composite_is_measured_told_and_moved(displaced_passes, tmp_path, composite):
    """It is put together first, without its clouds, and moved as a whole."""
    given = {"bbox": BBOX, "event": "2018-09-06"}
    found = {}
    for name, align in (("moved", True), ("left", False)):
        asked = params(displaced_passes, composite=composite, align=align)
        found[name] = ingest(tmp_path / name, params=asked, **given).record
    chosen = [one for one in found["moved"]["acquisitions"]["s2"] if one["chosen"]]
    assert sorted(one["date"] for one in chosen) == ["post"] * 3 + ["pre"] * 3
    told = found["moved"]["checks"]["alignment"]
    assert told["applied"] and told["certain"]
    assert (told["rows"], told["cols"]) == pytest.approx((-1.3, 0), abs=0.08)
    assert "alignment" not in found["left"]["checks"]

    moved, left = open_scene(tmp_path / "moved"), open_scene(tmp_path / "left")
    row, col = origin(moved)
    inner = np.s_[20:-20, 20:-20]
    truth = ground(0)[row : row + moved.height, col : col + moved.width][inner]
    for name, factor in (("pre_red", 1), ("pre_nir", 3)):
        wrong, right = (one.read([name], one.extent)[0][inner] / factor - truth for one in (left, moved))
        assert np.abs(right).mean() < 0.4 * np.abs(wrong).mean()
        assert np.abs(right).max() < WHITE / 4, "no cloud is left in it"
    later = [one.read(["red", "nir"], one.extent) for one in (moved, left)]
    assert np.array_equal(*later)
    np.testing.assert_allclose(later[0][0][inner], truth, atol=0.51, err_msg="the later date stays where it is")

    # Each pixel is shown clear by some pass; the classes move by whole pixels, and the rim that comes in is unknown.
    with rasterio.open(tmp_path / "moved/pre_visibility.tif") as dataset:
        classes = dataset.read(1)
    assert (classes[:-1] == Visibility.CLEAR).all() and (classes[-1] == Visibility.NODATA).all()
    assert not list(tmp_path.glob(".*"))


def _killed_while(out: Path, url: str, moment: str) -> None:
    """An ingest that ends itself: between measuring and moving, or once the first moved band is in its place."""

    def end() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def watch() -> None:
        while not list(out.parent.glob(f".{out.name}.partial-*/pre_*.tif")):
            time.sleep(0.001)
        end()

    if moment == "moved":
        threading.Thread(target=watch, daemon=True).start()

    def heard(text: str) -> None:
        if text.startswith(moment):
            end()

    ingest(out, bbox=BBOX, event="2018-09-06", params=params(url), progress=heard)


def test_a_kill_between_measuring_and_moving_changes_nothing(displaced, tmp_path):
    ingest(tmp_path / "whole", bbox=BBOX, event="2018-09-06", params=params(displaced))
    for moment in ("comparing", "moving", "moved"):
        assert not in_process(_killed_while, tmp_path / "again", displaced, moment)
        assert not (tmp_path / "again").exists()
    ingest(tmp_path / "again", bbox=BBOX, event="2018-09-06", params=params(displaced))
    names = sorted(path.name for path in (tmp_path / "whole").iterdir())
    assert names == sorted(path.name for path in (tmp_path / "again").iterdir())
    for name in names:
        if name != "ingest.json":  # it says when it was made
            assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "again" / name).read_bytes(), name


def test_dates_that_show_other_ground_are_left_alone_with_a_warning(tmp_path):
    with catalogue(tmp_path / "files") as made:
        add(made, datetime(2018, 9, 11, 1, 27), ground(0))
        add(made, datetime(2018, 8, 12, 1, 27), ground(1))
        with made.served() as url:
            record = ingest(tmp_path / "scene", bbox=BBOX, event="2018-09-06", params=params(url)).record
    assert not record["checks"]["alignment"]["applied"]
    assert any("do not agree in it" in text for text in record["warnings"])
    scene = open_scene(tmp_path / "scene")
    row, col = origin(scene)
    truth = np.rint(ground(1))[row : row + scene.height, col : col + scene.width]
    assert np.array_equal(scene.read(["pre_red"], scene.extent)[0], truth)
