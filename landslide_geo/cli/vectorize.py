"""``landslide vectorize``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from landslide_geo.cli.options import Dem, DemUnit, Grow, MinArea, MinSlope, Simplify, Smooth, Threshold, height_unit
from landslide_geo.cli.speech import Json, Quiet, Speech


def vectorize(
    probability: Annotated[Path, typer.Argument(metavar="PROBABILITY.tif", help="Raster of probabilities, 0–1.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE.gpkg", help="GeoPackage to write.")],
    threshold: Threshold = None,
    grow: Grow = None,
    min_area: MinArea = None,
    min_slope: MinSlope = None,
    simplify: Simplify = None,
    smooth: Smooth = None,
    dem: Dem = None,
    dem_unit: DemUnit = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Turn a probability raster into landslide polygons with attributes and a QGIS style.

    Example: landslide vectorize out/probability.tif --threshold 0.6 --dem dsm.tif --out landslides.gpkg
    """
    from landslide_geo.config import VectorizeParams, validated
    from landslide_geo.pipeline.vectorize import vectorize_file

    given = {
        "threshold": threshold,
        "grow": grow,
        "min_area_m2": min_area,
        "min_slope_deg": min_slope,
        "simplify_m": simplify,
        "smooth": smooth,
    }
    changes = {key: value for key, value in given.items() if value is not None}
    params = validated(VectorizeParams, changes, where="landslide vectorize")
    speech = Speech(as_json=as_json, quiet=quiet)
    with speech.working("polygons"):
        inventory = vectorize_file(probability, out, params=params, dem=dem, dem_unit=height_unit(dem_unit))
    area = inventory.landslides["area_m2"].sum() / 1e4
    if inventory.landslides["slope_mean_deg"].isna().all() and len(inventory.landslides):
        speech.warn("no elevation model: slopes did not screen objects; give one with --dem")
    lines = [f"{len(inventory.landslides):,} landslides, {area:,.1f} ha → {out}"]
    speech.done(inventory.summary() | {"out": str(out)}, lines)
