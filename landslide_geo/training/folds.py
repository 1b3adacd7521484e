"""Parts of chips by block, each of which holds all that is to be learned."""

from __future__ import annotations

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from landslide_geo.chips.split import Split
from landslide_geo.chips.splits import folded
from landslide_geo.errors import DatasetError


def folds_of(chips: Split, *, folds: int, seed: int, remedy: str, both: bool = True) -> NDArray[np.int64]:
    """The fold of each chip; chips of one block stay together.

    Args:
        chips: to divide.
        folds: number of them.
        seed: that draws which blocks come together.
        remedy: what to do where blocks are too few.
        both: each fold needs chips without a landslide too: there is one label for a chip, and not a mask.

    Returns:
        (N,) int64, 0 up to but not including ``folds``.

    Raises:
        DatasetError: a fold lacks chips with a landslide, or without.
    """
    labels = chips.has_landslide()
    of = np.array(folded(chips.blocks.tolist(), labels.tolist(), folds=folds, seed=seed), dtype=np.int64)
    for wanted, what in ((True, "with"), (False, "without")):
        held = Counter(of[labels == wanted].tolist())
        lacking = [fold for fold in range(folds) if not held[fold]]
        if lacking and (wanted or both):
            blocks = len(set(chips.blocks[labels == wanted].tolist()))
            raise DatasetError(
                f"{chips.name}: fold {lacking[0]} of {folds} has no chip {what} a landslide, as only {blocks} "
                f"{'block has' if blocks == 1 else 'blocks have'} any; {remedy}"
            )
    return of
