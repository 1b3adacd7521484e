"""Simulated chips with known truth: places of an endless landscape, seen by Sentinel-2 and Sentinel-1 at two dates.

What the signs of change are is fixed, so that tests can rely on it: a scar is brighter in red and darker in the near
infrared than the forest it took away, so NDVI falls; backscatter changes by some dB, up or down, for each scar anew;
and scars lie on steep ground only. Sizes of these changes are plausible, not measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from landslide_geo.bands import MASKS, OPTICAL, PRE, SAR, is_optical
from landslide_geo.errors import ParameterError
from landslide_geo.simulate.landscape import Ground, Landscape

Array = NDArray[np.float64]

#: Bands that a place shows by itself; those of the terrain follow from its elevation.
BANDS: Final = (*OPTICAL, *SAR, *(PRE + name for name in (*OPTICAL, *SAR)), *MASKS)
GSD_M: Final = 10.0
#: Digital number of reflectance 1, as Sentinel-2 has it.
SCALE: Final = 10_000
#: Least slope of a scar's pixels, in degrees.
LEAST_SLOPE: Final = 12.0
#: Equivalent number of looks of the speckle, which is gamma distributed: about that of Sentinel-1's detected products.
LOOKS: Final = 4.4
#: Chips of one block, and its least side in metres.
_PER_BLOCK: Final = 4
_BLOCK_M: Final = 12_000.0
_BLOCKS_IN_ROW: Final = 64
#: Pixels that a landslide has at least in a chip that is to hold one.
_LEAST_PIXELS: Final = 12
_TRIES: Final = 500
#: Spread of a pixel's optical noise, and of the brightness of a date, both relative.
_NOISE, _DATE = 0.02, 0.02


@dataclass(frozen=True)
class SimulatedChip:
    """A place of the landscape.

    Attributes:
        index: that it was drawn by.
        block: chips of other blocks lie elsewhere.
        ground: the pixels of the chip.
        seed: of its noise.
    """

    index: int
    block: int
    ground: Ground
    seed: int = field(repr=False)

    @cached_property
    def mask(self) -> NDArray[np.uint8]:
        """(y, x) 1 where the ground has slid, else 0; clouds do not change it."""
        return np.isfinite(self.ground.draws).astype(np.uint8)

    def elevation(self, margin: int = 0) -> NDArray[np.float32]:
        """(y, x) metres above sea level, of ``margin`` pixels around the chip too."""
        y, x = (_widened(axis, margin) for axis in (self.ground.y.ravel(), self.ground.x.ravel()))
        return self.ground.land.elevation(y[:, None], x[None, :]).astype(np.float32)

    def bands(self, names: Sequence[str]) -> NDArray[np.float32]:
        """(band, y, x) digital numbers, dB, and 1 on clouds; all finite, the same for whatever bands are asked for.

        Raises:
            ParameterError: a name is not one of `BANDS`.
        """
        if unknown := [name for name in names if name not in BANDS]:
            raise ParameterError(f"band {unknown[0]!r} cannot be simulated; there are {', '.join(BANDS)}")
        out = np.empty((len(names), *self.ground.shape), dtype=np.float32)
        for slid in (False, True):
            here = {name.removeprefix(PRE): i for i, name in enumerate(names) if name.startswith(PRE) != slid}
            optical = [name for name in here if is_optical(name)]
            reflectance = self.ground.reflectance(slid=slid, bands=optical) if optical else {}
            for name, i in here.items():
                if name in reflectance:
                    out[i] = self._sensed(reflectance[name], name, slid)
                elif name in SAR:
                    speckle = self._rng(name, slid).gamma(LOOKS, 1 / LOOKS, self.ground.shape)
                    out[i] = self.ground.backscatter(name, slid=slid) + 10 * np.log10(speckle)
                else:
                    out[i] = self.ground.clouded
        return out

    def _sensed(self, reflectance: Array, name: str, slid: bool) -> Array:
        """Whole digital numbers, with the noise of pixels and the date's own brightness."""
        date = 1 + _DATE * self._rng("date", slid).standard_normal()
        noise = 1 + _NOISE * self._rng(name, slid).standard_normal(self.ground.shape)
        return np.clip(np.round(SCALE * date * noise * reflectance), 1, 65_535)

    def _rng(self, what: str, slid: bool) -> np.random.Generator:
        number = (*OPTICAL, *SAR, "date").index(what)
        return np.random.default_rng([self.seed, self.index, number, int(slid)])


@dataclass(frozen=True)
class ChipMaker:
    """Chips by index, each the same whenever it is made.

    Attributes:
        seed: another seed gives another landscape.
        size: side of a chip in pixels.
        share: of the chips that hold a landslide; the others are of the same landscape, where nothing slid.
        clouds: share of the sky that is cloudy at the later date, roughly; clouds throw shadows.
    """

    seed: int = 0
    size: int = 128
    share: float = 0.5
    clouds: float = 0.0

    def __post_init__(self) -> None:
        if self.size < 16:
            raise ParameterError(f"simulated chips of {self.size} pixels are too small; use at least 16")
        if not 0 <= self.share <= 1:
            raise ParameterError(f"share {self.share:g} of chips with a landslide; it lies within 0–1")

    @staticmethod
    def block(index: int) -> int:
        """Block of a chip; known before it is made."""
        return index // _PER_BLOCK

    def has_landslide(self, index: int) -> bool:
        """Whether a chip holds a landslide; known before it is made, and spread evenly, so that few chips have both."""
        phase = float(np.random.default_rng(self.seed).random())
        return int((index + 1) * self.share + phase) > int(index * self.share + phase)

    def make(self, index: int) -> SimulatedChip:
        """The chip of an index.

        Raises:
            ParameterError: no place with a landslide was found; chips are too small for that.
        """
        land = Landscape(
            seed=self.seed, clouds=self.clouds, soil="fresh_scar", least_slope=LEAST_SLOPE, shadows=True
        )  # fmt: skip
        if not self.has_landslide(index):
            return SimulatedChip(
                index, self.block(index), self._ground(replace(land, density=0.0), index, 0), self.seed
            )
        for attempt in range(_TRIES):
            ground = self._ground(land, index, attempt)
            if np.count_nonzero(np.isfinite(ground.draws)) >= _LEAST_PIXELS:
                return SimulatedChip(index, self.block(index), ground, self.seed)
        raise ParameterError(
            f"no place with a landslide for simulated chip {index}; make chips larger than {self.size}"
        )

    def _ground(self, land: Landscape, index: int, attempt: int) -> Ground:
        """A place in the block of a chip."""
        side, width = max(_BLOCK_M, 4 * self.size * GSD_M), self.size * GSD_M
        row, col = divmod(self.block(index), _BLOCKS_IN_ROW)
        # Whole pixels: places do not depend on rounding.
        south, east = np.random.default_rng([self.seed, index, attempt, 1]).integers(0, int((side - width) / GSD_M), 2)
        axis = GSD_M * (np.arange(self.size) + 0.5)
        return Ground(land, (row * side + south * GSD_M + axis)[:, None], (col * side + east * GSD_M + axis)[None, :])


def _widened(axis: Array, margin: int) -> Array:
    return axis[0] + GSD_M * np.arange(-margin, len(axis) + margin)
