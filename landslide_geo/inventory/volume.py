"""Volumes from areas: published power laws V = α·A^γ (A in m², V in m³).

Such laws scatter by a factor of two to three about single landslides and differ among each other by as much, so a
volume always comes with bounds and the name of its relation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class Relation:
    """One power law, with where it was published."""

    name: str
    alpha: float
    gamma: float
    source: str

    def volume(self, area_m2: ArrayLike) -> NDArray[np.float64]:
        """Volume in m³ of landslides of ``area_m2``."""
        return np.asarray(self.alpha * np.asarray(area_m2, dtype=np.float64) ** self.gamma)


_LARSEN: Final = "Larsen, Montgomery & Korup (2010), Nature Geoscience 3, 247–251, doi:10.1038/ngeo776"

RELATIONS: Final[dict[str, Relation]] = {
    relation.name: relation
    for relation in (
        Relation(
            "guzzetti2009", 0.074, 1.450,
            "Guzzetti et al. (2009), Earth and Planetary Science Letters 279, 222–229, doi:10.1016/j.epsl.2009.01.005: "
            "677 slides worldwide",
        ),
        Relation("larsen2010_all", 10**-0.836, 1.332, f"{_LARSEN}: 4,231 landslides of all materials"),
        Relation("larsen2010_soil", 10**-0.649, 1.262, f"{_LARSEN}, supplement: scars in soil"),
        Relation("larsen2010_bedrock", 10**-0.63, 1.41, f"{_LARSEN}, supplement: scars in bedrock"),
    )
}  # fmt: skip

#: Whole slides, scar and deposit together, are what a scan outlines; this law was fitted to them.
DEFAULT_RELATION: Final = "guzzetti2009"


@dataclass(frozen=True)
class Volumes:
    """Volumes in m³, one per area; ``low`` and ``high`` are the smallest and largest of all relations."""

    best: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    relation: str


def volumes(area_m2: ArrayLike, *, relation: str = DEFAULT_RELATION) -> Volumes:
    """Volumes by ``relation``, bounded by all known ones: the material, which decides most, is not seen from space."""
    every = np.stack([law.volume(area_m2) for law in RELATIONS.values()])
    return Volumes(RELATIONS[relation].volume(area_m2), every.min(axis=0), every.max(axis=0), relation)
