"""The eight symmetries of the square, for averaging a network over them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class Symmetry:
    """A mirroring along the rows (or not), then a number of quarter turns."""

    flip: bool
    turns: int

    def apply(self, batch: FloatArray) -> FloatArray:
        """Of (..., h, w) arrays, with h = w."""
        flipped = batch[..., ::-1] if self.flip else batch
        return np.ascontiguousarray(np.rot90(flipped, self.turns, axes=(-2, -1)))

    def undo(self, batch: FloatArray) -> FloatArray:
        """The inverse of `apply`."""
        turned = np.rot90(batch, -self.turns, axes=(-2, -1))
        return turned[..., ::-1] if self.flip else turned


#: By how many are averaged: the identity; and a mirror image; the four mirrorings (a half turn is both); all eight.
SUBSETS: Final[dict[int, tuple[Symmetry, ...]]] = {
    1: (Symmetry(False, 0),),
    2: (Symmetry(False, 0), Symmetry(True, 0)),
    4: (Symmetry(False, 0), Symmetry(True, 0), Symmetry(False, 2), Symmetry(True, 2)),
    8: tuple(Symmetry(flip, turns) for flip in (False, True) for turns in range(4)),
}


def averaged(
    probabilities: Callable[[FloatArray], FloatArray], calibrate: Callable[[FloatArray], FloatArray], number: int
) -> Callable[[FloatArray], FloatArray]:
    """A network averaged over symmetries of the square, and calibrated.

    Args:
        probabilities: (N, C, h, w) → (N, 1, h, w), 0–1, not calibrated.
        calibrate: of the average.
        number: of symmetries: 1, 2, 4 or 8.

    Returns:
        (N, C, h, w) → (N, 1, h, w) for one symmetry, else (N, 2, h, w): the calibrated mean, and the standard deviation
        over the symmetries (of calibrated values), 0–0.5.
    """
    symmetries = SUBSETS[number]

    def predict(batch: FloatArray) -> FloatArray:
        if number == 1:
            return calibrate(probabilities(batch))
        members = np.stack([s.undo(probabilities(s.apply(batch))) for s in symmetries])
        spread = calibrate(members).std(axis=0)
        return np.concatenate([calibrate(members.mean(axis=0)), spread], axis=1).astype(np.float32)

    return predict


def entropy(probability: FloatArray) -> FloatArray:
    """Entropy of a yes-no decision in bits, 0–1; the uncertainty of a network that is asked once."""
    p = np.clip(probability, 1e-7, 1 - 1e-7)
    return (-(p * np.log2(p) + (1 - p) * np.log2(1 - p))).astype(np.float32)
