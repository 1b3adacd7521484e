"""Hand-made features of windows: statistics of bands, indices, polarisation ratios and changes of backscatter.

They feed a filter that is asked before a network (`landslide_geo.models.prefilter`). The same function serves chips in
training and windows of a scene.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from landslide_geo.bands import PRE, SAR
from landslide_geo.errors import ParameterError
from landslide_geo.scene.indices import INDICES, Index
from landslide_geo.scene.sar import difference, polarisation_ratio
from landslide_geo.units import REFLECTANCE, gain

FloatArray = NDArray[np.float32]
DoubleArray = NDArray[np.float64]

#: Of the known pixels of a window.
STATISTICS: Final = ("mean", "std", "max", "min", "p10", "p90")
#: Pixels of a layer that are worked on at a time, of all windows together; bounds the memory.
_PIXELS: Final = 2**18


@dataclass(frozen=True)
class _Layer:
    """One image that statistics are taken of.

    Attributes:
        name: begins the names of its features.
        bands: that it is made from, by number.
        index: how it is made from them; none: see ``change``.
        scale: from values to reflectance 0–1, for an index.
        change: whether it is the first band minus the second one over time, not between polarisations.
    """

    name: str
    bands: tuple[int, ...]
    index: Index | None = None
    scale: float = 1.0
    change: bool = False

    def of(self, windows: FloatArray) -> FloatArray:
        """(N, band, y, x) → (N, y, x), NaN where unknown."""
        values = [windows[:, number] for number in self.bands]
        if self.index is not None:
            return self.index.of(values, self.scale)
        if len(values) == 1:
            return values[0]
        return difference(*values) if self.change else polarisation_ratio(*values)


class Features:
    """What is told of windows with some bands.

    Args:
        bands: names in the band vocabulary, ``pre_`` for the earlier date; others have statistics of their own only.
        units: of each, which decide whether indices of reflectance (SAVI, EVI) can be had.

    Raises:
        ParameterError: there are no bands, or one is there twice.
    """

    def __init__(self, bands: Sequence[str], units: Sequence[str]) -> None:
        if not bands or len(set(bands)) != len(bands):
            raise ParameterError(f"features of the bands {', '.join(bands) or 'none'}: name each band once")
        self.bands = tuple(bands)
        self._layers = tuple(_layers(self.bands, dict(zip(bands, units, strict=True))))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the features, layer by layer, in an order that follows from the bands."""
        return tuple(f"{layer.name}_{statistic}" for layer in self._layers for statistic in STATISTICS)

    def of(self, windows: FloatArray) -> FloatArray:
        """Work out the features.

        Args:
            windows: (N, band, y, x) in the bands' units, NaN where unknown.

        Returns:
            (N, F) float32, of known pixels alone; NaN where none is known. A window's features do not depend on the
            windows beside it.

        Raises:
            ParameterError: another number of bands.
        """
        if windows.ndim != 4 or windows.shape[1] != len(self.bands):
            raise ParameterError(
                f"features are of (N, {len(self.bands)}, y, x) for the bands {', '.join(self.bands)}; got an array of "
                f"shape {windows.shape}"
            )
        out = np.empty((len(windows), len(self._layers), len(STATISTICS)), dtype=np.float32)
        step = max(_PIXELS // max(windows.shape[2] * windows.shape[3], 1), 1)
        for start in range(0, len(windows), step):
            part = windows[start : start + step]
            for number, layer in enumerate(self._layers):
                out[start : start + step, number] = _statistics(layer.of(part).reshape(len(part), -1))
        return out.reshape(len(windows), len(self.names))


def _layers(bands: tuple[str, ...], units: Mapping[str, str]) -> Iterator[_Layer]:
    where = {name: number for number, name in enumerate(bands)}
    for name, number in where.items():
        yield _Layer(name, (number,))
    for prefix in ("", PRE):
        for name, index in INDICES.items():
            needed = [prefix + band for band in index.bands]
            # Without a factor to reflectance that the bands share, indices of reflectance are not worked out.
            scales = {gain(band, units[band], REFLECTANCE) for band in needed if band in where}
            scale = scales.pop() if len(scales) == 1 else None
            if all(band in where for band in needed) and (scale is not None or not index.of_reflectance):
                yield _Layer(prefix + name, tuple(where[band] for band in needed), index, scale or 1.0)
    for way in ("asc", "desc"):
        for prefix in ("", PRE):
            pair = f"{prefix}vv_{way}", f"{prefix}vh_{way}"
            if all(band in where for band in pair):
                yield _Layer(f"{prefix}vv_vh_ratio_{way}", tuple(where[band] for band in pair))
    for name in SAR:
        if name in where and PRE + name in where:
            yield _Layer(f"{name}_change", (where[name], where[PRE + name]), change=True)


def _statistics(values: FloatArray) -> FloatArray:
    """(N, pixels), NaN where unknown → (N, statistic)."""
    if not values.shape[1]:
        return np.full((len(values), len(STATISTICS)), np.nan, dtype=np.float32)
    known = np.isfinite(values)
    count = known.sum(axis=1)
    # Sorted, unknown values stand at the end, and least, largest and percentiles have known places.
    ranked = np.sort(np.where(known, values, np.float32(np.nan)), axis=1)
    some = np.maximum(count, 1)
    filled = np.where(known, values, 0).astype(np.float64)
    mean = filled.sum(axis=1) / some
    variance = (np.where(known, filled - mean[:, None], 0) ** 2).sum(axis=1) / some
    found = np.stack(
        [mean, np.sqrt(variance), _ranked(ranked, some, 1), _ranked(ranked, some, 0), _ranked(ranked, some, 0.1),
         _ranked(ranked, some, 0.9)], axis=1,
    )  # fmt: skip
    found[count == 0] = np.nan
    return found.astype(np.float32)


def _ranked(ranked: FloatArray, count: NDArray[np.int64], quantile: float) -> DoubleArray:
    """A quantile of each row's first ``count`` values, linear between them (as ``numpy.quantile``)."""
    place = quantile * (count - 1)
    lower = np.floor(place).astype(np.int64)
    rows = np.arange(len(ranked))
    first = ranked[rows, lower].astype(np.float64)
    second = ranked[rows, np.minimum(lower + 1, count - 1)].astype(np.float64)
    found: DoubleArray = first + (second - first) * (place - lower)
    return found
