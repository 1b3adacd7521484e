"""``landslide ingest``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from landslide_geo.cli import complete
from landslide_geo.cli.options import DemUnit
from landslide_geo.cli.speech import Json, Quiet, Speech

if TYPE_CHECKING:
    from landslide_geo.pipeline.ingest import IngestResult


def ingest(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of the scene to make.")],
    aoi: Annotated[
        Path | None, typer.Option("--aoi", metavar="FILE", help="Area: the polygons of this file, in any CRS.")
    ] = None,
    bbox: Annotated[
        str | None, typer.Option("--bbox", metavar="W,S,E,N", help="Area: a box in degrees; W > E crosses 180°.")
    ] = None,
    datetime: Annotated[
        str | None,
        typer.Option("--datetime", metavar="FIRST/LAST", help="Days of one date, e.g. 2018-09-07/2018-09-30."),
    ] = None,
    event: Annotated[
        str | None, typer.Option("--event", metavar="DAY", help="Day of an event: one date before it and one after.")
    ] = None,
    pre_datetime: Annotated[
        str | None,
        typer.Option("--pre-datetime", metavar="FIRST/LAST", help="Days of an earlier date, beside --datetime."),
    ] = None,
    before: Annotated[
        float | None, typer.Option("--before", metavar="DAYS", help="That the date before may lie back. Default: 90.")
    ] = None,
    after: Annotated[
        float | None, typer.Option("--after", metavar="DAYS", help="That the date after may lie ahead. Default: 60.")
    ] = None,
    stac: Annotated[
        str | None,
        typer.Option(
            "--stac",
            metavar="NAME|URL",
            autocompletion=complete.catalogues,
            help="earth-search (the default), planetary-computer, copernicus, or the address of a STAC API.",
        ),
    ] = None,
    sensors: Annotated[
        str | None,
        typer.Option(
            "--sensors", metavar="S1,S2,…", help="Of s2, landsat, s1, dem. Default: s2, and dem where there is one."
        ),
    ] = None,
    bands: Annotated[
        str | None,
        typer.Option("--bands", metavar="B1,B2,…", help="Optical ones. Default: blue,green,red,nir,swir16,swir22."),
    ] = None,
    level: Annotated[
        str | None,
        typer.Option(
            "--level", metavar="LEVEL", help="Of Sentinel-2: 2a, the default, or 1c, at the top of the atmosphere."
        ),
    ] = None,
    composite: Annotated[
        str | None,
        typer.Option("--composite", metavar="HOW", help="Of several acquisitions a date: none, median or best."),
    ] = None,
    max_cloud: Annotated[
        float | None,
        typer.Option(
            "--max-cloud", metavar="SHARE", help="Of the area that may be hidden. Default: 0.3; 0.8 of composites."
        ),
    ] = None,
    min_coverage: Annotated[
        float | None,
        typer.Option("--min-coverage", metavar="SHARE", help="Of the area to be covered. Default: 0.5."),
    ] = None,
    resolution: Annotated[
        float | None, typer.Option("--resolution", metavar="M", help="Pixel size in metres. Default: 10.")
    ] = None,
    speckle: Annotated[
        str | None, typer.Option("--speckle", metavar="NAME", help="Filter radar: median, lee or none, the default.")
    ] = None,
    dem_unit: DemUnit = None,
    align: Annotated[
        bool,
        typer.Option(help="Move the earlier date onto the later one where it lies more than half a pixel off."),
    ] = True,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be taken, and load nothing.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace another scene in DIR.")] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Make a scene of an area and dates from a STAC catalogue; landslide scan takes its folder as a source.

    Examples:
      landslide ingest --aoi area.geojson --event 2018-09-06 --out scene/

      landslide ingest --bbox 141.9,42.7,142.0,42.8 --datetime 2018-09-07/2018-09-30 --out scene/ --dry-run

      landslide scan scene/ --out out/
    """
    from landslide_geo.config import validated
    from landslide_geo.config.ingesting import IngestParams
    from landslide_geo.pipeline.ingest import ingest as run

    given = {
        "stac": stac, "sensors": _listed(sensors), "bands": _listed(bands),
        "level": None if level is None else level.lower().removeprefix("l"), "composite": composite,
        "max_cloud": max_cloud, "min_coverage": min_coverage, "resolution": resolution, "speckle": speckle,
        "before_days": before, "after_days": after, "align": align, "dem_unit": dem_unit,
    }  # fmt: skip
    params = validated(
        IngestParams, {key: value for key, value in given.items() if value is not None}, where="landslide ingest"
    )
    speech = Speech(as_json=as_json, quiet=quiet)
    with speech.working():
        result = run(
            out, aoi=aoi, bbox=bbox, datetime=datetime, event=event, pre_datetime=pre_datetime, params=params,
            overwrite=overwrite, plan_only=dry_run, progress=None if speech.silent else speech.note,
        )  # fmt: skip
    speech.done(result.record | {"out": str(result.out)})
    if not speech.silent:
        _show(result)


def _show(result: IngestResult) -> None:
    """Chosen and refused acquisitions, warnings, and where the scene is."""
    for told in result.record["acquisitions"].values():
        for entry in sorted(told, key=lambda entry: (entry["date"], not entry["chosen"])):
            mark = "+" if entry["chosen"] else "-"
            seen = f"covers {entry['coverage']:.0%}, {entry['hidden']:.0%} of it hidden"
            typer.echo(f"{mark} {entry['date']:4} {entry['name']}: {seen}; {entry['reason']}")
    if (shift := result.record["checks"].get("alignment")) is not None:
        typer.echo(_alignment(shift))
    for warning in result.record["warnings"]:
        typer.echo(f"warning: {warning}", err=True)
    if result.planned:
        return
    typer.echo(f"{result.out}" + ("" if result.fresh else " (finished before, nothing to do)"))


def _alignment(shift: dict[str, Any]) -> str:
    if "pixels" not in shift:
        return f"where the two dates lie was not compared: {shift['reason']}"
    done = "was moved" if shift["applied"] else "was left there"
    return (
        f"the earlier date lay {shift['pixels']:.2f} pixels off ({shift['places']} places of {shift['band']}, spread "
        f"{shift['spread']:.2f}) and {done}"
    )


def _listed(text: str | None) -> tuple[str, ...] | None:
    return None if text is None else tuple(part.strip() for part in text.split(","))
