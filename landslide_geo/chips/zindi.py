"""Zindi's landslide classification challenge: Sentinel-2 and Sentinel-1 of both passes, 64 × 64 pixels, one label each.

The files hold backscatter after the event and its change; backscatter before it is their difference. Clouds are told by
the rule of `landslide_geo.scene.clouds`.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from landslide_geo.bands import MASKS, UNITS
from landslide_geo.chips.collection import Chip, Collection
from landslide_geo.chips.reading import image_of, npy
from landslide_geo.chips.splits import SPLITS, stratified
from landslide_geo.config import SpeckleKind, SpeckleParams
from landslide_geo.errors import DatasetError
from landslide_geo.scene.clouds import cloudy
from landslide_geo.scene.sar import despeckled, require_speckle

OPTICAL: Final = ("red", "green", "blue", "nir")
#: Channels of the files: after them ΔVV and ΔVH, for each pass.
_PASSES: Final = (("vv_desc", "vh_desc"), ("vv_asc", "vh_asc"))
_CHANNELS: Final = (*OPTICAL, *(name for post in _PASSES for name in (*post, *(f"change of {n}" for n in post))))
BANDS: Final = (*OPTICAL, *(name for post in _PASSES for name in (*post, *(f"pre_{n}" for n in post))))
CLOUD_MASK: Final = MASKS[0]
SIZE: Final = 64
_VALIDATION: Final = 0.2


@dataclass(frozen=True)
class _Entry:
    id: str
    path: Path
    label: bool | None


def collection(
    root: Path, *, seed: int, cloud_mask: bool = False, speckle: SpeckleKind = "none", speckle_window: int = 3
) -> Collection:
    """List the labelled patches.

    Args:
        root: folder with ``Train.csv`` (columns ID and label) and ``ID_*.npy`` (64, 64, 12), beside it or in
            ``train_data`` or ``train``.
        seed: that draws the validation, a fifth of each label.
        cloud_mask: add a band that is 1 on clouds, else 0.
        speckle: filter of radar, of both dates each by itself.
        speckle_window: side of its window in pixels, odd.

    Raises:
        DatasetError: another layout, bad labels, or patches that are missing or have no label.
        ParameterError: there is no such filter or window.
    """
    require_speckle(speckle, speckle_window, image=SIZE)
    table = root / "Train.csv"
    labels = _labels(table)
    folder = next((root / name for name in ("train_data", "train") if (root / name).is_dir()), root)
    there = {path.stem for path in folder.glob("ID_*.npy")}
    if missing := [name for name in labels if name not in there]:
        raise DatasetError(
            f"{folder / missing[0]}.npy: missing, as are {len(missing) - 1:,} others of the {len(labels):,} patches in "
            f"{table.name}; get the challenge's images, or remove their rows"
        )
    if strange := sorted(there - set(labels) - _to_predict(root)):
        raise DatasetError(
            f"{folder / strange[0]}.npy: has no label, as have {len(strange) - 1:,} others beside it; add rows to "
            f"{table.name}, or move them to {root / 'test_data'} if they are to be predicted"
        )
    entries = [_Entry(name, folder / f"{name}.npy", label) for name, label in labels.items()]
    drawn = stratified(list(labels.values()), validation=_VALIDATION, seed=seed)
    splits = {name: [e for e, own in zip(entries, drawn, strict=True) if own == name] for name in SPLITS[:2]}
    return _collected(splits, cloud_mask=cloud_mask, speckle=speckle, speckle_window=speckle_window)


def unlabelled(
    root: Path, *, cloud_mask: bool = False, speckle: SpeckleKind = "none", speckle_window: int = 3
) -> Collection:
    """List the patches that are to be predicted, in the order of ``Test.csv`` where it is there, else of their names.

    Args:
        root: folder with ``ID_*.npy`` (64, 64, 12), in ``test_data``, ``test`` or itself, and perhaps ``Test.csv``
            (column ID).
        cloud_mask: as the model was trained, see `collection`.
        speckle: likewise.
        speckle_window: likewise.

    Raises:
        DatasetError: there are no patches, or not all that the table lists.
        ParameterError: there is no such filter or window.
    """
    require_speckle(speckle, speckle_window, image=SIZE)
    folder = next((root / name for name in ("test_data", "test") if (root / name).is_dir()), root)
    there = {path.stem: path for path in sorted(folder.glob("ID_*.npy"))}
    table = root / "Test.csv"
    names = _listed(table) if table.is_file() else list(there)
    if missing := [name for name in names if name not in there]:
        raise DatasetError(
            f"{folder / missing[0]}.npy: missing, as are {len(missing) - 1:,} others of the {len(names):,} patches in "
            f"{table.name}; get the challenge's images"
        )
    if not names:
        raise DatasetError(f"{folder}: no ID_*.npy there; name the folder that holds the patches to predict")
    entries = [_Entry(name, there[name], None) for name in names]
    return _collected({"test": entries}, cloud_mask=cloud_mask, speckle=speckle, speckle_window=speckle_window)


def _collected(
    splits: dict[str, list[_Entry]], *, cloud_mask: bool, speckle: SpeckleKind, speckle_window: int
) -> Collection:
    bands = (*BANDS, CLOUD_MASK) if cloud_mask else BANDS
    read = partial(_read, cloud_mask=cloud_mask, speckle=speckle, window=speckle_window)
    units = (*["digital number"] * 4, *["dB"] * 8, UNITS[CLOUD_MASK])[: len(bands)]
    filtered = None if speckle == "none" else SpeckleParams(kind=speckle, size=speckle_window)
    return Collection("zindi", bands, units, 10.0, splits, read, speckle=filtered)


def before(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Changes of backscatter → backscatter before the event, after minus change.

    Args:
        image: (12, y, x) as in the files.

    Returns:
        (12, y, x), bands as in `BANDS`.
    """
    out = image.copy()
    for first in (4, 8):
        out[first + 2 : first + 4] = image[first : first + 2] - image[first + 2 : first + 4]
    return out


def _to_predict(root: Path) -> set[str]:
    """Patches that need no label: ``Test.csv`` lists them, or they lie with those to predict."""
    table = root / "Test.csv"
    lying = {path.stem for name in ("test_data", "test") for path in (root / name).glob("ID_*.npy")}
    return lying | set(_listed(table) if table.is_file() else ())


def _listed(table: Path) -> list[str]:
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file)
            names: dict[str, int] = {}
            for row in rows:
                name = row["ID"]
                if not name:
                    raise DatasetError(f"{table}, line {rows.line_num}: has no ID; remove the line")
                if name in names:
                    raise DatasetError(
                        f"{table}, line {rows.line_num}: {name} is there twice, first in line {names[name]}; remove one"
                    )
                names[name] = rows.line_num
            return list(names)
    except (KeyError, OSError, UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{table}: no table with a column ID ({error}); get this file again") from None


def _labels(table: Path) -> dict[str, bool]:
    labels: dict[str, bool] = {}
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file)
            if not {"ID", "label"} <= set(rows.fieldnames or ()):
                raise DatasetError(f"{table}: has no columns ID and label; get the challenge's labels")
            for row in rows:
                name, label = row["ID"], row["label"]
                if not name or label not in {"0", "1"}:
                    raise DatasetError(f"{table}, line {rows.line_num}: ID {name!r} has label {label!r}, not 0 or 1")
                if name in labels:
                    raise DatasetError(f"{table}, line {rows.line_num}: {name} is there twice; remove one of its rows")
                labels[name] = label == "1"
    except FileNotFoundError:
        raise DatasetError(f"{table}: missing; name the folder that holds the labels and images of Zindi") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{table}: not a readable table ({error}); get this file again") from None
    if not labels:
        raise DatasetError(f"{table}: holds no label; get the challenge's labels")
    return labels


def _read(entry: _Entry, *, cloud_mask: bool, speckle: SpeckleKind, window: int) -> Chip:
    image = before(image_of(entry.path, npy(entry.path), _CHANNELS, SIZE))
    image = despeckled(image, BANDS, kind=speckle, size=window)
    if cloud_mask:
        image = np.concatenate([image, cloudy(image[0])[None]])
    return Chip(entry.id, entry.id, image, entry.label)
