"""``landslide prepare``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


def prepare(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="landslide4sense, landslide4sense-rgb, bijie, zindi, hrgldd, sen12landslides or negatives.",
        ),
    ],
    root: Annotated[
        Path,
        typer.Option(
            "--root", metavar="DIR", help="The dataset as it is published, unpacked. Of negatives: a scene's file."
        ),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder to make, with a store for each split.")],
    seed: Annotated[int, typer.Option("--seed", min=0, help="Draws splits that are not published.")] = 42,
    labels: Annotated[
        bool, typer.Option("--labels", help="Keep whether there is a landslide in each chip instead of its mask.")
    ] = False,
    cloud_mask: Annotated[bool, typer.Option("--cloud-mask", help="Add a band that is 1 on clouds (zindi).")] = False,
    splits: Annotated[
        Path | None,
        typer.Option("--splits", metavar="FILE", help="Splits as the authors publish them (sen12landslides)."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace chips that are in DIR.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the counts as JSON.")] = False,
) -> None:
    """Turn a published dataset into chips, to train on or to evaluate with.

    Example: landslide prepare landslide4sense --root data/raw/landslide4sense --out data/chips/landslide4sense
    """
    from landslide_geo.pipeline.prepare import prepare_dataset

    found = prepare_dataset(
        name, root, out, seed=seed, labels=labels, cloud_mask=cloud_mask, published=splits, overwrite=overwrite
    )
    if as_json:
        typer.echo(json.dumps(found))
        return
    for split, counts in found.items():
        if split != "out":
            left = f", {counts['left_out']:,} left out" if counts["left_out"] else ""
            typer.echo(f"{split}: {counts['chips']:,} chips, {counts['landslide']:,} with a landslide{left}")
    typer.echo(found["out"])
