"""The engine beside its own limit: the bare forward passes over the same windows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import rasterio

from benchmarks.network import BATCH, OVERLAP, WINDOW, Predict
from landslide_geo import predict_raster
from landslide_geo.inference.windows import WindowGrid


def bare_passes(source: Path, predict: Predict) -> Callable[[], object]:
    """The forward passes alone: all windows of a raster lie in memory, batches are full but for the last."""
    with rasterio.open(source) as dataset:
        values = dataset.read(out_dtype="float32")
    grid = WindowGrid(*values.shape[1:], WINDOW, OVERLAP)
    places = [(row, col) for row in grid.row_starts for col in grid.col_starts]
    windows = np.stack([values[:, row : row + WINDOW, col : col + WINDOW] for row, col in places])
    del values

    def run() -> None:
        for start in range(0, len(windows), BATCH):
            predict(windows[start : start + BATCH])

    return run


def whole_scan(source: Path, predict: Predict, out: Path) -> Callable[[], object]:
    """`predict_raster`: reading, network, blending, and a COG."""
    return lambda: predict_raster(
        source, predict, out, window=WINDOW, overlap=OVERLAP, batch_size=BATCH, progress=False
    )
