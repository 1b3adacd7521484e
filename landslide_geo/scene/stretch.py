"""The normalisation that training patches and scenes share: local robust statistics on a fixed grid of the scene.

Landslide4Sense-RGB patches were each divided by their own maximum, so what a network learns from them is relative to
a patch of 128 × 128 pixels at 10 m. A scene is treated alike: it is cut into *cells* of that size on a grid that starts
at its upper-left pixel, every cell gets a centre and a scale per band, and between cell centres both are interpolated
bilinearly::

    z = (x - centre(y, x)) / scale(y, x),   clipped

The value of a pixel depends on the scene and on its place in it, never on the window it is read in: the interpolation
uses nothing but elementwise arithmetic on absolute pixel coordinates, so two windows agree to the last bit.

Centre and scale come from the lower half of the histogram (by default the 30th percentile, and the distance from the
5th to the 50th), because landslides are bright: a cell half full of them must not normalise them away. One scale is
shared by all bands, after division by a fixed gain per band; a scale of each band for itself loses the difference
between red and green that tells bare soil from vegetation (pixel AUC of that difference on the training patches: 0.951
joint, 0.934 per band). Offsets (haze, or the 1,000 that Sentinel-2 adds since 2022) and a common gain cancel out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from landslide_geo.config import FixedParams, Normalisation, StretchParams
from landslide_geo.errors import ParameterError

__all__ = [
    "LocalStatistics",
    "StretchParams",
    "cell_statistics",
    "grid_shape",
    "normalised",
    "patch_statistics",
    "stretch",
]

Float32 = npt.NDArray[np.float32]


def grid_shape(height: int, width: int, params: StretchParams) -> tuple[int, int]:
    """Rows and columns of the grid of cells that covers a scene of ``height`` × ``width`` pixels."""
    return -(-height // params.cell), -(-width // params.cell)


def cell_statistics(block: Float32, params: StretchParams) -> tuple[Float32, Float32]:
    """Centre and scale of each band in one cell.

    Args:
        block: (band, h, w) float32, the pixels of the cell in any unit, NaN where not valid; a pixel counts where all
            bands are finite.
        params: quantiles, gains and the least valid share.

    Returns:
        Two (band,) float32 arrays in the unit of ``block``; all NaN where fewer than ``params.min_valid`` of the
        pixels are valid. The scale may be zero (a constant cell): :meth:`LocalStatistics.from_cells` floors it.

    Raises:
        ParameterError: the gains are for another number of bands.
    """
    bands = block.shape[0]
    gain = _gain(params, bands)
    nothing = np.full(bands, np.nan, np.float32)
    values = block.reshape(bands, -1)
    valid = np.isfinite(values).all(axis=0)
    count = int(valid.sum())
    if count == 0 or count < params.min_valid * valid.size:
        return nothing, nothing.copy()
    if count < valid.size:
        values = values[:, valid]
    low, centre, high = np.quantile(values, [params.scale_low, params.centre, params.scale_high], axis=1)
    joint = params.spread * float(np.mean((high - low) / gain))
    return centre.astype(np.float32), (joint * gain).astype(np.float32)


@dataclass(frozen=True, eq=False)
class LocalStatistics:
    """Centre and scale of every cell of a scene, complete and ready for :func:`stretch`.

    Attributes:
        centre: (band, ny, nx) float32, in the scene's unit.
        scale: (band, ny, nx) float32, in the scene's unit, above zero.
        cell: side of a cell in pixels; cell (i, j) has its centre at pixel coordinate ((i + ½) cell, (j + ½) cell).
        height: rows of the scene in pixels.
        width: columns of the scene in pixels.
    """

    centre: Float32
    scale: Float32
    cell: int
    height: int
    width: int

    @classmethod
    def from_cells(
        cls, centre: Float32, scale: Float32, *, params: StretchParams, height: int, width: int
    ) -> LocalStatistics:
        """Complete the statistics of the cells: gaps filled from neighbours, scales kept within reason.

        Args:
            centre: (band, ny, nx) float32 from :func:`cell_statistics`, NaN where a cell has too few valid pixels.
            scale: the same for the scale.
            params: cell size, and the floor and ceiling of a cell's scale relative to the median of the scene, which
                keep lakes and flat fields from being blown up and half-flooded cells from being flattened.
            height: rows of the scene in pixels.
            width: columns of the scene in pixels.

        Raises:
            ParameterError: the arrays do not fit the scene's grid of cells.
        """
        ny, nx = grid_shape(height, width, params)
        if centre.shape != scale.shape or centre.shape[1:] != (ny, nx):
            raise ParameterError(
                f"statistics of {centre.shape} and {scale.shape} do not fit a scene of {height} × {width} pixels; "
                f"give (band, {ny}, {nx}), one value per cell of {params.cell} pixels"
            )
        known: npt.NDArray[np.bool_] = np.isfinite(np.concatenate([centre, scale])).all(axis=0)
        # The last row and column may be slivers: a few lines of pixels say little about their cell.
        full = np.ones((ny, nx), bool)
        full[-1] &= height - (ny - 1) * params.cell >= params.cell / 4
        full[:, -1] &= width - (nx - 1) * params.cell >= params.cell / 4
        if (known & full).any():
            known &= full
        if not known.any():  # nothing valid in the scene: any finite statistics do, every pixel stays NaN
            return cls(np.zeros_like(centre), np.ones_like(scale), params.cell, height, width)
        median = np.median(scale[:, known], axis=1)[:, None, None]
        # A scene of one constant value has no scale at all; its own gain keeps the quotient finite.
        fallback = _gain(params, centre.shape[0])[:, None, None]
        median = np.where(median > 0, median, fallback)
        bounded = np.clip(scale, params.scale_floor * median, params.scale_ceiling * median)
        return cls(
            _fill(centre, known).astype(np.float32),
            _fill(bounded, known).astype(np.float32),
            params.cell,
            height,
            width,
        )

    @classmethod
    def fixed(cls, params: FixedParams, *, bands: int, height: int, width: int) -> LocalStatistics:
        """The same centre and scale everywhere, as one cell.

        Raises:
            ParameterError: they are not given, or for another number of bands.
        """
        if params.centre is None or params.scale is None:
            raise ParameterError("fixed normalisation has no centre and scale yet; training takes them from its chips")
        if len(params.centre) != bands:
            raise ParameterError(f"fixed normalisation is for {len(params.centre)} bands, not {bands}")
        centre, scale = (np.array(values, np.float32)[:, None, None] for values in (params.centre, params.scale))
        return cls(centre, scale, max(height, width), height, width)

    def to_json(self) -> dict[str, Any]:
        """A value that ``json`` can write; :meth:`from_json` gives exactly this object back."""
        return {
            "cell": self.cell,
            "height": self.height,
            "width": self.width,
            "centre": self.centre.astype(float).tolist(),
            "scale": self.scale.astype(float).tolist(),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> LocalStatistics:
        """The statistics that :meth:`to_json` wrote.

        Raises:
            ParameterError: a key is missing.
        """
        try:
            return cls(
                np.asarray(value["centre"], np.float32),
                np.asarray(value["scale"], np.float32),
                int(value["cell"]),
                int(value["height"]),
                int(value["width"]),
            )
        except KeyError as error:
            raise ParameterError(f"local statistics lack {error}; write them with LocalStatistics.to_json") from None


def patch_statistics(values: Float32, params: Normalisation) -> LocalStatistics:
    """Statistics of a patch as the only cell of its scene, whatever its share of valid pixels.

    Args:
        values: (band, y, x) float32, NaN where not valid.
        params: normalisation.
    """
    bands, height, width = values.shape
    if isinstance(params, FixedParams):
        return LocalStatistics.fixed(params, bands=bands, height=height, width=width)
    whole = params.model_copy(update={"cell": max(height, width), "min_valid": 0.0})
    centre, scale = cell_statistics(values, whole)
    return LocalStatistics.from_cells(
        centre[:, None, None], scale[:, None, None], params=whole, height=height, width=width
    )


def stretch(block: Float32, row: int, col: int, statistics: LocalStatistics, params: Normalisation) -> Float32:
    """Normalise the block whose upper-left pixel is (``row``, ``col``) of the scene.

    A pixel gets exactly the same value whatever block it is read in.

    Args:
        block: (band, h, w) float32 in the scene's unit, NaN where not valid.
        row: row of its first pixel in the scene; the block may reach beyond the scene, where the statistics of the
            outermost cells go on.
        col: column of its first pixel.
        statistics: of the whole scene.
        params: the clip range.

    Returns:
        (band, h, w) float32 within ``params.clip``; NaN stays NaN.
    """
    _, height, width = block.shape
    centre = _interpolate(statistics.centre, row, col, height, width, statistics.cell)
    scale = _interpolate(statistics.scale, row, col, height, width, statistics.cell)
    result: Float32 = np.subtract(block, centre, dtype=np.float32)
    result /= scale
    return np.clip(result, params.clip[0], params.clip[1], out=result)


def normalised(values: Float32, params: Normalisation) -> Float32:
    """A patch as a scene of its own.

    Args:
        values: (band, y, x) float32, NaN where not valid.
        params: normalisation.

    Returns:
        (band, y, x) float32 within ``params.clip``; 0, an average pixel, where not valid.
    """
    return np.nan_to_num(stretch(values, 0, 0, patch_statistics(values, params), params), nan=0.0)


def _interpolate(grid: Float32, row: int, col: int, height: int, width: int, cell: int) -> Float32:
    """(band, ny, nx) values at cell centres → (band, height, width) values at pixel centres, rows first."""
    upper, lower, down = _neighbours(row, height, cell, grid.shape[1])
    left, right, across = _neighbours(col, width, cell, grid.shape[2])
    down = down[:, None]
    # Multiplications and additions as separate elementwise operations: no fused or blocked arithmetic, whose rounding
    # would depend on the shape of the block.
    lines = grid[:, upper] * (np.float32(1) - down) + grid[:, lower] * down
    return lines[:, :, left] * (np.float32(1) - across) + lines[:, :, right] * across


def _neighbours(
    start: int, count: int, cell: int, cells: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], Float32]:
    """For ``count`` pixels from ``start``: the cell before, the cell after, and the weight of the one after."""
    position = (np.arange(start, start + count) + 0.5) / cell - 0.5
    before = np.clip(np.floor(position), 0, cells - 1).astype(np.int64)
    after = np.minimum(before + 1, cells - 1)
    return before, after, np.clip(position - before, 0, 1).astype(np.float32)


def _fill(values: npt.NDArray[Any], known: npt.NDArray[np.bool_]) -> npt.NDArray[Any]:
    """Cells that are not known become the mean of their known neighbours, ring by ring."""
    values = np.where(known, values, 0).astype(np.float64)
    known = known.copy()
    while not known.all():
        padded = np.pad(values * known, ((0, 0), (1, 1), (1, 1)))
        counted = np.pad(known.astype(np.float64), 1)
        ny, nx = known.shape
        shifts = [(dy, dx) for dy in range(3) for dx in range(3)]
        total = sum(padded[:, dy : dy + ny, dx : dx + nx] for dy, dx in shifts)
        count = sum(counted[dy : dy + ny, dx : dx + nx] for dy, dx in shifts)
        ring = ~known & (count > 0)
        values[:, ring] = (total / np.maximum(count, 1))[:, ring]
        known |= ring
    return values


def _gain(params: StretchParams, bands: int) -> npt.NDArray[np.float64]:
    if params.gains is None:
        return np.ones(bands)
    if len(params.gains) != bands:
        raise ParameterError(f"the normalisation has gains for {len(params.gains)} bands, the block has {bands} bands")
    return np.asarray(params.gains, np.float64)
