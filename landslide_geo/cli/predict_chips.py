"""``landslide predict-chips``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from landslide_geo.cli import complete
from landslide_geo.cli.speech import Json, Quiet, Speech


def predict_chips(
    root: Annotated[Path, typer.Option("--root", metavar="DIR", help="Folder of the patches to predict.")],
    out: Annotated[
        Path, typer.Option("--out", metavar="FILE|DIR", help="submission.csv (ID, label); of masks, a new folder.")
    ],
    model: Annotated[
        str,
        typer.Option(
            "--model",
            metavar="NAME|DIR",
            autocompletion=complete.models,
            help="Shipped model, or folder of a bundle or ensemble.",
        ),
    ] = "default",
    dataset: Annotated[
        str,
        typer.Option(
            "--dataset",
            metavar="NAME",
            autocompletion=complete.scored,
            help="zindi, landslide4sense, or chips of landslide prepare.",
        ),
    ] = "zindi",
    split: Annotated[
        str, typer.Option("--split", metavar="NAME", autocompletion=complete.splits, help="Of chips.")
    ] = "test",
    threshold: Annotated[
        float | None, typer.Option("--threshold", metavar="P", help="Instead of the model's own.")
    ] = None,
    tta: Annotated[int | None, typer.Option("--tta", metavar="N", help="Symmetries averaged: 1, 2, 4 or 8.")] = None,
    prior: Annotated[
        float | None,
        typer.Option("--prior", metavar="P", help="Expected share of landslides, where it is not the training's."),
    ] = None,
    probabilities: Annotated[
        Path | None,
        typer.Option("--probabilities", metavar="FILE", help="Write probability and spread of each patch there (CSV)."),
    ] = None,
    speckle: Annotated[
        str | None,
        typer.Option(
            "--speckle", metavar="NAME", help="Filter radar: median, lee or none (zindi). Default: as the model wants."
        ),
    ] = None,
    speckle_window: Annotated[
        int | None, typer.Option("--speckle-window", metavar="PX", help="Side of the filter's window (zindi).")
    ] = None,
    no_filter: Annotated[
        bool, typer.Option("--no-filter", help="Do not ask the model's filter before the network.")
    ] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Predict patches whose truth nobody has told, and write the answers as the challenges want them.

    A model that classifies writes Zindi's submission.csv; one that outlines writes Landslide4Sense's mask_N.h5.

    Example: landslide predict-chips --model bundles/both --dataset zindi --root zindi --threshold 0.52 --tta 4
    --out submission.csv
    """
    from landslide_geo.pipeline.prediction import predict_chips

    given = {"speckle": speckle, "speckle_window": speckle_window}
    speech = Speech(as_json=as_json, quiet=quiet)
    with speech.working():
        found = predict_chips(
            model, dataset=dataset, root=root, out=out, split=split, threshold=threshold, tta=tta, prior=prior,
            probabilities=probabilities, options={name: value for name, value in given.items() if value is not None},
            filter=not no_filter,
        )  # fmt: skip
    for line in found.doubts:
        speech.warn(line)
    filtered = "" if found.filtered is None else f"; {found.filtered:.1%} filtered"
    told = f"{found.chips:,} chips, {found.positive:,} with a landslide; mean spread over answers {found.spread:.4f}"
    result = {
        "chips": found.chips, "positive": found.positive, "spread": found.spread, "filtered": found.filtered,
        "out": str(out),
    }  # fmt: skip
    speech.done(result, [told + filtered, str(out)])
