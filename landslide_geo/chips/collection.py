"""Published datasets as chips: what a reader of one tells, and how its chips become batches of a store."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from landslide_geo.bands import sensors
from landslide_geo.chips.cover import cloud_covers
from landslide_geo.chips.known import known
from landslide_geo.chips.store import UNKNOWN, batch
from landslide_geo.config import SpeckleParams

#: Chips in memory at a time.
_BATCH: Final = 32


@dataclass(frozen=True, eq=False)
class Chip:
    """One labelled patch.

    Attributes:
        id: unlike that of any other patch of the dataset.
        block: patches of one block must not be divided between folds; the id where nothing is known of places.
        image: (band, y, x), NaN where unknown.
        truth: (y, x) mask of 0, 1 and `UNKNOWN`, or whether there is a landslide in it; none where nobody has said.
    """

    id: str
    block: str
    image: NDArray[np.float32]
    truth: NDArray[np.uint8] | bool | None


@dataclass(frozen=True)
class Pair:
    """The files of a labelled patch.

    Attributes:
        id: unlike that of any other patch of the dataset.
        image: its file.
        mask: its file.
    """

    id: str
    image: Path
    mask: Path


@dataclass(frozen=True)
class Collection:
    """A dataset in its own layout, listed but not read.

    Attributes:
        name: short name.
        bands: of the chips, in order.
        units: of each band.
        gsd_m: size of a pixel in metres; none where it differs from chip to chip.
        splits: what to read for each split, train first.
        read: reads and checks one of these; none for a patch that says nothing and is left out.
        quantum: of each band, the step between the values that it was rounded to; none where that is unknown.
        simulated: whether the chips are of no real ground.
        speckle: how radar was filtered; none: it is as it was measured.
        clouds: whether clouds are in the images, where there are any; otherwise they are unknown ground.
    """

    name: str
    bands: tuple[str, ...]
    units: tuple[str, ...]
    gsd_m: float | None
    splits: Mapping[str, Sequence[Any]]
    read: Callable[[Any], Chip | None]
    quantum: tuple[float | None, ...] | None = None
    simulated: bool = False
    speckle: SpeckleParams | None = None
    clouds: bool = True

    def batches(self, split: str, *, labels: bool = False) -> Iterator[xr.Dataset]:
        """The chips of a split as `landslide_geo.chips.store.write` takes them, one file and some chips at a time.

        Ground that no sensor sees in all of its bands is unknown in the masks, and so is ground of unknown terrain.

        Args:
            split: one of `splits`.
            labels: whether there is a landslide in each chip instead of its mask.

        Raises:
            DatasetError: a file is bad; named in the message.
        """
        part: list[Chip] = []
        for entry in self.splits[split]:
            if (chip := self.read(entry)) is not None:
                part.append(chip)
            if len(part) == _BATCH:
                yield self._batch(part, labels)
                part = []
        if part:
            yield self._batch(part, labels)

    def _batch(self, part: list[Chip], labels: bool) -> xr.Dataset:
        image = np.stack([chip.image for chip in part])
        masks = [chip.truth for chip in part if isinstance(chip.truth, np.ndarray)]
        truth: dict[str, Any]
        if labels or not masks:
            told = [UNKNOWN if chip.truth is None else has_landslide(chip.truth) for chip in part]
            truth = {"label": np.array(told, dtype=np.uint8)}
        else:
            seen = known(image, list(sensors(self.bands).values()))
            truth = {"mask": np.where(seen, np.stack(masks), np.uint8(UNKNOWN))}
        return batch(
            image, **truth, bands=self.bands, units=self.units, gsd_m=self.gsd_m, crs="",
            id=[chip.id for chip in part], block=[chip.block for chip in part],
            source=[self.name] * len(part), reason=[""] * len(part), quantum=self.quantum, simulated=self.simulated,
            speckle=self.speckle, cloud_cover=cloud_covers(image, self.bands, self.units) if self.clouds else None,
        )  # fmt: skip


def has_landslide(truth: NDArray[np.uint8] | bool) -> bool:
    """Whether a mask holds a pixel of a landslide, or the label itself."""
    return bool((truth == 1).any()) if isinstance(truth, np.ndarray) else truth
