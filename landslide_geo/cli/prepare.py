"""``landslide prepare``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from landslide_geo.cli import complete
from landslide_geo.cli.speech import Json, Quiet, Speech


def prepare(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            autocompletion=complete.datasets,
            help="landslide4sense, landslide4sense-rgb, bijie, zindi, hrgldd, sen12landslides, negatives or simulated.",
        ),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder to make, with a store for each split.")],
    root: Annotated[
        Path | None,
        typer.Option(
            "--root",
            metavar="DIR",
            help="The dataset as it is published, unpacked. Of negatives: a scene's file. Of simulated: none.",
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            "--seed",
            min=0,
            show_default=False,
            help="Draws splits that are not published (42), and what is simulated (0).",
        ),
    ] = None,
    labels: Annotated[
        bool, typer.Option("--labels", help="Keep whether there is a landslide in each chip instead of its mask.")
    ] = False,
    cloud_mask: Annotated[bool, typer.Option("--cloud-mask", help="Add a band that is 1 on clouds (zindi).")] = False,
    speckle: Annotated[
        str | None,
        typer.Option(
            "--speckle",
            metavar="NAME",
            autocompletion=complete.speckles,
            help="Filter radar: median, lee or none (zindi). Default: none.",
        ),
    ] = None,
    speckle_window: Annotated[
        int | None,
        typer.Option("--speckle-window", metavar="PX", help="Side of the filter's window (zindi). Default: 3."),
    ] = None,
    splits: Annotated[
        Path | None,
        typer.Option("--splits", metavar="FILE", help="Splits as the authors publish them (sen12landslides)."),
    ] = None,
    chips: Annotated[
        int | None, typer.Option("--chips", metavar="N", help="How many (simulated). Default: 200.")
    ] = None,
    size: Annotated[
        int | None, typer.Option("--size", metavar="PX", help="Side of a chip (simulated, bijie). Default: 128, 224.")
    ] = None,
    bands: Annotated[
        str | None,
        typer.Option(
            "--bands",
            metavar="B1,B2,…",
            help="Any of the vocabulary, pre_ for the earlier date, or all (simulated). Default: Landslide4Sense's 14.",
        ),
    ] = None,
    share: Annotated[
        float | None,
        typer.Option("--share", metavar="S", help="Of chips with a landslide (simulated). Default: 0.5."),
    ] = None,
    clouds: Annotated[
        float | None, typer.Option("--clouds", metavar="S", help="Share of the sky (simulated). Default: 0.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace chips that are in DIR.")] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Turn a published dataset into chips, to train on or to evaluate with; or simulate some.

    Example: landslide prepare landslide4sense --root data/raw/landslide4sense --out data/chips/landslide4sense

    Example: landslide prepare simulated --out data/chips/simulated --bands red,green,blue,nir,pre_red,pre_nir,slope
    """
    from landslide_geo.chips.simulated import BANDS
    from landslide_geo.pipeline.prepare import prepare_dataset

    listed = None if bands is None else list(BANDS) if bands == "all" else [band.strip() for band in bands.split(",")]
    speech = Speech(as_json=as_json, quiet=quiet)
    with speech.working():
        found = prepare_dataset(
            name, root, out, seed=seed, labels=labels, cloud_mask=cloud_mask, speckle=speckle,  # type: ignore[arg-type]
        speckle_window=speckle_window, published=splits, chips=chips, size=size, bands=listed, share=share,
        clouds=clouds, overwrite=overwrite, warn=speech.warn,
        )  # fmt: skip
    lines = []
    for split, counts in found.items():
        if split != "out":
            left = f", {counts['left_out']:,} left out" if counts["left_out"] else ""
            lines.append(f"{split}: {counts['chips']:,} chips, {counts['landslide']:,} with a landslide{left}")
    table = {split: f"{counts['chips']:,} chips" for split, counts in found.items() if split != "out"}
    speech.done(found, [*lines, found["out"]], title=name, table=table)
