"""Chips to batches: every sample is a function of seed, epoch and place, so that a resumed run repeats itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset, Sampler

from landslide_geo.bands import sensors
from landslide_geo.chips import augment
from landslide_geo.chips.split import Split
from landslide_geo.config import AugmentParams, Normalisation, TrainParams
from landslide_geo.scene.stretch import LocalStatistics, normalised, patch_statistics

#: Image (band, y, x) normalised, 0 where not valid; mask (1, y, x) in [0, 1]; valid (1, y, x) 0 or 1: float32 all; and
#: which chip it is. Mask and valid are (1, 1, 1) where a chip has one label.
Sample: TypeAlias = tuple[torch.Tensor, torch.Tensor, torch.Tensor, int]
#: Epoch and index of a sample.
Key: TypeAlias = tuple[int, int]

_COLOURS: Final = ("red", "green", "blue")


class TrainingChips(Dataset[Sample]):
    """Labelled chips and hard negatives, augmented.

    Indexed by `Key`; an index below the number of labelled chips is one of them, an index above is a negative.
    """

    def __init__(self, labelled: Split, negatives: Split | None, params: TrainParams, how: Normalisation) -> None:
        self.sources = [labelled] if negatives is None or not len(negatives) else [labelled, negatives]
        self.params, self.how = params, how
        self.sensors = tuple(sensors(labelled.bands).values())
        self._statistics: dict[int, LocalStatistics] = {}

    def __len__(self) -> int:
        return sum(len(source) for source in self.sources)

    def __getitem__(self, key: Key) -> Sample:
        epoch, index = key
        rng = np.random.default_rng((self.params.seed, epoch, index))
        augmentation = self.params.augment if epoch < self.params.epochs else self.params.late_augment
        planes = self._one(index, augmentation, rng)
        if augmentation is not None:
            chosen = augmentation

            def another() -> torch.Tensor:
                return self._one(int(rng.integers(len(self))), chosen, rng)

            planes = augment.mixed(planes, another, augmentation, rng)
            image = augment.degrade(planes[:-2], augmentation, rng)
            if self.sources[0].labelled or self.sources[0].sensors:
                image[planes[:-2] == 0] = 0  # what a sensor did not see is not noise either
        else:
            image = planes[:-2]
        mask, valid = planes[-2:-1], planes[-1:]
        image = image * valid
        if augmentation is not None and augmentation.modality_dropout:
            image = augment.without_a_sensor(image, self.sensors, augmentation, rng)
        if self.sources[0].labelled:  # of two chips in one, the share that each has in it
            return image, mask.mean((1, 2), keepdim=True), torch.ones(1, 1, 1), index
        return image, mask, valid, index

    def _one(self, index: int, augmentation: AugmentParams | None, rng: np.random.Generator) -> torch.Tensor:
        """(band + 2, y, x) float32: a normalised image with its mask and validity, both 0 or 1, after geometry."""
        first = self.sources[0]
        source, place = (first, index) if index < len(first) else (self.sources[1], index - len(first))
        values = source.image(place)
        statistics = self._statistics_of(index, values)
        if augmentation is not None and any(source.quantum):
            # Rounded values stand in the middle of their step: noise within it hides the steps.
            step = np.array([quantum or 0 for quantum in source.quantum], np.float32)[:, None, None]
            values += (rng.random(values.shape, dtype=np.float32) - np.float32(0.5)) * step
        if augmentation is not None and augmentation.equalise and set(_COLOURS) <= set(source.bands):
            where = tuple(source.bands.index(name) for name in _COLOURS)
            values = augment.equalised(values, augmentation, rng, bands=where)
        known = np.isfinite(values)
        valid: NDArray[np.bool_] = np.logical_or.reduce(known, axis=0)
        normalised = augment.jittered_stretch(
            values,
            statistics.centre[:, 0, 0],
            statistics.scale[:, 0, 0],
            params=augmentation,
            stretch=self.how,
            rng=rng,
        )
        mask = np.broadcast_to(source.mask(place), valid.shape)
        planes = np.concatenate([np.nan_to_num(normalised, nan=0.0), mask[None], valid[None]])
        turned = augment.geometry(torch.from_numpy(planes.astype(np.float32)), augmentation, rng)
        turned[-2], turned[-1] = turned[-2] > 0.5, turned[-1] > 0.99
        return turned

    def _statistics_of(self, index: int, values: NDArray[np.float32]) -> LocalStatistics:
        """Of a chip, before it is augmented; worked out when it is first met."""
        found = self._statistics.get(index)
        if found is None:
            found = self._statistics[index] = patch_statistics(values, self.how)
        return found


class HeldChips(Dataset[Sample]):
    """Chips as they are, each normalised as a scene of its own."""

    def __init__(self, chips: Split, how: Normalisation) -> None:
        self.chips, self.how = chips, how

    def __len__(self) -> int:
        return len(self.chips)

    def __getitem__(self, index: int) -> Sample:
        valid = torch.from_numpy(self.chips.valid(index)[None].astype(np.float32))
        mask = torch.from_numpy(self.chips.mask(index)[None].astype(np.float32))
        return torch.from_numpy(normalised(self.chips.image(index), self.how)), mask, valid, index


class EpochBatches(Sampler[list[Key]]):
    """Batches of one epoch: as many labelled chips as there are, and a fresh draw of the negatives, shuffled.

    The last batch is filled up from the start of the order, so that all batches are alike.

    Args:
        landslide: (N,) bool: which labelled chips show one.
        negatives: number of hard negatives.
        params: of training.
        parts: each batch of ``params.batch_size`` is cut into, for memory that holds no more.
        rank, world: this process takes every ``world``-th chip of each part, from ``rank`` on.
    """

    def __init__(
        self, landslide: NDArray[np.bool_], negatives: int, params: TrainParams, *, parts: int = 1, rank: int = 0,
        world: int = 1,
    ) -> None:  # fmt: skip
        self.landslide, self.negatives, self.params = landslide, negatives, params
        self.parts, self.rank, self.world = parts, rank, world
        self.epoch = 0
        self.losses: NDArray[np.float64] | None = None

    def set_epoch(self, epoch: int, losses: NDArray[np.float64] | None = None) -> None:
        """Say which epoch comes next.

        Args:
            epoch: its number.
            losses: (N,) last loss of each labelled chip, NaN where there is none yet.
        """
        self.epoch, self.losses = epoch, losses

    @property
    def steps(self) -> int:
        """Steps of the optimizer in an epoch."""
        return -(-(len(self.landslide) + self._drawn()) // self.params.batch_size)

    def __len__(self) -> int:
        return self.steps * self.parts

    def __iter__(self) -> Iterator[list[Key]]:
        rng = np.random.default_rng((self.params.seed, self.epoch))
        order = self._labelled(rng)
        if self._drawn():
            drawn = rng.choice(self.negatives, self._drawn(), replace=self._drawn() > self.negatives)
            order = np.concatenate([order, len(self.landslide) + drawn])
        rng.shuffle(order)
        size = self.params.batch_size
        order = np.resize(order, self.steps * size)
        # Processes that prepare chips ask before training says its rank.
        rank = torch.distributed.get_rank() if torch.distributed.is_initialized() else self.rank
        epoch = self.epoch
        for start in range(0, len(order), size):
            for part in np.split(order[start : start + size], self.parts):
                yield [(epoch, int(i)) for i in part[rank :: self.world]]

    def _labelled(self, rng: np.random.Generator) -> NDArray[np.int64]:
        """Labelled chips of an epoch: every one once, unless some are to be seen more often."""
        count = len(self.landslide)
        hard = round(self.params.hard_share * count) if self.losses is not None else 0
        order = self._balanced(count - hard, rng)
        if hard and self.losses is not None:
            # One that was not met yet is as hard as the others on average.
            known = self.losses[np.isfinite(self.losses)]
            weight = np.nan_to_num(self.losses, nan=float(known.mean()) if known.size else 1.0)
            total = weight.sum()
            order = np.concatenate([order, rng.choice(count, hard, p=weight / total if total > 0 else None)])
        return order

    def _balanced(self, wanted: int, rng: np.random.Generator) -> NDArray[np.int64]:
        share, count = self.params.balance, len(self.landslide)
        (positive,), (negative,) = np.nonzero(self.landslide), np.nonzero(~self.landslide)
        if share is None or not len(positive) or not len(negative):
            return rng.permutation(count)[:wanted] if wanted < count else np.arange(count)
        first = round(share * wanted)
        return np.concatenate([_in_turn(positive, first, rng), _in_turn(negative, wanted - first, rng)])

    def _drawn(self) -> int:
        return self.params.negatives_per_epoch if self.negatives else 0


def _in_turn(chips: NDArray[np.int64], wanted: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """As many as wanted in a random order, none once more before all have been there."""
    rounds = [rng.permutation(chips) for _ in range(-(-wanted // len(chips)))]
    return np.concatenate(rounds)[:wanted] if rounds else chips[:0]


def collate(samples: Sequence[Sample]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Stack samples to a batch."""
    images, masks, valids, indexes = zip(*samples, strict=True)
    return torch.stack(images), torch.stack(masks), torch.stack(valids), torch.tensor(indexes)
