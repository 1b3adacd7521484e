"""HR-GLDD: PlanetScope patches from ten places, 128 × 128 pixels of 3 m, as six arrays.

The bands are red, green, blue and near infrared, as the paper says; the files do not tell. Meena et al. 2023,
doi:10.5194/essd-15-3283-2023.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from landslide_geo.chips.collection import Chip, Collection
from landslide_geo.chips.reading import image_of, mask_of, npy
from landslide_geo.errors import DatasetError

BANDS: Final = ("red", "green", "blue", "nir")
UNIT: Final = "HR-GLDD ratio"
SIZE: Final = 128
_STEMS: Final = {"train": "train", "validation": "val", "test": "test"}


@dataclass(frozen=True)
class _Entry:
    split: str
    index: int
    images: Path
    masks: Path


def collection(root: Path, *, seed: int) -> Collection:
    """List the patches; they are read from the arrays one by one.

    Args:
        root: folder with ``trainX.npy`` (N, 128, 128, 4) and ``trainY.npy`` (N, 128, 128, 1), and likewise ``val`` and
            ``test``, any of the three.
        seed: not used: the splits are published.

    Raises:
        DatasetError: another layout, arrays of other shapes, or of different lengths.
    """
    splits = {
        split: _entries(split, root / f"{stem}X.npy", root / f"{stem}Y.npy")
        for split, stem in _STEMS.items()
        if (root / f"{stem}X.npy").exists() or (root / f"{stem}Y.npy").exists()
    }
    if not splits:
        raise DatasetError(f"{root / 'trainX.npy'}: not there; name the folder that holds the arrays of HR-GLDD")
    return Collection("hrgldd", BANDS, (UNIT,) * len(BANDS), 3.0, splits, _read)


def _entries(split: str, x: Path, y: Path) -> list[_Entry]:
    images, masks = npy(x, mapped=True), npy(y, mapped=True)
    if images.shape[1:] != (SIZE, SIZE, len(BANDS)):
        raise DatasetError(f"{x}: has shape {images.shape} instead of (N, {SIZE}, {SIZE}, {len(BANDS)}); get it again")
    if masks.shape[1:] not in ((SIZE, SIZE, 1), (SIZE, SIZE)):
        raise DatasetError(f"{y}: has shape {masks.shape} instead of (N, {SIZE}, {SIZE}, 1); get it again")
    if len(images) != len(masks):
        raise DatasetError(f"{y}: {len(masks)} masks for the {len(images)} images of {x.name}; get both again")
    return [_Entry(split, i, x, y) for i in range(len(images))]


def _read(entry: _Entry) -> Chip:
    # Mapped anew for each patch: the pages of a mapping count as memory until it is closed.
    name, i = f"{entry.split}/{entry.index}", entry.index
    image = image_of(f"{entry.images}, patch {i}", npy(entry.images, mapped=True)[i], BANDS, SIZE)
    return Chip(name, name, image, mask_of(f"{entry.masks}, patch {i}", npy(entry.masks, mapped=True)[i], SIZE))
