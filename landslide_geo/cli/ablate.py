"""``landslide ablate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from landslide_geo.cli.speech import Json, Quiet, Speech


def ablate(
    seeds: Annotated[str, typer.Option("--seeds", metavar="N1,N2,…", help="Of training; each runs all.")] = "0",
    only: Annotated[
        str | None, typer.Option("--only", metavar="GROUP", help="One group of `ablations` in params.yaml.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for tables and the picture.")] = Path(
        "data/ablations"
    ),
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Measure what each part of a system is worth; every system and seed is a DVC experiment (dvc exp show).

    Systems stand under `ablations` in params.yaml. What was run already is not run again; the workspace is left as the
    whole system with the first seed made it.

    Example: landslide profile sensors && git commit -am sensors && landslide ablate --seeds 0,1,2
    """
    from dataclasses import asdict

    from landslide_geo.errors import ParameterError
    from landslide_geo.pipeline.ablation import WRITTEN, write_ablations
    from landslide_geo.pipeline.ablation import ablate as run
    from landslide_geo.pipeline.figures import plots_folder
    from landslide_geo.report.ablations import Measured

    try:
        numbers = [int(part) for part in seeds.split(",")]
    except ValueError:
        raise ParameterError(f"--seeds {seeds}: give whole numbers, as in 0,1,2") from None
    if min(numbers) < 0:
        raise ParameterError(f"--seeds {seeds}: seeds are 0 or more")

    speech = Speech(as_json=as_json, quiet=quiet)

    def told(measured: Measured, fresh: bool) -> None:
        kept = "" if fresh else ", was there"
        speech.say(f"{measured.name}-{measured.seed}: f1 {measured.f1:.4f}{kept}")

    with plots_folder(out, WRITTEN, option="--out") as folder:  # what is in the way is said now, not after hours
        assert folder is not None
        with speech.working():
            found = run(seeds=numbers, only=only, report=told)
        write_ablations(folder, found)
    speech.done({"out": str(out), "runs": [asdict(one) for one in found]}, [str(out)])
