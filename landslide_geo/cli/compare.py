"""``landslide compare``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from landslide_geo.cli.speech import Json, Quiet, Speech


def compare(
    old: Annotated[Path, typer.Argument(metavar="OLD", help="Earlier inventory, e.g. landslides.gpkg of a scan.")],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="Later inventory.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE.gpkg", help="GeoPackage to write.")],
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Tell what became of each landslide: new, unchanged, grown, shrunk, merged, split, gone, hidden, or rejected.

    Example: landslide compare march/landslides.gpkg april/landslides.gpkg --out changes.gpkg
    """
    from rich.console import Console
    from rich.table import Table

    from landslide_geo.pipeline.inventories import compare_files

    speech = Speech(as_json=as_json, quiet=quiet)
    with speech.working("comparison"):
        found = compare_files(old, new, out)
    speech.done(found)
    if speech.silent:
        return
    table = Table(title=f"{old} → {new}")
    for column in ("Status", "Landslides", "Before (ha)", "Now (ha)", "Change (ha)"):
        table.add_column(column, justify="left" if column == "Status" else "right")
    for status, row in found["changes"].items():
        if row["count"]:
            hectares = (row["area_old_m2"] / 1e4, row["area_new_m2"] / 1e4)
            table.add_row(
                status, f"{row['count']:,}", *(f"{each:,.1f}" for each in hectares), f"{row['change_m2'] / 1e4:+,.1f}"
            )
    Console(highlight=False).print(table)
    typer.echo(str(out))
