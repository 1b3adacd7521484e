"""Sensors that are taken away in training."""

from __future__ import annotations

import numpy as np
import torch

from landslide_geo.chips.augment import without_a_sensor
from landslide_geo.config import AugmentParams


def test_every_set_of_sensors_is_practised_but_none_and_all() -> None:
    sensors, params = ((0, 1), (2,), (3,)), AugmentParams(modality_dropout=1.0)
    rng = np.random.default_rng(0)
    image = torch.ones(5, 2, 2)
    met = {}
    for _ in range(600):
        left = without_a_sensor(image, sensors, params, rng)
        assert bool((left[4] == 1).all()), "what is no sensor's stays"
        kept = tuple(bool((left[list(own)] == 1).all()) for own in sensors)
        assert kept == tuple(bool((left[list(own)] != 0).any()) for own in sensors), "wholly, or not at all"
        met[kept] = met.get(kept, 0) + 1
    assert len(met) == 6
    assert (False, False, False) not in met
    assert (True, True, True) not in met
    assert min(met.values()) > 60


def test_what_is_not_there_is_not_taken_away() -> None:
    rng = np.random.default_rng(0)
    image = torch.ones(3, 2, 2)
    image[2] = 0
    alone = without_a_sensor(image[1:], ((0,), (1,)), AugmentParams(modality_dropout=1.0), rng)
    assert torch.equal(alone, image[1:]), "the only one that saw anything stays"
    assert torch.equal(without_a_sensor(image, ((0,), (1,)), AugmentParams(), rng), image)
