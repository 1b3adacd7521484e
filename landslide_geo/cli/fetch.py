"""``landslide fetch``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from landslide_geo.cli.options import Mirror


def fetch(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Sample scene: hokkaido.")],
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="Folder to keep it in.")] = Path("data/raw"),
    mirror: Mirror = None,
) -> None:
    """Get a sample scene, checked against registered checksums.

    Files that are there already are kept, so an interrupted fetch goes on where it was.

    Example: landslide fetch hokkaido --to data/raw
    """
    from landslide_geo.scene.fetch import fetch_scene

    got = fetch_scene(name, to, mirror=mirror, progress=lambda file: typer.echo(f"  {file}", err=True))
    typer.echo(f"{got.sample.title}")
    typer.echo(f"Licence: {got.sample.licence}. {got.sample.credits}.")
    typer.echo("Scan it with:")
    typer.echo(f"  landslide scan {' '.join(got.sources)} --dem {got.dem} --out out/{name}")
