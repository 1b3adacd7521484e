"""Where the time of ``landslide scan`` goes beside the network: imports, layers, polygons, report."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from shutil import rmtree
from typing import Final

from landslide_geo import open_scene
from landslide_geo.scene.cog import write_cog
from landslide_geo.simulate import SimulatedScene, write_scene

FOUR: Final = ("blue", "green", "red", "nir")
#: What is scanned, with which model, by the words that the table has for it.
ONE_DATE: Final = "one COG of 4 bands and an elevation model in degrees, the default network"
TWO_DATES: Final = "9 bands of two dates on three grids and an elevation model in degrees, a rule for a network"
#: Seconds that all but the network may take.
LIMIT: Final = {ONE_DATE: 15.0}


@dataclass(frozen=True)
class Steps:
    """Seconds of one ``landslide scan``.

    Attributes:
        size: height and width of the scene.
        landslides: that were mapped.
        total: from the start of the process to its end.
        steps: as ``scan.json`` has them.
        what: was scanned.
        rounds: that this one is the median of, by `rest`.
    """

    size: int
    landslides: int
    total: float
    steps: dict[str, float]
    what: str = ONE_DATE
    rounds: int = 1

    @property
    def start(self) -> float:
        """Imports, checks of the inputs, their checksums, and the move into place."""
        return self.total - sum(self.steps.values())

    @property
    def rest(self) -> float:
        """All but the step that runs the network."""
        return self.total - self.steps["network"]


def measured(folder: Path, size: int, what: str, *, rounds: int) -> Steps:
    """Scan a simulated scene several times; the scan whose rest is the median."""
    made = _simulated(folder / f"simulated-{size}", size)
    if what == ONE_DATE:
        given, model = [str(_four_bands(made))], "default"
    else:
        given, model = list(made.sources), "red_minus_green"
    command = [*given, "--dem", str(made.dem), "--model", model]
    found = sorted((_once(command, folder / "scan", size, what) for _ in range(rounds)), key=lambda steps: steps.rest)
    return replace(found[(rounds - 1) // 2], rounds=rounds)


def _once(command: list[str], out: Path, size: int, what: str) -> Steps:
    code = "import sys; from landslide_geo.cli.main import main; main()"
    rmtree(out, ignore_errors=True)
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, "scan", *command, "--out", str(out)],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    total = time.perf_counter() - start
    record = json.loads((out / "scan.json").read_text(encoding="utf-8"))
    rmtree(out)
    return Steps(size, record["summary"]["landslides"], total, record["timings_s"], what)


def _simulated(folder: Path, size: int) -> SimulatedScene:
    """Made once: writing it takes longer than scanning it."""
    mark = folder / "sources.json"
    if not mark.exists():
        made = write_scene(folder, height=size, width=size, seed=0)
        mark.write_text(json.dumps(made.sources), encoding="utf-8")
    return SimulatedScene(tuple(json.loads(mark.read_text(encoding="utf-8"))), folder / "dem.tif", folder / "truth.tif")


def _four_bands(made: SimulatedScene) -> Path:
    """The later date's bands that lie on the scene's grid, as one COG; made once."""
    out = made.dem.with_name("four.tif")
    if not out.exists():
        paths = dict(source.split("=", 1) for source in made.sources)
        scene = open_scene([f"{name}={paths[name]}" for name in FOUR])
        write_cog(
            out, scene.geobox, lambda block: scene.read(FOUR, block), count=4, dtype="uint16", nodata=0,
            descriptions=FOUR,
        )  # fmt: skip
    return out
