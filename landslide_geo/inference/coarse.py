"""Rasters of one value per stride, for networks that give one value per window."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from landslide_geo.inference.windows import WindowGrid
from landslide_geo.scene.grid import Block

FloatArray = NDArray[np.float32]

#: Columns of the fine grid read at a time: bounds the memory, whatever the width of the scene.
_WIDTH = 4096


def coarse_geobox(geobox: GeoBox, grid: WindowGrid) -> GeoBox:
    """The grid whose pixels are one stride wide, from the same upper-left corner; it may reach beyond the scene."""
    shape = -(-grid.height // grid.stride), -(-grid.width // grid.stride)
    return GeoBox(shape, geobox.affine * Affine.scale(grid.stride), geobox.crs)


def coarsened(read: Callable[[Block], FloatArray], grid: WindowGrid) -> Callable[[Block], FloatArray]:
    """Blocks of the coarse grid from blocks of the fine one: the mean over the pixels that have a value, or NaN.

    Args:
        read: gives (K, h, w) float32 of a block of the scene.
        grid: windows over the scene; its stride is the side of a coarse pixel.

    Returns:
        A function from a block of the coarse grid to (K, h, w) float32.
    """
    step = grid.stride

    def read_part(part: Block) -> FloatArray:
        """Coarse pixels of one row."""
        fine = Block(part.row * step, part.col * step, step, part.width * step).clipped(grid.height, grid.width)
        values = read(fine).astype(np.float64)
        starts = np.arange(0, fine.width, step)
        known = np.isfinite(values)
        total = np.add.reduceat(np.where(known, values, 0).sum(axis=1), starts, axis=1)
        count = np.add.reduceat(known.sum(axis=1), starts, axis=1)
        with np.errstate(invalid="ignore"):
            mean: FloatArray = (total / count).astype(np.float32)
        return mean

    def read_coarse(block: Block) -> FloatArray:
        width = max(_WIDTH // step, 1)
        rows = [
            np.concatenate(
                [
                    read_part(Block(row, left, 1, min(width, block.col + block.width - left)))
                    for left in range(block.col, block.col + block.width, width)
                ],
                axis=1,
            )
            for row in range(block.row, block.row + block.height)
        ]
        return np.stack(rows, axis=1)

    return read_coarse
