"""The demonstration: the real Hokkaido scene where it can be had, else a simulated one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from landslide_geo.config import ScanParams
from landslide_geo.errors import FetchError, SourceNotFoundError
from landslide_geo.pipeline.scan import Progress, ScanResult, scan
from landslide_geo.scene.fetch import FetchedScene, fetch_scene
from landslide_geo.simulate import write_scene


def demo(
    out: Path,
    *,
    data: Path,
    mirror: Path | None = None,
    simulated: bool = False,
    params: ScanParams | None = None,
    say: Callable[[str], None] = print,
    progress: Progress = True,
) -> ScanResult:
    """Fetch the Hokkaido scene and scan it; without mirror and network, say so and scan a simulated scene.

    Args:
        out: folder for the result; a result of an earlier demonstration there is replaced.
        data: folder to keep the scene in.
        mirror: folder with copies of sample scenes.
        simulated: do not look for the real scene.
        params: of the scan.
        say: told what is being done.
        progress: as in `scan`.
    """
    if not simulated:
        try:
            say("Fetching the Hokkaido scene (Sentinel-2 before and after the September 2018 earthquake, DSM) …")
            fetched = _fetched(data, mirror)
        except FetchError as error:
            say(f"The real scene cannot be had: {error}")
        else:
            sample = fetched.sample
            return scan(
                fetched.sources, out / "hokkaido", dem=fetched.dem, params=params, event=sample.event,
                name="Hokkaido Eastern Iburi", credits=sample.credits, resume=True, overwrite=True, progress=progress,
            )  # fmt: skip
    say("Scanning a SIMULATED scene instead: its landslides are made up, their number and area say nothing.")
    made = write_scene(data / "simulated", height=768, width=768, seed=0)
    return scan(
        made.sources, out / "simulated", dem=made.dem, params=params, name="Simulated scene",
        credits="Simulated scene", resume=True, overwrite=True, progress=progress,
    )  # fmt: skip


def _fetched(data: Path, mirror: Path | None) -> FetchedScene:
    """The scene from the mirror, else from the network."""
    try:
        return fetch_scene("hokkaido", data, mirror=mirror)
    except SourceNotFoundError:
        return fetch_scene("hokkaido", data)
