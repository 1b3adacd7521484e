"""A simulated landscape with known landslides: hills, forest, fields, rivers, roads, clouds, and scars on steep slopes.

Everything is a function of place (metres), so any block of a scene of any size is computed on its own, on any grid.
What it is for: tests and a demonstration where no real data are at hand. It is not a model of landsliding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from landslide_geo.simulate.noise import fractal, hashed, value_noise

Array = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

#: Surface reflectance (0–1) of each cover: blue, green, red, near infrared, short-wave infrared (1.6 µm).
REFLECTANCE: Final[dict[str, tuple[float, float, float, float, float]]] = {
    "forest": (0.030, 0.050, 0.036, 0.300, 0.150),
    "crop": (0.045, 0.085, 0.060, 0.360, 0.200),
    "bare_field": (0.085, 0.100, 0.115, 0.190, 0.240),
    "water": (0.070, 0.075, 0.050, 0.025, 0.012),
    "road": (0.120, 0.125, 0.130, 0.150, 0.170),
    "scar": (0.095, 0.135, 0.190, 0.270, 0.330),
    "cloud": (0.420, 0.420, 0.430, 0.450, 0.300),
}
BANDS: Final = ("blue", "green", "red", "nir", "swir16")
#: Path radiance at the top of the atmosphere, as reflectance, per band.
_HAZE: Final = (0.060, 0.035, 0.020, 0.008, 0.003)

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
    """

    seed: int = 0
    steep: float = 18.0
    density: float = 0.6
    clouds: float = 0.01

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
        shape = np.broadcast_shapes(np.shape(y), np.shape(x))
        yy, xx = np.broadcast_to(y, shape), np.broadcast_to(x, shape)
        out = np.zeros(shape, dtype=bool)
        first_row, last_row = _cell_range(yy)
        first_col, last_col = _cell_range(xx)
        rows = np.arange(first_row, last_row + 1)[:, None]
        cols = np.arange(first_col, last_col + 1)[None, :]
        centre_y = (rows + hashed(rows, cols, self.seed + 11)) * _CELL
        centre_x = (cols + hashed(rows, cols, self.seed + 12)) * _CELL
        steepness, down_y, down_x = self.slope(centre_y, centre_x)
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
            out[near] |= np.hypot(along, across) < frayed[near]
        return out

    def clouded(self, y: Array, x: Array) -> BoolArray:
        """Where clouds hide the ground."""
        if self.clouds <= 0:
            return np.zeros(np.broadcast_shapes(np.shape(y), np.shape(x)), dtype=bool)
        return fractal(y, x, 900.0, self.seed + 21, octaves=3) > 0.86 - 1.2 * self.clouds

    def reflectance(self, y: Array, x: Array, *, slid: bool) -> dict[str, Array]:
        """Top-of-atmosphere reflectance per band, after the landslides (``slid``) or before them."""
        shape = np.broadcast_shapes(np.shape(y), np.shape(x))
        cover = np.empty((len(BANDS), *shape))
        forest = 0.75 + 0.5 * fractal(y, x, 250.0, self.seed + 31, octaves=4, gain=0.7)
        cover[:] = _spectrum("forest") * forest
        river = np.abs(self._river(y, x))
        floor = np.broadcast_to(river < _FLOOR_HALF_WIDTH, shape)
        parcel_row, parcel_col = np.floor((y + 0.4 * x) / 130).astype(np.int64), np.floor((x - 0.4 * y) / 190)
        parcel = np.broadcast_to(hashed(parcel_row, parcel_col.astype(np.int64), self.seed + 32), shape)
        tone = 0.75 + 0.5 * (parcel * 7 % 1)
        cover[:, floor & (parcel < 0.65)] = (_spectrum("crop") * tone)[:, floor & (parcel < 0.65)]
        cover[:, floor & (parcel >= 0.65)] = (_spectrum("bare_field") * tone)[:, floor & (parcel >= 0.65)]
        cover[:, np.broadcast_to(np.abs(river - _ROAD_OFFSET) < 7, shape)] = _spectrum("road")[:, 0]
        if slid:
            scars = self.scars(y, x)
            soil = 0.85 + 0.3 * value_noise(y, x, 35.0, self.seed + 33)
            cover[:, scars] = (_spectrum("scar") * soil)[:, scars]
        cover[:, np.broadcast_to(river < _RIVER_HALF_WIDTH, shape)] = _spectrum("water")[:, 0]
        steepness, down_y, down_x = self.slope(y, x)
        # Sun from the south-east, 45° high.
        facing = np.cos(np.radians(45)) * np.sin(np.radians(steepness)) * (down_x - down_y) / np.sqrt(2)
        lit = facing + np.sin(np.radians(45)) * np.cos(np.radians(steepness))
        cover *= np.clip(0.35 + 0.65 * lit / np.sin(np.radians(45)), 0.2, 1.5)
        if slid:
            cover[:, self.clouded(y, x)] = _spectrum("cloud")[:, 0]
        return {name: cover[i] + _HAZE[i] for i, name in enumerate(BANDS)}

    def _river(self, y: Array, x: Array) -> Array:
        """Distance in metres (along x) to the nearest river's centre line; rivers run north-south and meander."""
        meander = 700 * (value_noise(y, np.zeros((1, 1)), 2600.0, self.seed + 3) - 0.5)
        shifted = x - 900.0 - meander
        return shifted - np.round(shifted / _RIVER_SPACING) * _RIVER_SPACING


def _cell_range(values: Array) -> tuple[int, int]:
    return int(np.floor((values.min() - _MAX_SCAR) / _CELL)), int(np.floor((values.max() + _MAX_SCAR) / _CELL))


def _spectrum(cover: str) -> Array:
    return np.array(REFLECTANCE[cover])[:, None, None]
