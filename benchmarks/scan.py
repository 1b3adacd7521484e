"""Where the time of ``landslide scan`` goes beside the network: imports, layers, polygons, report."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree

from landslide_geo.simulate import SimulatedScene, write_scene


@dataclass(frozen=True)
class Steps:
    """Seconds of one ``landslide scan``.

    Attributes:
        size: height and width of the scene.
        landslides: that were mapped.
        total: from the start of the process to its end.
        steps: as ``scan.json`` has them.
    """

    size: int
    landslides: int
    total: float
    steps: dict[str, float]

    @property
    def start(self) -> float:
        """Imports, checks of the inputs, their checksums, and the move into place."""
        return self.total - sum(self.steps.values())

    @property
    def rest(self) -> float:
        """All but the step that runs the network."""
        return self.total - self.steps["network"]


def measured(folder: Path, size: int) -> Steps:
    """Scan a simulated scene with elevation model and both dates, by the rule: its network costs next to nothing."""
    made = _simulated(folder / f"simulated-{size}", size)
    out = folder / "scan"
    code = "import sys; from landslide_geo.cli.main import main; main()"
    command = [sys.executable, "-W", "ignore", "-c", code, "scan", *made.sources, "--dem", str(made.dem)]
    rmtree(out, ignore_errors=True)
    start = time.perf_counter()
    subprocess.run(
        [*command, "--model", "red_minus_green", "--out", str(out)],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    total = time.perf_counter() - start
    record = json.loads((out / "scan.json").read_text(encoding="utf-8"))
    rmtree(out)
    return Steps(size, record["summary"]["landslides"], total, record["timings_s"])


def _simulated(folder: Path, size: int) -> SimulatedScene:
    """Made once: writing it takes longer than scanning it."""
    mark = folder / "sources.json"
    if not mark.exists():
        made = write_scene(folder, height=size, width=size, seed=0)
        mark.write_text(json.dumps(made.sources), encoding="utf-8")
    return SimulatedScene(tuple(json.loads(mark.read_text(encoding="utf-8"))), folder / "dem.tif", folder / "truth.tif")
