"""What of a scene could be seen: one class per pixel."""

from __future__ import annotations

from enum import IntEnum


class Visibility(IntEnum):
    """Class of a pixel of ``visibility`` rasters (uint8). ``valid`` pixels are clear or water."""

    NODATA = 0
    CLEAR = 1
    WATER = 2
    CLOUD = 3
    CLOUD_SHADOW = 4
    TERRAIN_SHADOW = 5
    SNOW = 6

    @property
    def label(self) -> str:
        """The name written to files: lower case with underscores."""
        return self.name.lower()

    @property
    def valid(self) -> bool:
        """Whether landslides can be mapped here."""
        return self in (Visibility.CLEAR, Visibility.WATER)
