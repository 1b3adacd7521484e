"""``landslide export``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from landslide_geo.cli import complete
from landslide_geo.cli.speech import Json, Quiet, Speech


def export(
    inventory: Annotated[Path, typer.Argument(metavar="FILE.gpkg", help="landslides.gpkg of a scan.")],
    to: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="FORMAT",
            autocompletion=complete.formats,
            help="geoparquet, flatgeobuf, geojson, coolr or usgs.",
        ),
    ],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="File to write. Default: beside the inventory.")
    ] = None,
    rejected: Annotated[bool, typer.Option("--rejected", help="With polygons that a reviewer rejected.")] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write the landslides of an inventory in another format.

    coolr is the table of NASA's Cooperative Open Online Landslide Repository, usgs the layout of the U.S. Geological
    Survey's Landslide Inventories across the United States.

    Example: landslide export out/landslides.gpkg --to geojson
    """
    from landslide_geo.inventory.export import FORMATS
    from landslide_geo.inventory.export import export as run

    target = out or inventory.with_name(f"{inventory.stem}_{to}{FORMATS[to][0] if to in FORMATS else ''}")
    speech = Speech(as_json=as_json, quiet=quiet)
    with speech.working("export"):
        count = run(inventory, target, to=to, rejected=rejected)
    speech.done({"landslides": count, "out": str(target)}, [f"{count:,} landslides → {target}"])
