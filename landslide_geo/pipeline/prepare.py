"""`prepare_dataset`: a published dataset in its own layout becomes chips on disk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from landslide_geo.chips import (
    bijie,
    hrgldd,
    landslide4sense,
    landslide4sense_rgb,
    negatives,
    sen12landslides,
    simulated,
    store,
    zindi,
)
from landslide_geo.chips.collection import Collection
from landslide_geo.chips.doubts import Doubts, noting
from landslide_geo.config import SpeckleKind
from landslide_geo.errors import DatasetError, ParameterError, SourceNotFoundError
from landslide_geo.files import replacing_folder
from landslide_geo.pipeline.chips import counted, refuse_occupied
from landslide_geo.progress import stage

#: Readers by the name of their dataset.
DATASETS: Final[dict[str, Callable[..., Collection]]] = {
    "landslide4sense": landslide4sense.collection,
    "landslide4sense-rgb": landslide4sense_rgb.collection,
    "bijie": bijie.collection,
    "hrgldd": hrgldd.collection,
    "zindi": zindi.collection,
    "sen12landslides": sen12landslides.collection,
    "negatives": negatives.collection,
    "simulated": simulated.collection,
}
#: Those that are made from one file, and from nothing.
_OF_A_FILE: Final = ("negatives",)
_OF_NOTHING: Final = ("simulated",)
#: Seeds that draw splits where none is given; of what is simulated, the landscape's.
_SEED, _SIMULATED_SEED = 42, 0


@dataclass(frozen=True)
class _Option:
    """What only some datasets have: an argument of their reader."""

    what: str
    flag: str
    datasets: tuple[str, ...]


_OPTIONS: Final[dict[str, _Option]] = {
    "cloud_mask": _Option("cloud mask", "--cloud-mask", ("zindi",)),
    "speckle": _Option("filter of speckle", "--speckle", ("zindi",)),
    "speckle_window": _Option("filter of speckle", "--speckle-window", ("zindi",)),
    "published": _Option("published splits in a file", "--splits", ("sen12landslides",)),
    "chips": _Option("number of chips to choose", "--chips", ("simulated",)),
    "size": _Option("size to choose", "--size", ("simulated", "bijie")),
    "bands": _Option("bands to choose", "--bands", ("simulated",)),
    "share": _Option("share of landslides to choose", "--share", ("simulated",)),
    "clouds": _Option("clouds to choose", "--clouds", ("simulated",)),
}


def prepare_dataset(
    name: str,
    root: str | Path | None,
    out: str | Path,
    *,
    seed: int | None = None,
    labels: bool = False,
    cloud_mask: bool = False,
    speckle: SpeckleKind | None = None,
    speckle_window: int | None = None,
    published: Path | None = None,
    chips: int | None = None,
    size: int | None = None,
    bands: Sequence[str] | None = None,
    share: float | None = None,
    clouds: float | None = None,
    overwrite: bool = False,
    warn: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Write the chips of a dataset; ``out`` holds a store for each split, complete or not there.

    Args:
        name: one of `DATASETS`.
        root: the dataset's folder, as its reader takes it (docs/datasets.md); of negatives the scene's file, of
            simulated none.
        out: folder to make.
        seed: draws splits that are not published, and what is simulated; none takes 42, or 0 for simulated.
        labels: keep whether there is a landslide in each chip instead of its mask.
        cloud_mask: add the band ``cloud_mask``; zindi only.
        speckle: filter of radar (median, lee or none); zindi only.
        speckle_window: side of its window in pixels, odd; zindi only.
        published: file of the authors with splits; sen12landslides only.
        chips: how many; simulated only.
        size: side of a chip in pixels; simulated and bijie.
        bands: names in the vocabulary; simulated only, as all that follow.
        share: of the chips that hold a landslide, roughly.
        clouds: share of the sky that is cloudy, roughly.
        overwrite: replace chips that are there.
        warn: called with each line of what is doubtful about the chips of a store, at the end.

    Returns:
        ``out`` and, by split, counts: ``chips``, ``landslide`` and ``left_out``.

    Raises:
        LandslideError: something the user can mend; nothing is left behind.
    """
    target = Path(out)
    if name not in DATASETS:
        raise ParameterError(f"no dataset {name!r}; there are {', '.join(DATASETS)}")
    given = {
        "cloud_mask": cloud_mask or None, "speckle": speckle, "speckle_window": speckle_window,
        "published": published, "chips": chips, "size": size, "bands": bands, "share": share, "clouds": clouds,
    }  # fmt: skip
    options = {key: value for key, value in given.items() if value is not None}
    for key in options:
        if name not in (of := _OPTIONS[key]).datasets:
            raise ParameterError(f"{name} has no {of.what}; leave out {of.flag}, which is for {', '.join(of.datasets)}")
    source = _source(name, root)
    refuse_occupied(target, overwrite=overwrite)
    default = _SIMULATED_SEED if name in _OF_NOTHING else _SEED
    found = DATASETS[name](*source, seed=default if seed is None else seed, **options)
    told: dict[str, Any] = {"out": str(target)}
    doubtful: list[str] = []
    with replacing_folder(target, overwrite=overwrite) as made:
        for split, entries in found.splits.items():
            counts = {"chips": 0, "landslide": 0, "left_out": 0}
            doubts = Doubts(found.bands, found.units)
            parts = noting(found.batches(split, labels=labels), doubts)
            with stage(split, len(entries), "chip") as advance:
                store.write(made / f"{split}.zarr", counted(parts, counts, advance))
            doubtful += doubts.lines(str(target / f"{split}.zarr"))
            counts["left_out"] = len(entries) - counts["chips"]
            if entries:
                told[split] = counts
        if not any(made.iterdir()):
            raise DatasetError(f"{root or name}: holds no chip that can be used (docs/datasets.md)")
    if warn is not None:
        for line in doubtful:
            warn(line)
    return told


def _source(name: str, root: str | Path | None) -> tuple[Path, ...]:
    """What a reader is given before its options."""
    if name in _OF_NOTHING:
        if root is not None:
            raise ParameterError(f"{name} chips are made from nothing; leave out --root")
        return ()
    if root is None:
        raise ParameterError(f"name the {'scene' if name in _OF_A_FILE else 'folder'} of {name} with --root")
    root = Path(root)
    if name in _OF_A_FILE and not root.exists():
        raise SourceNotFoundError(f"{root}: no such file; name the scene to cut {name} from with --root")
    if name not in _OF_A_FILE and not root.is_dir():
        raise SourceNotFoundError(f"{root}: no such folder; name the one that holds {name} with --root")
    return (root,)
