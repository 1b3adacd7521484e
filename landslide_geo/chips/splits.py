"""Which split a chip belongs to: drawn by a seed, the same for the same chips."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from typing import Final

import numpy as np

SPLITS: Final = ("train", "validation", "test")


def by_block(blocks: Sequence[str], *, validation: float, test: float, seed: int) -> list[str]:
    """The split of each chip; chips of one block stay together.

    Blocks are taken in an order drawn by the seed, the first ones for the test, then for validation.

    Args:
        blocks: block of each chip.
        validation: share of the chips, roughly.
        test: likewise.
        seed: that draws the order.
    """
    counts = Counter(blocks)
    order = sorted(counts, key=lambda block: _drawn(seed, block))
    of: dict[str, str] = {}
    for split, share in (("test", test), ("validation", validation)):
        taken = 0
        for block in order:
            # A block more only where that comes nearer to the share; one is left to train on.
            if block not in of and len(of) < len(order) - 1 and taken + counts[block] / 2 <= share * len(blocks):
                of[block] = split
                taken += counts[block]
    return [of.get(block, SPLITS[0]) for block in blocks]


def stratified(labels: Sequence[int], *, validation: float, seed: int) -> list[str]:
    """The split of each chip, train or validation, with the same share of each label in both.

    Args:
        labels: label of each chip.
        validation: share of the chips; rounded for each label.
        seed: that draws them.
    """
    of, rng = np.asarray(labels), np.random.default_rng(seed)
    drawn: set[int] = set()
    for label in np.unique(of):
        (where,) = np.nonzero(of == label)
        drawn |= set(rng.permutation(where)[: round(validation * len(where))].tolist())
    return [SPLITS[1] if i in drawn else SPLITS[0] for i in range(len(of))]


def folded(blocks: Sequence[str], positive: Sequence[bool], *, folds: int, seed: int) -> list[int]:
    """The fold of each chip, 0 up to but not including ``folds``; chips of one block stay together.

    Folds hold nearly as many chips as one another, of blocks with a positive and of the others, as far as blocks allow.

    Args:
        blocks: block of each chip.
        positive: whether it shows a landslide.
        folds: number of them.
        seed: that draws which blocks come together.
    """
    counts, hits = Counter(blocks), Counter(block for block, hit in zip(blocks, positive, strict=True) if hit)
    of: dict[str, int] = {}
    for wanted in (True, False):
        held = [0] * folds
        own = [block for block in counts if (hits[block] > 0) == wanted]
        # Large ones first, so that small ones can even them out.
        for block in sorted(own, key=lambda block: (-counts[block], _drawn(seed, block))):
            fold = min(range(folds), key=lambda number: (held[number], number))
            of[block] = fold
            held[fold] += counts[block]
    return [of[block] for block in blocks]


def _drawn(seed: int, block: str) -> str:
    return hashlib.sha256(f"{seed}|{block}".encode()).hexdigest()
