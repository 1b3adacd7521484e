"""Other sliding-window tools on the same raster with the same network, called as their documentation says.

They read the raster with rasterio and write a tiled GeoTIFF, which is less work than the COG with overviews that
`predict_raster` writes.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import rasterio
import torch
from torch import nn

from benchmarks.network import BATCH, OVERLAP, WINDOW

#: Border that terratorch cuts off each window.
_DELTA = 8

Sliding = Callable[[torch.Tensor, nn.Module, torch.device], torch.Tensor]


def _monai(values: torch.Tensor, network: nn.Module, device: torch.device) -> torch.Tensor:
    sliding = importlib.import_module("monai.inferers").sliding_window_inference
    size = (WINDOW, WINDOW)
    with torch.inference_mode():
        result: torch.Tensor = sliding(
            values, size, BATCH, network, overlap=OVERLAP / WINDOW, mode="gaussian", sw_device=device, device="cpu"
        )
    return result


def _terratorch(values: torch.Tensor, network: nn.Module, device: torch.device) -> torch.Tensor:
    tiled = importlib.import_module("terratorch.tasks.tiled_inference").tiled_inference
    result: torch.Tensor = tiled(
        network, values, crop=WINDOW, stride=WINDOW - OVERLAP, delta=_DELTA, batch_size=BATCH, padding="reflect",
        device=str(device),
    )  # fmt: skip
    return result


_PEERS: dict[str, Sliding] = {"monai": _monai, "terratorch": _terratorch}


def installed() -> dict[str, str]:
    """Versions of the peers that are here."""
    found = {}
    for name in _PEERS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def whole_scan(peer: str, source: Path, network: nn.Module, out: Path) -> Callable[[], object]:
    """One peer from raster to raster; what it takes to import it is not timed."""
    sliding = _PEERS[peer]
    device = next(network.parameters()).device

    def run() -> None:
        with rasterio.open(source) as dataset:
            values = torch.from_numpy(dataset.read(out_dtype="float32"))[None]
            profile = dataset.profile
        result = sliding(values, network, device)[0].cpu().numpy()
        profile.update(driver="GTiff", dtype="float32", count=len(result), nodata=np.nan, compress="deflate")
        with rasterio.open(out, "w", **profile) as target:
            target.write(result)

    return run
