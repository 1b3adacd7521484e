"""Sen12Landslides: series of 15 dates of Sentinel-2 or Sentinel-1 with elevation and a mask, 128 × 128 pixels of 10 m.

Of each series one date before the event and one after it are taken. Names, dimensions and attributes as published by
the authors (github.com/PaulH97/Sen12Landslides). NetCDF 4 is HDF5 whose dimensions have names, which is all that is
needed here, so h5py reads it. Described in doi:10.1038/s41597-025-06167-2.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from landslide_geo.bands import PRE, canonical_name
from landslide_geo.chips.collection import Chip, Collection
from landslide_geo.chips.reading import hdf5, image_of, mask_of, require_numbers
from landslide_geo.chips.splits import SPLITS, by_block
from landslide_geo.errors import DatasetError

SIZE: Final = 128
_OPTICAL: Final = ("B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B11", "B12")
#: Variables of each sensor and their names here.
VARIABLES: Final[dict[str, dict[str, str]]] = {
    "s2": {name: canonical_name(name) for name in _OPTICAL},
    "s1asc": {"VV": "vv_asc", "VH": "vh_asc"},
    "s1dsc": {"VV": "vv_desc", "VH": "vh_desc"},
}
#: Scene classes of Sentinel-2 in which the ground is not seen: no data, defective, cloud shadow, clouds, cirrus, snow.
_UNSEEN: Final = (0, 1, 3, 8, 9, 10, 11)
_VALIDATION, _TEST = 0.2, 0.2
#: The authors' names of `SPLITS`.
_PUBLISHED: Final = ("train", "val", "test")
_NAME: Final = re.compile(r"(.+)_(s2|s1asc|s1dsc)_(\w+)")
_EVENT: Final = re.compile(r"'pre':\s*(\d+),\s*'post':\s*(\d+)")


def collection(root: Path, *, seed: int, published: Path | None = None) -> Collection:
    """List the patches.

    Args:
        root: folder with ``REGION_SENSOR_ID.nc`` of one sensor (s2, s1asc or s1dsc), at any depth.
        seed: that draws the regions of validation and test, about a fifth of the patches each.
        published: a task's ``splits.json`` (or ``splits_aligned.json``); then these splits are taken, which share
            regions, and patches that are in none of them are left out.

    Raises:
        DatasetError: no patches, or those of several sensors; bad splits, or such whose patches are missing.
    """
    named = [(match, path) for path in sorted(root.rglob("*.nc")) if (match := _NAME.fullmatch(path.stem))]
    sensors = sorted({match[2] for match, _ in named})
    if not sensors:
        raise DatasetError(f"{root}: no REGION_SENSOR_ID.nc there; unpack the archives of Sen12Landslides in it")
    if len(sensors) > 1:
        raise DatasetError(f"{root}: holds patches of {', '.join(sensors)}; name the folder of one of them")
    if published is None:
        drawn = by_block([match[1] for match, _ in named], validation=_VALIDATION, test=_TEST, seed=seed)
        splits = {name: [path for (_, path), own in zip(named, drawn, strict=True) if own == name] for name in SPLITS}
    else:
        splits = _published(published, sensors[0], {path.name: path for _, path in named})
    later = tuple(VARIABLES[sensors[0]].values())
    bands = (*(PRE + name for name in later), *later, "elevation")
    unit = "digital number" if sensors[0] == "s2" else "dB"
    units = (*[unit] * (2 * len(later)), "m")
    name = f"sen12landslides {sensors[0]}"
    return Collection(name, bands, units, 10.0, splits, lambda path: _read(path, bands), clouds=False)


def _published(table: Path, sensor: str, there: dict[str, Path]) -> dict[str, list[Path]]:
    """The patches of each split that a file of the authors tells."""
    try:
        told = json.loads(table.read_text(encoding="utf-8"))
        names = {
            split: [Path(entry[sensor]).name for entry in told[own]]
            for split, own in zip(SPLITS, _PUBLISHED, strict=True)
        }
    except FileNotFoundError:
        raise DatasetError(f"{table}: missing; name the splits.json of a task, as its authors publish it") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DatasetError(
            f"{table}: holds no splits of {sensor} ({type(error).__name__}: {error}); get a task's splits.json again"
        ) from None
    missing = [name for listed in names.values() for name in listed if name not in there]
    if missing:
        raise DatasetError(
            f"{missing[0]}: missing, as are {len(missing) - 1:,} others of the {sum(map(len, names.values())):,} "
            f"patches in {table}; get them, or leave out --splits"
        )
    return {split: [there[name] for name in listed] for split, listed in names.items()}


def _read(path: Path, bands: tuple[str, ...]) -> Chip | None:
    """One patch; none where no date before and after the event shows any common ground."""
    match = _NAME.fullmatch(path.stem)
    assert match is not None  # listed by it
    with hdf5(path) as file:
        series = _Series(path, file)
        dates = _dates(series, path)
        if dates is None:
            return None
        variables, planes = VARIABLES[match[2]], []
        for when in dates:
            unseen = np.isin(series.plane("SCL", when), _UNSEEN) if match[2] == "s2" else np.zeros((SIZE, SIZE), bool)
            for name in variables:
                values = series.plane(name, when)
                require_numbers(path, values[None], [f"{name} of date {when}"])
                planes.append(np.where(unseen, np.nan, values))
        planes.append(series.plane("DEM", dates[1]))
        mask = mask_of(path, series.plane("MASK", dates[1]), SIZE)
        if series.annotated and not mask.any():
            raise DatasetError(f"{path}: has landslides, but its mask is empty; get it again, or move it elsewhere")
    if not np.isfinite(planes).all(axis=0).any():
        return None
    return Chip(path.stem, match[1], image_of(path, np.stack(planes, axis=2), bands, SIZE), mask)


class _Series:
    """The variables of a patch, by date in order of time, north up."""

    def __init__(self, path: Path, file: Any) -> None:
        self._path, self._file = path, file
        times, x, y = (self._variable(name)[()] for name in ("time", "x", "y"))
        self.order = np.argsort(times, kind="stable")
        if not len(times) or x.shape != (SIZE,) or y.shape != (SIZE,):
            raise DatasetError(
                f"{path}: {len(times)} dates of {y.size} × {x.size} pixels; patches have {SIZE} × {SIZE}. Get it again"
            )
        self._flip = (slice(None, None, -1 if y[0] < y[-1] else 1), slice(None, None, -1 if x[0] > x[-1] else 1))

    def plane(self, name: str, when: int) -> NDArray[np.float64]:
        """(y, x) values at a date, NaN where they are missing."""
        variable = self._variable(name)
        dims = [Path(axis[0].name).name if len(axis) else "" for axis in variable.dims]
        if sorted(dims) != ["time", "x", "y"]:
            raise DatasetError(f"{self._path}: {name} has dimensions {dims} instead of time, y and x; get it again")
        index = tuple(int(self.order[when]) if dim == "time" else slice(None) for dim in dims)
        values = np.asarray(variable[index], dtype=np.float64)
        fill = variable.attrs.get("_FillValue")
        if fill is not None:
            values[values == np.asarray(fill).item()] = np.nan
        if dims.index("x") < dims.index("y"):
            values = values.T
        return values[self._flip]

    def _variable(self, name: str) -> Any:
        found = self._file.get(name)
        if not hasattr(found, "dims"):
            raise DatasetError(f"{self._path}: holds no variable {name} (it has {', '.join(self._file) or 'nothing'})")
        return found

    @property
    def annotated(self) -> bool:
        """Whether there is a landslide in the patch."""
        return self.attribute("annotated") == "True"

    def attribute(self, name: str) -> str:
        value = self._file.attrs.get(name, "")
        return value.decode() if isinstance(value, bytes) else str(value)


def _dates(series: _Series, path: Path) -> tuple[int, int] | None:
    """The dates to take: the clearest before the first event and after the last, of equals the nearest to it.

    Patches without a landslide have no event; the middle of the series stands in. None where an event lies outside of
    the series.
    """
    count = len(series.order)
    events = [(int(pre), int(post)) for pre, post in _EVENT.findall(series.attribute("pre_post_dates"))]
    if not events and series.annotated:
        raise DatasetError(f"{path}: has landslides, but no dates of them (pre_post_dates); get it again")
    events = events or [(count // 2 - 1, count // 2)]
    if any(not 0 <= pre < post < count for pre, post in events):
        return None
    before = range(min(pre for pre, _ in events), -1, -1)
    after = range(max(post for _, post in events), count)
    return min(before, key=lambda i: _hidden(series, i, path)), min(after, key=lambda i: _hidden(series, i, path))


def _hidden(series: _Series, when: int, path: Path) -> float:
    """Share of the ground that is not seen at a date; 0 for radar."""
    return float(np.isin(series.plane("SCL", when), _UNSEEN).mean()) if "_s2_" in path.stem else 0.0
