"""Folds that hold what is to be learned, or a line that says which does not."""

from __future__ import annotations

import numpy as np
import pytest
from squares import batch, chips

from landslide_geo.chips.split import Split
from landslide_geo.chips.splits import folded
from landslide_geo.errors import DatasetError
from landslide_geo.training.folds import folds_of


def of(positive: int, negative: int) -> Split:
    """Chips of so many blocks with a landslide and without."""
    return Split.of("some", [batch(12, 1, blocks=positive), batch(12, 2, landslides=False, blocks=negative)])


def test_folds_are_those_of_the_blocks() -> None:
    found, labels = of(3, 4), of(3, 4).has_landslide()
    drawn = folds_of(found, folds=3, seed=5, remedy="none")
    np.testing.assert_array_equal(drawn, folded(found.blocks.tolist(), labels.tolist(), folds=3, seed=5))
    for wanted in (True, False):
        assert set(drawn[labels == wanted].tolist()) == {0, 1, 2}


def test_a_fold_of_one_class_is_named_with_its_chips_and_the_remedy() -> None:
    with pytest.raises(DatasetError, match=r"^some: fold 2 of 3 has no chip with a landslide, as only 2 blocks have"):
        folds_of(of(2, 5), folds=3, seed=0, remedy="do this")
    with pytest.raises(DatasetError, match=r"has no chip without a landslide, as only 1 block has any; do this$"):
        folds_of(of(5, 1), folds=3, seed=0, remedy="do this")


def test_masks_hold_both_classes_in_one_chip() -> None:
    outlined = chips(12, 0, blocks=4)
    assert set(folds_of(outlined, folds=4, seed=0, remedy="none", both=False).tolist()) == {0, 1, 2, 3}
    with pytest.raises(DatasetError, match="no chip without a landslide"):
        folds_of(outlined, folds=4, seed=0, remedy="none")
    with pytest.raises(DatasetError, match="fold 1 of 2 has no chip with a landslide"):
        folds_of(of(1, 5), folds=2, seed=0, remedy="none", both=False)
