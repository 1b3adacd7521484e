"""A run that is killed at any moment and resumed gives the bytes of one that was not."""

from __future__ import annotations

import os
import shutil
import signal
import time
from pathlib import Path

import numpy as np
import pytest
import rasterio.shutil
import torch
from killing import run, seconds, until_killed
from rasters import write_raster

from landslide_geo import predict_raster

pytestmark = pytest.mark.integration

SETTINGS = {"window": 64, "overlap": 16, "batch_size": 4}
#: Seconds by which each forward pass is slowed.
PAUSE = 0.015


def network():
    torch.manual_seed(3)
    layers = torch.nn.Sequential(
        torch.nn.Conv2d(2, 8, 5, padding=2), torch.nn.ReLU(), torch.nn.Conv2d(8, 2, 5, padding=2), torch.nn.Sigmoid()
    )

    def predict(batch: np.ndarray) -> np.ndarray:
        time.sleep(PAUSE)
        with torch.inference_mode():
            return layers(torch.from_numpy(batch)).numpy()

    return predict


def predict(source: Path, out: Path, settings: dict[str, int] | None = None) -> None:
    """What is killed; and what resumes."""
    predict_raster(source, network(), out, resume=True, progress=False, **(settings or SETTINGS))


def values(seed: int) -> np.ndarray:
    found = np.random.default_rng(seed).normal(size=(2, 500, 300)).astype("float32")
    found[:, 200:280, 100:180] = np.nan
    return found


@pytest.fixture
def source(tmp_path):
    return write_raster(tmp_path / "in.tif", values(0), nodata=np.nan, block=128)


@pytest.mark.parametrize("times", [5, pytest.param(100, marks=pytest.mark.slow)])
def test_killed_at_random_moments_and_resumed_gives_the_same_bytes(times, source, tmp_path):
    (tmp_path / "whole").mkdir()
    lasts = seconds(predict, source, tmp_path / "whole/out.tif")
    whole = (tmp_path / "whole/out.tif").read_bytes()
    out = tmp_path / "killed/out.tif"
    out.parent.mkdir()
    left_parts = []

    def after_kill():
        """A result is there whole or not at all."""
        left_parts.append(any(path.name != out.name for path in out.parent.iterdir()))
        if out.exists():
            assert out.read_bytes() == whole

    def after_end():
        assert out.read_bytes() == whole
        shutil.rmtree(out.parent)
        out.parent.mkdir()

    until_killed(times, predict, source, out, lasts=lasts, seed=times, after_kill=after_kill, after_end=after_end)
    assert any(left_parts), "at least one kill came in the middle of the work"


def die_while_writing(source: Path, out: Path) -> None:
    """All strips are finished; the kill comes while GDAL writes the result."""
    rasterio.shutil.copy = lambda *arguments, **options: os.kill(os.getpid(), signal.SIGKILL)
    predict(source, out)


def die_while_clearing_up(source: Path, out: Path) -> None:
    """The result is in its place; the kill comes before the first folder is removed."""
    remove = shutil.rmtree

    def dying(*arguments, **options):
        if out.exists():
            os.kill(os.getpid(), signal.SIGKILL)
        remove(*arguments, **options)

    shutil.rmtree = dying
    predict(source, out)


@pytest.mark.parametrize("work", [die_while_writing, die_while_clearing_up])
def test_a_kill_at_the_very_end_leaves_nothing_behind_once_it_is_resumed(work, source, tmp_path):
    out = tmp_path / "killed/out.tif"
    out.parent.mkdir()
    assert not run(work, source, out)
    assert out.exists() == (work is die_while_clearing_up)
    predict(source, out)
    assert [path.name for path in out.parent.iterdir()] == [out.name]


def killed_in_the_middle(source: Path, out: Path) -> None:
    """Leaves finished parts beside ``out``: killed at growing moments, each attempt taking up the one before."""
    lasts = 0.2
    while not [part for part in out.parent.glob(".partial-*/*") if part.is_file()]:
        assert not run(predict, source, out, kill_after=lasts), "it was to be killed before its end"
        lasts += 0.1


def changed_in_between(source: Path, folder: Path, *, keep_age: bool) -> None:
    """Asserts that a run that was killed before its input changed gives what a fresh run on the changed input does."""
    folder.mkdir()
    killed_in_the_middle(source, folder / "out.tif")
    before = source.stat()
    write_raster(source, values(1), nodata=np.nan, block=128)
    assert source.stat().st_size == before.st_size
    if keep_age:
        os.utime(source, ns=(before.st_atime_ns, before.st_mtime_ns))
    predict(source, folder / "out.tif")
    predict_raster(source, network(), folder / "fresh.tif", progress=False, **SETTINGS)
    assert (folder / "out.tif").read_bytes() == (folder / "fresh.tif").read_bytes()


def test_an_input_that_changed_in_between_is_noticed_and_never_mixed(source, tmp_path):
    changed_in_between(source, tmp_path / "killed", keep_age=False)


def test_an_input_that_changed_but_for_its_time_is_noticed_too(source, tmp_path):
    """As after ``cp --preserve``, an archive unpacked, or a clock set back."""
    changed_in_between(source, tmp_path / "killed", keep_age=True)


def test_the_result_does_not_depend_on_where_and_when_the_input_was_written(source, tmp_path):
    other = tmp_path / "other.tif"
    shutil.copy(source, other)
    for place in (source, other):
        predict_raster(place, network(), tmp_path / f"of-{place.name}", progress=False, **SETTINGS)
    assert (tmp_path / "of-in.tif").read_bytes() == (tmp_path / "of-other.tif").read_bytes()


@pytest.mark.parametrize("changed", [{"overlap": 32}, {"window": 96}, {"batch_size": 3}])
def test_parts_of_other_settings_are_never_mixed(changed, source, tmp_path):
    (tmp_path / "killed").mkdir()
    out = tmp_path / "killed/out.tif"
    killed_in_the_middle(source, out)
    predict_raster(source, network(), tmp_path / "fresh.tif", progress=False, **SETTINGS | changed)
    predict(source, out, SETTINGS | changed)
    assert out.read_bytes() == (tmp_path / "fresh.tif").read_bytes()
