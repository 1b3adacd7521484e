"""``landslide demo``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from landslide_geo.cli.options import Mirror
from landslide_geo.cli.speech import Json, Quiet, Speech


def demo(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder to write to.")] = Path("out"),
    data: Annotated[Path, typer.Option("--data", metavar="DIR", help="Folder to keep the scene in.")] = Path(
        "data/raw"
    ),
    mirror: Mirror = None,
    simulated: Annotated[bool, typer.Option("--simulated", help="Use a simulated scene at once.")] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Scan the Hokkaido scene with the shipped model; without mirror and network, a simulated one.

    Example: landslide demo --out out
    """
    from landslide_geo.cli.show import show_result, told
    from landslide_geo.pipeline.demo import demo as run

    speech = Speech(as_json=as_json, quiet=quiet)
    with speech.working():
        result = run(
            out, data=data, mirror=mirror, simulated=simulated, say=speech.note, progress=not speech.silent
        )  # fmt: skip
    speech.done(told(result))
    if not speech.silent:
        show_result(result)
