"""Windows on one grid for a whole scene, and the weights they are blended with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landslide_geo.errors import ParameterError
from landslide_geo.scene.grid import Block

FloatArray = NDArray[np.float32]

#: Weight of a window's outermost pixels. Above zero, so that a pixel which only one window covers keeps its value.
_RIM_WEIGHT = 1e-2


@dataclass(frozen=True)
class WindowGrid:
    """The windows over a scene: a regular grid whose last row and column are shifted inward.

    Shifting, unlike padding, shows the network real surroundings at the rim. Only a scene smaller than a window in one
    direction has windows that reach outside of it.

    Attributes:
        height, width: of the scene in pixels.
        window: size of the square windows in pixels.
        overlap: least overlap of neighbours in pixels.
    """

    height: int
    width: int
    window: int
    overlap: int

    def __post_init__(self) -> None:
        if self.height < 1 or self.width < 1:
            raise ParameterError(f"a scene of {self.height} × {self.width} pixels holds nothing to scan")
        if self.window < 1:
            raise ParameterError(f"window {self.window}: must be at least 1 pixel")
        if not 0 <= self.overlap < self.window:
            raise ParameterError(f"overlap {self.overlap}: must be at least 0 and less than the window ({self.window})")

    @property
    def row_starts(self) -> list[int]:
        """First rows of the rows of windows, ascending."""
        return window_starts(self.height, self.window, self.overlap)

    @property
    def col_starts(self) -> list[int]:
        """First columns of the columns of windows, ascending."""
        return window_starts(self.width, self.window, self.overlap)

    def __len__(self) -> int:
        return len(self.row_starts) * len(self.col_starts)

    def row(self, index: int) -> list[Block]:
        """The windows of one row, from left to right."""
        top = self.row_starts[index]
        return [Block(top, left, self.window, self.window) for left in self.col_starts]


def window_starts(length: int, window: int, overlap: int) -> list[int]:
    """First pixels of the windows along one direction: every pixel is covered, the last window shifted inward.

    >>> window_starts(10, 4, 1)
    [0, 3, 6]
    >>> window_starts(11, 4, 1)
    [0, 3, 6, 7]
    >>> window_starts(3, 4, 1)
    [0]
    """
    if length <= window:
        return [0]
    starts = list(range(0, length - window, window - overlap))
    return [*starts, length - window]


def blend_weights(window: int, overlap: int) -> FloatArray:
    """Weights of a window's pixels, (window, window) float32 in (0, 1]: a plateau that falls off linearly to the rim.

    Within the overlap two neighbours' weights add up to nearly one, so a seam is a cross-fade; the sum of the weights
    is divided out in any case. The rim keeps a small weight above zero.
    """
    if overlap == 0:
        return np.ones((window, window), dtype=np.float32)
    distance = np.minimum(np.arange(window), np.arange(window)[::-1]) + 0.5
    profile = np.clip(distance / overlap, _RIM_WEIGHT, 1.0).astype(np.float32)
    return profile[:, None] * profile[None, :]
