"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from landslide_geo.simulate import SimulatedScene, write_scene

ROOT = Path(__file__).resolve().parents[1]

# One profile for every machine: CI machines are slow and shared, so no example is judged by its duration.
settings.register_profile("project", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("project")


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache folder of the tests' own: what they keep there is not the user's."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        yield folder


@pytest.fixture(scope="session")
def mirror() -> Path:
    """The folder with the real sample data, where it exists."""
    folder = Path(os.environ.get("LANDSLIDE_MIRROR") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip("the mirror with real data is not here; set LANDSLIDE_MIRROR to it")
    return folder


@pytest.fixture(scope="session")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> SimulatedScene:
    """A simulated scene of 384 × 320 pixels with bands on several grids; never write into its folder."""
    return write_scene(tmp_path_factory.mktemp("simulated") / "scene", height=384, width=320, seed=0)
