"""``landslide doctor``."""

from __future__ import annotations

from typing import Annotated

import typer

from landslide_geo.cli.speech import Json, Quiet


def doctor(
    offline: Annotated[bool, typer.Option("--offline", help="Do not try the network.")] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Tell what works here: versions, raster drivers, GPU, network, models. Exit code 1 where a scan cannot run.

    Example: landslide doctor --offline
    """
    import json

    from rich.console import Console

    from landslide_geo.pipeline.doctor import examine

    checks = examine(network=not offline)
    if as_json:
        typer.echo(json.dumps([vars(check) for check in checks]))
    elif not quiet:
        console = Console(highlight=False)
        for check in checks:
            mark = "[green]ok  [/]" if check.works else ("[red]FAIL[/]" if check.needed else "[yellow]no  [/]")
            console.print(f"{mark} {check.name}: ", end="")
            console.print(check.found, markup=False, soft_wrap=True)
    if any(check.needed and not check.works for check in checks):
        raise typer.Exit(1)
