"""Several looks at the same ground made one: mosaics of a pass's tiles, and composites of several passes.

Arrays are (look, y, x), the better look first; reflectance is as it is stored (uint16, 0 where there is none).
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from landslide_geo.scene.visibility import Visibility, is_valid

ByteArray = NDArray[np.uint8]
ShortArray = NDArray[np.uint16]

#: Classes from the best to the worst to have in a composite: what can be mapped, what is dim, what is hidden.
PREFERENCE: Final = (
    Visibility.CLEAR,
    Visibility.WATER,
    Visibility.TERRAIN_SHADOW,
    Visibility.SNOW,
    Visibility.CLOUD_SHADOW,
    Visibility.CLOUD,
    Visibility.NODATA,
)
_RANK: Final = np.array([PREFERENCE.index(code) for code in sorted(Visibility)], dtype=np.uint8)


def mosaic(looks: NDArray[Any]) -> NDArray[Any]:
    """(look, y, x) → (y, x): the first look that has a value, pixel by pixel; 0 and NaN are none."""
    out = looks[0].copy()
    for look in looks[1:]:
        hole = np.isnan(out) if np.issubdtype(out.dtype, np.floating) else out == 0
        out[hole] = look[hole]
    return out


def best_look(classes: ByteArray) -> ByteArray:
    """Which look to take, pixel by pixel: that of the best class, and of several the first.

    Args:
        classes: (look, y, x) `Visibility` codes; looks in the order they are preferred in, the most recent first say.

    Returns:
        (y, x) uint8, index of the look.
    """
    return np.argmin(_RANK[classes], axis=0).astype(np.uint8)


def taken(looks: NDArray[Any], index: ByteArray) -> NDArray[Any]:
    """(look, y, x) and (y, x) index of a look → (y, x), its values."""
    return np.take_along_axis(looks, index[None].astype(np.intp), axis=0)[0]


def median(looks: ShortArray, classes: ByteArray) -> ShortArray:
    """The median of the looks that can be mapped, pixel by pixel; where none can, the best look as `best_look` has it.

    Clouds are brighter and shadows darker than the ground: those that a classification missed do not move a median of
    three or more looks far.

    Args:
        looks: (look, y, x) stored reflectance, 0 where there is none.
        classes: (look, y, x) `Visibility` codes.

    Returns:
        (y, x) uint16; the mean of the two in the middle where their number is even, a half rounded up.
    """
    seen = is_valid(classes) & (looks > 0)
    ordered = _sorted(np.where(seen, looks, np.uint16(65535)))  # what does not count goes to the end
    count = seen.sum(axis=0)
    low, high = (
        np.take_along_axis(ordered, place[None], axis=0)[0]
        for place in (np.maximum(count - 1, 0) // 2, count // 2 % len(looks))
    )
    middle = ((low.astype(np.uint32) + high + 1) // 2).astype(np.uint16)
    return np.where(count > 0, middle, taken(looks, best_look(classes)))


def _sorted(looks: ShortArray) -> ShortArray:
    """Each pixel's looks in ascending order, in place. They are few: exchanging layers is faster than a sort."""
    for last in range(len(looks) - 1, 0, -1):
        for index in range(last):
            one, other = looks[index], looks[index + 1]
            low = np.minimum(one, other)
            np.maximum(one, other, out=other)
            one[:] = low
    return looks


def best_class(classes: ByteArray) -> ByteArray:
    """(look, y, x) → (y, x): what a composite shows, median or not: the class of the best look."""
    return taken(classes, best_look(classes))
