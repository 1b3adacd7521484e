"""Landslide4Sense as published: patches with 14 bands in HDF5, 128 × 128 pixels of 10 m.

Sentinel-2 B1–B12 without B8A, slope and elevation, each divided by a constant of its own, so all have the unit
"Landslide4Sense ratio" (:mod:`landslide_geo.units` turns it into reflectance, degrees and metres, and the reverse).
Ghorbanzadeh et al. 2022, doi:10.1109/TGRS.2022.3215209.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from landslide_geo.bands import canonical_name
from landslide_geo.chips.collection import Chip, Collection, Pair
from landslide_geo.chips.reading import hdf5_array, image_of, mask_of
from landslide_geo.chips.splits import SPLITS, by_block
from landslide_geo.errors import DatasetError
from landslide_geo.units import RATIO

BANDS: Final = (*(canonical_name(f"B{number}") for number in range(1, 13)), "slope", "elevation")
UNIT: Final = RATIO
SIZE: Final = 128
#: The published splits, as the challenge's archives and as the copy on Hugging Face have them, and the shares of those
#: drawn where there are none.
_FOLDERS: Final = {"train": "TrainData", "validation": "ValidData", "test": "TestData"}
_COPY: Final = ("images", "annotations")
_VALIDATION, _TEST = 0.2, 0.2


def collection(root: Path, *, seed: int) -> Collection:
    """List the patches.

    Args:
        root: folder with ``TrainData``, ``ValidData`` and ``TestData`` (any of them), or with patches that are not
            divided: then validation and test are drawn. Each holds ``img/image_N.h5`` and ``mask/mask_N.h5``, or
            ``images`` and ``masks``. Or with ``images`` and ``annotations``, each with ``train``, ``validation`` and
            ``test`` (any of them), as the copy on Hugging Face has it.
        seed: that draws splits.

    Raises:
        DatasetError: another layout, or images and masks that do not belong together.
    """
    published = {split: root / name for split, name in _FOLDERS.items() if (root / name).is_dir()}
    copied = [split for split in _FOLDERS if (root / _COPY[0] / split).is_dir()]
    if published:
        splits = {split: _pairs(*_kinds(folder), f"{folder.name}/") for split, folder in published.items()}
    elif copied:
        images, masks = (root / kind for kind in _COPY)
        splits = {split: _pairs(images / split, masks / split, f"{split}/") for split in copied}
    else:
        pairs = _pairs(*_kinds(root), "")
        drawn = by_block([pair.id for pair in pairs], validation=_VALIDATION, test=_TEST, seed=seed)
        splits = {name: [p for p, own in zip(pairs, drawn, strict=True) if own == name] for name in SPLITS}
    return Collection("landslide4sense", BANDS, (UNIT,) * len(BANDS), 10.0, splits, _read)


def unlabelled(root: Path) -> Collection:
    """List the patches that are to be predicted: ``image_N.h5``, by N.

    Args:
        root: folder with them, in ``TestData``, ``img`` or ``images``, or itself.

    Raises:
        DatasetError: there are none.
    """
    outer = root / _FOLDERS["test"] if (root / _FOLDERS["test"]).is_dir() else root
    folder = next((outer / name for name in ("img", "images") if (outer / name).is_dir()), outer)
    images = _numbered(folder, "image")
    if not images:
        raise DatasetError(f"{folder}: no image_N.h5 there; name the folder that holds the patches to predict")
    entries = [(f"image_{number}", images[number]) for number in sorted(images)]
    return Collection("landslide4sense", BANDS, (UNIT,) * len(BANDS), 10.0, {"test": entries}, _read_unlabelled)


def _kinds(folder: Path) -> tuple[Path, Path]:
    """Where images and masks lie."""
    return (folder / "images", folder / "masks") if (folder / "images").is_dir() else (folder / "img", folder / "mask")


def _pairs(image_folder: Path, mask_folder: Path, prefix: str) -> list[Pair]:
    images, masks = _numbered(image_folder, "image"), _numbered(mask_folder, "mask")
    if not images:
        raise DatasetError(
            f"{image_folder}: no image_N.h5 there; name the folder that holds TrainData/, or img/ and mask/, of "
            "Landslide4Sense"
        )
    for number in sorted(images.keys() ^ masks.keys()):
        if number in images:
            raise DatasetError(
                f"{mask_folder / f'mask_{number}.h5'}: missing, but its image is there; get the release with all "
                "masks, or move images without one elsewhere"
            )
        raise DatasetError(f"{image_folder / f'image_{number}.h5'}: missing, but its mask is there; get it again")
    return [Pair(f"{prefix}image_{number}", images[number], masks[number]) for number in sorted(images)]


def _numbered(folder: Path, stem: str) -> dict[int, Path]:
    named = ((re.fullmatch(rf"{stem}_(\d+)\.h5", path.name), path) for path in folder.glob(f"{stem}_*.h5"))
    return {int(match[1]): path for match, path in named if match}


def _read_unlabelled(entry: tuple[str, Path]) -> Chip:
    name, path = entry
    return Chip(name, name, image_of(path, hdf5_array(path, "img"), BANDS, SIZE), None)


def _read(pair: Pair) -> Chip:
    image = image_of(pair.image, hdf5_array(pair.image, "img"), BANDS, SIZE)
    return Chip(pair.id, pair.id, image, mask_of(pair.mask, hdf5_array(pair.mask, "mask"), SIZE))
