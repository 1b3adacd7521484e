"""A bundle's filter in a scan: windows as chips of the size it was trained on, in its units."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from landslide_geo.inference.normalise import Raw, unmarked
from landslide_geo.inference.skipping import Screen
from landslide_geo.inference.units import factor
from landslide_geo.models.prefilter import Prefilter
from landslide_geo.scene.scene import Scene

FloatArray = NDArray[np.float32]


class TileFilter:
    """A filter as a `Screen` asks it: normalised windows with raw channels behind them in, one number for each out.

    A window is cut into tiles as large as the filter's chips, the last of a row and column shifted inward; one smaller
    than a tile is taken as it is. The likeliest tile decides, and pixels that are not valid play no part. What lies
    below the filter's threshold is 0: as a stage before the network its negatives win, whatever the network's own
    threshold is. It travels to other processes as the path of the filter.

    Args:
        prefilter: the filter.
        channels: where its bands are among those of a window.
    """

    def __init__(self, prefilter: Prefilter, channels: slice) -> None:
        self._prefilter, self._channels = prefilter, channels

    def __call__(self, batch: FloatArray) -> FloatArray:
        """(N, C, h, w) → (N,) probability of the likeliest tile, 0 below the threshold; NaN where nothing is known."""
        # One window at a time: memory stays that of one, whatever the batch.
        likeliest = np.array([self._likeliest(window) for window in batch[:, self._channels]], np.float32)
        return np.where(likeliest < np.float32(self._prefilter.threshold), np.float32(0), likeliest)

    def _likeliest(self, window: FloatArray) -> float:
        """(band, h, w) → probability of its likeliest tile, NaN where nothing is known."""
        tiles = unmarked(self._prefilter.tiles(window))
        known = np.isfinite(tiles).any(axis=(1, 2, 3))  # empty places of a batch cost nothing
        return float(self._prefilter.probabilities(tiles[known]).max()) if known.any() else float("nan")


def screen_of(prefilter: Prefilter, channels: slice) -> Screen:
    """The filter as the engine asks it."""
    return Screen(TileFilter(prefilter, channels), prefilter.threshold, prefilter.name)


def raw_bands(prefilter: Prefilter, scene: Scene) -> Raw:
    """The bands of a filter, and what turns a scene's values into its units.

    Raises:
        ParameterError: the scene's unit of a band is another one, or is not known.
    """
    remedy = "scan with --no-filter, or train a filter on chips of such scenes"
    return Raw(
        prefilter.bands,
        tuple(
            factor(band.name, band.unit, scene, who="the model's filter", remedy=remedy)
            for band in prefilter.manifest.bands
        ),
    )
