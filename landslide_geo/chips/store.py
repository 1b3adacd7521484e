"""Chips on disk: one Zarr store for each split, written by one function and read by one, whatever their source.

Zarr's format 2, because format 3 has no settled way to store text yet.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import numpy as np
import xarray as xr
import zarr
from numpy.typing import NDArray

from landslide_geo.config import SpeckleParams
from landslide_geo.errors import DatasetError

#: Value of a mask where nothing is known: unseen, or nobody looked.
UNKNOWN: Final = 255
#: Source of chips of no real ground.
SIMULATED: Final = "simulated"
#: Variables that every store has.
_VARIABLES: Final = ("image", "id", "block", "source", "reason")
#: What is known of the ground: every store has one of them.
_TRUTHS: Final = ("mask", "label")
#: Widest text that is stored; what is longer is cut.
_TEXT: Final = {"id": "<U96", "block": "<U64", "source": "<U64", "reason": "<U128"}


def batch(
    image: NDArray[np.float32],
    mask: NDArray[np.uint8] | None = None,
    *,
    label: NDArray[np.uint8] | None = None,
    bands: tuple[str, ...],
    units: tuple[str, ...],
    gsd_m: float | None,
    crs: str,
    quantum: tuple[float | None, ...] | None = None,
    simulated: bool = False,
    speckle: SpeckleParams | None = None,
    cloud_cover: NDArray[np.float32] | None = None,
    **texts: list[str],
) -> xr.Dataset:
    """Some chips as `write` takes them.

    Args:
        image: (N, band, y, x), NaN where unknown.
        mask: (N, y, x), 1 on landslides, 0 where there are none, `UNKNOWN`.
        label: (N,), 1 for chips with a landslide, 0 for others; instead of ``mask``.
        bands: names, in the vocabulary of `landslide_geo.bands`.
        units: of each band.
        gsd_m: size of a pixel in metres; none where it differs from chip to chip.
        crs: of the scene; empty where it is not known.
        quantum: of each band, the step between the values that it was rounded to, which the values lie in the middle
            of; training dithers by it. None where that is unknown or was not done.
        simulated: whether the chips are of no real ground.
        speckle: how the radar among the bands was filtered; none: it is as it was measured.
        cloud_cover: (N,) share of each chip that is under clouds, 0–1, NaN where that is not known; none: of no chip.
        texts: ``id``, ``block`` (for folds: chips of one block stay together), ``source`` (the scene) and ``reason``
            (why an analyst rejected ground in it, several separated by semicolons; empty for none), N each.

    Raises:
        ValueError: both mask and label are given, or none of them; or the quanta are not those of the bands.
    """
    if (mask is None) == (label is None):
        raise ValueError("chips have either masks or labels")
    quanta = [None] * len(bands) if quantum is None else list(quantum)
    if len(quanta) != len(bands):
        raise ValueError(f"{len(quanta)} quanta for {len(bands)} bands")
    truth = {"mask": (("chip", "y", "x"), mask)} if label is None else {"label": (("chip",), label)}
    cover = {} if cloud_cover is None else {"cloud_cover": (("chip",), cloud_cover.astype(np.float32))}
    fields = {name: (("chip",), np.array(texts[name], dtype=kind)) for name, kind in _TEXT.items()}
    return xr.Dataset(
        {"image": (("chip", "band", "y", "x"), image), **truth, **cover, **fields},
        coords={"band": np.array(bands, dtype="<U32")},
        attrs={
            "units": list(units),
            "quantum": quanta,
            "gsd_m": gsd_m,
            "crs": crs,
            "unknown": UNKNOWN,
            "simulated": simulated,
            **({} if speckle is None else {"speckle": speckle.model_dump()}),
        },
    )


def write(path: Path, batches: Iterable[xr.Dataset]) -> int:
    """Write chips to a store that is not there yet, batch by batch; returns their number.

    A chip is a chunk: training reads them one by one, in any order.
    """
    count = 0
    for part in batches:
        if count == 0:
            chunks = {name: {"chunks": (1, *part[name].shape[1:])} for name in ("image", "mask") if name in part}
            part.to_zarr(path, mode="w-", zarr_format=2, consolidated=False, encoding=chunks)
        else:
            part.to_zarr(path, append_dim="chip", zarr_format=2, consolidated=False)
        count += part.sizes["chip"]
    if count:
        zarr.consolidate_metadata(path, zarr_format=2)  # xarray warns of stores without
    return count


def read(path: str | Path) -> xr.Dataset:
    """The chips of a split, lazily: ``image`` and ``mask`` (or ``label``) are read as they are indexed.

    Raises:
        DatasetError: there is no such store, or it lacks something.
    """
    path = Path(path)
    if not path.is_dir():
        raise DatasetError(f"{path}: no chips there; make some with landslide chips or landslide prepare")
    try:
        found = xr.open_zarr(path, consolidated=False, chunks=None)
    except (ValueError, KeyError, OSError) as error:
        raise DatasetError(f"{path}: is no store of chips ({str(error).splitlines()[0]}); make them again") from None
    missing = [name for name in _VARIABLES if name not in found]
    if not any(name in found for name in _TRUTHS):
        missing += _TRUTHS[:1]
    if missing:
        raise DatasetError(f"{path}: the chips lack {missing[0]!r}; make them again")
    return found


def is_simulated(chips: xr.Dataset) -> bool:
    """Whether any of the chips are of no real ground; figures from them must say so."""
    return bool(chips.attrs.get("simulated", False)) or bool((chips["source"] == SIMULATED).any())
