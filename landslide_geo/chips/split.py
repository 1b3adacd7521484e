"""The chips of one split as training and evaluation take them: arrays, mapped from files or in memory."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from landslide_geo.bands import is_radar
from landslide_geo.chips import store
from landslide_geo.chips.known import known, with_masks, without_parts
from landslide_geo.chips.store import UNKNOWN
from landslide_geo.config import SpeckleParams, validated
from landslide_geo.errors import DatasetError, ParameterError
from landslide_geo.kept import Shelf
from landslide_geo.scene.sar import despeckled, require_speckle
from landslide_geo.units import gain

#: Stores unpacked to plain arrays, which are read as they are indexed, without decompression.
_ARRAYS: Final = Shelf("chips", most=12)
_IMAGE, _MASK = "image.npy", "mask.npy"
#: Chips unpacked at a time.
_BATCH: Final = 64


@dataclass(frozen=True, eq=False)
class Split:
    """Labelled chips of one size and the same bands.

    Attributes:
        name: for people: where they come from.
        images: (M, all bands, y, x) float32, NaN where unknown; may be mapped from a file.
        masks: (M, y, x) uint8, 1 on landslides, 0 where there are none, `UNKNOWN`; may be mapped from a file. Of chips
            with one label each (M, 1, 1).
        places: (N,) which of them belong to the split, in order.
        channels: of ``images``, in the order of ``bands``.
        bands: names.
        units: of each band.
        gsd_m: size of a pixel in metres; none where it differs from chip to chip or is not known.
        quantum: of each band, the step between the values that it was rounded to; none where that is unknown.
        ids, blocks, sources: (N,) text; chips of one block must not be divided between folds.
        simulated: nothing of it was measured.
        cloud_cover: (N,) share of each chip that is under clouds, NaN where that is not known; none: not told.
        stored_speckle: how radar in ``images`` was filtered; none: it is as it was measured.
        sensors: bands of each sensor, of which whoever looks can do without any but one; none: all bands are needed.
        gains: of each band, by what its values are multiplied when a chip is read; none: they stay.
        reading_speckle: how radar is filtered when a chip is read; none: it is taken as it is stored.
    """

    name: str
    images: NDArray[np.float32]
    masks: NDArray[np.uint8]
    places: NDArray[np.int64]
    channels: tuple[int, ...]
    bands: tuple[str, ...]
    units: tuple[str, ...]
    gsd_m: float | None
    quantum: tuple[float | None, ...]
    ids: NDArray[np.str_]
    blocks: NDArray[np.str_]
    sources: NDArray[np.str_]
    simulated: bool = False
    cloud_cover: NDArray[np.float32] | None = None
    stored_speckle: SpeckleParams | None = None
    reading_speckle: SpeckleParams | None = None
    gains: tuple[float, ...] | None = None
    sensors: tuple[tuple[str, ...], ...] = ()

    def __len__(self) -> int:
        return len(self.places)

    def __getstate__(self) -> dict[str, Any]:
        """Mapped files travel to another process by name."""
        mapped = {name: value for name, value in self.__dict__.items() if isinstance(value, np.memmap)}
        return self.__dict__ | {name: Path(str(value.filename)) for name, value in mapped.items()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore."""
        opened = {name: np.load(value, mmap_mode="r") for name, value in state.items() if isinstance(value, Path)}
        self.__dict__.update(state | opened)

    @property
    def size(self) -> int:
        """Side of a chip in pixels."""
        return int(self.images.shape[-1])

    @property
    def labelled(self) -> bool:
        """Whether the truth is one label for each chip, not a mask."""
        return self.masks.shape[1:] == (1, 1)

    @property
    def speckle(self) -> SpeckleParams | None:
        """How radar is filtered in what `image` gives; none: it is as it was measured, or there is none."""
        return (self.reading_speckle or self.stored_speckle) if any(map(is_radar, self.bands)) else None

    def image(self, index: int) -> NDArray[np.float32]:
        """(band, y, x) float32 of one chip, NaN in all bands where one is unknown or the mask is.

        Of chips with one label each a band is NaN where it is unknown itself: another sensor may know what is there.
        Where any of `sensors` may be missing, all bands are NaN where none of them sees everything, and those of one
        where it does not.
        """
        values: NDArray[np.float32] = np.array(self.images[self.places[index]][list(self.channels)])
        if (how := self.reading_speckle) is not None:
            values = despeckled(values, self.bands, kind=how.kind, size=how.size)
        values[~np.isfinite(values)] = np.nan
        if self.gains is not None:
            values *= np.array(self.gains, dtype=np.float32)[:, None, None]
        if not self.labelled:
            values[:, ~self._known(values, index)] = np.nan
        return without_parts(values, self._sensed)

    def mask(self, index: int) -> NDArray[np.bool_]:
        """(y, x) bool of one chip, true on landslides; (1, 1) where it has one label."""
        return np.asarray(self.masks[self.places[index]] == 1)

    def valid(self, index: int) -> NDArray[np.bool_]:
        """(y, x) bool of one chip: all bands that are needed and the mask are known; (1, 1) and true of one label."""
        if self.labelled:
            return np.ones((1, 1), dtype=bool)
        return self._known(self.images[self.places[index]][list(self.channels)], index)

    def as_labelled(self) -> Split:
        """The chips with one label each: whether a pixel of a landslide is in the mask.

        One without, of which some of the mask is unknown, may hold a landslide that nobody looked at: it is left out.
        """
        if self.labelled:
            return self
        labels = np.full((len(self.masks), 1, 1), UNKNOWN, dtype=np.uint8)
        for place in self.places:
            mask = self.masks[place]
            if (mask == 1).any():
                labels[place] = 1
            elif not (mask == UNKNOWN).any():
                labels[place] = 0
        told = labels[self.places, 0, 0] != UNKNOWN
        return replace(self.at(np.flatnonzero(told)), masks=labels)

    def without_truth(self) -> Split:
        """The same chips, of which nobody has told anything: each band is unknown only where it is itself."""
        return replace(self, masks=np.full((len(self.masks), 1, 1), UNKNOWN, dtype=np.uint8))

    def as_masked(self) -> Split:
        """The same chips, if they have masks.

        Raises:
            DatasetError: they have labels only.
        """
        if self.labelled and self.size > 1:
            raise DatasetError(
                f"{self.name}: the chips have labels and no masks; prepare the dataset without --labels, or take an "
                "architecture that classifies"
            )
        return self

    def has_landslide(self) -> NDArray[np.bool_]:
        """(N,) bool: a pixel of a landslide is in the mask."""
        return np.array([bool((self.masks[place] == 1).any()) for place in self.places], dtype=bool)

    def digest(self) -> str:
        """Stands for the chips: all masks, and images of up to 256 of them."""
        found = hashlib.sha256(repr((self.bands, self.units, self.ids.tolist(), self.blocks.tolist())).encode())
        for place in self.places:
            found.update(self.masks[place].tobytes())
        for index in range(0, len(self), max(len(self) // 256, 1)):
            found.update(self.image(index).tobytes())
        return found.hexdigest()

    def at(self, indexes: Sequence[int] | NDArray[np.int64]) -> Split:
        """Some of the chips."""
        chosen = np.asarray(indexes, dtype=np.int64)
        return replace(
            self, places=self.places[chosen], ids=self.ids[chosen], blocks=self.blocks[chosen],
            sources=self.sources[chosen], cloud_cover=None if self.cloud_cover is None else self.cloud_cover[chosen],
        )  # fmt: skip

    def taking(self, bands: Sequence[str]) -> Split:
        """The same chips with some of the bands, in another order perhaps.

        Raises:
            DatasetError: they lack a band.
        """
        missing = [name for name in bands if name not in self.bands]
        if missing:
            raise DatasetError(
                f"{self.name}: the chips have no band {', '.join(missing)} (they have {', '.join(self.bands)}); take "
                "other bands, or other chips"
            )
        where = [self.bands.index(name) for name in bands]
        return replace(
            self, bands=tuple(bands), channels=tuple(self.channels[i] for i in where),
            units=tuple(self.units[i] for i in where),
            quantum=tuple(self.quantum[i] for i in where),
            gains=None if self.gains is None else tuple(self.gains[i] for i in where),
            sensors=tuple(own for one in self.sensors if (own := tuple(name for name in one if name in bands))),
        )  # fmt: skip

    def in_units(self, units: Sequence[str]) -> Split:
        """The same chips in the units that somebody takes them in, as far as `landslide_geo.units` knows a way.

        Args:
            units: wanted of each band. Where it does not follow from the band's own, the band stays as it is.
        """
        gains, told, steps = [], [], []
        for index, (name, own, wanted) in enumerate(zip(self.bands, self.units, units, strict=True)):
            turned = gain(name, own, wanted)
            factor, step = turned or 1.0, self.quantum[index]
            gains.append(factor * (1.0 if self.gains is None else self.gains[index]))
            told.append(own if turned is None else wanted)
            steps.append(None if step is None else step * factor)
        if tuple(told) == self.units:
            return self
        return replace(self, gains=tuple(gains), units=tuple(told), quantum=tuple(steps))

    def seen_by(self, sensors: Sequence[Sequence[str]]) -> Split:
        """The same chips for somebody who can do without any but one of some sensors.

        Args:
            sensors: bands of each, of the chips'; masks go with the optical ones. None: all bands are needed.
        """
        return replace(self, sensors=with_masks(sensors, self.bands))

    def despeckled(self, wanted: SpeckleParams | None, *, by: str) -> Split:
        """The same chips, whose radar is filtered as somebody wants it: when they are read, where it was not before.

        Args:
            wanted: the filter; none: radar as it was measured.
            by: who wants it, for the message.

        Raises:
            ParameterError: it was filtered otherwise, which cannot be undone, or the chips are smaller than the window.
        """
        if self.speckle == wanted or not any(map(is_radar, self.bands)):
            return self
        if self.speckle is not None or wanted is None:
            prepared = "none" if wanted is None else f"{wanted.kind} --speckle-window {wanted.size}"
            raise ParameterError(
                f"{self.name}: radar was filtered {self.speckle}, and {by} takes it "
                f"{'as it was measured' if wanted is None else f'filtered {wanted}'}; prepare the chips again with "
                f"--speckle {prepared}"
            )
        require_speckle(wanted.kind, wanted.size, image=self.size)
        return replace(self, reading_speckle=wanted)

    def _known(self, values: NDArray[np.float32], index: int) -> NDArray[np.bool_]:
        found: NDArray[np.bool_] = known(values, self._sensed) & (self.masks[self.places[index]] != UNKNOWN)
        return found

    @property
    def _sensed(self) -> list[list[int]]:
        """Channels of each sensor."""
        return [[self.bands.index(name) for name in own] for own in self.sensors]

    @classmethod
    def of(cls, name: str, batches: Iterable[xr.Dataset]) -> Split:
        """Chips in memory, as `store.write` takes them.

        Raises:
            DatasetError: there is none.
        """
        parts = list(batches)
        if not parts:
            raise DatasetError(f"{name}: there is no chip")
        whole = parts[0] if len(parts) == 1 else xr.concat(parts, "chip", combine_attrs="override")
        return cls._made(name, whole, whole["image"].to_numpy(), _truth(whole).to_numpy())

    @classmethod
    def read(cls, path: str | Path) -> Split:
        """The chips of a store, mapped from files that are unpacked from it the first time.

        Raises:
            DatasetError: there is no such store, or it lacks something.
        """
        path = Path(path)
        found = store.read(path)
        if not found.sizes["chip"]:
            raise DatasetError(f"{path}: there is no chip in it; make it again")
        image, mask = _unpacked(path, found)
        return cls._made(str(path), found, image, mask)

    @classmethod
    def _made(cls, name: str, found: xr.Dataset, image: NDArray[np.float32], mask: NDArray[np.uint8]) -> Split:
        bands = tuple(str(band) for band in found["band"].to_numpy())
        quantum = found.attrs.get("quantum") or [None] * len(bands)
        told = found.attrs.get("speckle")
        speckle = None if told is None else validated(SpeckleParams, told, where=f"{name}: speckle")
        return cls(
            name=name, images=image, masks=mask, places=np.arange(len(image)), channels=tuple(range(len(bands))),
            bands=bands, units=tuple(found.attrs["units"]), gsd_m=found.attrs.get("gsd_m"),
            quantum=tuple(quantum), ids=found["id"].to_numpy().astype(str),
            blocks=found["block"].to_numpy().astype(str), sources=found["source"].to_numpy().astype(str),
            simulated=store.is_simulated(found), stored_speckle=speckle,
            cloud_cover=found["cloud_cover"].to_numpy() if "cloud_cover" in found else None,
        )  # fmt: skip


def _truth(found: xr.Dataset) -> xr.DataArray:
    """(N, y, x) masks, or (N, 1, 1) labels."""
    return found["mask"] if "mask" in found else found["label"].expand_dims({"y": 1, "x": 1}, axis=(1, 2))


def _unpacked(path: Path, found: xr.Dataset) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Image and mask of a store as arrays; in memory where nothing can be kept on disk."""

    def make(folder: Path) -> None:
        for name, values in ((_IMAGE, found["image"]), (_MASK, _truth(found))):
            out = np.lib.format.open_memmap(folder / name, mode="w+", dtype=values.dtype, shape=values.shape)
            with (folder / name).open("r+b") as file:  # a full disk is an error here, a signal when it is written to
                os.posix_fallocate(file.fileno(), 0, os.fstat(file.fileno()).st_size)
            for start in range(0, len(values), _BATCH):
                out[start : start + _BATCH] = values[start : start + _BATCH].to_numpy()
            out.flush()

    written = (path / ".zmetadata").stat()
    place = None
    with suppress(OSError):  # a full disk
        place = _ARRAYS.kept([str(path.resolve()), written.st_mtime_ns, written.st_size, written.st_ino], make)
    if place is None:
        return found["image"].to_numpy(), _truth(found).to_numpy()
    return np.load(place / _IMAGE, mmap_mode="r"), np.load(place / _MASK, mmap_mode="r")
