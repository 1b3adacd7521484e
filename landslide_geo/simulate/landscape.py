"""A simulated landscape with known landslides: hills, forest, fields, rivers, roads, clouds, and scars on steep slopes.

Everything is a function of place (metres), so any block of a scene of any size is computed on its own, on any grid.
What it is for: tests and a demonstration where no real data are at hand. It is not a model of landsliding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from landslide_geo.bands import OPTICAL
from landslide_geo.simulate.noise import fractal, hashed, value_noise

Array = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

#: Surface reflectance (0–1) of each cover, in the order of `landslide_geo.bands.OPTICAL`: coastal, blue, green, red, 3
#: of the red edge, 3 of the near infrared, cirrus, short-wave infrared of 1.6 and 2.2 µm. Fresh scars are of moist
#: soil, darker in the near infrared than any forest; the others are of dry soil.
REFLECTANCE: Final[dict[str, tuple[float, ...]]] = {
    "forest": (0.024, 0.030, 0.050, 0.036, 0.085, 0.230, 0.275, 0.300, 0.310, 0.305, 0.001, 0.150, 0.070),
    "crop": (0.036, 0.045, 0.085, 0.060, 0.130, 0.280, 0.335, 0.360, 0.370, 0.360, 0.001, 0.200, 0.110),
    "bare_field": (0.075, 0.085, 0.100, 0.115, 0.135, 0.155, 0.170, 0.190, 0.200, 0.205, 0.001, 0.240, 0.210),
    "water": (0.068, 0.070, 0.075, 0.050, 0.042, 0.032, 0.028, 0.025, 0.022, 0.020, 0.001, 0.012, 0.008),
    "road": (0.115, 0.120, 0.125, 0.130, 0.135, 0.140, 0.145, 0.150, 0.153, 0.155, 0.001, 0.170, 0.165),
    "scar": (0.080, 0.095, 0.135, 0.190, 0.215, 0.235, 0.250, 0.270, 0.280, 0.285, 0.001, 0.330, 0.290),
    "fresh_scar": (0.070, 0.080, 0.110, 0.145, 0.155, 0.165, 0.172, 0.180, 0.185, 0.188, 0.001, 0.240, 0.210),
    "cloud": (0.430, 0.420, 0.420, 0.430, 0.435, 0.440, 0.445, 0.450, 0.450, 0.440, 0.030, 0.300, 0.220),
}
BANDS: Final = ("blue", "green", "red", "nir", "swir16")
#: Path radiance at the top of the atmosphere, as reflectance, per band; in the same order.
_HAZE: Final = (0.085, 0.060, 0.035, 0.020, 0.016, 0.013, 0.010, 0.008, 0.007, 0.006, 0.002, 0.003, 0.002)
#: Backscatter of each cover in dB, VV and VH, on flat ground.
BACKSCATTER: Final[dict[str, tuple[float, float]]] = {
    "forest": (-8.0, -14.0),
    "crop": (-10.5, -17.5),
    "bare_field": (-13.0, -22.0),
    "road": (-14.0, -22.5),
    "water": (-20.0, -28.0),
}
#: Least and largest change of backscatter by a scar, in dB: up where rubble is rough, down where a canopy is lost.
_SAR_CHANGE: Final = (2.0, 6.0)
#: By how many dB ground that faces the sensor is brighter, for each unit of the sine of its slope.
_SAR_TILT: Final = 6.0
#: Direct sunlight that reaches the ground in the shadow of a cloud, as a share, and how far its shadow is thrown.
_SHADOW, _SHADOW_M = 0.4, 500.0
_COVERS: Final = ("forest", "crop", "bare_field", "road")

_RIVER_SPACING = 5200.0
_RIVER_HALF_WIDTH = 35.0
_FLOOR_HALF_WIDTH = 380.0
_ROAD_OFFSET = 410.0
_CELL = 320.0  # one candidate for a scar in each cell of this size, metres
_MAX_SCAR = 280.0


@dataclass(frozen=True)
class Landscape:
    """A landscape without end, fixed by its seed.

    Attributes:
        seed: another seed gives another landscape.
        steep: least slope in degrees at which a scar is placed.
        density: share of candidate places that slid, of those steep enough.
        clouds: share of the sky that is cloudy, roughly.
        soil: cover of the scars.
        least_slope: in degrees, of the pixels of a scar; what is flatter has not slid.
        shadows: whether clouds throw them.
    """

    seed: int = 0
    steep: float = 18.0
    density: float = 0.6
    clouds: float = 0.01
    soil: str = "scar"
    least_slope: float = 0.0
    shadows: bool = False

    def elevation(self, y: Array, x: Array) -> Array:
        """Metres above sea level at places given in metres (broadcastable arrays)."""
        hills = fractal(y, x, 1500.0, self.seed + 1, octaves=6, gain=0.45, ridged=True)
        away = np.clip((np.abs(self._river(y, x)) - _FLOOR_HALF_WIDTH) / 900.0, 0, 1)
        rise = away * away * (3 - 2 * away)
        return 40.0 + 20.0 * value_noise(y, x, 9000.0, self.seed + 2) + rise * (40.0 + 520.0 * hills**1.6)

    def slope(self, y: Array, x: Array, step: float = 15.0) -> tuple[Array, Array, Array]:
        """Slope in degrees, and the unit vector downhill (towards +y, towards +x), by central differences."""
        dy = (self.elevation(y + step, x) - self.elevation(y - step, x)) / (2 * step)
        dx = (self.elevation(y, x + step) - self.elevation(y, x - step)) / (2 * step)
        steepness = np.hypot(dy, dx)
        safe = np.where(steepness > 0, steepness, 1)
        return np.degrees(np.arctan(steepness)), -dy / safe, -dx / safe

    def scars(self, y: Array, x: Array) -> BoolArray:
        """Where the ground has slid: ellipses down the slope with frayed outlines, one candidate per cell."""
        return np.isfinite(self.scar_draws(y, x))

    def scar_draws(self, y: Array, x: Array) -> Array:
        """A uniform number in [0, 1) for each scar, where it lies; NaN where the ground has not slid."""
        shape = np.broadcast_shapes(np.shape(y), np.shape(x))
        yy, xx = np.broadcast_to(y, shape), np.broadcast_to(x, shape)
        out = np.full(shape, np.nan)
        first_row, last_row = _cell_range(yy)
        first_col, last_col = _cell_range(xx)
        rows = np.arange(first_row, last_row + 1)[:, None]
        cols = np.arange(first_col, last_col + 1)[None, :]
        centre_y = (rows + hashed(rows, cols, self.seed + 11)) * _CELL
        centre_x = (cols + hashed(rows, cols, self.seed + 12)) * _CELL
        steepness, down_y, down_x = self.slope(centre_y, centre_x)
        draws = hashed(rows, cols, self.seed + 16)
        active = (steepness >= self.steep) & (hashed(rows, cols, self.seed + 13) < self.density)
        # Many small ones and few large ones.
        length = 70.0 + (_MAX_SCAR - 70.0) * hashed(rows, cols, self.seed + 14) ** 2
        frayed = 0.7 + 0.6 * fractal(yy, xx, 60.0, self.seed + 15, octaves=2)
        for i, j in zip(*np.nonzero(active), strict=True):
            near = (np.abs(yy - centre_y[i, j]) < length[i, j]) & (np.abs(xx - centre_x[i, j]) < length[i, j])
            if not near.any():
                continue
            dy, dx = yy[near] - centre_y[i, j], xx[near] - centre_x[i, j]
            along = (dy * down_y[i, j] + dx * down_x[i, j]) / (length[i, j] / 2)
            across = (dy * down_x[i, j] - dx * down_y[i, j]) / (length[i, j] / 5)
            place = np.flatnonzero(near)[np.hypot(along, across) < frayed[near]]
            out.flat[place] = draws[i, j]
        if self.least_slope > 0 and np.isfinite(out).any():
            out[self.slope(yy, xx)[0] < self.least_slope] = np.nan
        return out

    def clouded(self, y: Array, x: Array) -> BoolArray:
        """Where clouds hide the ground."""
        if self.clouds <= 0:
            return np.zeros(np.broadcast_shapes(np.shape(y), np.shape(x)), dtype=bool)
        return fractal(y, x, 900.0, self.seed + 21, octaves=3) > 0.86 - 1.2 * self.clouds

    def shadowed(self, y: Array, x: Array) -> BoolArray:
        """Where a cloud hides the sun, which stands in the south-east, but not the ground."""
        shift = _SHADOW_M / np.sqrt(2)
        return self.clouded(y + shift, x + shift) & ~self.clouded(y, x)

    def reflectance(self, y: Array, x: Array, *, slid: bool, bands: Sequence[str] = BANDS) -> dict[str, Array]:
        """Top-of-atmosphere reflectance per band, after the landslides (``slid``) or before them."""
        return Ground(self, y, x).reflectance(slid=slid, bands=bands)

    def _river(self, y: Array, x: Array) -> Array:
        """Distance in metres (along x) to the nearest river's centre line; rivers run north-south and meander."""
        meander = 700 * (value_noise(y, np.zeros((1, 1)), 2600.0, self.seed + 3) - 0.5)
        shifted = x - 900.0 - meander
        return shifted - np.round(shifted / _RIVER_SPACING) * _RIVER_SPACING


@dataclass(frozen=True)
class Ground:
    """Some places of a landscape: what several bands of both dates need is worked out once.

    Attributes:
        land: the landscape.
        y: metres south of its origin, broadcastable with ``x``.
        x: metres east of it.
    """

    land: Landscape
    y: Array
    x: Array

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """Of all that is told."""
        return np.broadcast_shapes(np.shape(self.y), np.shape(self.x))

    @cached_property
    def slope(self) -> tuple[Array, Array, Array]:
        """As `Landscape.slope` has it."""
        return self.land.slope(self.y, self.x)

    @cached_property
    def draws(self) -> Array:
        """As `Landscape.scar_draws` has it."""
        return self.land.scar_draws(self.y, self.x)

    @cached_property
    def clouded(self) -> BoolArray:
        """Where clouds hide the ground at the later date."""
        return self.land.clouded(self.y, self.x)

    @cached_property
    def water(self) -> BoolArray:
        """Where rivers run."""
        return np.broadcast_to(np.abs(self.land._river(self.y, self.x)) < _RIVER_HALF_WIDTH, self.shape)

    @cached_property
    def cover(self) -> tuple[NDArray[np.uint8], Array]:
        """Cover before any landslide, as an index into the covers, and how bright it is; without rivers."""
        y, x, seed = self.y, self.x, self.land.seed
        kind = np.zeros(self.shape, dtype=np.uint8)
        bright = np.broadcast_to(0.75 + 0.5 * fractal(y, x, 250.0, seed + 31, octaves=4, gain=0.7), self.shape).copy()
        river = np.abs(self.land._river(y, x))
        floor = np.broadcast_to(river < _FLOOR_HALF_WIDTH, self.shape)
        parcel_row, parcel_col = np.floor((y + 0.4 * x) / 130).astype(np.int64), np.floor((x - 0.4 * y) / 190)
        parcel = np.broadcast_to(hashed(parcel_row, parcel_col.astype(np.int64), seed + 32), self.shape)
        kind[floor] = np.where(parcel[floor] < 0.65, 1, 2)
        bright[floor] = 0.75 + 0.5 * (parcel[floor] * 7 % 1)
        road = np.broadcast_to(np.abs(river - _ROAD_OFFSET) < 7, self.shape)
        kind[road], bright[road] = 3, 1.0
        return kind, bright

    @cached_property
    def lit(self) -> Array:
        """Light that falls on the ground, 1 where it is flat; sun from the south-east, 45° high."""
        steepness, down_y, down_x = self.slope
        facing = np.cos(np.radians(45)) * np.sin(np.radians(steepness)) * (down_x - down_y) / np.sqrt(2)
        lit = facing + np.sin(np.radians(45)) * np.cos(np.radians(steepness))
        return np.clip(0.35 + 0.65 * lit / np.sin(np.radians(45)), 0.2, 1.5)

    def reflectance(self, *, slid: bool, bands: Sequence[str] = BANDS) -> dict[str, Array]:
        """As `Landscape.reflectance` has it."""
        of = [OPTICAL.index(name) for name in bands]
        kind, bright = self.cover
        table = np.array([REFLECTANCE[name] for name in _COVERS])[:, of]
        values = table[kind].transpose(-1, *range(len(self.shape))) * bright
        if slid:
            scars = np.isfinite(self.draws)
            soil = 0.85 + 0.3 * value_noise(self.y, self.x, 35.0, self.land.seed + 33)
            values[:, scars] = _spectrum(self.land.soil, of) * np.broadcast_to(soil, self.shape)[scars]
        values[:, self.water] = _spectrum("water", of)
        values *= self.lit
        if slid:
            if self.land.shadows:
                values[:, self.land.shadowed(self.y, self.x)] *= _SHADOW
            values[:, self.clouded] = _spectrum("cloud", of)
        return {name: values[i] + _HAZE[j] for i, (name, j) in enumerate(zip(bands, of, strict=True))}

    def backscatter(self, name: str, *, slid: bool) -> Array:
        """Backscatter in dB of ``vv_asc``, ``vh_asc``, ``vv_desc`` or ``vh_desc``, without speckle.

        Ground that faces the sensor is brighter: satellites look to their right, so that ascending ones stand in the
        west. Whether a scar is brighter or darker than what it took away, and by how much, is drawn for each.
        """
        polarisation, side = name.split("_")
        which = ("vv", "vh").index(polarisation)
        kind, bright = self.cover
        values = np.array([BACKSCATTER[cover][which] for cover in _COVERS])[kind] + 2 * (bright - 1)
        if slid:
            draws = np.nan_to_num(self.draws)
            low, high = _SAR_CHANGE
            change = np.where(draws < 0.5, 1, -1) * (low + (high - low) * (2 * draws % 1))
            values += np.where(np.isfinite(self.draws), change, 0)
        values[self.water] = BACKSCATTER["water"][which]
        steepness, _, down_x = self.slope
        return values + _SAR_TILT * np.sin(np.radians(steepness)) * (-down_x if side == "asc" else down_x)


def _cell_range(values: Array) -> tuple[int, int]:
    return int(np.floor((values.min() - _MAX_SCAR) / _CELL)), int(np.floor((values.max() + _MAX_SCAR) / _CELL))


def _spectrum(cover: str, of: Sequence[int]) -> Array:
    return np.array(REFLECTANCE[cover])[list(of), None]
