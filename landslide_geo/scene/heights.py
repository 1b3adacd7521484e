"""The unit of an elevation model: what its file tells of it, and whether its values can be metres."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import rasterio
from numpy.typing import NDArray
from pyproj import CRS
from pyproj.exceptions import CRSError

from landslide_geo.scene.raster_io import open_raster

HeightUnit = Literal["m", "dm", "ft"]

#: Metres of one, by short name; the foot of US surveys is taken for the international one: 2 mm in 1 km.
METRES: Final[dict[HeightUnit, float]] = {"m": 1.0, "dm": 0.1, "ft": 0.3048}
#: Names that units go by in files, catalogues and coordinate reference systems.
_NAMES: Final[dict[str, HeightUnit]] = {
    "m": "m", "metre": "m", "meter": "m", "metres": "m", "meters": "m",
    "dm": "dm", "decimetre": "dm", "decimeter": "dm", "decimetres": "dm", "decimeters": "dm",
    "ft": "ft", "foot": "ft", "feet": "ft", "us survey foot": "ft", "us-ft": "ft", "ftus": "ft", "sfoot": "ft",
}  # fmt: skip
#: Land lies between the Dead Sea and Everest, with room for a surface's noise and mines, in metres.
LOWEST: Final = -500.0
HIGHEST: Final = 9000.0


def unit_named(text: str | None) -> HeightUnit | None:
    """A unit by one of its names; None where there is none, or an unknown one."""
    return _NAMES.get((text or "").strip().lower())


def unit_told(dataset: rasterio.DatasetReader, index: int = 1) -> HeightUnit | None:
    """The unit of an elevation model as its file tells it: of the band, or of its vertical CRS.

    Args:
        dataset: the model.
        index: 1-based, of its band.

    Returns:
        None where it tells none that is known: then it is metres, by custom.
    """
    own = unit_named(dataset.units[index - 1])
    if own is not None or dataset.crs is None:
        return own
    try:
        axes = CRS.from_user_input(dataset.crs).axis_info
    except CRSError:
        return None
    return next((unit_named(axis.unit_name) for axis in axes if axis.direction == "up"), None)


def unit_of_file(path: Path, index: int = 1) -> HeightUnit:
    """What the file of an elevation model tells, or metres.

    Raises:
        SourceNotFoundError, UnreadableRasterError, MissingCRSError: it cannot be used.
    """
    with open_raster(path, what="elevation model") as dataset:
        return unit_told(dataset, index) or "m"


def unit_doubts(name: str, unit: HeightUnit, metres: NDArray[Any], *, told_by_user: bool) -> list[str]:
    """What the user should know of the unit of an elevation model.

    Args:
        name: of the file.
        unit: that its values were taken to be in.
        metres: elevations of it by that unit, of any shape, NaN where there is none.
        told_by_user: whether the unit was said, whatever the file tells.
    """
    doubts = []
    if unit != "m" and not told_by_user:
        doubts.append(f"{name}: says that its elevations are in {unit}; they were converted, or not with --dem-unit m")
    known = metres[np.isfinite(metres)]
    if known.size and (problem := implausible(name, float(known.min()), float(known.max()))) is not None:
        doubts.append(problem)
    return doubts


def implausible(name: str, lowest: float, highest: float) -> str | None:
    """A warning where elevations cannot be metres above the sea, or None.

    Args:
        name: of the file.
        lowest: elevation in it, taken for metres.
        highest: likewise.
    """
    if lowest >= LOWEST and highest <= HIGHEST:
        return None
    said = f"{name}: elevations from {lowest:,.0f} to {highest:,.0f} m, where land lies within {LOWEST:,.0f} and "
    if highest <= HIGHEST:
        # Such depths are a marker of what is missing more often than ground in another unit.
        mend = "its lowest value stands for no data perhaps: set it as such with gdal_edit.py -a_nodata"
    else:
        mend = "they are in another unit perhaps: say so with --dem-unit ft or --dem-unit dm"
    return f"{said}{HIGHEST:,.0f} m; {mend}, or take another elevation model"
