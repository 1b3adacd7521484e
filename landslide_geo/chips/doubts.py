"""What is doubtful about optical chips: channels in another order than they are named, and patches of cloud alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from landslide_geo.bands import PRE
from landslide_geo.chips.split import Split
from landslide_geo.config import BIGEARTHNET, DIGITAL_NUMBER
from landslide_geo.scene.clouds import SCALES, cloudy

#: By how many standard deviations, summed over the bands, another order must fit better to be told.
_BETTER: Final = 2.0


class Doubts:
    """Collects medians of chips, a few at a time, and says what is doubtful about all of them.

    Args:
        bands: of the chips.
        units: of each; bands in other units than Sentinel-2's, and those of the earlier date, play no part.
    """

    def __init__(self, bands: Sequence[str], units: Sequence[str]) -> None:
        self._known = [
            (place, name, SCALES[unit])
            for place, (name, unit) in enumerate(zip(bands, units, strict=True))
            if name in BIGEARTHNET and not name.startswith(PRE) and unit in SCALES
        ]
        #: Those that play a part.
        self.bands = tuple(name for _, name, _ in self._known)
        self._medians: list[list[float]] = []
        self._clouded, self._seen = 0, 0

    def add(self, image: NDArray[np.float32]) -> None:
        """Look at one chip, (band, y, x), NaN where unknown."""
        self._seen += 1
        known = [image[place][np.isfinite(image[place])] for place, _, _ in self._known]
        if not known or not all(values.size for values in known):
            return
        pairs = list(zip(known, self._known, strict=True))
        if any(name == "red" and (cloudy(values, scale=scale) == 1).all() for values, (_, name, scale) in pairs):
            self._clouded += 1
            return  # a cloud has no colour
        self._medians.append([float(np.median(values)) * scale / DIGITAL_NUMBER for values, (_, _, scale) in pairs])

    def lines(self, where: str) -> list[str]:
        """One line for each doubt, with what to do about it; none where all is well.

        Args:
            where: the chips lie, for people.
        """
        said = []
        if self._clouded:
            said.append(
                f"{where}: {self._clouded:,} of {self._seen:,} patches are all cloud, nothing of the ground is seen in "
                "optical bands; leave them out, or take a model that sees radar too"
            )
        names = [name for _, name, _ in self._known]
        if self._medians and len(names) > 1:
            found = np.median(np.array(self._medians), axis=0)
            mean, deviation = np.array([BIGEARTHNET[name] for name in names]).T
            # (channel, band): how strange a channel would be as a band.
            strange = np.abs(found[:, None] - mean) / deviation
            _, best = linear_sum_assignment(strange)
            if np.trace(strange) - strange[np.arange(len(names)), best].sum() > _BETTER:
                likely = ", ".join(names[i] for i in best)
                said.append(
                    f"{where}: channels named {', '.join(names)} look like {likely}; check their order, and give them "
                    "in the one that is named"
                )
        return said


def doubts_of(chips: Split) -> list[str]:
    """What is doubtful about all chips of a store, a line each; nothing is read where nothing can be told."""
    found = Doubts(chips.bands, chips.units)
    if not found.bands:
        return []
    own = chips.without_truth().taking(found.bands)  # a mask hides nothing here
    told = Doubts(own.bands, own.units)
    for index in range(len(own)):
        told.add(own.image(index))
    return told.lines(chips.name)


def noting(batches: Iterable[xr.Dataset], doubts: Doubts) -> Iterator[xr.Dataset]:
    """The same batches, whose chips are looked at as they pass."""
    for part in batches:
        for image in part["image"].to_numpy():
            doubts.add(image)
        yield part
