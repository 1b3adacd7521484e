"""``landslide score``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from landslide_geo.cli.speech import Json, Quiet, Speech


def score(
    inventory: Annotated[Path, typer.Argument(metavar="INVENTORY", help="Polygons to judge, any vector file.")],
    reference: Annotated[Path, typer.Argument(metavar="REFERENCE", help="Polygons that are taken for the truth.")],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE.json", help="Write all scores, with the size curve.")
    ] = None,
    tolerance: Annotated[
        float, typer.Option("--tolerance", metavar="M", help="Of the boundary score, in metres.")
    ] = 20.0,
    cell: Annotated[
        float, typer.Option("--cell", metavar="M", help="Side of the cells of the rank correlation, in metres.")
    ] = 1000.0,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Compare polygons with a reference inventory: objects, sizes, outlines and cells.

    Example: landslide score out/landslides.gpkg mapped_by_hand.shp --out scores.json
    """
    from landslide_geo.files import write_json
    from landslide_geo.pipeline.inventories import score_files

    speech = Speech(as_json=as_json, quiet=quiet)
    with speech.working("scores"):
        found = score_files(inventory, reference, tolerance_m=tolerance, cell_m=cell)
    if out is not None:
        write_json(out, found)
    speech.done(found)
    if speech.silent:
        return
    _show(found)
    if out is not None:
        typer.echo(str(out))


def _show(found: dict) -> None:  # type: ignore[type-arg]
    from rich.console import Console
    from rich.table import Table

    def text(value: float | None) -> str:
        return "–" if value is None else f"{value:.3f}"

    sides = " and ".join(f"{found[side]['count']:,} {side}" for side in ("mapped", "reference"))
    table = Table(title=f"{sides}, area ratio {text(found['area_ratio'])}")
    for column in ("Agreement", "Precision", "Recall", "F1"):
        table.add_column(column, justify="left" if column == "Agreement" else "right")
    rows = [("any overlap", "any_overlap"), *((f"IoU ≥ {iou}", f"iou_{iou}") for iou in (0.1, 0.3, 0.5))]
    for title, key in [*rows, (f"outlines within {found['boundary']['tolerance_m']:g} m", "boundary")]:
        table.add_row(title, *(text(found[key][name]) for name in ("precision", "recall", "f1")))
    sizes = Table(title="Recall by size, any overlap")
    for column in ("Area (m²)", "Reference", "Found", "Recall"):
        sizes.add_column(column, justify="right")
    for row in found["recall_by_size"]:
        bound = f"{row['from_m2']:,.0f} – {row['to_m2']:,.0f}" if row["to_m2"] else f"from {row['from_m2']:,.0f}"
        sizes.add_row(bound, f"{row['reference']:,}", f"{row['found']:,}", text(row["recall"]))
    console = Console(highlight=False)
    console.print(table)
    console.print(sizes)
    cells = found["cells"]
    console.print(f"Rank correlation over {cells['cells']:,} cells of {cells['cell_m']:g} m: {text(cells['rho'])}")
    for side in ("mapped", "reference"):
        curve = found["size_frequency"][side]
        if curve["rollover_m2"] is not None:
            alpha = "" if curve["alpha"] is None else f", tail exponent {curve['alpha']:.2f}"
            console.print(f"Sizes of the {side}: most frequent at {curve['rollover_m2']:,.0f} m²{alpha}")
