"""Patches to batches: every sample is a function of seed, epoch and place, so that a resumed run repeats itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch.utils.data import Dataset, Sampler

from landslide_geo.chips import augment
from landslide_geo.chips.landslide4sense_rgb import Patches, to_digital_numbers
from landslide_geo.config import AugmentParams, TrainParams
from landslide_geo.scene.stretch import patch_statistics

Sample = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
Key = tuple[int, int]
"""Epoch and index of a sample."""


class TrainingPatches(Dataset[Sample]):
    """Labelled patches and hard negatives, augmented.

    Indexed by :data:`Key`; an index below the number of labelled patches is one of them, an index above is a negative.
    A sample is image (band, y, x) float32 normalised, mask (1, y, x) float32 0/1, valid (1, y, x) float32 0/1.
    """

    def __init__(self, labelled: Patches, negatives: Patches | None, params: TrainParams) -> None:
        self.sources = [labelled] if negatives is None or not len(negatives) else [labelled, negatives]
        self.params = params
        self.statistics = [
            [patch_statistics(source.digital_numbers(i), params.stretch) for i in range(len(source))]
            for source in self.sources
        ]

    def __len__(self) -> int:
        return sum(len(source) for source in self.sources)

    def __getitem__(self, key: Key) -> Sample:
        epoch, index = key
        rng = np.random.default_rng((self.params.seed, epoch, index))
        augmentation = self.params.augment if epoch < self.params.epochs else self.params.late_augment
        sample = self._one(index, augmentation, rng)
        if augmentation is not None:
            if rng.random() < augmentation.cutmix:
                other = self._one(int(rng.integers(len(self))), augmentation, rng)
                rows, cols = augment.cutmix_box(sample.shape[-1], rng)
                sample = sample.clone()
                sample[:, rows, cols] = other[:, rows, cols]
            image = augment.degrade(sample[:-2], augmentation, rng)
        else:
            image = sample[:-2]
        mask, valid = (sample[-2:-1] > 0.5).float(), (sample[-1:] > 0.99).float()
        return image * valid, mask, valid

    def _one(self, index: int, augmentation: AugmentParams | None, rng: np.random.Generator) -> torch.Tensor:
        """(band + 2, y, x) float32: a normalised image with its mask and validity, after geometry."""
        which, place = (0, index) if index < len(self.sources[0]) else (1, index - len(self.sources[0]))
        source, statistics = self.sources[which], self.statistics[which][place]
        image, valid = source.images[place], source.valid[place]
        dither = rng.random(image.shape, dtype=np.float32) if augmentation is not None else 0.5
        values = augment.jittered_stretch(
            to_digital_numbers(image, valid, dither),
            statistics.centre[:, 0, 0],
            statistics.scale[:, 0, 0],
            params=augmentation,
            stretch=self.params.stretch,
            rng=rng,
        )
        planes = np.concatenate([np.nan_to_num(values, nan=0.0), source.masks[place][None], valid[None]])
        return augment.geometry(torch.from_numpy(planes.astype(np.float32)), augmentation, rng)


class EpochBatches(Sampler[list[Key]]):
    """Batches of one epoch: every labelled patch once, and a fresh draw of the negatives, shuffled.

    The last batch is filled up from the start of the order, so that all batches are alike.
    """

    def __init__(self, labelled: int, negatives: int, params: TrainParams) -> None:
        self.labelled, self.negatives, self.params = labelled, negatives, params
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Say which epoch comes next."""
        self.epoch = epoch

    def __len__(self) -> int:
        return -(-(self.labelled + self._drawn()) // self.params.batch_size)

    def __iter__(self) -> Iterator[list[Key]]:
        rng = np.random.default_rng((self.params.seed, self.epoch))
        order = np.arange(self.labelled)
        if self._drawn():
            drawn = rng.choice(self.negatives, self._drawn(), replace=self._drawn() > self.negatives)
            order = np.concatenate([order, self.labelled + drawn])
        rng.shuffle(order)
        size = self.params.batch_size
        order = np.resize(order, len(self) * size)
        for start in range(0, len(order), size):
            yield [(self.epoch, int(i)) for i in order[start : start + size]]

    def _drawn(self) -> int:
        return self.params.negatives_per_epoch if self.negatives else 0


def collate(samples: Sequence[Sample]) -> Sample:
    """Stack samples to a batch."""
    images, masks, valids = zip(*samples, strict=True)
    return torch.stack(images), torch.stack(masks), torch.stack(valids)
