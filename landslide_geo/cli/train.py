"""``landslide train``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def train(
    root: Annotated[Path, typer.Option("--root", metavar="DIR", help="Folder of Landslide4Sense-RGB.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of the bundle to write.")],
    negatives: Annotated[
        Path | None,
        typer.Option("--negatives", metavar="FILE", help="Scene without landslides, with bands B04, B03 and B02."),
    ] = None,
    params: Annotated[
        Path | None, typer.Option("--params", metavar="FILE", help="params.yaml; its part `train` is used.")
    ] = None,
    architecture: Annotated[
        str | None, typer.Option("--architecture", metavar="NAME", help="Another architecture than the parameters say.")
    ] = None,
    epochs: Annotated[int | None, typer.Option("--epochs", help="Another number of epochs.")] = None,
    restart: Annotated[
        bool, typer.Option("--restart", help="Start anew where an earlier run was interrupted.")
    ] = False,
) -> None:
    """Train a model from scratch, calibrate it on validation, report on the test, and write its bundle.

    Without --params the defaults are those of the shipped model. Checkpoints lie in DIR.train, and a run that was
    killed goes on from the last epoch.

    Example: landslide train --root landslide4sense_rgb --negatives s2_B4B3B2B8.tif --out models/mine
    """
    from landslide_geo.config import TrainParams, load_params, validated
    from landslide_geo.training.card import figures
    from landslide_geo.training.run import train as run

    chosen = load_params(params).train if params is not None else TrainParams()
    changed: dict[str, object] = chosen.model_dump()
    if architecture is not None and architecture != chosen.architecture:
        changed |= {"architecture": architecture, "name": architecture, "arguments": {}}
    if epochs is not None:
        changed |= {"epochs": epochs}
    bundle = run(
        root, scene=negatives, out=out, params=validated(TrainParams, changed, where="train"), resume=not restart
    )
    typer.echo(figures({bundle.manifest.name: bundle.manifest}))
    typer.echo(f"\n{out}")
