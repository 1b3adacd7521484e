"""``landslide evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def evaluate(
    root: Annotated[Path, typer.Option("--root", metavar="DIR", help="Folder of the dataset.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="metrics.json to write.")],
    model: Annotated[
        str, typer.Option("--model", metavar="NAME|DIR", help="Shipped model, or folder of a bundle or ensemble.")
    ] = "default",
    dataset: Annotated[
        str, typer.Option("--dataset", metavar="NAME", help="landslide4sense-rgb")
    ] = "landslide4sense-rgb",
    split: Annotated[str, typer.Option("--split", metavar="NAME", help="train, validation or test")] = "test",
    threshold: Annotated[
        float | None, typer.Option("--threshold", metavar="P", help="Instead of the model's own.")
    ] = None,
    tta: Annotated[int | None, typer.Option("--tta", metavar="N", help="Symmetries averaged: 1, 2, 4 or 8.")] = None,
) -> None:
    """Score a model on a labelled dataset.

    Example: landslide evaluate --model default --dataset landslide4sense-rgb --root landslide4sense_rgb --split test
    --out metrics.json
    """
    from landslide_geo.models import load_ensemble
    from landslide_geo.training.evaluate import evaluate as run
    from landslide_geo.training.evaluate import write_metrics

    metrics = run(load_ensemble(model), dataset=dataset, root=root, split=split, tta=tta, threshold=threshold)
    write_metrics(metrics, out)
    typer.echo(
        f"{metrics['model']} on {dataset} {split}: "
        f"f1 {metrics['f1']:.3f}, iou {metrics['iou']:.3f}, "
        f"precision {metrics['precision']:.3f}, recall {metrics['recall']:.3f} "
        f"at {metrics['threshold']:g} ({metrics['n']:,} pixels)"
    )
    typer.echo(str(out))
