"""``landslide scan``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from landslide_geo.cli import complete
from landslide_geo.cli.options import (
    Dem,
    DemUnit,
    Grow,
    MinArea,
    MinSlope,
    Simplify,
    Smooth,
    Threshold,
    day,
    height_unit,
    symmetries,
)
from landslide_geo.cli.speech import Json, Quiet, Speech


def scan(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE...",
            help="A folder of landslide ingest, of a Sentinel-2 product (.SAFE), of a Landsat scene or of bands, a "
            "STAC item, a GeoTIFF with named bands, or NAME=PATH for each.",
        ),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder to write to.")],
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            metavar="NAME|DIR",
            autocompletion=complete.models,
            help="A shipped model's name, or a bundle's folder.",
        ),
    ] = None,
    dem: Dem = None,
    dem_unit: DemUnit = None,
    aoi: Annotated[
        Path | None, typer.Option("--aoi", metavar="FILE", help="Map only inside the polygons of this file.")
    ] = None,
    date: Annotated[str | None, typer.Option("--date", metavar="DAY", help="Acquisition day, e.g. 2018-09-11.")] = None,
    date_pre: Annotated[
        str | None, typer.Option("--date-pre", metavar="DAY", help="Acquisition day of the pre_ bands.")
    ] = None,
    event: Annotated[
        str | None,
        typer.Option("--event", metavar="NAME@DAY", help="What happened: name and day, e.g. Iburi@2018-09-06."),
    ] = None,
    threshold: Threshold = None,
    grow: Grow = None,
    min_area: MinArea = None,
    min_slope: MinSlope = None,
    simplify: Simplify = None,
    smooth: Smooth = None,
    prior: Annotated[
        float | None, typer.Option("--prior", metavar="P", help="Expected share of landslide pixels, 0–1.")
    ] = None,
    tta: Annotated[
        str | None,
        typer.Option(
            "--tta",
            metavar="N|NAMES",
            help="Average over 1, 2, 4 or 8 symmetries of the square, or over those named, e.g. identity,transpose.",
        ),
    ] = None,
    flat_slope: Annotated[
        float | None,
        typer.Option("--flat-slope", metavar="DEG", help="Do not scan where slopes are nowhere steeper; 0 scans all."),
    ] = None,
    no_filter: Annotated[
        bool, typer.Option("--no-filter", help="Do not ask the bundle's filter before the network.")
    ] = False,
    window: Annotated[int | None, typer.Option("--window", metavar="PX", help="Window size.")] = None,
    overlap: Annotated[int | None, typer.Option("--overlap", metavar="PX", help="Overlap of windows.")] = None,
    batch_size: Annotated[int | None, typer.Option("--batch-size", metavar="N", help="Windows per pass.")] = None,
    memory_mb: Annotated[
        int | None, typer.Option("--memory-mb", metavar="MB", help="Bound on what the scan adds to the process.")
    ] = None,
    backend: Annotated[
        str | None,
        typer.Option("--backend", metavar="B", autocompletion=complete.backends, help="auto, torch, openvino or onnx."),
    ] = None,
    precision: Annotated[
        str | None,
        typer.Option(
            "--precision", metavar="P", autocompletion=complete.precisions, help="auto, float32, bfloat16 or float16."
        ),
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", metavar="N", help="Processes on this machine that share the windows.")
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(
            "--scheduler", metavar="ADDR", help="Dask scheduler whose workers share them, e.g. tcp://host:8786."
        ),
    ] = None,
    reviewed: Annotated[
        Path | None,
        typer.Option(
            "--reviewed",
            metavar="FILE.gpkg",
            help="Take over what analysts decided; as landslide review import wrote it.",
        ),
    ] = None,
    crs: Annotated[str | None, typer.Option("--crs", help="Projected CRS of the result, e.g. EPSG:32654.")] = None,
    resolution: Annotated[float | None, typer.Option("--resolution", metavar="M", help="Pixel size in metres.")] = None,
    name: Annotated[str | None, typer.Option("--name", help="Name of the scene in outputs.")] = None,
    credits: Annotated[str, typer.Option("--credits", help="Printed on the map.")] = "",
    resume: Annotated[bool, typer.Option("--resume", help="Go on where an interrupted scan stopped.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace another scan in DIR.")] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Map the landslides of a scene.

    Examples:
      landslide scan red=B4.tif green=B3.tif blue=B2.tif --dem dsm.tif --out out/

      landslide scan after.tif pre=before.tif --out out/

      landslide scan scene/ --out out/    (as landslide ingest wrote it)

      landslide scan after.tif pre=before.tif asc=s1_after.tif --dem dem.tif --model fused --out out/

      landslide scan mosaic.tif --dem dem.tif --out out/ --workers 8

      landslide scan scene.tif --aoi district.gpkg --out out/ --threshold 0.6
    """
    from landslide_geo.cli.show import show_result, told
    from landslide_geo.config import ScanParams, validated
    from landslide_geo.errors import ParameterError
    from landslide_geo.pipeline.scan import scan as run

    given = {
        "model": model, "threshold": threshold, "grow": grow, "min_area_m2": min_area, "min_slope_deg": min_slope,
        "simplify_m": simplify, "smooth": smooth, "prior": prior,
        "tta": symmetries(tta), "flat_slope_deg": flat_slope, "filter": False if no_filter else None,
        "window": window, "overlap": overlap, "batch_size": batch_size, "memory_mb": memory_mb,
        "backend": backend, "precision": precision,
    }  # fmt: skip
    params = validated(
        ScanParams, {key: value for key, value in given.items() if value is not None}, where="landslide scan"
    )
    event_name, _, when = (event or "").partition("@")
    if event is not None and not (event_name and when):
        raise ParameterError(f"--event {event}: name and day are both needed; write it as Iburi@2018-09-06")
    event_day = day(when or None, "--event")
    speech = Speech(as_json=as_json, quiet=quiet)
    result = run(
        sources, out, dem=dem, dem_unit=height_unit(dem_unit), aoi=aoi, params=params, crs=crs, resolution=resolution,
        date=day(date, "--date"), date_pre=day(date_pre, "--date-pre"),
        event=None if event_day is None else (event_name, event_day), name=name, credits=credits, resume=resume,
        overwrite=overwrite, progress=not speech.silent, workers=workers, scheduler=scheduler, reviewed=reviewed,
    )  # fmt: skip
    speech.done(told(result))
    if not speech.silent:
        show_result(result)
