"""Pictures of 0 to 255: to one size and range, to one brightness, with noise."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from landslide_geo.errors import ParameterError

Float32 = npt.NDArray[np.float32]
WHITE = 255.0


def to_picture(values: npt.NDArray[np.generic], size: int | tuple[int, int]) -> npt.NDArray[np.uint8]:
    """Resize by cubic convolution, then stretch from the least to the largest value.

    What is made smaller is smoothed first, as Pillow does.

    Args:
        values: (band, y, x) or (y, x) numbers, all finite; bands share one range, so that colours keep their balance.
        size: side, or height and width, of the result (pixels).

    Returns:
        (band, y, x) or (y, x) uint8, 0 to 255. A picture of one value is 0.

    Raises:
        ParameterError: some values are not finite, or the size is none.
    """
    import torch
    from torchvision.transforms import InterpolationMode
    from torchvision.transforms.v2 import functional as transforms

    height, width = (size, size) if isinstance(size, int) else size
    if height < 1 or width < 1:
        raise ParameterError(f"a picture of {height} × {width} pixels: give sides of 1 or more")
    if not np.isfinite(values).all():
        raise ParameterError("a picture holds values that are not finite; fill its holes before it is resized")
    planes = torch.from_numpy(np.array(values, dtype=np.float32, ndmin=3))
    cubic = transforms.resize(planes, [height, width], interpolation=InterpolationMode.BICUBIC, antialias=True).numpy()
    least, most = float(cubic.min()), float(cubic.max())
    # Of a picture of one value, rounding would be stretched.
    flat = most <= least or bool(planes.min() == planes.max())
    stretched = np.zeros_like(cubic) if flat else (cubic - least) * (WHITE / (most - least))
    picture: npt.NDArray[np.uint8] = np.rint(stretched).astype(np.uint8).reshape(*values.shape[:-2], height, width)
    return picture


def equalised_brightness(picture: Float32) -> Float32:
    """Equalise the histogram of Y in YUV: as many pixels are darker than a value as it is above black.

    Args:
        picture: (3, y, x) float32 red, green and blue, 0 to 255, NaN where not valid.

    Returns:
        (3, y, x) float32, 0 to 255, NaN where not valid; U and V stay, as far as the colours can be shown. A picture of
        one brightness is given back as it is.
    """
    from skimage.color import rgb2yuv, yuv2rgb
    from skimage.exposure import equalize_hist

    valid = np.isfinite(picture).all(axis=0)
    if not valid.any():
        return picture
    yuv = rgb2yuv(np.where(valid, picture, 0) / WHITE, channel_axis=0)
    brightness = yuv[0]
    if np.ptp(brightness[valid]) * WHITE < 1e-3:
        return picture
    yuv[0] = equalize_hist(brightness, nbins=256, mask=valid)
    colours = np.clip(yuv2rgb(yuv, channel_axis=0), 0, 1) * WHITE
    result: Float32 = np.where(valid, colours, np.nan).astype(np.float32)
    return result


def noisy(picture: Float32, rng: np.random.Generator, *, variance: float = 0.1) -> Float32:
    """Add Gaussian noise, and cut off what is darker than black or brighter than white.

    Args:
        picture: (band, y, x) float32, 0 to 255.
        rng: source of randomness.
        variance: of the noise, where white is 1.
    """
    from skimage.util import random_noise

    result: Float32 = (random_noise(picture / WHITE, mode="gaussian", rng=rng, var=variance) * WHITE).astype(np.float32)
    return result
