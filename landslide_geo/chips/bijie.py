"""The Bijie landslide dataset: pictures of TripleSat with masks, and elevation where it is there.

Images have many sizes and become one. Ji et al. 2020, doi:10.1007/s10346-020-01353-2.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from landslide_geo.chips.collection import Chip, Collection
from landslide_geo.chips.reading import picture
from landslide_geo.chips.splits import SPLITS, stratified
from landslide_geo.errors import DatasetError

BANDS: Final = ("red", "green", "blue")
SIZE: Final = 224
#: Share of the validation, as eca_resnet50's source has it.
_VALIDATION: Final = 0.33
#: What a mask holds above it is a landslide.
_HALF: Final = 127
_FOLDERS: Final = ("landslide", "non-landslide")
_SUFFIXES: Final = {".png", ".jpg", ".jpeg", ".tif", ".tiff"}


@dataclass(frozen=True)
class _Entry:
    id: str
    image: Path
    mask: Path | None
    dem: Path | None


def collection(root: Path, *, seed: int) -> Collection:
    """List the images.

    Args:
        root: folder with ``landslide`` and ``non-landslide``, each with ``image``, ``landslide`` with ``mask`` too, and
            both or none of them with ``dem``; files that belong together share their stem.
        seed: that draws the validation, a third of each kind.

    Raises:
        DatasetError: another layout, or images, masks and elevations that do not belong together.
    """
    has_dem = [(root / name / "dem").is_dir() for name in _FOLDERS]
    if any(has_dem) and not all(has_dem):
        lacking = root / _FOLDERS[has_dem.index(False)] / "dem"
        raise DatasetError(
            f"{lacking}: missing, but the other images have elevations; get it, or remove the other dem/"
        )
    entries = [entry for name in _FOLDERS for entry in _entries(root / name, dem=all(has_dem))]
    drawn = stratified([entry.mask is not None for entry in entries], validation=_VALIDATION, seed=seed)
    splits = {name: [e for e, own in zip(entries, drawn, strict=True) if own == name] for name in SPLITS[:2]}
    bands = (*BANDS, "elevation") if all(has_dem) else BANDS
    units = (*["8-bit picture"] * 3, "Bijie elevation picture")[: len(bands)]
    return Collection("bijie", bands, units, None, splits, _read)


def _entries(folder: Path, *, dem: bool) -> list[_Entry]:
    images = _by_stem(folder / "image")
    if not images:
        raise DatasetError(
            f"{folder / 'image'}: no pictures there; name the folder that holds landslide/ and non-landslide/ of Bijie"
        )
    masks = _companions(images, folder, "mask") if folder.name == _FOLDERS[0] else {}
    dems = _companions(images, folder, "dem") if dem else {}
    return [
        _Entry(f"{folder.name}/{stem}", path, masks.get(stem), dems.get(stem)) for stem, path in sorted(images.items())
    ]


def _companions(images: dict[str, Path], folder: Path, kind: str) -> dict[str, Path]:
    found = _by_stem(folder / kind)
    for stem in sorted(images.keys() - found.keys()):
        raise DatasetError(f"{folder / kind / images[stem].name}: missing, but its image is there; get it again")
    for stem in sorted(found.keys() - images.keys()):
        raise DatasetError(f"{found[stem]}: has no image {stem} in {folder / 'image'}; get it again")
    return found


def _by_stem(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        return {}
    return {path.stem: path for path in sorted(folder.iterdir()) if path.suffix.lower() in _SUFFIXES}


def _read(entry: _Entry) -> Chip:
    colours = picture(entry.image, "RGB")
    bands = [np.asarray(_resized(colours), dtype=np.float32).transpose(2, 0, 1)]
    if entry.dem is not None:
        dem = _alike(entry.dem, "F", colours)
        if not np.isfinite(np.asarray(dem)).all():
            raise DatasetError(f"{entry.dem}: elevations are missing in it; get this file again")
        bands.append(np.asarray(_resized(dem), dtype=np.float32)[None])
    return Chip(entry.id, entry.id, np.concatenate(bands), _mask(entry, colours))


def _mask(entry: _Entry, image: Image.Image) -> NDArray[np.uint8]:
    """(y, x) 0 and 1; the values of a picture that was compressed lie near 0 and 255."""
    if entry.mask is None:
        return np.zeros((SIZE, SIZE), dtype=np.uint8)
    mask = np.asarray(_alike(entry.mask, "L", image).resize((SIZE, SIZE), Image.Resampling.NEAREST))
    if not (mask > 127).any():
        raise DatasetError(
            f"{entry.mask}: no landslide in it; masks hold 0 and 255. Get this file again, or leave it out"
        )
    return (mask > 127).astype(np.uint8)


def _alike(path: Path, mode: str, image: Image.Image) -> Image.Image:
    found = picture(path, mode)
    if found.size != image.size:
        raise DatasetError(
            f"{path}: {found.width} × {found.height} pixels, but its image has {image.width} × {image.height}; get "
            "both again"
        )
    return found


def _resized(image: Image.Image) -> Image.Image:
    return image if image.size == (SIZE, SIZE) else image.resize((SIZE, SIZE), Image.Resampling.BICUBIC)
