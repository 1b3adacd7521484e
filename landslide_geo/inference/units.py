"""From a scene's units to those that a model or a filter was trained in."""

from __future__ import annotations

from landslide_geo.bands import EITHER, PRE, UNITS, is_optical
from landslide_geo.errors import ParameterError
from landslide_geo.scene.scene import Scene
from landslide_geo.units import PICTURE, REFLECTANCE, gain


def factor(name: str, unit: str, scene: Scene, *, who: str, remedy: str) -> float:
    """What turns a scene's values of a band into a unit.

    Args:
        name: of the band.
        unit: that is wanted.
        scene: whose values they are.
        who: wants it, for the message.
        remedy: what to do where it cannot be had.

    Raises:
        ParameterError: the scene's unit of the band is another one, or is not known.
    """
    scale = scene.reflectance_scale
    if is_optical(name):
        if unit == EITHER or (scale is None and unit == PICTURE):
            return 1.0
        if scale is not None and (turned := gain(name, REFLECTANCE, unit)) is not None:
            return scale * turned
        found = "8-bit pictures" if scale is None else REFLECTANCE
    else:
        found = UNITS.get(name.removeprefix(PRE), "")
        if (turned := gain(name, found, unit)) is not None:
            return turned
    raise ParameterError(f"{who} takes {name} in {unit}, the scene holds {found or 'no such band'}; {remedy}")
