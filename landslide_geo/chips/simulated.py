"""Simulated chips as a dataset: every band of the vocabulary, with the terrain's derived from its elevation.

All that is made from them must say so: stores carry ``simulated`` (`landslide_geo.chips.store.is_simulated`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from landslide_geo.bands import TERRAIN, UNITS, canonical_name, is_optical
from landslide_geo.chips.collection import Chip, Collection
from landslide_geo.chips.landslide4sense import BANDS as DEFAULT_BANDS
from landslide_geo.chips.splits import SPLITS, by_block
from landslide_geo.chips.store import SIMULATED
from landslide_geo.errors import ParameterError
from landslide_geo.scene.terrain import RELIEF_M, aspect_degrees, curvature, relief, slope_degrees
from landslide_geo.simulate.chips import BANDS as SEEN
from landslide_geo.simulate.chips import GSD_M, ChipMaker, SimulatedChip

FloatArray = NDArray[np.float32]

#: All that there are.
BANDS: Final = (*SEEN[:-1], *TERRAIN, SEEN[-1])
_VALIDATION, _TEST = 0.2, 0.2


def collection(
    *, seed: int = 0, chips: int = 200, size: int = 128, bands: Sequence[str] | None = None, share: float = 0.5,
    clouds: float = 0.0,
) -> Collection:  # fmt: skip
    """List the chips, which are made as they are read.

    Args:
        seed: of the landscape, and of the blocks of validation and test, about a fifth of the chips each.
        chips: how many.
        size: side in pixels of 10 m.
        bands: names in the vocabulary, or a sensor's; none takes those of Landslide4Sense.
        share: of the chips that hold a landslide, roughly.
        clouds: share of the sky that is cloudy at the later date, roughly.

    Raises:
        ParameterError: a number outside of its range.
        UnknownBandError: a name that is not known.
    """
    if chips < 1:
        raise ParameterError(f"{chips} simulated chips; make at least 1")
    if not 0 <= clouds <= 0.5:
        raise ParameterError(f"share {clouds:g} of a sky of clouds; it lies within 0–0.5")
    names = tuple(canonical_name(name) for name in bands or DEFAULT_BANDS)
    if twice := next((name for name in names if names.count(name) > 1), ""):
        raise ParameterError(f"band {twice} is asked for twice; name each once")
    if impossible := next((name for name in names if name not in BANDS), ""):
        raise ParameterError(f"band {impossible} cannot be simulated: ground and clouds have no earlier date")
    maker = ChipMaker(seed=seed, size=size, share=share, clouds=clouds)
    drawn = by_block([str(maker.block(i)) for i in range(chips)], validation=_VALIDATION, test=_TEST, seed=seed)
    splits = {name: [i for i, own in enumerate(drawn) if own == name] for name in SPLITS}

    def read(index: int) -> Chip:
        made = maker.make(index)
        return Chip(
            f"{SIMULATED}_{seed}_{index:06d}", f"{SIMULATED}/{seed}/{made.block}", stacked(made, names), made.mask
        )

    units = tuple("digital number" if is_optical(name) else UNITS[name.removeprefix("pre_")] for name in names)
    quantum = tuple(1.0 if is_optical(name) else None for name in names)
    return Collection(SIMULATED, names, units, GSD_M, splits, read, quantum=quantum, simulated=True)


def stacked(chip: SimulatedChip, names: Sequence[str]) -> FloatArray:
    """(band, y, x) any of `BANDS`, in the units of a scene's; optical ones are digital numbers."""
    seen = [name for name in names if name not in TERRAIN]
    values = dict(zip(seen, chip.bands(seen), strict=True)) if seen else {}
    for name in names:
        if name in TERRAIN:
            values[name] = _terrain(chip, name)
    return np.stack([values[name] for name in names])


def _terrain(chip: SimulatedChip, name: str) -> FloatArray:
    inner, resolution = (slice(1, -1), slice(1, -1)), (GSD_M, GSD_M)
    if name == "relief":
        margin = int(RELIEF_M / GSD_M)
        return relief(chip.elevation(margin), resolution)[margin:-margin, margin:-margin]
    elevation = chip.elevation(margin=1)
    if name == "slope":
        return slope_degrees(elevation, resolution)[inner]
    if name == "aspect":
        # Flat ground faces nowhere; a band of training data holds a number for each pixel nevertheless.
        return np.nan_to_num(aspect_degrees(elevation, resolution)[inner])
    if name == "curvature":
        return curvature(chip.elevation(margin=2), resolution)[2:-2, 2:-2]
    return elevation[inner]
