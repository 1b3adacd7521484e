"""Bars of the speeds that were measured, in the house style.

Of a file of raw figures: ``python -m benchmarks.bars RAW.json BARS.png``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import ingest, polygons
from benchmarks.rounds import Rounds
from landslide_geo.report.bars import draw_bars
from landslide_geo.report.sheet import About

#: How names of this program's contestants begin.
OURS = ("landslide", ingest.OURS, polygons.OURS)


def draw(path: Path, facts: Mapping[str, Any], measured: Sequence[Rounds]) -> None:
    """Write bars of everybody in each kind of rounds.

    Args:
        path: PNG to write; its folder is made.
        facts: of the machine, as `benchmarks.table.machine` tells them.
        measured: at least one.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    chips = ", ".join(facts["accelerators"]) or f"{facts['processor']}, {facts['cores']} cores"
    groups = {found.title: (found.pixels, found.seconds) for found in measured}
    draw_bars(path, groups, ours=OURS, about=About("landslide-geo", chips), title="Speed beside other tools")


def main(source: str, target: str) -> int:
    """Draw what ``python -m benchmarks --json`` wrote."""
    raw = json.loads(Path(source).read_text(encoding="utf-8"))
    found = [*raw["speed"], *(part[0] for kind in ("polygons", "ingest") for part in raw[kind])]
    draw(Path(target), raw["machine"], [Rounds(**one) for one in found])
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
