"""``landslide demo``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from landslide_geo.cli.options import Mirror


def demo(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder to write to.")] = Path("out"),
    data: Annotated[Path, typer.Option("--data", metavar="DIR", help="Folder to keep the scene in.")] = Path(
        "data/raw"
    ),
    mirror: Mirror = None,
    simulated: Annotated[bool, typer.Option("--simulated", help="Use a simulated scene at once.")] = False,
) -> None:
    """Scan the Hokkaido scene with the shipped model; without mirror and network, a simulated one.

    Example: landslide demo --out out
    """
    from landslide_geo.cli.show import show_result
    from landslide_geo.pipeline.demo import demo as run

    show_result(run(out, data=data, mirror=mirror, simulated=simulated, say=typer.echo))
