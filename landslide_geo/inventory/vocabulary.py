"""What an analyst may call a landslide and its cause, and what others call the same.

Types are those of Hungr, Leroueil and Picarelli (2014), "The Varnes classification of landslide types, an update",
Landslides 11, 167–194, doi:10.1007/s10346-013-0436-y. Its two topples of rock and its three slope deformations, which
images do not tell apart, are one each. Triggers are those of NASA's Cooperative Open Online Landslide Repository
(COOLR) and two that it lacks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Term:
    """A value as it is stored, as forms show it, and as COOLR's tables call it."""

    value: str
    label: str
    coolr: str


CATEGORIES: Final = tuple(
    Term(*row)
    for row in (
        ("rock_fall", "rock or ice fall", "rock_fall"),
        ("debris_fall", "boulder, debris or silt fall", "rock_fall"),
        ("rock_topple", "rock topple", "topple"),
        ("soil_topple", "gravel, sand or silt topple", "topple"),
        ("rock_rotational_slide", "rock rotational slide", "rotational_slide"),
        ("rock_planar_slide", "rock planar slide", "translational_slide"),
        ("rock_wedge_slide", "rock wedge slide", "translational_slide"),
        ("rock_compound_slide", "rock compound slide", "landslide"),
        ("rock_irregular_slide", "rock irregular slide", "landslide"),
        ("soil_rotational_slide", "clay or silt rotational slide", "rotational_slide"),
        ("soil_planar_slide", "clay or silt planar slide", "translational_slide"),
        ("debris_slide", "gravel, sand or debris slide", "translational_slide"),
        ("soil_compound_slide", "clay or silt compound slide", "landslide"),
        ("rock_spread", "rock slope spread", "landslide"),
        ("liquefaction_spread", "sand or silt liquefaction spread", "landslide"),
        ("sensitive_clay_spread", "sensitive clay spread", "landslide"),
        ("rock_avalanche", "rock or ice avalanche", "landslide"),
        ("dry_flow", "sand, silt or debris dry flow", "landslide"),
        ("flowslide", "sand, silt or debris flowslide", "landslide"),
        ("sensitive_clay_flowslide", "sensitive clay flowslide", "landslide"),
        ("debris_flow", "debris flow", "debris_flow"),
        ("mud_flow", "mud flow", "mudslide"),
        ("debris_flood", "debris flood", "debris_flow"),
        ("debris_avalanche", "debris avalanche", "debris_flow"),
        ("earthflow", "earthflow", "earth_flow"),
        ("peat_flow", "peat flow", "landslide"),
        ("slope_deformation", "mountain, rock or soil slope deformation", "creep"),
        ("soil_creep", "soil creep", "creep"),
        ("solifluction", "solifluction", "creep"),
        ("complex", "complex: several types", "complex"),
        ("unknown", "unknown", "landslide"),
    )
)
TRIGGERS: Final = tuple(
    Term(*row)
    for row in (
        ("rain", "rain", "rain"),
        ("downpour", "downpour", "downpour"),
        ("continuous_rain", "continuous rain", "continuous_rain"),
        ("monsoon", "monsoon", "monsoon"),
        ("tropical_cyclone", "tropical cyclone", "tropical_cyclone"),
        ("flooding", "flooding", "flooding"),
        ("snowfall_snowmelt", "snowfall or snowmelt", "snowfall_snowmelt"),
        ("freeze_thaw", "freeze and thaw", "freeze_thaw"),
        ("earthquake", "earthquake", "earthquake"),
        ("volcano", "volcano", "volcano"),
        ("river_undercutting", "undercutting by a river or the sea", "other"),
        ("glacier_retreat", "retreat of a glacier", "other"),
        ("construction", "construction", "construction"),
        ("mining", "mining", "mining"),
        ("dam_embankment_collapse", "collapse of a dam or embankment", "dam_embankment_collapse"),
        ("leaking_pipe", "leaking pipe", "leaking_pipe"),
        ("vibration", "vibration", "vibration"),
        ("other", "other", "other"),
        ("no_apparent_trigger", "no apparent trigger", "no_apparent_trigger"),
        ("unknown", "unknown", "unknown"),
    )
)


def choices(terms: tuple[Term, ...]) -> tuple[tuple[str, str], ...]:
    """Stored values and labels, for a form."""
    return tuple((term.value, term.label) for term in terms)


def in_coolr(terms: tuple[Term, ...]) -> dict[str, str]:
    """What COOLR calls each stored value."""
    return {term.value: term.coolr for term in terms}


def labels(terms: tuple[Term, ...]) -> dict[str, str]:
    """What a reader calls each stored value."""
    return {term.value: term.label for term in terms}
