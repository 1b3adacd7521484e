"""A work folder with two scans of one simulated scene, the application on it, and a real browser before it."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from landslide_geo import scan
from landslide_geo.app.folder import safe_name
from landslide_geo.config import ScanParams
from landslide_geo.simulate import SimulatedScene

#: A browser that draws WebGL on the processor, and does nothing by itself.
CHROMIUM = (
    "--no-sandbox",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


@dataclass(frozen=True)
class World:
    """A work folder with the scans ``early`` (threshold 0.75) and ``late`` (0.3), before anybody used the page."""

    folder: Path
    early: Path
    late: Path


@pytest.fixture(scope="session")
def scanned(tmp_path_factory: pytest.TempPathFactory, simulated: SimulatedScene) -> World:
    """The same for all tests; never write into it."""
    folder = tmp_path_factory.mktemp("scanned") / "work"
    for name, threshold in (("early", 0.75), ("late", 0.3)):
        params = ScanParams(threshold=threshold, min_slope_deg=0)
        scan(simulated.sources, folder / name, dem=simulated.dem, params=params, name=f"Simulated, {name}")
    return World(folder, folder / "early", folder / "late")


@pytest.fixture
def world(scanned: World, tmp_path: Path) -> World:
    """A copy of one's own."""
    folder = tmp_path / "work"
    shutil.copytree(scanned.folder, folder)
    return World(folder, folder / "early", folder / "late")


@pytest.fixture(scope="session")
def own_world(scanned: World, tmp_path_factory: pytest.TempPathFactory) -> World:
    """A copy for all tests that share a server."""
    folder = tmp_path_factory.mktemp("served") / "work"
    shutil.copytree(scanned.folder, folder)
    return World(folder, folder / "early", folder / "late")


@pytest.fixture(scope="session")
def served(own_world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of ``landslide app`` on that folder, run as a user runs it."""
    log = tmp_path_factory.mktemp("app") / "log.txt"
    with log.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-c", "from landslide_geo.cli.main import main; main()", "app",
             "--work", str(own_world.folder), "--port", "0", "--max-upload-mb", "50"],
            stderr=subprocess.PIPE, stdout=errors, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
        assert process.stderr is not None
        try:
            for line in process.stderr:
                if found := re.search(r"http://127\.0\.0\.1:\d+", line):
                    break
            else:
                pytest.fail("landslide app ended before it said where it listens")
            yield found[0]
        finally:
            process.terminate()
            process.wait(30)
            process.stderr.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Debian's Chromium. It ends with its module: as long as it is there, no other test may run an event loop."""
    sync_api = pytest.importorskip("playwright.sync_api")
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no Chromium here; install Debian's chromium")
    with sync_api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=program, args=list(CHROMIUM))
        yield running
        running.close()


@pytest.fixture
def page(browser: Any, served: str, request: pytest.FixtureRequest) -> Iterator[Any]:
    """A page that must load nothing from elsewhere, and raise no error; pictures of it are kept as artefacts."""
    context = browser.new_context(viewport={"width": 1360, "height": 860}, base_url=served, accept_downloads=True)
    opened = context.new_page()
    opened.set_default_timeout(30_000)
    wrong: list[str] = []
    opened.on("pageerror", lambda error: wrong.append(f"error: {error}"))
    opened.on("request", lambda asked: None if _own(asked.url, served) else wrong.append(f"elsewhere: {asked.url}"))
    opened.on("console", lambda said: wrong.append(f"console: {said.text}") if _unexpected(said) else None)
    yield opened
    opened.screenshot(path=artefacts() / f"{safe_name(request.node.name)}.png")
    context.close()
    assert wrong == []


def awaited(work: Coroutine[Any, Any, Any]) -> Any:
    """What a coroutine returns, in a thread of its own: Playwright keeps a loop in this one."""
    with ThreadPoolExecutor(1) as apart:
        return apart.submit(asyncio.run, work).result()


def artefacts() -> Path:
    """Where pictures of pages are kept."""
    folder = Path(os.environ.get("LANDSLIDE_ARTEFACTS") or Path(__file__).parents[2] / "build" / "screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _unexpected(said: Any) -> bool:
    """Errors, but for answers of the server that tell a person what is wrong."""
    refused = re.search(r"status of (4\d\d)", said.text)
    return said.type == "error" and not refused


def _own(url: str, served: str) -> bool:
    return url.startswith((served, "blob:", "data:"))
