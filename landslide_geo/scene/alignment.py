"""How far the earlier of two images lies from the later one, and the earlier one moved into place.

Sentinel-2 images of one orbit agree within a third of a pixel, those of two orbits or before 2021 within one and a half
(ESA, Sentinel-2 annual performance report). A field's border half a pixel off looks like a change as wide as a small
landslide.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from landslide_geo.bands import PRE, is_optical
from landslide_geo.scene.grid import Block
from landslide_geo.scene.scene import Scene
from landslide_geo.scene.stage import rewritten

FloatArray = NDArray[np.float32]

#: Shift in pixels above which the earlier image is moved: below, resampling blurs more than it mends.
APPLIED_ABOVE: Final = 0.5
#: Side of a place that is compared, and how many there are at most.
TILE: Final = 256
PLACES: Final = 25
#: Steps of a pixel that are told apart.
_STEPS: Final = 20
#: Share of a place that both dates must know.
_LEAST_KNOWN: Final = 0.9
#: What varies over more pixels than this says nothing about the place: light, haze, seasons.
_BROAD: Final = 8.0
#: Cycles per pixel above which phases count less and less: interpolation and noise have changed them.
_RESOLVED: Final = 0.2
#: Places of which the shift is the median, at least, and the largest error of that median, in pixels.
_LEAST_PLACES: Final = 3
_LARGEST_ERROR: Final = APPLIED_ABOVE / 2
#: Bands by how well borders are seen in them at any season.
_BY_CONTRAST: Final = ("swir16", "red", "green", "nir", "blue")


@dataclass(frozen=True)
class Shift:
    """By how many pixels the earlier image must be moved to lie on the later one.

    Attributes:
        rows: downwards.
        cols: to the right.
        spread: median distance from that of the places, in pixels.
        places: compared.
        band: that was compared.
    """

    rows: float
    cols: float
    spread: float
    places: int
    band: str

    @property
    def pixels(self) -> float:
        """Its length."""
        return float(np.hypot(self.rows, self.cols))

    @property
    def certain(self) -> bool:
        """Whether enough places agree: the standard error of a median is 1.86 median deviations over √n."""
        return self.places >= _LEAST_PLACES and 1.86 * self.spread / math.sqrt(self.places) <= _LARGEST_ERROR

    @property
    def worth_applying(self) -> bool:
        """Whether the earlier image is to be moved."""
        return self.certain and self.pixels > APPLIED_ABOVE

    def told(self) -> dict[str, Any]:
        """For records."""
        return asdict(self) | {"pixels": round(self.pixels, 3), "certain": self.certain}


def shift_between(later: FloatArray, earlier: FloatArray) -> tuple[float, float] | None:
    """By how many rows and columns an image must be moved to lie on another of the same place.

    Phase correlation limited to frequencies that the images resolve (Takita et al. 2003, "High-accuracy subpixel image
    registration based on phase-only correlation") of what is finer than some pixels, faded out towards the rim; its
    peak is found as by Guizar-Sicairos et al. 2008, doi:10.1364/OL.33.000156, by scikit-image.

    Args:
        later: (h, w), NaN where unknown.
        earlier: (h, w), likewise.

    Returns:
        Rows and columns in steps of 1/20, or None where less than nine tenths are known, or nothing is to be seen.
    """
    from skimage.registration import phase_cross_correlation

    known = np.isfinite(later) & np.isfinite(earlier)
    if known.mean() < _LEAST_KNOWN:
        return None
    fine = [_fine(image, known) for image in (later, earlier)]
    if not all(image.any() for image in fine):
        return None
    spectrum = np.multiply(np.fft.fft2(fine[0]), np.conj(np.fft.fft2(fine[1])))
    frequency = np.hypot(*np.meshgrid(*(np.fft.fftfreq(length) for length in later.shape), indexing="ij"))
    # Phases alone, so that snow and seasons count little; but no finer ones than the images resolve.
    phases = spectrum / np.maximum(np.abs(spectrum), 1e-12) * np.exp(-0.5 * (frequency / _RESOLVED) ** 2)
    rows, cols = phase_cross_correlation(
        phases, np.ones_like(phases), upsample_factor=_STEPS, space="fourier", normalization=None
    )[0]
    return float(rows), float(cols)


def measured(scene: Scene) -> Shift | None:
    """How far the earlier optical bands of a scene lie from the later ones: the median of places spread over it.

    Args:
        scene: its bands on its grid, or to be warped there as they are read.

    Returns:
        None where no optical band is there at both dates, or no place is known at both.
    """
    both = [name for name in scene.names if is_optical(name) and PRE + name in scene.names]
    if not both:
        return None
    band = min(both, key=lambda name: _BY_CONTRAST.index(name) if name in _BY_CONTRAST else len(_BY_CONTRAST))
    found: list[tuple[float, float]] = []
    with closing(scene):
        for block in _places(scene.height, scene.width):
            later, earlier = scene.read([band, PRE + band], block)
            if (shift := shift_between(later, earlier)) is not None:
                found.append(shift)
    if not found:
        return None
    shifts = np.array(found)
    middle = np.median(shifts, axis=0)
    spread = float(np.median(np.hypot(*(shifts - middle).T)))
    return Shift(round(float(middle[0]), 3), round(float(middle[1]), 3), round(spread, 3), len(found), band)


def aligned(scene: Scene, shift: Shift, folder: Path) -> Scene:
    """The same scene, its earlier optical bands moved and resampled once from their files.

    Args:
        scene: to align.
        shift: of the earlier image.
        folder: for the moved bands; those that lie there already are not made again.

    Raises:
        OutputError: the folder cannot be written.
        UnreadableRasterError: a band cannot be read.
    """
    moved = [band for band in scene.bands if band.name.startswith(PRE) and is_optical(band.name)]
    # What is to lie at a pixel is read from where it lies now.
    whence = scene.geobox.translate_pix(-shift.cols, -shift.rows)
    there = {band.name: band for band in rewritten(moved, whence, folder, grid=scene.geobox)}
    return replace(scene, bands=tuple(there.get(band.name, band) for band in scene.bands))


def _fine(image: FloatArray, known: NDArray[np.bool_]) -> FloatArray:
    """What differs from its surroundings, faded towards the rim; 0 where it is not known."""
    filled = np.where(known, image, np.float32(np.median(image[known])))
    detail = np.where(known, filled - ndimage.gaussian_filter(filled, _BROAD), 0)
    # A few very bright roofs or cloud rims must not decide for all.
    limit = 4 * np.median(np.abs(detail[known]))
    rim = np.hanning(image.shape[0])[:, None] * np.hanning(image.shape[1])[None, :]
    faded: FloatArray = (np.clip(detail, -limit, limit) * rim).astype(np.float32)
    return faded


def _places(height: int, width: int) -> Sequence[Block]:
    """Squares spread evenly over the grid, at most `PLACES`."""
    side = min(TILE, height, width)
    count = int(np.sqrt(PLACES))
    rows, cols = (
        np.unique(np.linspace(0, length - side, min(count, max(2 * length // side - 1, 1))).astype(int))
        for length in (height, width)
    )
    return [Block(int(row), int(col), side, side) for row in rows for col in cols]
