"""Orders of channels that are doubtful, and patches of cloud."""

from __future__ import annotations

import numpy as np
import pytest

from landslide_geo.chips.doubts import Doubts
from landslide_geo.config import BIGEARTHNET

NAMES = ("red", "green", "blue", "nir")


def said(order: tuple[str, ...], *, unit: str = "digital number", clouds: int = 0) -> list[str]:
    """Of chips named `NAMES` whose channels are in an order."""
    rng = np.random.default_rng(0)
    means = np.array([BIGEARTHNET[name][0] for name in order])[:, None, None]
    doubts = Doubts((*NAMES, "vv_asc"), (*[unit] * 4, "dB"))
    for number in range(5 + clouds):
        image = means * rng.uniform(0.8, 1.2, (4, 8, 8)) if number < 5 else np.full((4, 8, 8), 9000.0)
        image = image * (1e-4 if unit == "reflectance" else 1)
        doubts.add(np.concatenate([image, np.full((1, 8, 8), -12.0)]).astype(np.float32))
    return doubts.lines()


@pytest.mark.parametrize("unit", ["digital number", "reflectance"])
def test_another_order_is_told_and_the_right_one_is_not(unit: str) -> None:
    assert said(NAMES, unit=unit) == []
    (line,) = said(("nir", "green", "blue", "red"), unit=unit)
    assert line == "channels named red, green, blue, nir look like nir, green, blue, red: check their order"


@pytest.mark.parametrize("unit", ["digital number", "reflectance"])
def test_patches_of_cloud_are_counted(unit: str) -> None:
    (line,) = said(NAMES, unit=unit, clouds=3)
    assert line.startswith("3 patches are all cloud")


def test_other_units_and_unknown_chips_raise_no_doubt() -> None:
    assert said(("nir", "green", "blue", "red"), unit="8-bit picture") == []
    doubts = Doubts(NAMES, ("digital number",) * 4)
    doubts.add(np.full((4, 8, 8), np.nan, np.float32))
    assert doubts.lines() == []
