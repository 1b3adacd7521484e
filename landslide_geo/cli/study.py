"""``landslide study``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from landslide_geo.cli.speech import Json, Quiet, Speech


def study(
    search: Annotated[
        list[str],
        typer.Option("--search", metavar="NAME=RANGE", help="A parameter and LOW..HIGH, or A,B,C; repeatable."),
    ],
    metric: Annotated[
        Path, typer.Option("--metric", metavar="FILE", help="JSON that the pipeline writes, of validation chips.")
    ],
    key: Annotated[str, typer.Option("--key", metavar="NAME", help="In it, to be made large.")] = "f1",
    trials: Annotated[int, typer.Option("--trials", min=1, help="Number of experiments.")] = 20,
    target: Annotated[
        str | None, typer.Option("--target", metavar="STAGE", help="Stage to run, as dvc names it.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Of the proposals.")] = 0,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Search parameters with Optuna; each trial is a DVC experiment (dvc exp show), and the best one is applied.

    Example: landslide study --search train.lr=1e-4..1e-2 --search train.loss=bce_dice,focal
    --metric data/decisions/unet.json --target calibrate@run0 --trials 20
    """
    from dataclasses import asdict

    from landslide_geo.pipeline.study import Choice, Trial
    from landslide_geo.pipeline.study import search as run

    speech = Speech(as_json=as_json, quiet=quiet)

    def told(trial: Trial) -> None:
        values = ", ".join(f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
                           for name, value in trial.values.items())  # fmt: skip
        score = "failed" if trial.score is None else f"{key} {trial.score:.4f}"
        speech.say(f"{trial.experiment or '–'}: {values}: {score}")

    with speech.working():
        done = run(
            [Choice.parsed(text) for text in search], metric=metric, key=key, trials=trials, target=target, seed=seed,
            report=told,
        )  # fmt: skip
    best = max((trial for trial in done if trial.score is not None), key=lambda trial: trial.score or 0.0)
    speech.done(
        {"best": asdict(best), "trials": [asdict(trial) for trial in done]},
        [f"best: {best.experiment}, {key} {best.score:.4f}; it is applied to the workspace"],
    )
