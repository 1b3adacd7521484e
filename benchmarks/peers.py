"""Other sliding-window tools on the same raster with the same network, called as their documentation says.

They read the raster with rasterio and write a tiled GeoTIFF, which is less work than the COG with overviews that
`predict_raster` writes.
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import numpy as np
import rasterio
import torch
from torch import nn

from benchmarks.inputs import BANDS
from benchmarks.network import BATCH, OVERLAP, WINDOW
from landslide_geo.pipeline.record import installed as installed_packages

#: Border that terratorch cuts off each window.
_DELTA = 8

#: A network over a raster in memory, (1, band, y, x).
Sliding = Callable[[torch.Tensor, nn.Module, torch.device], torch.Tensor]
#: From raster to raster; what comes before the first pixel, such as imports, is done when it is made.
Scan = Callable[[], object]


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


def _in_memory(sliding: Sliding) -> Callable[[Path, nn.Module, Path], Scan]:
    """For tools that leave reading and writing to the user."""

    def prepared(source: Path, network: nn.Module, out: Path) -> Scan:
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

    return prepared


class _AnyType(nn.Module):
    """geo-inference hands values on as they are stored."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        return self.network(batch.to(torch.float32))


def _geo_inference(source: Path, network: nn.Module, out: Path) -> Scan:
    """It reads and writes itself; its windows overlap by half, one at a time, and it writes classes."""
    folder = out.parent / "geo-inference"
    folder.mkdir(exist_ok=True)
    device = str(next(network.parameters()).device)
    example = torch.zeros(1, BANDS, WINDOW, WINDOW, device=device)
    with torch.inference_mode():
        torch.jit.save(torch.jit.trace(_AnyType(network).eval(), example), folder / "network.pt")
    tool = importlib.import_module("geo_inference.geo_inference").GeoInference
    logging.getLogger("geo_inference.geo_inference").setLevel(logging.WARNING)
    inference = tool(
        model=str(folder / "network.pt"), work_dir=str(folder), device=device, num_classes=1, prediction_threshold=0.5
    )

    def run() -> None:
        with redirect_stdout(StringIO()):
            written = inference(str(source), patch_size=WINDOW, workers=0)
        (folder / written).unlink()

    return run


def _geoai(source: Path, network: nn.Module, out: Path) -> Scan:
    """It reads and writes itself; its windows are handed on as they are stored."""
    predict = importlib.import_module("geoai.inference").predict_geotiff
    device = str(next(network.parameters()).device)
    return lambda: predict(
        network, str(source), str(out), tile_size=WINDOW, overlap=OVERLAP, batch_size=BATCH, device=device,
        preprocess_fn=lambda tile: tile.astype(np.float32), verbose=False,
    )  # fmt: skip


_PEERS: dict[str, Callable[[Path, nn.Module, Path], Scan]] = {
    "monai": _in_memory(_monai),
    "terratorch": _in_memory(_terratorch),
    "geo-inference": _geo_inference,
    # Not among what `make bench` installs: it brings 140 packages. Measured where somebody has put it there.
    "geoai-py": _geoai,
}
#: Peers that are let run up to some size only: they take minutes beyond.
_LARGEST = {"geo-inference": 2048, "geoai-py": 2048}


def installed(size: int = 0) -> dict[str, str]:
    """Versions of the peers that are here, and run on rasters of that size."""
    return installed_packages(name for name in _PEERS if size <= _LARGEST.get(name, size))


def whole_scan(peer: str, source: Path, network: nn.Module, out: Path) -> Scan:
    """One peer from raster to raster; what it takes to import it is not timed."""
    return _PEERS[peer](source, network, out)
