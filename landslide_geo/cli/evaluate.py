"""``landslide evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from landslide_geo.cli import complete
from landslide_geo.cli.speech import Json, Quiet, Speech

#: Scores of the table at the end.
_SUMMED: Final = {
    "F1": "f1",
    "IoU": "iou",
    "Precision": "precision",
    "Recall": "recall",
    "Accuracy": "accuracy",
    "AUC": "auc",
}


def evaluate(
    root: Annotated[Path, typer.Option("--root", metavar="DIR", help="Folder of the dataset.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="metrics.json to write.")],
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
            help="As for landslide prepare; or chips, which it wrote.",
        ),
    ] = "landslide4sense-rgb",
    split: Annotated[
        str, typer.Option("--split", metavar="NAME", autocompletion=complete.splits, help="train, validation or test")
    ] = "test",
    calibration: Annotated[
        Path | None,
        typer.Option("--calibration", metavar="FILE", help="Of landslide calibrate, instead of the model's own."),
    ] = None,
    threshold: Annotated[
        float | None, typer.Option("--threshold", metavar="P", help="Instead of the model's own.")
    ] = None,
    prior: Annotated[
        float | None,
        typer.Option("--prior", metavar="P", help="Expected share of landslides, where it is not the training's."),
    ] = None,
    tta: Annotated[int | None, typer.Option("--tta", metavar="N", help="Symmetries averaged: 1, 2, 4 or 8.")] = None,
    plots: Annotated[
        Path | None, typer.Option("--plots", metavar="DIR", help="Write tables of curves and pictures there.")
    ] = None,
    no_filter: Annotated[
        bool, typer.Option("--no-filter", help="Do not ask the model's filter before the network.")
    ] = False,
    compare_filter: Annotated[
        bool,
        typer.Option("--compare-filter", help="Score without the model's filter too, and measure what it saves."),
    ] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Score a model on a labelled dataset.

    Example: landslide evaluate --model default --dataset landslide4sense-rgb --root landslide4sense_rgb --split test
    --out metrics.json
    """
    from landslide_geo.pipeline.evaluation import evaluate_model
    from landslide_geo.pipeline.figures import EVALUATED, plots_folder, write_evaluation
    from landslide_geo.pipeline.training import write_result

    speech = Speech(as_json=as_json, quiet=quiet)
    with plots_folder(plots, EVALUATED) as folder, speech.working():
        found = evaluate_model(
            model, dataset=dataset, root=root, split=split, tta=tta, threshold=threshold, prior=prior,
            decision=calibration, filter=not no_filter, compare_filter=compare_filter,
        )  # fmt: skip
        metrics = found.metrics
        if folder is not None:
            write_evaluation(folder, found)
        write_result(out, metrics)
    for line in found.doubts:
        speech.warn(line)
    simulated = ", simulated" if metrics["simulated"] else ""
    filtered = f"; {metrics['filtered']:.1%} of the chips filtered" if "filtered" in metrics else ""
    lines = [
        f"{metrics['model']} on {metrics['dataset']} {split}: "
        f"f1 {metrics['f1']:.3f}, iou {metrics['iou']:.3f}, "
        f"precision {metrics['precision']:.3f}, recall {metrics['recall']:.3f} "
        f"at {metrics['threshold']:g} ({metrics['n']:,} {metrics['unit']}s{simulated}){filtered}"
    ]
    if "filter_saves" in metrics:
        own, every = (metrics["filter_saves"][name] for name in ("with_filter", "without_filter"))
        lines.append(
            f"with the filter {own['seconds']:g} s, {own['energy_wh']:g} Wh, f1 {own['f1']:.3f}; without it "
            f"{every['seconds']:g} s, {every['energy_wh']:g} Wh, f1 {every['f1']:.3f}"
        )
    table = {name: f"{metrics[key]:.3f}" for name, key in _SUMMED.items() if metrics.get(key) is not None}
    speech.done(metrics, [*lines, str(out)], table=table)
