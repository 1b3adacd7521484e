"""The earlier optical date of a scene in the making: kept apart until its shift is known, then put in place.

A kill at any moment loses nothing: bands are apart as they were loaded until they are in their places, and the shift is
written down before the first of them moves.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np
import rasterio
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from landslide_geo.bands import PRE, is_optical, is_pre
from landslide_geo.files import write_text
from landslide_geo.scene.alignment import APPLIED_ABOVE, Shift, aligned, measured
from landslide_geo.scene.folder import band_path, stored_numbers, write_band
from landslide_geo.scene.grid import Block
from landslide_geo.scene.item import PRE_VISIBILITY
from landslide_geo.scene.open import open_scene

_APART: Final = "earlier"
_MOVED: Final = "moved"
_SHIFT: Final = "shift.json"


class EarlierDate:
    """Bands of the earlier date, to be measured against the later one and moved.

    Args:
        folder: of the scene in the making.
        work: folder beside its bands for what is unfinished.
        geobox: grid of the scene.
        names: of everything that the scene will have.
    """

    def __init__(self, folder: Path, work: Path, geobox: GeoBox, names: Sequence[str]) -> None:
        self._folder, self._work, self._geobox = folder, work, geobox
        self._apart = work / _APART
        self._bands = [name for name in names if is_optical(name) and is_pre(name)]
        #: Without a band that both dates have there is nothing to compare.
        self.comparable = [name.removeprefix(PRE) for name in self._bands if name.removeprefix(PRE) in names]
        self._names = [*self._bands, *(name for name in names if name == PRE_VISIBILITY)] if self.comparable else []

    def place(self, name: str) -> Path:
        """The folder that a band of the scene is to be loaded into."""
        if name not in self._names or band_path(self._folder, name).exists():
            return self._folder
        self._apart.mkdir(exist_ok=True)
        return self._apart

    def measure(self) -> Shift | None:
        """By how much the earlier date lies off, once everything is loaded; None where nothing tells."""
        path = self._work / _SHIFT
        if path.exists():
            told = json.loads(path.read_text(encoding="utf-8"))
            return None if told is None else Shift(**told)
        found = measured(open_scene([self._source(name) for both in self.comparable for name in (both, PRE + both)]))
        write_text(path, json.dumps(None if found is None else asdict(found)))
        return found

    def settle(self, shift: Shift | None) -> None:
        """Put the bands in their places: moved where that is worth it, else as they are.

        Args:
            shift: as it was measured.

        Raises:
            OutputError: a band cannot be written.
        """
        for name in self._names:
            apart, target = band_path(self._apart, name), band_path(self._folder, name)
            if shift is None or not shift.worth_applying:
                if not target.exists():
                    apart.replace(target)
            elif not target.exists():
                self._move(name, shift)

    def _move(self, name: str, shift: Shift) -> None:
        if name == PRE_VISIBILITY:
            whence = band_path(self._apart, name)
            write_band(self._folder, name, self._geobox, lambda block: _nearest(whence, block, shift))
            return
        later = f"{self.comparable[0]}={band_path(self._folder, self.comparable[0])}"
        scene = aligned(open_scene([later, self._source(name)]), shift, self._work / _MOVED)
        (moved,) = (band.path for band in scene.bands if band.name == name)
        write_band(self._folder, name, self._geobox, lambda block: _stored(moved, block))
        # One at a time, for they are whole scenes of floating point numbers.
        moved.unlink()

    def _source(self, name: str) -> str:
        return f"{name}={band_path(self._apart if is_pre(name) else self._folder, name)}"


def alignment_told(shift: Shift | None) -> tuple[dict[str, Any], list[str]]:
    """What a record says of a shift, and what the user should be warned of."""
    if shift is None:
        return {"applied": False, "reason": "no place is known well enough at both dates"}, []
    told = shift.told() | {"applied": shift.worth_applying}
    if shift.certain or shift.pixels <= APPLIED_ABOVE:
        return told, []
    return told, [
        f"the earlier date seems to lie {shift.pixels:.1f} pixels off, but {shift.places} places of the scene do not "
        "agree in it; it was left where it is: look at borders of fields before you trust small changes"
    ]


def _stored(path: Path, block: Block) -> NDArray[np.uint16]:
    """Resampled numbers as they are stored: rounded, at least 1 where there is a value, 0 where there is none."""
    with rasterio.open(path) as dataset:
        values = dataset.read(1, window=block.window)
    return stored_numbers(values)


def _nearest(path: Path, block: Block, shift: Shift) -> NDArray[np.uint8]:
    """Classes of a block as they lie after the shift; 0 beyond the scene's rim."""
    rows, cols = round(shift.rows), round(shift.cols)
    wanted = Block(block.row - rows, block.col - cols, block.height, block.width)
    out = np.zeros(block.shape, np.uint8)
    with rasterio.open(path) as dataset:
        part = wanted.clipped(dataset.height, dataset.width)
        if part.height > 0 and part.width > 0:
            out[part.inside(wanted)] = dataset.read(1, window=part.window)
    return out
