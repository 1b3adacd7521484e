"""Landslide4Sense patches as RGB pictures: the reader and its deterministic splits.

The pictures are the bands B4, B3 and B2 of Landslide4Sense, each patch divided by the largest value in it and written
with 8 bits (checked against the original patches: ``floor(255 x / max(x))`` reproduces them to the last digit).
Landslide4Sense itself holds digital numbers divided by a constant per band; multiplying by these constants gives
digital numbers back, up to one factor per patch that is lost.

The 200 test patches are drawn from the published training patches, so all three splits share regions: figures from them
say nothing about a region that was never seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from landslide_geo.chips.collection import Chip, Collection, Pair
from landslide_geo.chips.reading import mask_of, picture
from landslide_geo.config import L4S_GAINS
from landslide_geo.errors import DatasetError

BANDS: Final = ("red", "green", "blue")
SIZE: Final = 128
UNIT: Final = "digital number up to a factor per chip"
#: Test patches drawn from the published training patches, at most a fifth of them.
TEST_PATCHES: Final = 200


@dataclass(frozen=True, eq=False)
class Patches:
    """Labelled patches in memory.

    Attributes:
        ids: name of each patch, without extension.
        images: (N, 3, y, x) uint8, red, green and blue.
        masks: (N, y, x) bool, true on landslides.
        valid: (N, y, x) bool, where image and mask say something.
    """

    ids: tuple[str, ...]
    images: npt.NDArray[np.uint8]
    masks: npt.NDArray[np.bool_]
    valid: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.ids)

    def digital_numbers(self, index: int) -> npt.NDArray[np.float32]:
        """(3, y, x) float32 digital numbers of one patch up to a common factor, NaN where not valid."""
        return to_digital_numbers(self.images[index], self.valid[index])


def to_digital_numbers(image: npt.NDArray[np.uint8], valid: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
    """Undo the per-band constants of Landslide4Sense.

    Args:
        image: (3, y, x) uint8. The pictures were rounded down, so half a step is added.
        valid: (y, x) bool.

    Returns:
        (3, y, x) float32, NaN where not valid.
    """
    gains = np.asarray(L4S_GAINS, np.float32)[:, None, None]
    result: npt.NDArray[np.float32] = (image + np.float32(0.5)) * gains
    result[:, ~valid] = np.nan
    return result


def collection(root: Path, *, seed: int) -> Collection:
    """List the patches as chips of digital numbers, up to one factor per chip.

    Args:
        root: folder with ``train`` and ``validation`` (any of them), each with ``images/image_N.png`` and
            ``masks/mask_N.png``.
        seed: that draws the test patches from the published training patches.

    Raises:
        DatasetError: another layout, or images and masks that do not belong together.
    """
    published = {name: _pairs(root / name) for name in ("train", "validation") if (root / name).is_dir()}
    if not published:
        raise DatasetError(f"{root / 'train' / 'images'}: {_WANTED}")
    splits: dict[str, list[Pair]] = {"validation": published["validation"]} if "validation" in published else {}
    if "train" in published:
        pairs = {pair.id: pair for pair in published["train"]}
        train, test = split_ids(list(pairs), test_patches=min(TEST_PATCHES, len(pairs) // 5), seed=seed)
        splits = {"train": [pairs[name] for name in train]} | splits | {"test": [pairs[name] for name in test]}
    return Collection("landslide4sense-rgb", BANDS, (UNIT,) * len(BANDS), 10.0, splits, _chip, quantum=L4S_GAINS)


_WANTED: Final = "no image_*.png there; name the folder that holds train/ and validation/ of Landslide4Sense-RGB"


def _pairs(folder: Path) -> list[Pair]:
    images, masks = (
        {path.stem.removeprefix(f"{stem}_"): path for path in (folder / f"{stem}s").glob(f"{stem}_*.png")}
        for stem in ("image", "mask")
    )
    if not images:
        raise DatasetError(f"{folder / 'images'}: {_WANTED}")
    for number in sorted(images.keys() ^ masks.keys()):
        if number in images:
            raise DatasetError(f"{folder / 'masks' / f'mask_{number}.png'}: missing, but its image is there; get it")
        raise DatasetError(f"{folder / 'images' / f'image_{number}.png'}: missing, but its mask is there; get it")
    return [Pair(f"{folder.name}/{images[number].stem}", images[number], masks[number]) for number in sorted(images)]


def _chip(pair: Pair) -> Chip:
    image, mask = (np.asarray(picture(*of)) for of in ((pair.image, "RGB"), (pair.mask, "L")))
    for path, values in ((pair.image, image), (pair.mask, mask)):
        if values.shape[:2] != (SIZE, SIZE):
            raise DatasetError(f"{path}: {values.shape[1]} × {values.shape[0]} pixels; patches have {SIZE} × {SIZE}")
    truth = mask_of(pair.mask, np.where(mask == 255, 1, mask), SIZE)
    numbers = to_digital_numbers(image.transpose(2, 0, 1), np.ones((SIZE, SIZE), dtype=bool))
    return Chip(pair.id, pair.id, numbers, truth)


def split_ids(ids: list[str], *, test_patches: int, seed: int) -> tuple[list[str], list[str]]:
    """Draw the test patches: (train, test), both sorted; the same for the same names, number and seed.

    Raises:
        DatasetError: more test patches are asked for than there are patches.
    """
    ids = sorted(ids)
    if test_patches > len(ids):
        raise DatasetError(
            f"{test_patches} test patches asked for, only {len(ids)} training patches found; ask for fewer"
        )
    drawn = set(np.random.default_rng(seed).choice(len(ids), size=test_patches, replace=False).tolist())
    return [name for i, name in enumerate(ids) if i not in drawn], [name for i, name in enumerate(ids) if i in drawn]
