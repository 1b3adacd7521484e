"""Sentinel-2 Level 2A: digital numbers to reflectance, and the scene classification to visibility.

ESA, Sentinel-2 Products Specification Document: reflectance = (DN + offset) / 10,000, where the offset is −1,000 from
processing baseline 04.00 (25 January 2022) on, also of older acquisitions that were processed again, and 0 before.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from landslide_geo.scene.visibility import Visibility

ByteArray = NDArray[np.uint8]
ShortArray = NDArray[np.uint16]

#: Digital numbers for a reflectance of 1.
QUANTIFICATION: Final = 10_000
#: What is added to digital numbers from `SHIFTED_SINCE` on.
OFFSET: Final = -1000
SHIFTED_SINCE: Final = 4.0
#: First day of that baseline, for products that do not tell theirs.
SHIFTED_DAY: Final = dt.date(2022, 1, 25)
#: Vegetation and water are dark in blue and red (0.02–0.08, as turbid water up to 0.1). Their median lies below the
#: first number where the offset was taken off, and above the second where it was not; between, it says nothing.
UNSHIFTED_BELOW: Final = 850
SHIFTED_ABOVE: Final = 1050
#: Pixels of these classes that a median is taken of, at least.
_LEAST: Final = 30
#: Dark ground of two dates may differ by so much in reflectance: by more, one of the offsets is wrong.
AGREE_WITHIN: Final = 0.05

#: Scene classification (SCL) of Sen2Cor → visibility. Class 2 is cast shadow since baseline 04.00; before it was any
#: dark ground, fresh scars of landslides among it, so that it counts as clear there.
_SCL: Final = {
    0: Visibility.NODATA,  # no data
    1: Visibility.NODATA,  # saturated or defective
    2: Visibility.TERRAIN_SHADOW,
    3: Visibility.CLOUD_SHADOW,
    4: Visibility.CLEAR,  # vegetation
    5: Visibility.CLEAR,  # not vegetated
    6: Visibility.WATER,
    7: Visibility.CLEAR,  # unclassified
    8: Visibility.CLOUD,  # medium probability
    9: Visibility.CLOUD,  # high probability
    10: Visibility.CLOUD,  # thin cirrus
    11: Visibility.SNOW,
}
_DARK: Final = (4, 6)


def visibility(scl: ByteArray, *, baseline: float | None) -> ByteArray:
    """Scene classification → `Visibility` codes, same shape; unknown classes are nodata."""
    table = np.zeros(256, dtype=np.uint8)
    for value, code in _SCL.items():
        table[value] = code
    if baseline is not None and baseline < SHIFTED_SINCE:
        table[2] = Visibility.CLEAR
    return table[scl]


@dataclass(frozen=True)
class Offset:
    """What is added to the digital numbers of an item.

    Attributes:
        value: `OFFSET` or 0.
        reason: in one sentence, where it was taken from.
        told: what the metadata say; another value than ``value`` was overruled by what the pixels show.
        level: median of dark ground in digital numbers, or None where there is too little of it.
    """

    value: int
    reason: str
    told: int
    level: float | None

    @property
    def reflectance(self) -> float | None:
        """Of dark ground, once the offset is added."""
        return None if self.level is None else (self.level + self.value) / QUANTIFICATION


def told_offset(properties: Mapping[str, Any], *, baseline: float | None, day: dt.date) -> tuple[int, str]:
    """The offset by an item's metadata, and in words where it stands.

    Args:
        properties: of the item.
        baseline: its processing baseline, where it is known.
        day: of the acquisition.
    """
    shifted = baseline >= SHIFTED_SINCE if baseline is not None else day >= SHIFTED_DAY
    version = f"baseline {baseline:05.2f}" if baseline is not None else f"acquired {day}"
    if not shifted:
        return 0, f"{version} has none"
    if properties.get("earthsearch:boa_offset_applied"):
        return 0, f"{version}; the catalogue says that it was added already"
    return OFFSET, f"{version} has it"


def dark_level(numbers: Sequence[ShortArray], scl: ByteArray) -> float | None:
    """How bright dark ground is: the least median of digital numbers over vegetation and water.

    Args:
        numbers: blue, red or both on the grid of ``scl``, 0 where there is none.
        scl: scene classification.

    Returns:
        None where there is too little of it to tell.
    """
    dark = np.isin(scl, _DARK)
    levels = []
    for band in numbers:
        values = band[dark & (band > 0)]
        if values.size >= _LEAST:
            levels.append(float(np.median(values)))
    return min(levels) if levels else None


def judged_offset(told: int, reason: str, level: float | None, *, baseline: float | None) -> Offset:
    """The offset by metadata and pixels: where dark ground contradicts the metadata, it is right.

    A catalogue that says the wrong thing makes reflectance wrong by 0.1, more than vegetation has in red.

    Args:
        told: by metadata.
        reason: where it stands there.
        level: of dark ground, or None where there is too little.
        baseline: of the processing; before `SHIFTED_SINCE` there is no offset, however bright the ground.
    """
    possible = baseline is None or baseline >= SHIFTED_SINCE
    if level is None:
        return Offset(told, f"{reason} (too little dark ground to check it)", told, level)
    if level < UNSHIFTED_BELOW and told != 0:
        shown = f"{reason}, but vegetation and water have {level:.0f}: it was taken off already"
        return Offset(0, shown, told, level)
    if level > SHIFTED_ABOVE and told == 0 and possible:
        return Offset(OFFSET, f"{reason}, but vegetation and water have {level:.0f}: it was not taken off", told, level)
    return Offset(told, reason, told, level)


def disagreement(post: Sequence[Offset], pre: Sequence[Offset]) -> str | None:
    """Where dark ground of two dates differs by more than seasons do, what is wrong, in one sentence."""
    levels = [[one.reflectance for one in date if one.reflectance is not None] for date in (post, pre)]
    if not all(levels):
        return None
    after, before = (float(np.mean(level)) for level in levels)
    if abs(after - before) <= AGREE_WITHIN:
        return None
    return (
        f"vegetation and water have a reflectance of {after:.2f} after and {before:.2f} before: the offset of one "
        "date may be wrong, so that changes may be too"
    )


def reflectance(numbers: ShortArray, offset: int) -> NDArray[np.float32]:
    """Digital numbers → surface reflectance, NaN where there is none (0)."""
    values = (numbers.astype(np.float32) + offset) / QUANTIFICATION
    return np.where(numbers == 0, np.float32(np.nan), values).astype(np.float32)
