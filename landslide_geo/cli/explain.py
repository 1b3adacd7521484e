"""``landslide explain``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from landslide_geo.cli import complete
from landslide_geo.cli.speech import Json, Quiet, Speech


def explain(
    data: Annotated[Path, typer.Option("--data", metavar="DIR", help="Folder with stores of chips.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of tables and pictures to write.")],
    model: Annotated[
        str,
        typer.Option(
            "--model", metavar="NAME|DIR", autocompletion=complete.models, help="Shipped model, or folder of a bundle."
        ),
    ] = "default",
    split: Annotated[
        str, typer.Option("--split", metavar="NAME", autocompletion=complete.splits, help="Of the chips.")
    ] = "test",
    chips: Annotated[int, typer.Option("--chips", metavar="N", help="At most, spread evenly over the split.")] = 32,
    steps: Annotated[int, typer.Option("--steps", metavar="N", help="More are slower and closer.")] = 50,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Tell what a model's answers rest on: integrated gradients by band and modality, and what its gate weighs.

    Example: landslide explain --model bundles/mine --data data/chips/zindi --split validation --out explained
    """
    from landslide_geo.pipeline.explain import explain_model

    speech = Speech(as_json=as_json, quiet=quiet)
    with speech.working():
        found = explain_model(model, data=data, split=split, out=out, chips=chips, steps=steps)
    simulated = " (simulated)" if found["simulated"] else ""
    lines = [f"{found['model']} on {found['chips']} chips of {found['dataset']} {split}{simulated}"]
    for name, shares in found["bands"].items():
        lines.append(f"  {name:<14} {shares['absolute_share']:6.1%}  {shares['signed_mean']:+.3f} logits")
    if gate := found.get("gate"):
        known = gate["spearman_with_cloud_score"]
        told = "cannot be told" if known is None else f"optical {known['optical']:+.2f}, SAR {known['sar']:+.2f}"
        lines.append(f"  Spearman's correlation of the gate's weights with the cloud score: {told}")
    speech.done({"out": str(out)} | found, [*lines, str(out)])
