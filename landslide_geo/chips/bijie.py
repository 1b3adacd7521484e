"""The Bijie landslide dataset: pictures of TripleSat with masks, and elevation where it is there.

Images have many sizes and become one. Where a mask is missing it is drawn from the outline in ``polygon_coordinate``: a
text file with two lines of heading, then ``x y`` in pixels, a corner a line (as three public programs read it; none of
them says what the heading holds). Ji et al. 2020, doi:10.1007/s10346-020-01353-2.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from landslide_geo.chips.collection import Chip, Collection
from landslide_geo.chips.reading import picture
from landslide_geo.chips.splits import SPLITS, stratified
from landslide_geo.errors import DatasetError, ParameterError

BANDS: Final = ("red", "green", "blue")
SIZE: Final = 224
#: Share of the validation, as eca_resnet50's source has it.
_VALIDATION: Final = 0.33
#: What a mask holds above it is a landslide.
_HALF: Final = 127
_FOLDERS: Final = ("landslide", "non-landslide")
#: Lines before the corners of an outline.
_HEADING: Final = 2
_SUFFIXES: Final = {".png", ".jpg", ".jpeg", ".tif", ".tiff"}


@dataclass(frozen=True)
class _Entry:
    id: str
    image: Path
    mask: Path | None
    outline: Path | None
    dem: Path | None

    @property
    def landslide(self) -> bool:
        return self.mask is not None or self.outline is not None


def collection(root: Path, *, seed: int, size: int = SIZE) -> Collection:
    """List the images.

    Args:
        root: folder with ``landslide`` and ``non-landslide``, each with ``image``, ``landslide`` with ``mask`` or
            ``polygon_coordinate`` too, and both or none of them with ``dem``; files that belong together share their
            stem.
        seed: that draws the validation, a third of each kind.
        size: side that all images are resized to, in pixels.

    Raises:
        DatasetError: another layout, or images, masks and elevations that do not belong together.
        ParameterError: the size is none.
    """
    if size < 1:
        raise ParameterError(f"chips of {size} pixels: give a size of 1 or more, {SIZE} as the dataset's authors")
    has_dem = [(root / name / "dem").is_dir() for name in _FOLDERS]
    if any(has_dem) and not all(has_dem):
        lacking = root / _FOLDERS[has_dem.index(False)] / "dem"
        raise DatasetError(
            f"{lacking}: missing, but the other images have elevations; get it, or remove the other dem/"
        )
    entries = [entry for name in _FOLDERS for entry in _entries(root / name, dem=all(has_dem))]
    drawn = stratified([entry.landslide for entry in entries], validation=_VALIDATION, seed=seed)
    splits = {name: [e for e, own in zip(entries, drawn, strict=True) if own == name] for name in SPLITS[:2]}
    bands = (*BANDS, "elevation") if all(has_dem) else BANDS
    units = (*["8-bit picture"] * 3, "Bijie elevation picture")[: len(bands)]
    return Collection("bijie", bands, units, None, splits, partial(_read, size=size))


def _entries(folder: Path, *, dem: bool) -> list[_Entry]:
    images = _by_stem(folder / "image")
    if not images:
        raise DatasetError(
            f"{folder / 'image'}: no pictures there; name the folder that holds landslide/ and non-landslide/ of Bijie"
        )
    of_landslides = folder.name == _FOLDERS[0]
    outlines = {path.stem: path for path in (folder / "polygon_coordinate").glob("*.txt")} if of_landslides else {}
    masks = _companions(images, folder, "mask", instead=outlines.keys()) if of_landslides else {}
    dems = _companions(images, folder, "dem") if dem else {}
    return [
        _Entry(f"{folder.name}/{stem}", path, masks.get(stem), outlines.get(stem), dems.get(stem))
        for stem, path in sorted(images.items())
    ]


def _companions(images: dict[str, Path], folder: Path, kind: str, *, instead: Iterable[str] = ()) -> dict[str, Path]:
    found = _by_stem(folder / kind)
    for stem in sorted(images.keys() - found.keys() - set(instead)):
        raise DatasetError(f"{folder / kind / images[stem].name}: missing, but its image is there; get it again")
    for stem in sorted(found.keys() - images.keys()):
        raise DatasetError(f"{found[stem]}: has no image {stem} in {folder / 'image'}; get it again")
    return found


def _by_stem(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        return {}
    return {path.stem: path for path in sorted(folder.iterdir()) if path.suffix.lower() in _SUFFIXES}


def _read(entry: _Entry, *, size: int) -> Chip:
    colours = picture(entry.image, "RGB")
    bands = [np.asarray(_resized(colours, size), dtype=np.float32).transpose(2, 0, 1)]
    if entry.dem is not None:
        dem = _alike(entry.dem, "F", colours)
        if not np.isfinite(np.asarray(dem)).all():
            raise DatasetError(f"{entry.dem}: elevations are missing in it; get this file again")
        bands.append(np.asarray(_resized(dem, size), dtype=np.float32)[None])
    return Chip(entry.id, entry.id, np.concatenate(bands), _mask(entry, colours, size))


def _mask(entry: _Entry, image: Image.Image, size: int) -> NDArray[np.uint8]:
    """(y, x) 0 and 1; the values of a picture that was compressed lie near 0 and 255."""
    if entry.mask is not None:
        source, found = entry.mask, _alike(entry.mask, "L", image)
    elif entry.outline is not None:
        source, found = entry.outline, _drawn(entry.outline, image)
    else:
        return np.zeros((size, size), dtype=np.uint8)
    whole = np.asarray(found) > _HALF
    if not whole.any():
        raise DatasetError(f"{source}: no landslide in it; masks hold 0 and 255. Get this file again, or leave it out")
    mask = np.asarray(Image.fromarray(whole).resize((size, size), Image.Resampling.NEAREST))
    if not mask.any():
        # A landslide smaller than a pixel is one: in the pixel that most of it lies in.
        share = np.asarray(Image.fromarray(whole.astype(np.float32)).resize((size, size), Image.Resampling.BOX))
        mask = share == share.max()
    return mask.astype(np.uint8)


def _drawn(path: Path, image: Image.Image) -> Image.Image:
    """The mask of an outline, of its image's size."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror}); get this file again") from None
    corners: list[tuple[int, int]] = []
    for number, line in enumerate(lines[_HEADING:], start=_HEADING + 1):
        parts = line.split()
        if not parts:
            continue
        if len(parts) != 2 or not all(part.removeprefix("-").isdecimal() for part in parts):
            raise DatasetError(f"{path}, line {number}: {line[:40]!r} is no corner; two whole numbers, x and y, are")
        corners.append((int(parts[0]), int(parts[1])))
    if len(corners) < 3:
        raise DatasetError(f"{path}: {len(corners)} corners are no outline; get this file again")
    mask = Image.new("L", image.size)
    ImageDraw.Draw(mask).polygon(corners, fill=255)
    return mask


def _alike(path: Path, mode: str, image: Image.Image) -> Image.Image:
    found = picture(path, mode)
    if found.size != image.size:
        raise DatasetError(
            f"{path}: {found.width} × {found.height} pixels, but its image has {image.width} × {image.height}; get "
            "both again"
        )
    return found


def _resized(image: Image.Image, size: int) -> Image.Image:
    return image if image.size == (size, size) else image.resize((size, size), Image.Resampling.BICUBIC)
