"""The eight symmetries of the square, for averaging a network over them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from landslide_geo.errors import ParameterError

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class Symmetry:
    """A mirroring along the rows (or not), then a number of quarter turns."""

    flip: bool
    turns: int

    @property
    def is_identity(self) -> bool:
        """Whether it changes nothing."""
        return not self.flip and self.turns % 4 == 0

    def apply(self, batch: FloatArray) -> FloatArray:
        """Of (..., h, w) arrays, with h = w."""
        flipped = batch[..., ::-1, :] if self.flip else batch
        return np.ascontiguousarray(np.rot90(flipped, self.turns, axes=(-2, -1)))

    def undo(self, batch: FloatArray) -> FloatArray:
        """The inverse of `apply`."""
        turned = np.rot90(batch, -self.turns, axes=(-2, -1))
        return turned[..., ::-1, :] if self.flip else turned


#: By name; turns are counter-clockwise, ``transpose`` mirrors at the falling diagonal, ``antitranspose`` at the other.
SYMMETRIES: Final[dict[str, Symmetry]] = {
    "identity": Symmetry(False, 0),
    "rotate90": Symmetry(False, 1),
    "rotate180": Symmetry(False, 2),
    "rotate270": Symmetry(False, 3),
    "flip_vertical": Symmetry(True, 0),
    "antitranspose": Symmetry(True, 1),
    "flip_horizontal": Symmetry(True, 2),
    "transpose": Symmetry(True, 3),
}

#: What a mere number stands for: the identity; with a mirror image; with all that keep rows and columns; all eight.
SUBSETS: Final[dict[int, tuple[str, ...]]] = {
    1: ("identity",),
    2: ("identity", "flip_horizontal"),
    4: ("identity", "flip_horizontal", "rotate180", "flip_vertical"),
    8: tuple(SYMMETRIES),
}


def symmetries(chosen: int | Sequence[str]) -> tuple[Symmetry, ...]:
    """The symmetries of a number (1, 2, 4 or 8) or of names.

    Raises:
        ParameterError: there is no such number or name, none is given, or one is given twice.
    """
    if isinstance(chosen, int):
        if chosen not in SUBSETS:
            raise ParameterError(f"tta {chosen}: give 1, 2, 4 or 8, or names of symmetries ({', '.join(SYMMETRIES)})")
        chosen = SUBSETS[chosen]
    for name in chosen:
        if name not in SYMMETRIES:
            raise ParameterError(f"tta: no symmetry {name!r}; the square has {', '.join(SYMMETRIES)}")
    if not chosen or len(set(chosen)) < len(chosen):
        raise ParameterError(f"tta {', '.join(chosen) or 'of nothing'}: name at least one symmetry, and each but once")
    return tuple(SYMMETRIES[name] for name in chosen)
