"""``landslide review``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from landslide_geo.cli.chips import lines as told_of_chips
from landslide_geo.cli.export import export
from landslide_geo.cli.speech import Json, Quiet, Speech

app = typer.Typer(help="What analysts made of an inventory in QGIS.")
app.command("export")(export)


@app.command("import")
def import_(
    edited: Annotated[Path, typer.Argument(metavar="EDITED.gpkg", help="landslides.gpkg, edited and saved.")],
    original: Annotated[
        Path | None,
        typer.Option(
            "--original", metavar="FILE.gpkg", help="The file before the edits, where the edited one was exported anew."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE.gpkg", help="File to write. Default: EDITED_reviewed.gpkg beside it."),
    ] = None,
    scan: Annotated[
        Path | None,
        typer.Option("--scan", metavar="DIR", help="Folder of the scan, to measure on. Default: that of EDITED."),
    ] = None,
    reviewer: Annotated[
        str | None, typer.Option("--reviewer", metavar="NAME", help="Who reviewed, where the field is empty.")
    ] = None,
    chips: Annotated[
        Path | None,
        typer.Option("--chips", metavar="DIR", help="Also cut labelled chips from the scan's scene, to train on."),
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Read back what was confirmed, rejected, redrawn, split, merged, added and deleted; EDITED stays as it is.

    Example: landslide review import out/landslides.gpkg --reviewer "A. Geologist"
    """
    from landslide_geo.pipeline.review import import_review

    speech = Speech(as_json=as_json, quiet=quiet)
    with speech.working("review"):
        found = import_review(edited, original=original, out=out, scan=scan, reviewer=reviewer, chips=chips)
    speech.done(found, _lines(found))


def _lines(found: dict[str, Any]) -> list[str]:
    reasons = ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in found["reasons"].items())
    done = ", ".join(f"{found[name]:,} {name}" for name in ("redrawn", "split", "merged", "deleted") if found[name])
    lines = [
        ", ".join(f"{found[name]:,} {name}" for name in ("confirmed", "rejected", "edited", "added", "unreviewed"))
        + (f" (rejected: {reasons})" if reasons else "")
    ]
    if done:
        lines.append(f"Outlines: {done}")
    lines.append(f"Reviewed extent: {found['reviewed_m2'] / 1e6:,.2f} km²")
    if found["repaired"]:
        lines.append(f"Note: {found['repaired']:,} outlines crossed themselves and were mended")
    if found["overlaps"]:
        lines.append(f"Note: {found['overlaps']:,} pairs of landslides overlap")
    if found["dropped_fields"]:
        lines.append(f"Note: fields that are not the inventory's were left out: {', '.join(found['dropped_fields'])}")
    for name, count in found["unlisted"].items():
        lines.append(f"Note: {count:,} landslides have a {name} that is not in the list; it stays as written")
    if not found["measured"]:
        lines.append("Note: no scan's folder: of changed outlines only area, shape and volume are known; give --scan")
    return [*lines, found["out"], *(told_of_chips(found["chips"]) if "chips" in found else [])]
