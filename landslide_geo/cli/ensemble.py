"""``landslide ensemble``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from landslide_geo.cli.speech import Json, Quiet, Speech


def ensemble(
    members: Annotated[list[Path], typer.Argument(metavar="DIR...", help="Finished bundles, each with predictions.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of the ensemble to write.")],
    weight: Annotated[
        list[str] | None,
        typer.Option("--weight", metavar="NAME=W", help="Of all members of that name; none: fitted. Repeatable."),
    ] = None,
    anchor: Annotated[
        bool, typer.Option(help="Bend each member's probabilities so that its own threshold comes to lie at 0.5.")
    ] = True,
    abstain: Annotated[
        float | None,
        typer.Option("--abstain", metavar="S", help="Leave a member out where its answers spread further than this."),
    ] = None,
    tta: Annotated[int | None, typer.Option("--tta", metavar="N", help="Symmetries averaged: 1, 2, 4 or 8.")] = None,
    prefilter: Annotated[
        Path | None,
        typer.Option("--prefilter", metavar="DIR", help="Of landslide prefilter: asked before the networks."),
    ] = None,
    name: Annotated[str | None, typer.Option("--name", metavar="NAME", help="Of the ensemble.")] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Put folds, or several systems of folds, together to one model that classifies.

    Weights of systems and the common threshold come from what each member predicted of its own fold.

    Example: landslide ensemble bundles/v2l-0 bundles/v2l-1 bundles/b5-0 bundles/b5-1 --weight v2l=0.7 --weight b5=0.3
    --out bundles/both
    """
    from landslide_geo.errors import ParameterError
    from landslide_geo.pipeline.ensembles import combine

    weights = {}
    for given in weight or []:
        system, equals, value = given.partition("=")
        if system in weights:
            raise ParameterError(f"--weight {given}: {system} has a weight already; give one for each system")
        try:
            weights[system] = float(value)
        except ValueError:
            equals = ""
        if not (system and equals):
            raise ParameterError(f"--weight {given}: give a name and a number, as in v2l=0.7")
    speech = Speech(as_json=as_json, quiet=quiet)
    with speech.working("ensemble"):
        made = combine(
            members, out, name=name, weights=weights, anchor=anchor, abstain=abstain, tta=tta, prefilter=prefilter
        )
    told = made.manifest["metrics"]["out_of_fold"]
    lines = [
        f"{fold}: f1 {values['f1']:.4f} at {values['threshold']:g} ({values['n']:,} chips)"
        for fold, values in told["folds"].items()
    ]
    folds = told["f1_of_folds"]
    shares = ", ".join(f"{system} {share:.3g}" for system, share in told["weights"].items())
    simulated = ", simulated" if told["simulated"] else ""
    lines.append(f"mean of folds {folds['mean']:.4f} ± {folds['deviation']:.4f}; weights: {shares}")
    lines.append(f"together: f1 {told['f1']:.4f} at {made.threshold:g} ({told['n']:,} chips{simulated})")
    speech.done({"out": str(out), "threshold": made.threshold} | told, [*lines, str(out)])
