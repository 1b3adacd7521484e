"""``landslide prefilter``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from landslide_geo.cli.speech import Json, Quiet, Speech


def prefilter(
    data: Annotated[Path, typer.Option("--data", metavar="DIR", help="Chips of landslide prepare or landslide chips.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of the filter to write.")],
    params: Annotated[
        Path | None, typer.Option("--params", metavar="FILE", help="params.yaml, whose `prefilter` counts.")
    ] = None,
    bands: Annotated[
        str | None, typer.Option("--bands", metavar="B1,B2,…", help="Of the chips. Default: all of them.")
    ] = None,
    folds: Annotated[int | None, typer.Option("--folds", metavar="N", help="Parts by block. Default: 5.")] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Another seed. Default: 0.")] = None,
    recall: Annotated[
        float | None,
        typer.Option("--recall", metavar="R", help="Share of chips with a landslide that must pass. Default: 1."),
    ] = None,
    energy: Annotated[
        Path | None,
        typer.Option("--energy", metavar="FILE", help="JSON: energy_wh that a network used, for how many chips."),
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Train a filter that keeps windows without landslides from the network; landslide bundle --prefilter takes it in.

    Example: landslide prefilter --data chips/zindi --out runs/filter
    """
    from landslide_geo.config import PipelineParams, PrefilterParams, load_params, validated
    from landslide_geo.pipeline.prefilter import train_prefilter

    base = (load_params(params) if params is not None else PipelineParams()).prefilter
    listed = None if bands is None else tuple(band.strip() for band in bands.split(","))
    changes = {"bands": listed, "folds": folds, "seed": seed, "recall": recall}
    given = {name: value for name, value in changes.items() if value is not None}
    chosen = validated(PrefilterParams, base.model_dump() | given, where="landslide prefilter")
    speech = Speech(as_json=as_json, quiet=quiet)
    with speech.working():
        found = train_prefilter(data, out, params=chosen, energy=energy)
    lines = []
    for name, what in (("out_of_fold", "out of fold"), ("validation", "validation")):
        if name in found:
            told = found[name]
            lines.append(
                f"{what}: {told['filtered']:.1%} of {told['chips']:,} chips filtered, recall {told['recall']:.4f}, "
                f"landslides in {told['prevalence_before']:.1%} of chips before, {told['prevalence_after']:.1%} after"
            )
    if "energy" in found:
        lines.append(f"energy saved: {found['energy']['saved_wh_per_1000_chips']:g} Wh per 1,000 chips")
    speech.done({"out": str(out)} | found, [*lines, str(out)])
