from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin
from shapely import Point

from landslide_geo.cli.main import run

RGB = ("red", "green", "blue")


@pytest.fixture
def files(tmp_path, simulated):
    """The visible bands of the simulated scene, and broken companions of each kind."""
    paths = {source.partition("=")[0]: source.partition("=")[2] for source in simulated.sources}
    whole = Path(paths["red"]).read_bytes()
    (tmp_path / "truncated.tif").write_bytes(whole[: len(whole) // 2])
    grid = {"driver": "GTiff", "height": 50, "width": 50, "count": 1, "dtype": "uint16"}
    for name, crs, origin in (("far", "EPSG:32654", (100000, 1000000)), ("nowhere", None, (572840, 4735730))):
        with rasterio.open(
            tmp_path / f"{name}.tif", "w", crs=crs, transform=from_origin(*origin, 10, 10), **grid
        ) as dataset:
            dataset.write(np.ones((1, 50, 50), dtype="uint16"))
    gpd.GeoDataFrame(geometry=[Point(141.9, 42.7)], crs="EPSG:4326").to_file(tmp_path / "empty.gpkg")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/bundle.json").write_text("{}")
    (tmp_path / "file").touch()
    return {name: f"{name}={paths[name]}" for name in paths} | {"root": str(tmp_path)}


BAD = {
    "a missing file": (["red={root}/none.tif", "{green}", "{blue}"], "none.tif: no such file"),
    "a band that the model needs": (["{red}", "{green}"], "needs band blue, which the scene lacks"),
    "no overlap": (["{red}", "{green}", "blue={root}/far.tif"], "does not overlap red"),
    "no CRS": (["{red}", "{green}", "blue={root}/nowhere.tif"], "has no CRS"),
    "a truncated file": (["red={root}/truncated.tif", "{green}", "{blue}"], "may be truncated"),
    "an empty area": (["{red}", "{green}", "{blue}", "--aoi", "{root}/empty.gpkg"], "holds no polygon"),
    "a folder that is no bundle": (["{red}", "{green}", "{blue}", "--model", "{root}/folder"], "folder"),
    "a model that does not exist": (["{red}", "{green}", "{blue}", "--model", "nothing"], "no such model"),
    "no source": ([], "Missing argument"),
    "an unknown option": (["{red}", "--colour", "red"], "--colour"),
    "a value out of range": (["{red}", "{green}", "{blue}", "--threshold", "2"], "threshold"),
    "a value of the wrong type": (["{red}", "--min-area", "many"], "--min-area"),
    "a day that is none": (["{red}", "{green}", "{blue}", "--date", "yesterday"], "write it as 2018-09-06"),
    "a unit that is none": (["{red}", "{green}", "{blue}", "--dem-unit", "yards"], "is none of m, dm, ft"),
    "half an event": (["{red}", "{green}", "{blue}", "--event", "Iburi"], "name and day are both needed"),
    "a geographic CRS": (["{red}", "{green}", "{blue}", "--crs", "EPSG:4326"], "is geographic"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_exit_code_two_and_nothing_left_behind(case, files, tmp_path, capfd):
    arguments, words = BAD[case]
    model = [] if "--model" in arguments else ["--model", "red_minus_green"]
    before = sorted(tmp_path.rglob("*"))
    code = run(["scan", *[a.format(**files) for a in arguments], "--out", str(tmp_path / "out"), "--quiet", *model])
    captured = capfd.readouterr()
    assert code == 2
    assert captured.err.count("\n") == 1, captured.err
    assert captured.err.startswith("error: ")
    assert words in captured.err
    assert captured.out == ""
    assert sorted(tmp_path.rglob("*")) == before


def test_an_output_folder_that_cannot_be_written(files, tmp_path, capfd):
    out = tmp_path / "file" / "out"
    code = run(["scan", *[files[name] for name in RGB], "--out", str(out), "--model", "red_minus_green", "--quiet"])
    captured = capfd.readouterr()
    assert code == 2
    assert captured.err.count("\n") == 1
    assert f"{out}: cannot be written" in captured.err


def test_debug_shows_the_traceback_and_an_unexpected_failure_exits_with_one(capfd, monkeypatch):
    assert run(["scan", "red=/nowhere.tif", "--out", "/nowhere/out", "--model", "red_minus_green", "--debug"]) == 2
    assert "Traceback" in capfd.readouterr().err

    def broken(*args, **kwargs):
        raise RuntimeError("boom")

    monkeypatch.setattr("landslide_geo.scene.fetch.fetch_scene", broken)
    assert run(["fetch", "hokkaido"]) == 1
    assert capfd.readouterr().err == "error: unexpected RuntimeError: boom (--debug shows where)\n"


def test_a_scan_prints_its_summary_as_a_table_or_as_json(files, tmp_path, capfd):
    arguments = ["scan", *[files[name] for name in RGB], "--out", str(tmp_path / "out"), "--model", "red_minus_green"]
    assert run([*arguments, "--json"]) == 0
    captured = capfd.readouterr()
    summary = json.loads(captured.out)
    assert captured.err == ""
    assert summary["landslides"] > 0
    assert str(tmp_path / "out/landslides.gpkg") in summary["outputs"]
    assert run(arguments) == 0
    assert "nothing had to be done" in capfd.readouterr().out


def test_vectorize_takes_the_threshold_of_the_scan_beside_it(files, simulated, tmp_path, capfd):
    out = tmp_path / "out"
    bands = [files[name] for name in RGB]
    run(["scan", *bands, "--out", str(out), "--model", "red_minus_green", "--quiet", "--dem", str(simulated.dem)])
    target = tmp_path / "again.gpkg"
    arguments = ["vectorize", str(out / "probability.tif"), "--out", str(target)]
    assert run([*arguments, "--dem", str(simulated.dem)]) == 0
    ours = gpd.read_file(target, layer="landslides")
    theirs = gpd.read_file(out / "landslides.gpkg", layer="landslides")
    assert list(ours["landslide_id"]) == list(theirs["landslide_id"])
    assert ours.geometry.equals(theirs.geometry)
    assert run(arguments) == 0, "the scan knows its elevation model too"
    assert list(gpd.read_file(target, layer="landslides")["slope_mean_deg"]) == list(theirs["slope_mean_deg"])
    assert run([*arguments, "--threshold", "0.9"]) == 0
    assert gpd.read_file(target, layer="landslides")["area_m2"].sum() < theirs["area_m2"].sum()
    assert run([*arguments, "--smooth"]) == 0
    smooth = gpd.read_file(target, layer="landslides")
    assert list(smooth["landslide_id"]) == list(theirs["landslide_id"])
    assert smooth.length.sum() < 0.9 * theirs.length.sum()
    also = [*bands, "--out", str(tmp_path / "smooth"), "--model", "red_minus_green", "--quiet", "--smooth"]
    assert run(["scan", *also, "--dem", str(simulated.dem)]) == 0
    assert smooth.geometry.equals(gpd.read_file(tmp_path / "smooth/landslides.gpkg", layer="landslides").geometry)
    capfd.readouterr()
    (out / "scan.json").unlink()
    assert run(arguments) == 2
    assert "give one with --threshold" in capfd.readouterr().err


def test_help_and_version_and_unknown_commands(capfd):
    assert run([]) == 0
    assert "scan" in capfd.readouterr().out
    assert run(["--version"]) == 0
    assert capfd.readouterr().out.strip().count(".") == 2
    assert run(["dance"]) == 2
    assert "No such command 'dance'" in capfd.readouterr().err


def test_doctor_tries_things_and_says_what_it_found(capfd):
    code = run(["doctor", "--offline", "--json"])
    checks = {check["name"]: check for check in json.loads(capfd.readouterr().out)}
    assert code == (0 if all(c["works"] or not c["needed"] for c in checks.values()) else 1)
    assert checks["raster drivers"]["works"]
    assert checks["network on CPU"]["works"]
    assert "internet" not in checks


@pytest.mark.integration
@pytest.mark.parametrize("workers", [[], ["--workers", "1"]])
def test_after_ctrl_c_one_line_tells_how_to_go_on(workers, files, tmp_path):
    out = tmp_path / "out"
    # Many small windows one by one, so that there is time to press the keys.
    windows = ["--window", "32", "--overlap", "26", "--batch-size", "1", "--model", "red_minus_green", "--quiet"]
    arguments = ["scan", *[files[name] for name in RGB], "--out", str(out), *windows, *workers]
    program = [sys.executable, "-c", "from landslide_geo.cli.main import main; main()"]
    process = subprocess.Popen([*program, *arguments], stderr=subprocess.PIPE, text=True, start_new_session=True)
    end = time.monotonic() + 60
    while not list(out.glob(".partial-*/strips/strip-*")):
        assert time.monotonic() < end
        assert process.poll() is None
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: all processes of the group get it
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert told == "error: interrupted; run the same command with --resume to go on\n"
    assert not (out / "scan.json").exists()
    assert run([*arguments, "--resume"]) == 0
    assert json.loads((out / "scan.json").read_text())["windows"]["strips_resumed"] > 0
