"""From a scan and its review to chips, through the command line."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely

from landslide_geo import open_scene, scan
from landslide_geo.chips import store
from landslide_geo.cli.main import run
from landslide_geo.config import ScanParams
from landslide_geo.inventory import schema, write_geopackage
from landslide_geo.inventory.geopackage import read_inventory
from landslide_geo.pipeline.chips import scene_of

SIZE = ["--size", "64", "--block", "640"]


@pytest.fixture(scope="module")
def reviewed(simulated, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scan's folder with ``reviewed.gpkg``: the larger half confirmed, the rest rejected, the west looked through."""
    out = tmp_path_factory.mktemp("chips") / "out"
    folder = scan(simulated.sources, out, dem=simulated.dem, params=ScanParams(model="red_minus_green")).out
    inventory = read_inventory(folder / "landslides.gpkg")
    frame = inventory.landslides.sort_values("area_m2", ascending=False, ignore_index=True)
    half = len(frame) // 2
    assert half > 5
    frame["review_status"] = ["confirmed"] * half + ["rejected"] * (len(frame) - half)
    frame["reject_reason"] = [None] * half + ["field"] * (len(frame) - half)
    left, bottom, _, top = frame.total_bounds
    west = shapely.multipolygons([shapely.box(left - 1e3, bottom - 1e3, left + 1500, top + 1e3)])
    looked = schema.frame(schema.REVIEWED_EXTENT, {"reviewer": ["A"]}, [west], crs=frame.crs)
    write_geopackage(folder / "reviewed.gpkg", replace(inventory, landslides=frame, reviewed_extent=looked))
    return folder


def told(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict:
    assert run(["chips", *map(str, arguments), *SIZE, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert run(["chips", *map(str, arguments), *SIZE]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    return error


def test_a_review_becomes_chips(reviewed, simulated, tmp_path, capsys):
    out = tmp_path / "chips"
    found = told(capsys, reviewed, reviewed / "reviewed.gpkg", "--out", out)
    assert {path.name for path in tmp_path.iterdir()} == {"chips"}
    assert {path.name for path in out.iterdir()} == {"train.zarr", "validation.zarr"}
    train = store.read(out / "train.zarr")
    assert found["train"]["chips"] == train.sizes["chip"]
    assert found["train"]["landslide"] == int((train["mask"] == 1).any(("y", "x")).sum()) > 0
    assert found["train"]["reasons"] == {"field": found["train"]["hard_negative"]}
    assert set(train["block"].to_numpy()).isdisjoint(store.read(out / "validation.zarr")["block"].to_numpy())
    assert train["band"].to_numpy().tolist() == ["blue", "green", "red", "nir", "swir16"]
    # What a chip shows is what the scene holds there, and unmarked ground in the east is unknown.
    scene = open_scene(simulated.sources, dem=simulated.dem)
    inventory = gpd.read_file(reviewed / "reviewed.gpkg", layer="reviewed_extent")
    edge = round((inventory.total_bounds[2] - scene.geobox.transform.c) / 10)
    for chip in range(train.sizes["chip"]):
        row, col = (int(part) for part in train["id"].to_numpy()[chip].rsplit("_", 2)[1:])
        image = scene.read(["red"], scene.extent)[0][row : row + 64, col : col + 64] * 1e-4
        known = np.isfinite(train["image"][chip, 2].to_numpy())
        np.testing.assert_allclose(train["image"][chip, 2].to_numpy()[known], image[known], rtol=1e-5)
        mask = train["mask"][chip].to_numpy()
        if col >= edge:
            assert not ((mask == 0) & known).all()
            assert (mask == store.UNKNOWN).mean() > 0.3


def test_the_scan_s_scene_is_the_one_that_was_given(reviewed, simulated, tmp_path, capsys):
    scene = scene_of(json.loads((reviewed / "scan.json").read_text(encoding="utf-8")))
    given = open_scene(simulated.sources, dem=simulated.dem)
    assert (scene.geobox, scene.bands, scene.dem) == (given.geobox, given.bands, given.dem)
    assert scene.reflectance_scale == given.reflectance_scale
    bands = "green,slope"
    inventory = reviewed / "reviewed.gpkg"
    told(capsys, reviewed, inventory, "--out", tmp_path / "a", "--bands", bands)
    told(capsys, *simulated.sources, inventory, "--dem", simulated.dem, "--out", tmp_path / "b", "--bands", bands)
    one, other = (store.read(tmp_path / name / "train.zarr") for name in "ab")
    for name in ("image", "mask"):
        assert np.array_equal(one[name].to_numpy(), other[name].to_numpy(), equal_nan=True)
    assert one["band"].to_numpy().tolist() == bands.split(",")


def test_polygons_of_others_need_word_of_what_was_looked_at(reviewed, simulated, tmp_path, capsys):
    polygons = tmp_path / "mapped.geojson"
    frame = gpd.read_file(reviewed / "reviewed.gpkg", layer="landslides")[["geometry"]]
    frame.to_crs(4326).to_file(polygons)
    out = tmp_path / "chips"
    error = refused(capsys, reviewed, polygons, "--out", out)
    assert "does not tell what ground was looked through" in error
    assert not out.exists()
    found = told(capsys, reviewed, polygons, "--complete", "--out", out)
    mask = store.read(out / "train.zarr")["mask"]
    assert found["train"]["hard_negative"] == 0
    assert (mask == 0).any()
    extent = tmp_path / "extent.geojson"
    gpd.GeoDataFrame(geometry=frame[:1].buffer(300), crs=frame.crs).to_crs(4326).to_file(extent)
    assert "contradict" in refused(
        capsys, reviewed, polygons, "--complete", "--extent", extent, "--out", tmp_path / "no"
    )
    told(capsys, reviewed, polygons, "--extent", extent, "--out", out, "--overwrite")
    assert float((store.read(out / "train.zarr")["mask"] == 0).mean()) < float((mask == 0).mean())


def test_what_nobody_reviewed_makes_no_chips(reviewed, tmp_path, capsys):
    error = refused(capsys, reviewed, reviewed / "landslides.gpkg", "--out", tmp_path / "chips")
    assert "nobody has reviewed anything in it" in error
    assert "docs/review.md" in error
    assert not list(tmp_path.iterdir())


def test_nothing_is_lost_and_nothing_half_made(reviewed, tmp_path, capsys):
    inventory, out = reviewed / "reviewed.gpkg", tmp_path / "chips"
    assert "lacks (it has" in refused(capsys, reviewed, inventory, "--out", out, "--bands", "red,cirrus")
    assert not list(tmp_path.iterdir())
    told(capsys, reviewed, inventory, "--out", out)
    before = sorted(path.relative_to(out) for path in out.rglob("*"))
    assert "holds chips already" in refused(capsys, reviewed, inventory, "--out", out)
    refused(capsys, reviewed, inventory, "--out", out, "--overwrite", "--bands", "red,cirrus")
    assert sorted(path.relative_to(out) for path in out.rglob("*")) == before
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").touch()
    assert "something else than chips" in refused(
        capsys, reviewed, inventory, "--out", tmp_path / "mine", "--overwrite"
    )
    beneath = tmp_path / "mine" / "notes.txt" / "chips"
    assert "cannot be written" in refused(capsys, reviewed, inventory, "--out", beneath)
    assert "holds no finished scan" in refused(capsys, tmp_path / "mine", inventory, "--out", tmp_path / "new")


def test_edits_are_imported_and_cut_in_one_go(reviewed, tmp_path, capsys):
    out = tmp_path / "reviewed.gpkg"
    command = ["review", "import", reviewed / "reviewed.gpkg", "--out", out, "--chips", tmp_path / "chips"]
    assert run([str(part) for part in command]) == 0
    assert "chips from" in capsys.readouterr().out
    assert store.read(tmp_path / "chips" / "train.zarr").sizes["chip"] > 0
    assert run([str(part) for part in [*command, "--scan", tmp_path]]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_an_elevation_model_and_polygons_are_enough(reviewed, simulated, tmp_path, capsys):
    """In degrees it is warped to metres, at its own pixel size."""
    polygons = tmp_path / "mapped.geojson"
    gpd.read_file(reviewed / "reviewed.gpkg", layer="landslides")[["geometry"]].to_crs(4326).to_file(polygons)
    dem = f"elevation={simulated.dem}"
    found = told(capsys, dem, polygons, "--complete", "--out", tmp_path / "chips")
    train = store.read(tmp_path / "chips" / "train.zarr")
    assert train["band"].to_numpy().tolist() == ["elevation", "slope", "aspect", "curvature", "relief"]
    assert 22 < train.attrs["gsd_m"] < 31, "an arc second is shorter from east to west"
    assert found["train"]["landslide"] > 0
    assert float((train["mask"] == 1).mean()) > 0.001
    told(capsys, dem, polygons, "--complete", "--out", tmp_path / "slopes", "--bands", "slope")
    assert store.read(tmp_path / "slopes" / "train.zarr")["band"].to_numpy().tolist() == ["slope"]
    assert "need band red" in refused(capsys, dem, polygons, "--complete", "--out", tmp_path / "no", "--bands", "red")
    assert run(["scan", dem, "--out", str(tmp_path / "scan")]) == 2
    assert "the scene has only elevation" in capsys.readouterr().err


def test_a_mask_is_an_inventory_that_tells_where_there_is_none(simulated, tmp_path, capsys):
    found = told(capsys, *simulated.sources, simulated.truth, "--out", tmp_path / "chips", "--bands", "red")
    assert found["too_small"] == 0
    with rasterio.open(simulated.truth) as dataset:
        truth = dataset.read(1)
    train = store.read(tmp_path / "chips" / "train.zarr")
    for name, mask in zip(train["id"].to_numpy(), train["mask"].to_numpy(), strict=True):
        row, col = (int(part) for part in name.rsplit("_", 2)[1:])
        seen = mask != store.UNKNOWN
        assert seen.any()
        assert np.array_equal(mask[seen], truth[row : row + 64, col : col + 64][seen])


def test_chips_of_real_terrain_and_of_a_real_patch(mirror, tmp_path, capsys):
    """The Kaghan valley has outlines and an elevation model only; the patch from Italy two dates and a mask."""
    valley, patch = mirror / "inventory_balakot", mirror / "scene_italy_emilia"
    if not (valley.is_dir() and patch.is_dir()):
        pytest.skip("the mirror lacks the inventory or the patch")
    out = tmp_path / "valley"
    found = told(capsys, f"elevation={valley / 'AW3D30.tif'}", valley / "landslides.shp", "--complete", "--out", out)
    assert found["train"]["landslide"] > 80
    assert 900 < found["too_small"] < 1500, "a quarter of the outlines holds no centre of a pixel of 28.6 m"
    train = store.read(out / "train.zarr")
    known = train["mask"].to_numpy()[np.isfinite(train["image"].to_numpy()).all(axis=1)]
    assert 0.005 < (known == 1).mean() < 0.05
    slid = train["image"].to_numpy()[:, 1][train["mask"].to_numpy() == 1]
    assert np.median(slid) > np.median(train["image"].to_numpy()[:, 1]), "landslides lie on the steeper ground"
    sources = [patch / "s2_post_2023-05-23.tif", f"pre={patch / 's2_pre_2023-04-28.tif'}", patch / "mask.tif"]
    command = ["chips", *sources, "--dem", patch / "dem.tif", "--bands", "red,pre_nir,slope", "--out", tmp_path / "one"]
    assert run([str(part) for part in command]) == 0
    capsys.readouterr()
    one = store.read(tmp_path / "one" / "train.zarr")
    assert one["image"].shape == (1, 3, 128, 128)
    assert int((one["mask"] == 1).sum()) == 631
