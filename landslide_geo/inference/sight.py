"""Which sensors of a model a scene has, and where one of them at least sees the ground."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landslide_geo.bands import is_optical, is_pre
from landslide_geo.inference.sources import SceneSource
from landslide_geo.scene.grid import Block
from landslide_geo.scene.scene import Scene
from landslide_geo.scene.visibility import is_valid

FloatArray = NDArray[np.float32]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class Sight:
    """What a scene shows of a model's bands.

    Attributes:
        bands: that the scene has, of those sensors that are complete.
        sensors: bands of each of these; a pixel can be mapped where one of them sees it.
        missing: bands of the model that stay empty.
        needed: bands by which it is judged what can be seen.
    """

    bands: tuple[str, ...]
    sensors: tuple[tuple[str, ...], ...]
    missing: tuple[str, ...]
    needed: tuple[str, ...]

    @classmethod
    def of(cls, scene: Scene, bands: Sequence[str], sensors: Sequence[Sequence[str]], *, by: str) -> Sight:
        """Of a scene.

        Args:
            scene: whose bands count.
            bands: of the model.
            sensors: bands of each sensor, of which any but one may be missing; none: all bands are needed.
            by: who needs them, for the message.

        Raises:
            MissingBandError: a band is missing that cannot be done without.
        """
        there = tuple(tuple(own) for own in sensors if set(own) <= set(scene.names))
        if not there:
            scene.require(bands, by=by)
            there = (tuple(bands),)
        read = tuple(name for name in bands if any(name in own for own in there))
        optical = tuple(name for name in read if is_optical(name) and not is_pre(name))
        # With one sensor, or none that can be missing, a pixel needs all of its bands.
        needed = read if len(there) == 1 else optical or read
        return cls(read, there, tuple(name for name in bands if name not in read), needed)


class SensorSource:
    """Bands of several sensors: a pixel is valid where one sees it, and unknown to the others.

    Under clouds the optical bands stay as they are: a network that knows clouds sees that these hide the ground.
    """

    def __init__(self, scene: Scene, sight: Sight) -> None:
        self._scene, self._sight = scene, sight
        self._places = [[sight.bands.index(name) for name in own] for own in sight.sensors]
        self._hidden = [any(is_optical(name) for name in own) for own in sight.sensors]

    def read(self, block: Block) -> tuple[FloatArray, BoolArray]:
        """(band, h, w) float32, NaN where unknown, and (h, w) which pixels count."""
        values = self._scene.read(self._sight.bands, block)
        clear = is_valid(self._scene.read_visibility(block, needed=self._sight.needed))
        valid = np.zeros(clear.shape, dtype=bool)
        for places, hidden in zip(self._places, self._hidden, strict=True):
            known = np.isfinite(values[places]).all(axis=0)
            for place in places:
                values[place][~known] = np.nan
            valid |= known & clear if hidden else known
        return values, valid & self._scene.inside_aoi(block)

    def close(self) -> None:
        """Close the files this thread has open."""
        self._scene.close()


def source_of(scene: Scene, sight: Sight) -> SceneSource | SensorSource:
    """What reads the bands that are in sight."""
    return SceneSource(scene, sight.bands) if len(sight.sensors) == 1 else SensorSource(scene, sight)
