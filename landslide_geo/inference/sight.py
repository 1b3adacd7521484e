"""Which sensors of a model a scene has, and where one of them at least sees the ground."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from landslide_geo.bands import MASKS, TERRAIN, is_optical, is_pre
from landslide_geo.config import DIGITAL_NUMBER
from landslide_geo.inference.sources import SceneSource
from landslide_geo.scene.clouds import cloudy
from landslide_geo.scene.grid import Block
from landslide_geo.scene.scene import Scene
from landslide_geo.scene.visibility import is_valid

FloatArray = NDArray[np.float32]
BoolArray = NDArray[np.bool_]

CLOUD_MASK: Final = MASKS[0]
_RED: Final = "red"


@dataclass(frozen=True)
class Sight:
    """What a scene shows of a model's bands.

    Attributes:
        bands: to read: those of the sensors that the scene has, and all that are no sensor's.
        sensors: bands of each of these; a pixel can be mapped where one of them sees it.
        made: bands that are made of others.
        missing: bands of the model that stay empty.
        needed: bands by which it is judged what can be seen.
    """

    bands: tuple[str, ...]
    sensors: tuple[tuple[str, ...], ...]
    made: tuple[str, ...]
    missing: tuple[str, ...]
    needed: tuple[str, ...]

    @classmethod
    def of(cls, scene: Scene, bands: Sequence[str], sensors: Sequence[Sequence[str]], *, by: str) -> Sight:
        """Of a scene.

        Args:
            scene: whose bands count, and those of the terrain that its elevation model gives; a cloud mask is made of
                red.
            bands: of the model.
            sensors: bands of each sensor, of which any but one may be missing; all other bands are needed.
            by: who needs them, for the message.

        Raises:
            MissingBandError: a band is missing that cannot be done without, or a sensor has some of its bands only.
        """
        names = [*scene.names, *(TERRAIN if scene.dem is not None else [])]
        sensed = {name for own in sensors for name in own}
        always = [name for name in bands if name not in sensed and name != CLOUD_MASK]
        there = tuple(tuple(own) for own in sensors if set(own) <= set(names))
        partly = [name for own in sensors if set(own) & set(names) for name in own]
        # Something must be seen: with no sensor at all the message names every band.
        _require(scene, names, [*always, *(partly if there or partly else bands)], by=by)
        read = tuple(name for name in bands if name in always or any(name in own for own in there))
        if CLOUD_MASK in bands and not sensors:
            _require(scene, names, [_RED], by=f"the cloud mask of {by}")
        optical = tuple(name for name in read if is_optical(name) and not is_pre(name))
        made = (CLOUD_MASK,) if CLOUD_MASK in bands and _RED in (*read, *scene.names) and (optical or not there) else ()
        # With one sensor, or none that can be missing, a pixel needs all of its bands.
        needed = read if len(there) < 2 else optical or read
        missing = tuple(name for name in bands if name not in (*read, *made))
        return cls(read, there or (read,), made, missing, needed)


def _require(scene: Scene, names: Sequence[str], wanted: Sequence[str], *, by: str) -> None:
    missing = [name for name in dict.fromkeys(wanted) if name not in names]
    if missing:
        scene.require(missing, by=by)


class SensorSource:
    """Bands of several sensors: a pixel is valid where one sees it, and unknown to the others.

    Under clouds the optical bands stay as they are: a network that knows clouds sees that these hide the ground.
    Elevation alone sees nothing.
    """

    def __init__(self, scene: Scene, sight: Sight) -> None:
        self._scene, self._sight = scene, sight
        self._read = sight.bands if not sight.made or _RED in sight.bands else (*sight.bands, _RED)
        self._places = [[self._read.index(name) for name in own] for own in sight.sensors]
        self._hidden = [any(is_optical(name) for name in own) for own in sight.sensors]

    def read(self, block: Block) -> tuple[FloatArray, BoolArray]:
        """(band, h, w) float32 of what is read and made, NaN where unknown, and (h, w) which pixels count."""
        values = self._scene.read(self._read, block)
        clear = is_valid(self._scene.read_visibility(block, needed=self._sight.needed))
        valid = np.zeros(clear.shape, dtype=bool)
        for places, hidden in zip(self._places, self._hidden, strict=True):
            known = np.isfinite(values[places]).all(axis=0)
            for place in places:
                values[place][~known] = np.nan
            valid |= known & clear if hidden else known
        if self._sight.made:
            scale = self._scene.reflectance_scale
            red = values[self._read.index(_RED)]
            mask = cloudy(red, scale=DIGITAL_NUMBER if scale is None else scale)
            values = np.concatenate([values[: len(self._sight.bands)], mask[None]])
        return values, valid & self._scene.inside_aoi(block)

    def close(self) -> None:
        """Close the files this thread has open."""
        self._scene.close()


def source_of(scene: Scene, sight: Sight) -> SceneSource | SensorSource:
    """What reads the bands that are in sight."""
    alone = len(sight.sensors) == 1 and not sight.made and sight.sensors[0] == sight.bands
    return SceneSource(scene, sight.bands) if alone else SensorSource(scene, sight)
