"""``landslide region``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from landslide_geo.cli import complete
from landslide_geo.cli.speech import Json, Quiet, Speech

app = typer.Typer(help="Regions that are scanned again and again, and their running inventories.")
models = typer.Typer(help="The model that a region's scans take.")
app.add_typer(models, name="model")

Name = Annotated[str, typer.Argument(metavar="NAME", help="Of the region.")]
Regions = Annotated[Path, typer.Option("--regions", metavar="DIR", help="Folder of region files.")]
Work = Annotated[Path, typer.Option("--data", metavar="DIR", help="Folder of the work of regions.")]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="For the record.")]
_FILES, _WORK = Path("regions"), Path("data/regions")


@app.command()
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="a-z, 0-9 and hyphens.")],
    aoi: Annotated[Path | None, typer.Option("--aoi", metavar="FILE", help="Area: the polygons of this file.")] = None,
    bbox: Annotated[str | None, typer.Option("--bbox", metavar="W,S,E,N", help="Area: a box in degrees.")] = None,
    dem: Annotated[Path | None, typer.Option("--dem", metavar="FILE", help="Elevation model in metres.")] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            metavar="NAME|DIR",
            autocompletion=complete.models,
            help="A shipped model's name, or a bundle's folder.",
        ),
    ] = None,
    threshold: Annotated[float | None, typer.Option("--threshold", metavar="P", help="On probability, 0–1.")] = None,
    stac: Annotated[str | None, typer.Option("--stac", metavar="NAME|URL", help="Catalogue of acquisitions.")] = None,
    sensors: Annotated[
        str | None, typer.Option("--sensors", metavar="S1,dem", help="s2, landsat or s1, with or without dem.")
    ] = None,
    bands: Annotated[str | None, typer.Option("--bands", metavar="B1,B2,…", help="Optical ones to load.")] = None,
    schedule: Annotated[
        str | None, typer.Option("--schedule", metavar="CRON", help='When it is scanned, e.g. "0 3 * * *".')
    ] = None,
    timezone: Annotated[str | None, typer.Option("--timezone", metavar="ZONE", help="Of the schedule.")] = None,
    look_back: Annotated[
        float | None, typer.Option("--look-back", metavar="DAYS", help="Of the first run. Default: 30.")
    ] = None,
    event: Annotated[str | None, typer.Option("--event", metavar="NAME@DAY", help="What to watch for.")] = None,
    public: Annotated[
        Path | None, typer.Option("--public", metavar="DIR", help="Folder for copies that others read.")
    ] = None,
    webhook: Annotated[str | None, typer.Option("--webhook", metavar="URL", help="Told of new landslides.")] = None,
    mail: Annotated[str | None, typer.Option("--mail", metavar="ADDRESS", help="Told of new landslides.")] = None,
    postgis: Annotated[
        str | None,
        typer.Option("--postgis", metavar="VARIABLE", help="Environment variable with the database's address."),
    ] = None,
    regions: Regions = _FILES,
    work: Work = _WORK,
) -> None:
    """Write the file of a new region, after its area and model were looked at. All else is set in the file.

    Example: landslide region add iburi --aoi iburi.geojson --model default --schedule "0 3 * * *"
    """
    from landslide_geo.errors import ParameterError
    from landslide_geo.regions.region import add_region

    if timezone is not None and schedule is None:
        raise ParameterError("--timezone: goes with --schedule; name that too")
    event_name, _, event_day = (event or "").partition("@")
    if event is not None and not (event_name and event_day):
        raise ParameterError(f"--event {event}: name and day are both needed; write it as Iburi@2018-09-06")
    values = _filled(
        {
            "name": name,
            "aoi": aoi,
            "bbox": None if bbox is None else bbox.split(","),
            "dem": dem,
            "ingest": _filled({"stac": stac, "sensors": _listed(sensors), "bands": _listed(bands)}),
            "scan": _filled({"model": model, "threshold": threshold}),
            "look_back_days": look_back,
            "schedule": _filled({"cron": schedule, "timezone": timezone}),
            "event": _filled({"name": event_name or None, "day": event_day or None}),
            "sinks": _filled(
                {
                    "folder": public,
                    "postgis": postgis,
                    "webhook": _filled({"url": webhook}),
                    "mail": _filled({"to": None if mail is None else mail.split(",")}),
                }
            ),
        }
    )
    region = add_region(values, regions=regions, work=work)
    typer.echo(f"{region.file} written; scan it with landslide region run {name}")


@app.command("list")
def list_(regions: Regions = _FILES, work: Work = _WORK, as_json: Json = False) -> None:
    """Regions, when they are scanned, and by which model."""
    from landslide_geo.errors import LandslideError
    from landslide_geo.regions.region import names, read_region

    found: list[dict[str, Any]] = []
    for name in names(regions):
        try:
            params = read_region(name, regions=regions, work=work).params
        except LandslideError as error:
            found.append({"name": name, "error": str(error)})
            continue
        cron = None if params.schedule is None else f"{params.schedule.cron} {params.schedule.timezone}"
        found.append({"name": name, "schedule": cron, "model": params.scan.model, "sensor": params.sensor})
    if as_json:
        typer.echo(json.dumps(found))
    for one in [] if as_json else found:
        told = one.get("error") or f"{one['sensor']}, model {one['model']}, {one['schedule'] or 'no schedule'}"
        typer.echo(f"{one['name']}: {told}")


@app.command()
def run(
    name: Name,
    regions: Regions = _FILES,
    work: Work = _WORK,
    wait: Annotated[
        float, typer.Option("--wait", metavar="S", help="Seconds to wait for another run of the region.")
    ] = 0.0,
    workers: Annotated[
        int | None, typer.Option("--workers", metavar="N", help="Processes that share the windows of a scan.")
    ] = None,
    scheduler: Annotated[
        str | None, typer.Option("--scheduler", metavar="ADDR", help="Dask scheduler whose workers share them.")
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Scan what is new, enter it into the inventory, and publish. After a kill the same command goes on."""
    from landslide_geo.regions.region import read_region
    from landslide_geo.regions.run import run_region

    region = read_region(name, regions=regions, work=work)
    speech = Speech(as_json=as_json, quiet=quiet)
    tell = None if speech.silent else speech.note
    with speech.working():
        found = run_region(region, wait_s=wait, workers=workers, scheduler=scheduler, tell=tell)
    speech.done(found)
    if not speech.silent:
        counts = {state: len(found[state]) for state in ("found", "done", "skipped", "failed", "parked")}
        typer.echo(", ".join(f"{count} {state}" for state, count in counts.items()))
        for key, done in found["done"].items():
            typer.echo(f"{key}: {done['found']} landslides, {done['new']} of them new")
        typer.echo(str(region.inventory))


@app.command()
def status(name: Name, regions: Regions = _FILES, work: Work = _WORK, as_json: Json = False) -> None:
    """What is done, what waits, what was parked and why, and the inventory's totals."""
    from landslide_geo.regions.region import read_region
    from landslide_geo.regions.status import status_of_region

    found = status_of_region(read_region(name, regions=regions, work=work))
    if as_json:
        typer.echo(json.dumps(found))
        return
    held = found["held_by"]
    typer.echo("no run at work" if held is None else f"process {held['pid']} on {held['host']} since {held['since']}")
    typer.echo(f"model {found['model']}")
    for entry in found["acquisitions"]:
        why = f": {entry['reason']}" if entry["reason"] and entry["state"] != "done" else ""
        tries = f" after {entry['failures']} failures" if entry["failures"] else ""
        typer.echo(f"{entry['key']}: {entry['state']}{tries}{why}")
    counts = found["landslides"]
    typer.echo("landslides: " + (", ".join(f"{count} {state}" for state, count in counts.items()) or "none"))


@app.command()
def history(
    name: Name,
    regions: Regions = _FILES,
    work: Work = _WORK,
    last: Annotated[int | None, typer.Option("--last", metavar="N", min=1, help="The last N only.")] = None,
    as_json: Json = False,
) -> None:
    """All that was done, the oldest first."""
    from landslide_geo.regions.history import History
    from landslide_geo.regions.region import read_region

    region = read_region(name, regions=regions, work=work)
    events = History(region.history).events(last=last) if region.history.exists() else []
    if as_json:
        typer.echo(json.dumps(events))
    for event in [] if as_json else events:
        rest = {key: value for key, value in event.items() if key not in ("at", "kind", "key")}
        told = ", ".join(f"{key} {value}" for key, value in rest.items())
        typer.echo(" ".join(part for part in (event["at"], event["kind"], event.get("key", ""), told) if part))


@app.command()
def retry(
    name: Name,
    key: Annotated[str, typer.Argument(metavar="KEY", help="Of the acquisition, as status lists it.")],
    regions: Regions = _FILES,
    work: Work = _WORK,
) -> None:
    """Let the next run try again what was parked or skipped."""
    from landslide_geo.regions.region import read_region
    from landslide_geo.regions.run import retry as again

    again(read_region(name, regions=regions, work=work), key)
    typer.echo(f"{key}: the next run tries it again")


@models.command()
def promote(
    name: Name,
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A shipped model's name, or a bundle's folder.")],
    metrics: Annotated[
        Path, typer.Option("--metrics", metavar="FILE.json", help="Its scores, as landslide evaluate writes them.")
    ],
    metric: Annotated[str, typer.Option("--metric", metavar="NAME", help="That decides.")] = "f1",
    reason: Reason = "",
    force: Annotated[bool, typer.Option("--force", help="Although it is no better.")] = False,
    regions: Regions = _FILES,
    work: Work = _WORK,
) -> None:
    """Put a model into service if it is better than the one that is."""
    from landslide_geo.regions.promotion import promote as put
    from landslide_geo.regions.promotion import read_metrics
    from landslide_geo.regions.region import read_region

    region = read_region(name, regions=regions, work=work)
    entry = put(region, model, read_metrics(metrics), metric=metric, reason=reason, force=force)
    typer.echo(f"{entry['name']} ({entry['sha256'][:12]}) is in service")


@models.command()
def rollback(name: Name, reason: Reason = "", regions: Regions = _FILES, work: Work = _WORK) -> None:
    """Go back to the model that was in service before."""
    from landslide_geo.regions.promotion import rollback as back
    from landslide_geo.regions.region import read_region

    region = read_region(name, regions=regions, work=work)
    entry = back(region, reason=reason)
    typer.echo(f"{entry['name'] or f'the model of {region.file}'} is in service again")


@models.command("history")
def model_history(name: Name, regions: Regions = _FILES, work: Work = _WORK, as_json: Json = False) -> None:
    """Which model was in service since when, and why."""
    from landslide_geo.regions.promotion import promotions
    from landslide_geo.regions.region import read_region

    entries = promotions(read_region(name, regions=regions, work=work))
    if as_json:
        typer.echo(json.dumps(entries))
    for entry in [] if as_json else entries:
        score = f" {entry['metric']} {entry['metrics'][entry['metric']]:.4f}" if entry["action"] == "promote" else ""
        why = f": {entry['reason']}" if entry["reason"] else ""
        typer.echo(f"{entry['at']} {entry['action']} {entry['name'] or 'the model of the file'}{score}{why}")


def _filled(values: dict[str, Any]) -> dict[str, Any]:
    """Without what was not given."""
    return {key: value for key, value in values.items() if value is not None and value != {}}


def _listed(text: str | None) -> list[str] | None:
    return None if text is None else [part.strip() for part in text.split(",")]
