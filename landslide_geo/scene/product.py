"""Files of one's own as the source of a scene: which kind of folder it is, and by whom it is read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from landslide_geo.errors import ParameterError
from landslide_geo.scene import band_folder, landsat_folder, safe
from landslide_geo.scene.item import ITEM, ItemScene

_PACKED: Final = (".zip", ".tar", ".tar.gz", ".tgz")
#: What tells that a source is of a kind, and what reads it; a folder of single bands is what is left.
_KINDS: Final[tuple[tuple[Callable[[Path], bool], Callable[[Path], ItemScene]], ...]] = (
    (safe.is_safe, safe.read_safe),
    (landsat_folder.is_landsat, landsat_folder.read_landsat),
    (band_folder.is_band_folder, band_folder.read_band_folder),
)


def is_product(path: Path) -> bool:
    """Whether a path is a Sentinel-2 product, a Landsat scene, or a folder of files of one band each."""
    return not (path / ITEM).exists() and any(is_one(path) for is_one, _ in _KINDS)


def read_product(path: Path) -> ItemScene | None:
    """What files as they are delivered say of a scene, or None where they are none.

    Raises:
        ParameterError: they are packed, or what they say cannot be used.
        SourceNotFoundError, MissingBandError: one of them is missing.
        UnreadableRasterError: one of them cannot be read.
    """
    if path.name.lower().endswith(_PACKED) and path.is_file():
        raise ParameterError(f"{path}: is packed; unpack it, and name the folder that comes out")
    if (path / ITEM).exists():
        return None
    return next((read(path) for is_one, read in _KINDS if is_one(path)), None)
