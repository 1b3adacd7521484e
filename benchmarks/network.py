"""The network that everybody runs: the shipped model's architecture for four bands, with random but fixed weights."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec

import numpy as np
import torch
from torch import nn

from benchmarks.inputs import BANDS
from landslide_geo.models import load_model
from landslide_geo.models.registry import build

WINDOW, OVERLAP, BATCH = 256, 64, 8

Predict = Callable[[np.ndarray], np.ndarray]


class Scaled(nn.Module):
    """Probabilities from stored values, so that nobody needs a step before or after the network."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        """(N, 4, H, W) stored values → (N, 1, H, W) in 0–1."""
        return torch.sigmoid(self.network(batch * 1e-4))


def default_network(device: str = "cpu") -> nn.Module:
    """The shipped default model's architecture; weights are drawn anew, from one seed."""
    manifest = load_model("default").manifest
    torch.manual_seed(0)
    network = build(manifest.architecture, bands=BANDS, arguments=manifest.arguments)
    return Scaled(network).eval().to(device)


def has_backends() -> bool:
    """Whether the program has back ends to choose from."""
    return find_spec("landslide_geo.inference.backends") is not None


def predictor(network: nn.Module, *, backend: str, precision: str) -> Predict:
    """What `predict_raster` calls.

    Args:
        network: of `default_network`.
        backend: ``torch`` or ``auto``.
        precision: ``float32`` or ``auto``.
    """
    if has_backends():
        from landslide_geo.inference.backends import open_backend

        opened: Predict = open_backend(
            network, backend=backend, precision=precision, bands=BANDS, window=WINDOW, batch_size=BATCH
        )
        return opened
    device = next(network.parameters()).device

    def predict(batch: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return network(torch.from_numpy(batch).to(device)).cpu().numpy()

    return predict
