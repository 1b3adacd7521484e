"""The network that everybody runs: the shipped default model, with a fourth band that it does not look at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
import torch
from torch import nn

from benchmarks.inputs import BANDS
from landslide_geo.inference.backends import open_backend, settle
from landslide_geo.inference.backends.check import Sample
from landslide_geo.models import load_model
from landslide_geo.models.registry import build

WINDOW, OVERLAP, BATCH = 256, 64, 8
#: Windows that a reduced precision is judged by.
_CHECKED = 8

Predict = Callable[[np.ndarray], np.ndarray]


class Scaled(nn.Module):
    """Probabilities from stored values, so that nobody needs a step before or after the network."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        """(N, 4, H, W) stored values → (N, 1, H, W) in 0–1."""
        return torch.sigmoid(self.network((batch - 2000) / 1000))


@dataclass(frozen=True)
class Chosen:
    """What runs a network.

    Attributes:
        predict: what `predict_raster` calls.
        label: library and precision.
    """

    predict: Predict
    label: str


def default_network(device: str = "cpu") -> nn.Module:
    """The shipped default model's weights in a network for four bands; those of the fourth are zero."""
    model = load_model("default")
    network = build(model.manifest.architecture, bands=BANDS, arguments=model.manifest.arguments)
    ours, theirs = network.state_dict(), model.bundle.network.state_dict()
    for name, weights in theirs.items():
        if weights.shape == ours[name].shape:
            ours[name].copy_(weights)
        else:  # the first convolution
            ours[name].zero_()[:, : weights.shape[1]] = weights
    return Scaled(network).eval().to(device)


def plain(network: nn.Module) -> Chosen:
    """The network in PyTorch with float32."""
    opened = open_backend(network, backend="torch", precision="float32", bands=BANDS, window=WINDOW, batch_size=BATCH)
    return Chosen(opened, "torch float32")


def fastest(network: nn.Module, source: Path) -> Chosen:
    """What a scan would choose by itself: a reduced precision only if it hardly changes a class on the raster."""
    threshold = load_model("default").threshold

    def sample() -> Sample:
        with rasterio.open(source) as dataset:
            side = min(dataset.height, dataset.width) - WINDOW
            places = [side * i // max(_CHECKED - 1, 1) for i in range(_CHECKED)]
            windows = [
                dataset.read(window=((place, place + WINDOW), (place, place + WINDOW)), out_dtype="float32")
                for place in places
            ]
        return [np.stack(windows)], [np.ones((_CHECKED, WINDOW, WINDOW), dtype=bool)]

    found = settle(
        network, sample=sample, decide=lambda p: p >= threshold, bands=BANDS, window=WINDOW, batch_size=BATCH
    ).backend
    return Chosen(found, f"{found.name} {found.precision}")
