"""``landslide profile``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from landslide_geo.cli import complete


def profile(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", autocompletion=complete.profiles, help="smoke, sensors, fused, cpu, bijie, gpu or zindi."
        ),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="File to write.")] = Path("params.yaml"),
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace parameters that were edited.")] = False,
) -> None:
    """Write the parameters of `dvc repro`: smoke, sensors or fused (simulated), cpu or bijie (real data), gpu or zindi.

    Example: landslide profile smoke && dvc repro
    """
    from landslide_geo.config import profiles
    from landslide_geo.errors import OutputError, ParameterError
    from landslide_geo.files import replacing

    if name not in profiles.names():
        raise ParameterError(f"no profile {name!r}; there are: {', '.join(profiles.names())}")
    known = [profiles.text(one) for one in profiles.names()]
    if out.exists() and not overwrite and out.read_text(encoding="utf-8", errors="replace") not in known:
        raise OutputError(f"{out}: holds parameters that were edited; name another --out, or add --overwrite")
    with replacing(out) as part:
        part.write_text(profiles.text(name), encoding="utf-8")
    typer.echo(str(out))
