"""Options that several commands share."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from landslide_geo.errors import ParameterError

if TYPE_CHECKING:
    from landslide_geo.scene.heights import HeightUnit

Mirror = Annotated[
    Path | None,
    typer.Option(
        "--mirror", envvar="LANDSLIDE_MIRROR", metavar="DIR", help="Folder with copies of the data, used first."
    ),
]
Threshold = Annotated[
    float | None,
    typer.Option("--threshold", metavar="P", help="Decision threshold on probability, 0–1. Default: the model's own."),
]
Grow = Annotated[
    float | None,
    typer.Option(
        "--grow", metavar="SHARE", help="Objects take in their rim down to this share of the threshold; 1 for none."
    ),
]
MinArea = Annotated[float | None, typer.Option("--min-area", metavar="M2", help="Least area of a landslide in m².")]
MinSlope = Annotated[
    float | None,
    typer.Option(
        "--min-slope",
        metavar="DEG",
        help="An object stays when the 90th percentile of its slope reaches this, its flat runout included.",
    ),
]
Simplify = Annotated[
    float | None,
    typer.Option("--simplify", metavar="M", help="Drop corners of outlines that stand for less than M × M metres."),
]
Smooth = Annotated[
    bool | None,
    typer.Option("--smooth/--no-smooth", help="Free outlines of the staircase of pixels.", show_default=False),
]
Dem = Annotated[Path | None, typer.Option("--dem", metavar="FILE", help="Elevation model, on any grid.")]
DemUnit = Annotated[
    str | None,
    typer.Option("--dem-unit", metavar="UNIT", help="Of elevations: m, dm or ft. Default: what the files tell, or m."),
]


def day(text: str | None, option: str) -> date | None:
    """A day in ISO form.

    Raises:
        ParameterError: it is not one.
    """
    if text is None:
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%d").date()
    except ValueError:
        raise ParameterError(f"{option} {text}: not a day; write it as 2018-09-06") from None


def height_unit(text: str | None) -> HeightUnit | None:
    """The unit of ``--dem-unit``.

    Raises:
        ParameterError: it is none.
    """
    from landslide_geo.scene.heights import METRES

    found: HeightUnit | None = next((unit for unit in METRES if unit == text), None)
    if text is not None and found is None:
        raise ParameterError(f"--dem-unit {text}: is none of {', '.join(METRES)}")
    return found


def warn(line: str) -> None:
    """Tell what the user should look at, on standard error: what is done goes on."""
    typer.echo(f"warning: {line}", err=True)


def symmetries(text: str | None) -> int | tuple[str, ...] | None:
    """``4`` or ``identity,transpose``, as the parameters take them."""
    if text is None:
        return None
    return int(text) if text.isascii() and text.isdecimal() else tuple(name.strip() for name in text.split(","))
