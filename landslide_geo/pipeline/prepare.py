"""`prepare_dataset`: a published dataset in its own layout becomes chips on disk."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import xarray as xr

from landslide_geo.chips import bijie, hrgldd, landslide4sense, sen12landslides, store, zindi
from landslide_geo.chips.collection import Collection
from landslide_geo.errors import DatasetError, OutputError, ParameterError, SourceNotFoundError
from landslide_geo.files import remove_folder
from landslide_geo.pipeline.chips import refuse_occupied

#: Readers by the name of their dataset.
DATASETS: Final[dict[str, Callable[..., Collection]]] = {
    "landslide4sense": landslide4sense.collection,
    "bijie": bijie.collection,
    "hrgldd": hrgldd.collection,
    "zindi": zindi.collection,
    "sen12landslides": sen12landslides.collection,
}


def prepare_dataset(
    name: str,
    root: str | Path,
    out: str | Path,
    *,
    seed: int = 42,
    labels: bool = False,
    cloud_mask: bool = False,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Write the chips of a dataset; ``out`` holds a store for each split, complete or not there.

    Args:
        name: one of `DATASETS`.
        root: the dataset's folder, as its reader takes it (docs/datasets.md).
        out: folder to make.
        seed: draws splits that are not published.
        labels: keep whether there is a landslide in each chip instead of its mask.
        cloud_mask: add the band ``cloud_mask``; zindi only.
        overwrite: replace chips that are there.

    Returns:
        ``out`` and, by split, counts: ``chips``, ``landslide`` and ``left_out``.

    Raises:
        LandslideError: something the user can mend; nothing is left behind.
    """
    root, target = Path(root), Path(out)
    if name not in DATASETS:
        raise ParameterError(f"no dataset {name!r}; there are {', '.join(DATASETS)}")
    if cloud_mask and name != "zindi":
        raise ParameterError(f"{name} has no cloud mask; leave out --cloud-mask, which is for zindi")
    if not root.is_dir():
        raise SourceNotFoundError(f"{root}: no such folder; name the one that holds {name} with --root")
    refuse_occupied(target, overwrite=overwrite)
    options = {"cloud_mask": True} if cloud_mask else {}
    found = DATASETS[name](root, seed=seed, **options)
    told: dict[str, Any] = {"out": str(target)}
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as folder:
            made = Path(folder) / target.name
            made.mkdir()
            for split, entries in found.splits.items():
                counts = {"chips": 0, "landslide": 0, "left_out": 0}
                store.write(made / f"{split}.zarr", _counted(found.batches(split, labels=labels), counts))
                counts["left_out"] = len(entries) - counts["chips"]
                if entries:
                    told[split] = counts
            if not any(made.iterdir()):
                raise DatasetError(f"{root}: holds no chip that can be used (docs/datasets.md)")
            if overwrite:
                remove_folder(target)
            made.replace(target)
    except OSError as error:
        raise OutputError(f"{target}: cannot be written ({error.strerror or error}); name another --out") from None
    return told


def _counted(batches: Iterable[xr.Dataset], counts: dict[str, int]) -> Iterator[xr.Dataset]:
    for part in batches:
        truth = (part["label"] if "label" in part else part["mask"]).to_numpy() == 1
        counts["chips"] += len(truth)
        counts["landslide"] += int(np.count_nonzero(truth.reshape(len(truth), -1).any(axis=1)))
        yield part
