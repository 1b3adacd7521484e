"""Random changes of training patches, in numpy and torch.

Normalisation is part of it: a patch is normalised by its own statistics in training, but in a scene by statistics
interpolated between its cell and unequal neighbours, on a grid that does not line up with anything. So the centre and
the scale of a patch are jittered as a whole and, more gently, at each of its corners, with bilinear interpolation
between them, exactly as :mod:`landslide_geo.scene.stretch` would.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from landslide_geo.config import AugmentParams, StretchParams

Float32 = npt.NDArray[np.float32]


def jittered_stretch(
    values: Float32,
    centre: Float32,
    scale: Float32,
    *,
    params: AugmentParams | None,
    stretch: StretchParams,
    rng: np.random.Generator,
) -> Float32:
    """Normalise a patch by its own statistics, jittered as a scene's grid would.

    Args:
        values: (band, y, x) float32, NaN where not valid.
        centre: (band,) of the patch.
        scale: (band,) of the patch, above zero.
        params: how far to jitter; none: not at all.
        stretch: the clip range.
        rng: source of randomness.

    Returns:
        (band, y, x) float32, NaN where not valid.
    """
    centres, scales = centre[:, None, None], scale[:, None, None]
    if params is not None:
        bands, height, width = values.shape

        def surface(spread: float, channels: int) -> Float32:
            whole = rng.normal(0, spread, (channels, 1, 1))
            corners = rng.normal(0, spread * params.corner_jitter, (channels, 2, 2))
            return _bilinear((whole + corners).astype(np.float32), height, width)

        shift = surface(params.centre_jitter, 1) + surface(params.band_centre_jitter, bands)
        gain = rng.normal(0, params.band_gain, (bands, 1, 1)).astype(np.float32)
        centres = centres + shift * scales
        scales = scales * np.exp(surface(params.scale_jitter, 1) + gain)
    result: Float32 = np.clip((values - centres) / scales, *stretch.clip).astype(np.float32)
    return result


def _bilinear(corners: Float32, height: int, width: int) -> Float32:
    """(channel, 2, 2) corner values → (channel, height, width)."""
    down = ((np.arange(height) + 0.5) / height).astype(np.float32)[:, None]
    across = ((np.arange(width) + 0.5) / width).astype(np.float32)
    left = corners[:, :1, :1] * (np.float32(1) - down) + corners[:, 1:, :1] * down
    right = corners[:, :1, 1:] * (np.float32(1) - down) + corners[:, 1:, 1:] * down
    result: Float32 = left * (np.float32(1) - across) + right * across
    return result


def symmetry(array: torch.Tensor, index: int) -> torch.Tensor:
    """One of the eight symmetries of the square, 0 … 7, on the last two axes; 0 is the identity."""
    turned = torch.rot90(array, index % 4, (-2, -1))
    return turned.flip(-1) if index >= 4 else turned


def undo_symmetry(array: torch.Tensor, index: int) -> torch.Tensor:
    """The inverse of :func:`symmetry` with the same index."""
    return torch.rot90(array.flip(-1) if index >= 4 else array, -(index % 4), (-2, -1))


#: The symmetries used with 1, 2, 4 and 8 passes: identity, flips, half turn, then all.
TTA_SYMMETRIES = {1: (0,), 2: (0, 4), 4: (0, 2, 4, 6), 8: tuple(range(8))}


def geometry(patch: torch.Tensor, params: AugmentParams | None, rng: np.random.Generator) -> torch.Tensor:
    """Flips and quarter turns, then sometimes a rotation and zoom with reflected borders.

    Args:
        patch: (channel, y, x) float32, image, mask and validity alike.
        params: which, and how far; none: flips only.
        rng: source of randomness.

    Returns:
        (channel, y, x) float32; masks are no longer 0/1 where they were interpolated.
    """
    if params is None:
        dims = [axis for axis, flip in zip((-2, -1), rng.random(2) < 0.5, strict=True) if flip]
        return patch.flip(dims) if dims else patch
    if params.flips:
        patch = symmetry(patch, int(rng.integers(8)))
    if rng.random() < params.affine:
        angle = math.radians(rng.uniform(-params.rotation_deg, params.rotation_deg))
        zoom = math.exp(rng.uniform(math.log(params.zoom[0]), math.log(params.zoom[1])))
        x, y = rng.uniform(-0.2, 0.2, 2)
        cos, sin = math.cos(angle) / zoom, math.sin(angle) / zoom
        theta = torch.tensor([[[cos, -sin, x], [sin, cos, y]]], dtype=torch.float32)
        grid = functional.affine_grid(theta, [1, *patch.shape], align_corners=False)
        patch = functional.grid_sample(patch[None], grid, padding_mode="reflection", align_corners=False)[0]
    return patch


def degrade(image: torch.Tensor, params: AugmentParams, rng: np.random.Generator) -> torch.Tensor:
    """Sometimes blur, always a little noise.

    Args:
        image: (band, y, x) float32, normalised.
        params: how much.
        rng: source of randomness.
    """
    if rng.random() < params.blur:
        from torchvision.transforms.v2 import functional as transforms  # two seconds that evaluation need not spend

        image = transforms.gaussian_blur(image, [5, 5], [float(rng.uniform(0.4, 1.0))])
    sigma = float(rng.uniform(0, params.noise))
    return image + torch.from_numpy(rng.normal(0, sigma, image.shape).astype(np.float32))


def cutmix_box(size: int, rng: np.random.Generator) -> tuple[slice, slice]:
    """A rectangle with sides of a quarter to three quarters of a patch."""
    sides = rng.integers(size // 4, 3 * size // 4, 2)
    row, col = rng.integers(0, size - sides[0]), rng.integers(0, size - sides[1])
    return slice(int(row), int(row + sides[0])), slice(int(col), int(col + sides[1]))
