"""``landslide chips``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from landslide_geo.cli.options import Dem
from landslide_geo.cli.speech import Json, Quiet, Speech


def chips(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE...",
            help="A scan's folder, another source of landslide scan, e.g. a GeoTIFF with named bands, or NAME=PATH for "
            "each band.",
        ),
    ],
    inventory: Annotated[
        Path,
        typer.Argument(metavar="INVENTORY", help="landslides.gpkg after review, polygons of landslides, or a mask."),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder to make, with a store for each split.")],
    dem: Dem = None,
    bands: Annotated[
        str | None,
        typer.Option("--bands", metavar="NAMES", help="Bands of the chips, e.g. red,slope. Default: all but --dem's."),
    ] = None,
    extent: Annotated[
        Path | None,
        typer.Option(
            "--extent", metavar="FILE", help="Ground that was looked through. Default: INVENTORY's reviewed_extent."
        ),
    ] = None,
    complete: Annotated[bool, typer.Option("--complete", help="All landslides of the scene are in INVENTORY.")] = False,
    size: Annotated[int | None, typer.Option("--size", metavar="PX", help="Side of a chip.")] = None,
    stride: Annotated[
        int | None, typer.Option("--stride", metavar="PX", help="From one chip to the next. Default: the size.")
    ] = None,
    negatives: Annotated[
        float | None,
        typer.Option("--negatives", metavar="N", help="Chips without a landslide, for each one with; 1 by default."),
    ] = None,
    block: Annotated[
        float | None, typer.Option("--block", metavar="M", help="Side of the squares that splits are made of.")
    ] = None,
    validation: Annotated[
        float | None, typer.Option("--validation", metavar="SHARE", help="Of the chips, roughly; 0.2 by default.")
    ] = None,
    test: Annotated[float | None, typer.Option("--test", metavar="SHARE", help="Likewise; 0 by default.")] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Draws negatives and splits.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace chips that are in DIR.")] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Cut labelled chips from your own scene, to train on.

    Only inside the reviewed extent is unmarked ground a negative. Rejected outlines are hard negatives.

    Examples:
      landslide chips out/ out/landslides_reviewed.gpkg --out chips/

      landslide chips scene.tif mapped.shp --complete --dem dem.tif --bands red,green,blue,nir,slope --out chips/

      landslide chips elevation=dem.tif mapped.shp --complete --out chips/
    """
    from landslide_geo.config import ChipParams, validated
    from landslide_geo.pipeline.chips import cut_chips

    given = {
        "size": size, "stride": stride, "negatives": negatives, "block_m": block, "validation": validation,
        "test": test, "seed": seed,
    }  # fmt: skip
    params = validated(
        ChipParams, {key: value for key, value in given.items() if value is not None}, where="landslide chips"
    )
    names = None if bands is None else [name.strip() for name in bands.split(",")]
    speech = Speech(as_json=as_json, quiet=quiet)
    with speech.working():
        found = cut_chips(
            sources, inventory, out, dem=dem, bands=names, extent=extent, complete=complete, params=params,
            overwrite=overwrite,
        )  # fmt: skip
    speech.done(found, lines(found))


def lines(found: dict[str, Any]) -> list[str]:
    """What was cut, in words."""
    told = []
    for split in (name for name in ("train", "validation", "test") if name in found):
        counts = found[split]
        reasons = ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in counts["reasons"].items())
        told.append(
            f"{split}: {counts['chips']:,} chips from {counts['squares']:,} squares, {counts['landslide']:,} with a "
            f"landslide, {counts['hard_negative']:,} with rejected ground" + (f" ({reasons})" if reasons else "")
        )
    if found["too_small"]:
        told.append(f"{found['too_small']:,} outlines hold no pixel's centre; what they touch is unknown in the masks")
    return [*told, found["out"]]
