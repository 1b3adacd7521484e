"""``landslide app``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def app(
    work: Annotated[
        Path,
        typer.Option(
            "--work", metavar="DIR", help="Folder to read and write: its scans, scenes and models are on the page."
        ),
    ] = Path("out"),
    host: Annotated[
        str, typer.Option("--host", metavar="NAME", help="Address to listen on. Others than this machine need a guard.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", metavar="N", min=0, max=65535, help="0 takes a free one.")] = 8642,
    max_upload_mb: Annotated[
        int, typer.Option("--max-upload-mb", metavar="MB", min=1, help="Of one file from the browser.")
    ] = 1024,
    stac: Annotated[
        str | None, typer.Option("--stac", metavar="URL", help="Catalogue that new scenes come from.")
    ] = None,
    mirror: Annotated[
        Path | None,
        typer.Option("--mirror", metavar="DIR", envvar="LANDSLIDE_MIRROR", help="Folder with copies of sample data."),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> None:
    """Open the web page: scan a scene and review it on a map, compare scans, try a patch. Ctrl-C ends it.

    The page is for this machine alone and has no passwords. It reads and writes in the folder of --work only.

    Examples:
      landslide app

      landslide app --work out/ --port 9000
    """
    from landslide_geo.app.serve import serve

    serve(
        work, host=host, port=port, max_upload_mb=max_upload_mb, stac=stac, mirror=mirror,
        say=(lambda text: None) if quiet else lambda text: typer.echo(text, err=True),
    )  # fmt: skip
