"""`try_patch`: what a model says of one small image, whatever file it comes in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Final

import numpy as np
import rasterio
from numpy.typing import NDArray
from PIL import Image
from rasterio.errors import RasterioError

from landslide_geo.bands import UNITS, canonical_name, is_optical
from landslide_geo.chips import landslide4sense
from landslide_geo.chips.reading import hdf5_array, picture
from landslide_geo.chips.simulated import BANDS as SIMULATED_BANDS
from landslide_geo.chips.simulated import SIMULATED, stacked
from landslide_geo.chips.split import Split
from landslide_geo.chips.store import UNKNOWN
from landslide_geo.errors import DatasetError, ParameterError, UnknownBandError, UnreadableRasterError
from landslide_geo.models import Ensemble, Model
from landslide_geo.simulate.chips import ChipMaker
from landslide_geo.training.evaluate import answer, images, own_bands
from landslide_geo.training.explain import gate_of, has_gate
from landslide_geo.units import NUMBER, PICTURE, REFLECTANCE

FloatArray = NDArray[np.float32]
BoolArray = NDArray[np.bool_]

#: Sides of a patch in pixels: networks halve it five times, and a page is no place for a scene.
LEAST, MOST = 32, 1024
_RGB: Final = ("red", "green", "blue")
_STEP: Final = 32
#: All bands of the vocabulary at two dates are fewer.
_MOST_BANDS: Final = 64


@dataclass(frozen=True, eq=False)
class Patch:
    """A small image.

    Attributes:
        name: for people.
        image: (band, y, x) float32, NaN where unknown.
        bands: names in the vocabulary.
        units: of each.
        truth: (y, x) true on landslides; none where nobody told.
        simulated: nothing of it was measured.
    """

    name: str
    image: FloatArray
    bands: tuple[str, ...]
    units: tuple[str, ...]
    truth: BoolArray | None = None
    simulated: bool = False

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.image.shape[1], self.image.shape[2]


@dataclass(frozen=True, eq=False)
class Tried:
    """What a model says of a patch.

    Attributes:
        probability: (y, x) float32, calibrated, NaN where nothing is known; of a model that classifies the same
            throughout.
        gate: mean weight of optical and of radar features, 0–1; none where the model weighs no sensors.
        cloud_score: that the gate saw.
    """

    probability: FloatArray
    gate: dict[str, float] | None = None
    cloud_score: float | None = None


def read_patch(path: Path, *, truth: Path | None = None) -> Patch:
    """Read an image of a few hundred pixels.

    Args:
        path: PNG or JPEG in colours; GeoTIFF whose bands are named, or are red, green and blue; or an ``image_N.h5`` of
            Landslide4Sense.
        truth: mask of the same size, above 0 on landslides: PNG, GeoTIFF, or ``mask_N.h5``.

    Raises:
        DatasetError: it cannot be read, or the two differ in size.
        UnreadableRasterError: likewise, of a GeoTIFF.
        ParameterError: it is too small or too large.
    """
    suffix = path.suffix.lower()
    if suffix in (".h5", ".hdf5"):
        values = hdf5_array(path, "img")
        bands, units = landslide4sense.BANDS, (landslide4sense.UNIT,) * len(landslide4sense.BANDS)
        if values.ndim != 3 or values.shape[2] != len(bands):
            raise DatasetError(f"{path.name}: {values.shape} instead of (y, x, {len(bands)}) as in Landslide4Sense")
        values = np.moveaxis(values, -1, 0)
    elif suffix in (".tif", ".tiff"):
        values, bands, units = _geotiff(path)
    else:
        _require_small(path, *_picture_size(path))
        values = np.moveaxis(np.asarray(picture(path, "RGB")), -1, 0)
        bands, units = _RGB, (PICTURE,) * 3
    height, width = values.shape[1:]
    _require_small(path, width, height)
    image: FloatArray = values.astype(np.float32)
    return Patch(path.stem, image, bands, units, None if truth is None else _truth(truth, (height, width)))


def simulated_patch(index: int, *, size: int = 128, seed: int = 0) -> Patch:
    """A simulated patch with all bands that can be simulated, so that any model can answer, and its truth.

    Args:
        index: that it is drawn by; of two that follow one another one holds a landslide.
        size: side in pixels of 10 m.
        seed: of the landscape.
    """
    chip = ChipMaker(seed=seed, size=size, share=1.0).make(index)
    units = tuple(NUMBER if is_optical(name) else UNITS[name.removeprefix("pre_")] for name in SIMULATED_BANDS)
    image = stacked(chip, SIMULATED_BANDS)
    return Patch(f"{SIMULATED} {index}", image, SIMULATED_BANDS, units, chip.mask == 1, simulated=True)


def try_patch(model: Model | Ensemble, patch: Patch) -> Tried:
    """Ask a model about a patch, which is normalised as a scene of its own.

    Raises:
        DatasetError: the patch lacks a band of the model's.
        ParameterError: its units are others than those the model was trained on.
    """
    height, width = patch.shape
    side = ceil(max(height, width) / _STEP) * _STEP
    # Mirrored to a square that networks can halve, so that all symmetries keep its shape.
    padded = np.pad(patch.image, ((0, 0), (0, side - height), (0, side - width)), mode="symmetric")
    chips = _as_chips(patch, padded)
    said = answer(model, chips).probability[0]
    members = [model] if isinstance(model, Model) else [member for member, _ in model.models]
    if said.shape == (1, 1):
        said = np.broadcast_to(said, (side, side))
    known = np.isfinite(padded[[patch.bands.index(name) for name in _needed(members, patch)]]).all(axis=0)
    probability = np.where(known, said, np.nan).astype(np.float32)[:height, :width]
    return Tried(probability, *_gate(members, chips))


def _needed(members: list[Model], patch: Patch) -> list[str]:
    """Bands without which nothing is told: those of all members that cannot do without a sensor."""
    wanted = dict.fromkeys(name for member in members if not member.sensors for name in member.bands)
    return [name for name in wanted if name in patch.bands]


def _gate(members: list[Model], chips: Split) -> tuple[dict[str, float] | None, float | None]:
    import torch

    found = []
    for member in members:
        if not has_gate(member.bundle.network):
            continue
        own = own_bands(member, chips)
        batch = torch.from_numpy(np.nan_to_num(images(own, member.manifest.normalisation)))
        with torch.inference_mode():
            if (weighed := gate_of(member.bundle.network, batch)) is not None:
                found.append(weighed)
    if not found:
        return None, None
    weights = np.mean([each[0][0] for each in found], axis=0)
    score = float(np.mean([each[1][0] for each in found]))
    return {"optical": float(weights[0]), "radar": float(weights[1])}, score


def _as_chips(patch: Patch, image: FloatArray) -> Split:
    count = len(patch.bands)
    return Split(
        name=patch.name, images=image[None], masks=np.full((1, 1, 1), UNKNOWN, np.uint8), places=np.arange(1),
        channels=tuple(range(count)), bands=patch.bands, units=patch.units, gsd_m=None, quantum=(None,) * count,
        ids=np.array([patch.name]), blocks=np.array([patch.name]), sources=np.array([patch.name]),
        simulated=patch.simulated,
    )  # fmt: skip


@contextmanager
def _small_geotiff(path: Path) -> Iterator[rasterio.DatasetReader]:
    """An open GeoTIFF that is a patch by its size, and nothing but a GeoTIFF."""
    try:
        with rasterio.open(path, driver="GTiff") as dataset:
            _require_small(path, dataset.width, dataset.height)
            yield dataset
    except RasterioError as error:
        reason = (str(error) or type(error).__name__).splitlines()[0].replace(str(path), path.name)
        raise UnreadableRasterError(f"{path.name}: cannot be read as a GeoTIFF ({reason}); export it again") from None


def _geotiff(path: Path) -> tuple[NDArray[np.generic], tuple[str, ...], tuple[str, ...]]:
    with _small_geotiff(path) as dataset:
        if dataset.count > _MOST_BANDS:
            raise ParameterError(f"{path.name}: {dataset.count:,} bands; a patch has {_MOST_BANDS} at most")
        values = dataset.read(masked=True)
        described = dataset.descriptions
    if all(described):
        bands = tuple(canonical_name(name) for name in described)
    elif len(values) in (3, 4):
        bands, values = _RGB, values[:3]
    else:
        raise UnknownBandError(f"{path.name}: {len(values)} bands without names; name them in their descriptions")
    optical = PICTURE if values.dtype == np.uint8 else NUMBER if values.dtype.kind in "iu" else REFLECTANCE
    units = tuple(optical if is_optical(name) else UNITS.get(name.removeprefix("pre_"), "") for name in bands)
    filled = values.astype(np.float32).filled(np.nan)
    return filled, bands, units


def _require_small(path: Path, width: int, height: int) -> None:
    """Told from what a file declares, before a pixel is unpacked."""
    if min(height, width) < LEAST or max(height, width) > MOST:
        raise ParameterError(
            f"{path.name}: {width:,} × {height:,} pixels; a patch has sides of {LEAST} to {MOST}. "
            + ("Take a larger one" if max(height, width) <= MOST else "Cut it, or scan it whole")
        )


def _picture_size(path: Path) -> tuple[int, int]:
    """Width and height that a PNG or JPEG declares."""
    try:
        with Image.open(path, formats=("PNG", "JPEG")) as opened:
            return opened.size
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        raise DatasetError(f"{path.name}: not a picture that can be read; export it again") from None


def _truth(path: Path, shape: tuple[int, int]) -> BoolArray:
    suffix = path.suffix.lower()
    if suffix in (".h5", ".hdf5"):
        values = hdf5_array(path, "mask")
    elif suffix in (".tif", ".tiff"):
        values = _geotiff_mask(path)
    else:
        _require_small(path, *_picture_size(path))
        values = np.asarray(picture(path, "L"))
    if values.shape != shape:
        raise DatasetError(f"{path.name}: a mask of {values.shape[::-1]} pixels for an image of {shape[::-1]}")
    return np.asarray(values > 0)


def _geotiff_mask(path: Path) -> NDArray[np.generic]:
    with _small_geotiff(path) as dataset:
        found: NDArray[np.generic] = dataset.read(1)
        return found
