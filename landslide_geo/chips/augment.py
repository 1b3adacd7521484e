"""Random changes of training patches, in numpy and torch.

Normalisation is part of it: a patch is normalised by its own statistics in training, but in a scene by statistics
interpolated between its cell and unequal neighbours, on a grid that does not line up with anything. So the centre and
the scale of a patch are jittered as a whole and, more gently, at each of its corners, with bilinear interpolation
between them, exactly as :mod:`landslide_geo.scene.stretch` would.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from landslide_geo.chips.pictures import equalised_brightness
from landslide_geo.config import AugmentParams, Normalisation

Float32 = npt.NDArray[np.float32]


def jittered_stretch(
    values: Float32,
    centre: Float32,
    scale: Float32,
    *,
    params: AugmentParams | None,
    stretch: Normalisation,
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
    """Flips and quarter turns, sometimes a shift, rotation and zoom with reflected borders, sometimes a part enlarged.

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
    if _happens(params.affine, rng):
        angle = math.radians(rng.uniform(-params.rotation_deg, params.rotation_deg))
        zoom = math.exp(rng.uniform(math.log(params.zoom[0]), math.log(params.zoom[1])))
        x, y = rng.uniform(-2 * params.shift, 2 * params.shift, 2)  # the grid's unit is half a side
        cos, sin = math.cos(angle) / zoom, math.sin(angle) / zoom
        theta = torch.tensor([[[cos, -sin, x], [sin, cos, y]]], dtype=torch.float32)
        grid = functional.affine_grid(theta, [1, *patch.shape], align_corners=False)
        patch = functional.grid_sample(patch[None], grid, padding_mode="reflection", align_corners=False)[0]
    if _happens(params.crop, rng):
        from torchvision.transforms.v2 import functional as transforms

        height, width = patch.shape[-2:]
        share = rng.uniform(*params.crop_share)
        rows, cols = _box((height, width), (share, share), rng)
        patch = transforms.resized_crop(
            patch, rows.start, cols.start, rows.stop - rows.start, cols.stop - cols.start, [height, width]
        )
    return patch


def degrade(image: torch.Tensor, params: AugmentParams, rng: np.random.Generator) -> torch.Tensor:
    """Sometimes other colours, a blur, or holes; always a little noise, unless that is left to chance as well.

    Args:
        image: (band, y, x) float32, normalised.
        params: how much.
        rng: source of randomness.

    Returns:
        (band, y, x) float32. Holes are 0, as what is not valid, and the mean. The mask keeps what they hide.
    """
    if _happens(params.colour, rng):
        image = _recoloured(image, params, rng)
    if _happens(params.blur, rng):
        from torchvision.transforms.v2 import functional as transforms  # two seconds that evaluation need not spend

        image = transforms.gaussian_blur(image, [5, 5], [float(rng.uniform(*params.blur_sigma))])
    if params.noise_probability == 1 or _happens(params.noise_probability, rng):
        sigma = float(rng.uniform(0, params.noise))
        image = image + torch.from_numpy(rng.normal(0, sigma, image.shape).astype(np.float32))
    if _happens(params.holes, rng):
        from torchvision.transforms.v2 import functional as transforms

        for _ in range(int(rng.integers(1, params.hole_count, endpoint=True))):
            sides = rng.uniform(*params.hole_size, 2)
            rows, cols = _box((image.shape[-2], image.shape[-1]), (sides[0], sides[1]), rng)
            height, width = rows.stop - rows.start, cols.stop - cols.start
            image = transforms.erase(image, rows.start, cols.start, height, width, torch.zeros(()))
    return image


def without_a_sensor(
    image: torch.Tensor, sensors: Sequence[Sequence[int]], params: AugmentParams, rng: np.random.Generator
) -> torch.Tensor:
    """Sometimes what some sensors saw is taken away: their bands are 0, as if they had not been there.

    Which ones stay is drawn from all sets but the empty and the whole one, so that none of them is new to the network.

    Args:
        image: (band, y, x) float32, normalised.
        sensors: bands of each.
        params: how often.
        rng: source of randomness.
    """
    seen = [own for own in sensors if bool((image[list(own)] != 0).any())]
    if len(seen) < 2 or not _happens(params.modality_dropout, rng):
        return image
    result = image.clone()
    kept = int(rng.integers(1, 2 ** len(seen) - 1))
    for number, own in enumerate(seen):
        if not kept >> number & 1:
            result[list(own)] = 0
    return result


def _recoloured(image: torch.Tensor, params: AugmentParams, rng: np.random.Generator) -> torch.Tensor:
    """Brightness, contrast and curvature of all bands, then gain and offset of each.

    Powers, as in gamma correction, are for values above zero; the curve (eᵃˣ − 1) / a takes all, rises everywhere, and
    has slope one at the centre.
    """
    shape = (image.shape[0], 1, 1)
    offset, gain, bend = rng.normal(0, (params.brightness, params.contrast, params.gamma))
    offsets, gains = rng.normal(0, params.band_brightness, shape), np.exp(rng.normal(0, params.band_contrast, shape))
    changed = image * math.exp(gain) + offset
    if abs(bend) > 1e-4:
        changed = torch.expm1(bend * changed) / bend
    return changed * torch.from_numpy(gains.astype(np.float32)) + torch.from_numpy(offsets.astype(np.float32))


def equalised(
    values: Float32, params: AugmentParams | None, rng: np.random.Generator, *, bands: Sequence[int] = (0, 1, 2)
) -> Float32:
    """Sometimes equalise the brightness of a picture, before it is normalised.

    Args:
        values: (band, y, x) float32, the picture's bands 0 to 255, NaN where not valid.
        params: how often; none: never.
        rng: source of randomness.
        bands: which are red, green and blue; others stay.

    Returns:
        (band, y, x) float32, NaN where not valid.
    """
    if params is None or not _happens(params.equalise, rng):
        return values
    result = values.copy()
    result[list(bands)] = equalised_brightness(values[list(bands)])
    return result


def mixed(
    planes: torch.Tensor,
    other: torch.Tensor | Callable[[], torch.Tensor],
    params: AugmentParams | None,
    rng: np.random.Generator,
) -> torch.Tensor:
    """Sometimes a rectangle of another patch (CutMix), or a weighted mean with it (mixup).

    Yun et al. (2019, arXiv:1905.04899) and Zhang et al. (2018, arXiv:1710.09412). In the paper on CutMix a rectangle
    may reach beyond the patch; here it lies inside, so that its area is what was drawn.

    Args:
        planes: (band + 2, y, x) float32: image, mask, validity.
        other: another patch alike, or a function that gives it, called only where it is needed.
        params: how often, and which weights; none: never.
        rng: source of randomness.

    Returns:
        (band + 2, y, x) float32. After mixup the mask may lie between 0 and 1, and only that is valid which was so in
        both patches; in a rectangle mask and validity are the other's.
    """
    if params is None or not params.cutmix + params.mixup:
        return planes
    draw = rng.random()
    if draw >= params.cutmix + params.mixup:
        return planes
    second = other if isinstance(other, torch.Tensor) else other()
    if draw < params.cutmix:
        height, width = planes.shape[-2:]
        if params.cutmix_alpha is None:
            rows, cols = cutmix_box((height, width), rng)
        else:
            side = math.sqrt(1 - rng.beta(params.cutmix_alpha, params.cutmix_alpha))
            rows, cols = _box((height, width), (side, side), rng)
        result = planes.clone()
        result[:, rows, cols] = second[:, rows, cols]
        return result
    weight = float(rng.beta(params.mixup_alpha, params.mixup_alpha))
    result = weight * planes + (1 - weight) * second
    result[-1] = planes[-1] * second[-1]
    return result


def cutmix_box(shape: int | tuple[int, int], rng: np.random.Generator) -> tuple[slice, slice]:
    """A rectangle with sides of a quarter to three quarters of a patch, given by its side or height and width."""
    size = np.array([shape, shape] if isinstance(shape, int) else shape)
    sides = rng.integers(size // 4, 3 * size // 4)
    row, col = (rng.integers(0, free) for free in size - sides)
    return slice(int(row), int(row + sides[0])), slice(int(col), int(col + sides[1]))


def _box(shape: tuple[int, int], shares: tuple[float, float], rng: np.random.Generator) -> tuple[slice, slice]:
    """A rectangle inside a patch whose sides are shares of the patch's, one pixel at least."""
    sides = [min(size, max(1, round(size * share))) for size, share in zip(shape, shares, strict=True)]
    row, col = (int(rng.integers(0, size - side, endpoint=True)) for size, side in zip(shape, sides, strict=True))
    return slice(row, row + sides[0]), slice(col, col + sides[1])


def _happens(probability: float, rng: np.random.Generator) -> bool:
    """What is off draws nothing, so that the sequence of the rest does not depend on what there is to choose from."""
    return probability > 0 and bool(rng.random() < probability)
