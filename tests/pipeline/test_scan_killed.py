"""``landslide scan`` killed at any moment and started again with ``--resume`` ends in the same files."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path

import geopandas as gpd
import killing
import pytest
from killing import seconds, until_killed

from landslide_geo.cli.main import run
from landslide_geo.simulate import SimulatedScene

pytestmark = pytest.mark.integration


def scan(made: SimulatedScene, out: Path) -> None:
    """What is killed; and what resumes. Windows are small, so that there are many strips."""
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
    options = ["--model", "red_minus_green", "--window", "64", "--overlap", "16", "--resume"]
    code = run(["scan", *made.sources, "--dem", str(made.dem), "--out", str(out), *options])
    os._exit(code)


def rasters(out: Path) -> dict[str, bytes]:
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*.tif"))}


def landslides(out: Path) -> gpd.GeoDataFrame:
    return gpd.read_file(out / "landslides.gpkg", layer="landslides").drop(columns=["detected_at"])


def die_while_committing(made: SimulatedScene, out: Path) -> None:
    """Everything is computed; the kill comes when some files have been moved into place."""
    replace = Path.replace

    def dying(self: Path, target: Path) -> Path:
        if target == out / "review/post.tif":
            os.kill(os.getpid(), signal.SIGKILL)
        return replace(self, target)

    Path.replace = dying
    scan(made, out)


def test_a_kill_while_files_are_moved_into_place_costs_nothing(simulated, tmp_path):
    out = tmp_path / "out"
    assert not killing.run(die_while_committing, simulated, out)
    moved = out / "probability.tif"
    before = moved.stat()
    assert not (out / "scan.json").exists()
    assert killing.run(scan, simulated, out)
    assert moved.stat().st_ino == before.st_ino, "not computed again"
    assert set(json.loads((out / "scan.json").read_text())["outputs"]) <= {
        str(path.relative_to(out)) for path in out.rglob("*")
    }
    assert not [path for path in out.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("times", [5, pytest.param(100, marks=pytest.mark.slow)])
def test_a_scan_killed_at_random_moments_and_resumed_ends_in_the_same_files(times, simulated, tmp_path):
    lasts = seconds(scan, simulated, tmp_path / "whole")
    expected, inventory = rasters(tmp_path / "whole"), landslides(tmp_path / "whole")
    assert len(expected) == 8
    names = sorted(path.name for path in (tmp_path / "whole").iterdir())
    out = tmp_path / "killed"

    def after_kill():
        """Without the record it is no finished scan; with it, it is one whole."""
        if (out / "scan.json").exists():
            assert rasters(out).items() >= expected.items()

    def after_end():
        assert rasters(out) == expected
        assert landslides(out).equals(inventory)
        assert sorted(path.name for path in out.iterdir()) == names, "kills leave nothing behind in the end"
        shutil.rmtree(out)

    until_killed(times, scan, simulated, out, lasts=lasts, seed=times, after_kill=after_kill, after_end=after_end)
