"""``landslide train``, ``landslide calibrate`` and ``landslide bundle``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from landslide_geo.cli import complete
from landslide_geo.cli.speech import Json, Quiet, Speech
from landslide_geo.progress import note

#: Figures of a training in the table at the end.
_SPENT: Final = {
    "Epochs": "epochs", "Minutes": "minutes", "Accelerator": "accelerator", "Precision": "precision",
    "Energy (kWh)": "energy_kwh", "CO₂ (kg)": "co2_kg",
}  # fmt: skip


def train(
    data: Annotated[Path, typer.Option("--data", metavar="DIR", help="Chips of landslide prepare or landslide chips.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of the bundle to write.")],
    negatives: Annotated[
        Path | None,
        typer.Option("--negatives", metavar="DIR", help="Chips without landslides, of which each epoch draws some."),
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", metavar="NAME", help="One of `models` in the parameters.")
    ] = None,
    params: Annotated[Path | None, typer.Option("--params", metavar="FILE", help="params.yaml.")] = None,
    architecture: Annotated[
        str | None,
        typer.Option(
            "--architecture",
            metavar="NAME",
            autocompletion=complete.architectures,
            help="Another architecture, with its defaults.",
        ),
    ] = None,
    epochs: Annotated[
        int | None, typer.Option("--epochs", help="Other epochs; the gentle ones at the end come on top.")
    ] = None,
    fold: Annotated[int | None, typer.Option("--fold", help="Validate on this part of the training chips.")] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Another seed.")] = None,
    start: Annotated[
        str | None,
        typer.Option("--start", metavar="MODEL|FILE", help="Begin with a model's weights, or an encoder's file."),
    ] = None,
    restart: Annotated[
        bool, typer.Option("--restart", help="Start anew where an earlier run was interrupted.")
    ] = False,
    plots: Annotated[
        Path | None, typer.Option("--plots", metavar="DIR", help="Write a picture of the training curves there.")
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Train a network on chips and write it as a bundle; landslide calibrate and landslide bundle finish it.

    Without --params the defaults are those of the shipped model. Checkpoints lie in DIR.train, and a run that was
    killed goes on from the last epoch.

    Example: landslide train --data chips/landslide4sense-rgb --negatives chips/negatives --out models/mine

    Example: landslide train --data chips/my-region --start default --epochs 10 --out models/my-region
    """
    from landslide_geo.config import PipelineParams, load_params
    from landslide_geo.errors import ParameterError
    from landslide_geo.pipeline.figures import TRAINED, plots_folder, write_training
    from landslide_geo.pipeline.training import train_model

    changes: dict[str, object] = {"epochs": epochs, "fold": fold, "seed": seed, "start": start}
    given = {name: value for name, value in changes.items() if value is not None}
    if architecture is not None:
        given |= {"architecture": architecture, "name": architecture, "arguments": {}}
    if model is not None and params is None:
        raise ParameterError(f"--model {model}: name the parameters it stands in, as in --params params.yaml")
    chosen = (load_params(params) if params is not None else PipelineParams()).training(model, **given)
    named: dict[str, object] = {"--params": params and params.name, "--model": model, "--architecture": architecture}
    named |= {f"--{name}": value for name, value in changes.items()}
    named["--start"] = start and Path(start).name
    options = " ".join(f"{name} {value}" for name, value in named.items() if value is not None)
    speech = Speech(as_json=as_json, quiet=quiet)
    with plots_folder(plots, TRAINED) as folder, speech.working():
        bundle = train_model(
            data, out, negatives=negatives, params=chosen, resume=not restart,
            report=None if speech.silent else _epoch, options=options, warn=speech.warn,
        )  # fmt: skip
        if folder is not None:
            write_training(folder, out)
    measured = bundle.manifest.metrics["training"]
    lines = []
    if "minutes" in measured:
        lines.append(
            f"{chosen.architecture}: {measured['epochs']} epochs in {measured['minutes']:g} minutes "
            f"({measured['precision']} on {measured['accelerator']}, {measured['energy_kwh']:g} kWh)"
        )
    table = {name: str(measured[key]) for name, key in _SPENT.items() if measured.get(key) is not None}
    result = {"out": str(out), "architecture": chosen.architecture} | measured
    speech.done(result, [*lines, str(out)], title=chosen.name, table=table)


def _epoch(line: dict[str, float]) -> None:
    """Say what is known of an epoch; a function by name, since it may be another process that trains."""
    validation = f", validation loss {line['val_loss']:.4f}, f1 {line['val_f1']:.3f}" if "val_f1" in line else ""
    told = f"epoch {line['epoch']:.0f}: {line['seconds']:.0f} s, loss {line['loss']:.4f}{validation}"
    if not note(told):
        typer.echo(told, err=True)


def calibrate(
    model: Annotated[Path, typer.Argument(metavar="DIR", help="Bundle of landslide train.")],
    data: Annotated[Path, typer.Option("--data", metavar="DIR", help="Chips it was trained on.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="calibration.json to write.")],
    method: Annotated[
        str,
        typer.Option(
            "--method", metavar="NAME", autocompletion=complete.methods, help="platt, temperature or isotonic."
        ),
    ] = "platt",
    tta: Annotated[int | None, typer.Option("--tta", metavar="N", help="Symmetries averaged: 1, 2, 4 or 8.")] = None,
    predictions: Annotated[
        Path | None,
        typer.Option("--predictions", metavar="FILE", help="Write what it says of each of these chips there (CSV)."),
    ] = None,
    plots: Annotated[
        Path | None, typer.Option("--plots", metavar="DIR", help="Write tables of curves and pictures there.")
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Calibrate a trained model on its validation chips, and seek its decision threshold there.

    Example: landslide calibrate models/mine --data chips/landslide4sense-rgb --out models/mine.calibration.json
    """
    from landslide_geo.errors import ParameterError
    from landslide_geo.pipeline.figures import CALIBRATED, plots_folder, write_decision
    from landslide_geo.pipeline.training import calibrate_model, write_result
    from landslide_geo.training.calibration import FITS

    if method not in FITS:
        raise ParameterError(f"method {method!r}: use one of {', '.join(FITS)}")
    speech = Speech(as_json=as_json, quiet=quiet)
    with plots_folder(plots, CALIBRATED) as folder, speech.working():
        decision = calibrate_model(
            model, data, method=method, tta=tta, predictions=predictions,  # type: ignore[arg-type]
        )  # fmt: skip
        told = decision.to_json()
        if folder is not None:
            write_decision(folder, decision, model=model)
        write_result(out, told)
    error = told["calibration_error"]
    line = (
        f"threshold {told['threshold']['value']:g} (f1 {told['f1']:.3f}); calibration error {error['before']:.4f} "
        f"before, {error['after']:.4f} after"
    )
    table = {
        "Threshold": f"{told['threshold']['value']:g}", "F1": f"{told['f1']:.3f}",
        "Calibration error before": f"{error['before']:.4f}", "Calibration error after": f"{error['after']:.4f}",
    }  # fmt: skip
    speech.done({"out": str(out)} | told, [line, str(out)], table=table)


def bundle(
    model: Annotated[Path, typer.Argument(metavar="DIR", help="Bundle of landslide train.")],
    calibration: Annotated[Path, typer.Option("--calibration", metavar="FILE", help="Of landslide calibrate.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of the finished bundle.")],
    metrics: Annotated[
        list[str] | None, typer.Option("--metrics", metavar="SPLIT=FILE", help="Of landslide evaluate; repeatable.")
    ] = None,
    predictions: Annotated[
        Path | None, typer.Option("--predictions", metavar="FILE", help="Of landslide calibrate, for ensembles.")
    ] = None,
    prefilter: Annotated[
        Path | None,
        typer.Option("--prefilter", metavar="DIR", help="Of landslide prefilter: asked before the network."),
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Finish a bundle: its calibration, threshold and scores, and its card.

    Example: landslide bundle models/mine --calibration models/mine.calibration.json --metrics test=metrics.json
    --out bundles/mine
    """
    from landslide_geo.errors import ParameterError
    from landslide_geo.pipeline.training import bundle_model
    from landslide_geo.training.card import figures

    files = {}
    for given in metrics or []:
        split, equals, path = given.partition("=")
        if not (split and equals and path):
            raise ParameterError(f"--metrics {given}: give a split and a file, as in test=metrics.json")
        files[split] = path
    speech = Speech(as_json=as_json, quiet=quiet)
    with speech.working("bundle"):
        made = bundle_model(
            model, out, decision=calibration, metrics=files, predictions=predictions, prefilter=prefilter
        )
    told = made.manifest.model_dump(mode="json")
    speech.done({"out": str(out)} | told, [figures({made.manifest.name: made.manifest}), f"\n{out}"])
