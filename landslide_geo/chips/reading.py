"""Files of published datasets, read with checks that name the bad one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from landslide_geo.errors import DatasetError, MissingExtraError

#: Whatever a place in a dataset is told by: a file, or a file and what in it.
Where = Path | str
#: Pillow's modes of pictures with colours, maybe with transparency, which says nothing; and of those with one channel.
_COLOURED: Final = ("RGB", "RGBA", "RGBX", "P", "PA")
_SINGLE: Final = ("1", "L", "LA", "P", "I", "F", "I;16", "I;16L", "I;16B", "I;16N")


def image_of(where: Where, values: NDArray[Any], bands: Sequence[str], size: int) -> NDArray[np.float32]:
    """(size, size, band) numbers of any type → (band, y, x) float32, NaN where they are not finite.

    Raises:
        DatasetError: another shape, no numbers, or a band without any.
    """
    wanted = (size, size, len(bands))
    if values.shape != wanted:
        raise DatasetError(f"{where}: {_times(values.shape)} values instead of {_times(wanted)}; get this file again")
    if values.dtype.kind not in "fiu":
        raise DatasetError(f"{where}: holds {values.dtype} instead of numbers; get this file again")
    with np.errstate(over="ignore"):
        image = np.ascontiguousarray(values.transpose(2, 0, 1), dtype=np.float32)
    image[~np.isfinite(image)] = np.nan
    require_numbers(where, image, bands)
    return image


def require_numbers(where: Where, image: NDArray[np.floating], bands: Sequence[str]) -> None:
    """Check that each band of a (band, y, x) image holds a number.

    Raises:
        DatasetError: one is NaN throughout.
    """
    for name, band in zip(bands, image, strict=True):
        if np.isnan(band).all():
            raise DatasetError(f"{where}: band {name} holds no number; get this file again, or leave it out")


def mask_of(where: Where, values: NDArray[Any], size: int) -> NDArray[np.uint8]:
    """(size, size) or (size, size, 1) zeros and ones of any type → (y, x) uint8.

    Raises:
        DatasetError: another shape, or other values.
    """
    if values.shape not in ((size, size), (size, size, 1)):
        raise DatasetError(
            f"{where}: {_times(values.shape)} values instead of {_times((size, size))}; get this file again"
        )
    values = values.reshape(size, size)
    if values.dtype.kind not in "bfiu" or not ((values == 0) | (values == 1)).all():
        raise DatasetError(f"{where}: a mask holds 0 and 1 only; get this file again")
    return values.astype(np.uint8)


def picture(path: Path, mode: str) -> Image.Image:
    """A picture in one of Pillow's modes, decoded.

    Raises:
        DatasetError: it cannot be read, is one of colours where ``mode`` has a single channel, or the other way round.
    """
    try:
        with Image.open(path) as opened:
            known = _COLOURED if mode == "RGB" else _SINGLE
            # Masks and elevations are often saved with three equal channels.
            if opened.mode not in known and not (mode != "RGB" and _is_grey(opened)):
                raise DatasetError(
                    f"{path}: has the channels {', '.join(opened.getbands())}, but "
                    f"{'red, green and blue are' if mode == 'RGB' else 'a single one is'} needed; get this file again"
                )
            return opened.convert(mode)
    except DatasetError:
        raise  # which is a ValueError too
    except FileNotFoundError:
        raise DatasetError(f"{path}: missing; get the dataset again") from None
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DatasetError(f"{path}: not a readable picture ({_first(error)}); get this file again") from None


def _is_grey(opened: Image.Image) -> bool:
    if opened.mode not in ("RGB", "RGBA"):
        return False
    channels = np.asarray(opened.convert("RGB"))
    return bool((channels == channels[..., :1]).all())


def npy(path: Path, *, mapped: bool = False) -> NDArray[Any]:
    """The array of a ``.npy`` file; objects are refused, so nothing is unpickled.

    Args:
        path: the file.
        mapped: read from the file as it is indexed.

    Raises:
        DatasetError: it cannot be read.
    """
    try:
        values = np.load(path, mmap_mode="r" if mapped else None, allow_pickle=False)
    except FileNotFoundError:
        raise DatasetError(f"{path}: missing; get it again") from None
    except (OSError, ValueError, EOFError, SyntaxError) as error:
        raise DatasetError(f"{path}: not a readable .npy file ({_first(error)}); get this file again") from None
    if not isinstance(values, np.ndarray):
        values.close()
        raise DatasetError(f"{path}: an archive instead of one array; get this file again")
    return values


@contextmanager
def hdf5(path: Path) -> Iterator[Any]:
    """An open HDF5 file (an ``h5py.File``); what goes wrong while it is read names it.

    Raises:
        DatasetError: it cannot be read.
        MissingExtraError: h5py is not installed.
    """
    try:
        import h5py
    except ImportError:
        raise MissingExtraError(
            "this dataset needs h5py; install it with: pip install 'landslide-geo[train]'"
        ) from None
    try:
        with h5py.File(path, "r") as file:
            yield file
    except FileNotFoundError:
        raise DatasetError(f"{path}: missing; get the dataset again") from None
    except (OSError, RuntimeError) as error:
        raise DatasetError(f"{path}: not a readable HDF5 file ({_first(error)}); get this file again") from None


def hdf5_array(path: Path, key: str) -> NDArray[Any]:
    """One array of an HDF5 file.

    Raises:
        DatasetError: it cannot be read, or there is no such array.
        MissingExtraError: h5py is not installed.
    """
    with hdf5(path) as file:
        if not hasattr(file.get(key), "dtype"):
            raise DatasetError(f"{path}: holds no array {key!r} (it has {', '.join(file) or 'nothing'})")
        return np.asarray(file[key][()])


def _times(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape)) or "single"


def _first(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
