"""Fractal noise as a function of place: the same value for a point whatever block it is computed in."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def hashed(row: NDArray[np.int64], col: NDArray[np.int64], seed: int) -> Array:
    """A uniform number in [0, 1) for each pair of integers; the finaliser of SplitMix64 (Steele et al. 2014)."""
    with np.errstate(over="ignore"):
        x = row.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        x = x ^ (col.astype(np.uint64) * np.uint64(0xC2B2AE3D27D4EB4F)) ^ np.uint64(seed * 0x165667B1 + 1)
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            x = (x ^ (x >> np.uint64(shift))) * np.uint64(factor)
        x = x ^ (x >> np.uint64(31))
    return (x >> np.uint64(11)).astype(np.float64) / float(1 << 53)


def value_noise(y: Array, x: Array, wavelength: float, seed: int) -> Array:
    """Smooth noise in [0, 1]: hashed values on a square lattice, interpolated with a quintic (Perlin 2002).

    Args:
        y: coordinates in metres, broadcastable with ``x`` to the result's shape.
        x: likewise.
        wavelength: lattice spacing in metres.
        seed: another seed gives another field.
    """
    v, u = np.asarray(y) / wavelength, np.asarray(x) / wavelength
    row, col = np.floor(v).astype(np.int64), np.floor(u).astype(np.int64)
    fv, fu = v - row, u - col
    fv, fu = fv**3 * (fv * (fv * 6 - 15) + 10), fu**3 * (fu * (fu * 6 - 15) + 10)
    # The lattice points of the whole region are hashed once; pixels only look them up.
    row0, col0 = int(row.min()), int(col.min())
    rows = np.arange(row0, int(row.max()) + 2)[:, None]
    cols = np.arange(col0, int(col.max()) + 2)[None, :]
    lattice = hashed(rows, cols, seed)
    i, j = row - row0, col - col0
    top = lattice[i, j] * (1 - fu) + lattice[i, j + 1] * fu
    bottom = lattice[i + 1, j] * (1 - fu) + lattice[i + 1, j + 1] * fu
    return top * (1 - fv) + bottom * fv


def fractal(
    y: Array, x: Array, wavelength: float, seed: int, *, octaves: int = 5, gain: float = 0.5, ridged: bool = False
) -> Array:
    """Sum of octaves of `value_noise`, scaled to [0, 1]; ``ridged`` folds each octave into crests and valleys."""
    total, norm = np.zeros(np.broadcast_shapes(np.shape(y), np.shape(x))), 0.0
    for octave in range(octaves):
        # Each octave's lattice is turned, or the common axes would show as straight ridges.
        sin, cos = np.sin(0.7 * (octave + 1)), np.cos(0.7 * (octave + 1))
        layer = value_noise(cos * y - sin * x, sin * y + cos * x, wavelength / 2**octave, seed + 101 * octave)
        if ridged:
            layer = 1 - np.abs(2 * layer - 1)
        total += gain**octave * layer
        norm += gain**octave
    return total / norm
