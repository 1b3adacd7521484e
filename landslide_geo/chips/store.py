"""Chips on disk: one Zarr store for each split, written by one function and read by one, whatever their source.

Zarr's format 2, because format 3 has no settled way to store text yet.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from landslide_geo.errors import DatasetError

#: Value of a mask where nothing is known: unseen, or nobody looked.
UNKNOWN: Final = 255
#: Variables that every store has.
_VARIABLES: Final = ("image", "mask", "id", "block", "source", "reason")
#: Widest text that is stored; what is longer is cut.
_TEXT: Final = {"id": "<U96", "block": "<U64", "source": "<U64", "reason": "<U128"}


def batch(
    image: NDArray[np.float32],
    mask: NDArray[np.uint8],
    *,
    bands: tuple[str, ...],
    units: tuple[str, ...],
    gsd_m: float,
    crs: str,
    **texts: list[str],
) -> xr.Dataset:
    """Some chips as `write` takes them.

    Args:
        image: (N, band, y, x), NaN where unknown.
        mask: (N, y, x), 1 on landslides, 0 where there are none, `UNKNOWN`.
        bands: names, in the vocabulary of `landslide_geo.bands`.
        units: of each band.
        gsd_m: size of a pixel in metres.
        crs: of the scene.
        texts: ``id``, ``block`` (for folds: chips of one block stay together), ``source`` (the scene) and ``reason``
            (why an analyst rejected ground in it, several separated by semicolons; empty for none), N each.
    """
    fields = {name: (("chip",), np.array(texts[name], dtype=kind)) for name, kind in _TEXT.items()}
    return xr.Dataset(
        {"image": (("chip", "band", "y", "x"), image), "mask": (("chip", "y", "x"), mask), **fields},
        coords={"band": np.array(bands, dtype="<U32")},
        attrs={"units": list(units), "gsd_m": gsd_m, "crs": crs, "unknown": UNKNOWN},
    )


def write(path: Path, batches: Iterable[xr.Dataset]) -> int:
    """Write chips to a store that is not there yet, batch by batch; returns their number.

    A chip is a chunk: training reads them one by one, in any order.
    """
    count = 0
    for part in batches:
        if count == 0:
            chunks = {name: {"chunks": (1, *part[name].shape[1:])} for name in ("image", "mask")}
            part.to_zarr(path, mode="w-", zarr_format=2, consolidated=False, encoding=chunks)
        else:
            part.to_zarr(path, append_dim="chip", zarr_format=2, consolidated=False)
        count += part.sizes["chip"]
    return count


def read(path: str | Path) -> xr.Dataset:
    """The chips of a split, lazily: ``image`` and ``mask`` are read as they are indexed.

    Raises:
        DatasetError: there is no such store, or it lacks something.
    """
    path = Path(path)
    if not path.is_dir():
        raise DatasetError(f"{path}: no chips there; cut some with landslide chips")
    try:
        found = xr.open_zarr(path, consolidated=False, chunks=None)
    except (ValueError, KeyError, OSError) as error:
        raise DatasetError(f"{path}: is no store of chips ({str(error).splitlines()[0]}); cut them again") from None
    if missing := [name for name in _VARIABLES if name not in found]:
        raise DatasetError(f"{path}: the chips lack {missing[0]!r}; cut them again with landslide chips")
    return found
