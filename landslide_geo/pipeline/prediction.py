"""`predict_chips`: what a model says of chips whose truth nobody has told, in the formats of the challenges."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from landslide_geo.chips import landslide4sense, zindi
from landslide_geo.chips.collection import Collection
from landslide_geo.chips.doubts import Doubts
from landslide_geo.chips.split import Split
from landslide_geo.errors import MissingExtraError, OutputError, ParameterError
from landslide_geo.files import csv_text, make_parent, replacing, replacing_folder, write_text
from landslide_geo.models import Ensemble, Model, find_bundle, load_simplest
from landslide_geo.models.prefilter import open_prefilter
from landslide_geo.pipeline.evaluation import CHIPS, read_split, share_filtered
from landslide_geo.progress import tracked
from landslide_geo.training.evaluate import Answer, answer, batches, passing, require_symmetries

#: Readers of what is to be predicted, by dataset.
UNLABELLED: Final[dict[str, Callable[..., Collection]]] = {
    "zindi": zindi.unlabelled,
    "landslide4sense": landslide4sense.unlabelled,
}


@dataclass(frozen=True)
class Predicted:
    """What was written.

    Attributes:
        chips: how many.
        positive: how many of them hold a landslide.
        spread: mean standard deviation over members and symmetries.
        filtered: share of the chips that the model's filter kept from it; none: no filter was asked.
        doubts: what looks wrong with the chips, a line each.
    """

    chips: int
    positive: int
    spread: float
    filtered: float | None = None
    doubts: tuple[str, ...] = ()


def predict_chips(
    model: str | Path, *, dataset: str, root: str | Path, out: str | Path, split: str = "test",
    threshold: float | None = None, tta: int | None = None, prior: float | None = None,
    probabilities: str | Path | None = None, options: dict[str, Any] | None = None,
    filter: bool = True,
) -> Predicted:  # fmt: skip
    """Predict chips and write the answers.

    Args:
        model: name of a shipped bundle, or folder of a bundle or an ensemble.
        dataset: ``zindi``, ``landslide4sense``, or ``chips``.
        root: folder of the dataset; of chips, the one with their stores.
        out: of a model that classifies, a table (CSV: ID, label); of one that outlines, a folder for ``mask_N.h5``.
        split: of chips.
        threshold: on calibrated probability; none: the model's own.
        tta: symmetries averaged; none: the model's own.
        prior: expected share of landslides; none keeps that of the calibration.
        probabilities: table (CSV) to write beside it: id, probability (of a mask its mean) and spread.
        options: of the dataset's reader, as for ``landslide prepare``.
        filter: ask the filter in the model's folder, where there is one: what it does not let pass is 0.

    Raises:
        BundleError: there is no such model, or its filter is broken.
        DatasetError: the chips are not there, broken, or lack a band.
        OutputError: the result cannot be written, or a folder of masks holds something already.
        ParameterError: no such dataset, or a number is out of range.
    """
    require_symmetries(tta)
    if threshold is not None and not 0 < threshold < 1:
        raise ParameterError(f"threshold {threshold}: give a probability between 0 and 1")
    found = load_simplest(model)
    out, outlines = Path(out), found.task == "segmentation"
    also = None if probabilities is None else Path(probabilities)
    if outlines and dataset == "zindi":
        raise ParameterError(
            f"model {model}: outlines landslides, and zindi asks for one label a patch; name one that "
            "classifies with --model"
        )
    if outlines:
        _require_new(out)
    for path in (also,) if outlines else (out, also):
        if path is not None and path.is_dir():
            raise OutputError(f"{path}: is a folder; name a file for the table")
    if also is not None and also.resolve() == out.resolve():
        raise OutputError(f"{out}: named for both tables; name another file with --probabilities")
    used = found.threshold if threshold is None else threshold
    parts = _parts(found, dataset, Path(root), split, options or {})
    ids: list[str] = []
    rows: list[tuple[float, float]] = []
    masks: list[NDArray[np.bool_]] = []
    passed: list[NDArray[np.bool_]] = []
    doubts: Doubts | None = None
    prefilter = open_prefilter(find_bundle(model)) if filter else None
    for part in parts:
        doubts = doubts or Doubts(part.bands, part.units)
        for index in range(len(part)):
            doubts.add(part.image(index))
        through = None if prefilter is None else passing(prefilter, part)
        passed += [] if through is None else [through]
        said = answer(found, part, tta=tta, prior=prior, through=through)
        ids += part.ids.tolist()
        rows += _means(said)
        masks += [one >= used for one in said.probability]
    positive = [bool(mask.any()) for mask in masks]
    lines = ((id, f"{p:.6f}", f"{s:.6f}") for id, (p, s) in zip(ids, rows, strict=True))
    # Both appear or none does: the table beside it takes its place after the answers are written.
    with _table_beside(also, ("id", "probability", "spread"), lines):
        if outlines:
            _write_masks(out, ids, masks)
        else:
            write_text(out, csv_text(("ID", "label"), zip(ids, map(int, positive), strict=True)))
    told = () if doubts is None else tuple(doubts.lines(str(root)))
    share = share_filtered(np.concatenate(passed)) if passed else None
    return Predicted(len(ids), sum(positive), float(np.mean([spread for _, spread in rows])), share, told)


def _parts(model: Model | Ensemble, dataset: str, root: Path, split: str, options: dict[str, Any]) -> Iterator[Split]:
    """The chips, a few at a time."""
    if dataset == CHIPS:
        if options:
            raise ParameterError(f"{', '.join(options)}: chips are as they were prepared; leave it out")
        yield from batches(read_split(CHIPS, root, split))
        return
    if dataset not in UNLABELLED:
        raise ParameterError(f"dataset {dataset!r}: use one of {', '.join(UNLABELLED)}, {CHIPS}")
    if dataset == "zindi" and zindi.CLOUD_MASK in model.bands:
        options = options | {"cloud_mask": True}
    try:
        collection = UNLABELLED[dataset](root, **options)
    except TypeError:
        raise ParameterError(f"{', '.join(options)}: {dataset} has no such option; leave it out") from None
    total = len(collection.splits.get("test", ()))
    found = tracked(
        collection.batches("test", labels=True), "answers", total, "chip", size=lambda part: int(part.sizes["chip"])
    )
    for number, part in enumerate(found):
        yield Split.of(f"{root}, part {number}", [part])


def _means(said: Answer) -> list[tuple[float, float]]:
    axes = tuple(range(1, said.probability.ndim))
    return list(zip(said.probability.mean(axis=axes).tolist(), said.spread.mean(axis=axes).tolist(), strict=True))


@contextmanager
def _table_beside(path: Path | None, head: Iterable[str], rows: Iterable[Iterable[Any]]) -> Iterator[None]:
    """A table that appears if the block ends well; none where there is no path."""
    if path is None:
        yield
        return
    make_parent(path)
    with replacing(path) as part:
        part.write_text(csv_text(head, rows) + "\n", encoding="utf-8")
        yield


def _require_new(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise OutputError(f"{folder}: is there already; name a new folder for the masks")


def _write_masks(folder: Path, ids: list[str], masks: list[NDArray[np.bool_]]) -> None:
    """``mask_N.h5`` for ``image_N.h5``, with the array ``mask``, (y, x) uint8: all of them or none."""
    try:
        import h5py
    except ImportError:
        raise MissingExtraError(
            "masks in HDF5 need h5py; install it with: pip install 'landslide-geo[train]'"
        ) from None
    names = [id.rpartition("/")[2].replace("image_", "mask_", 1) for id in ids]
    of: dict[str, str] = {}
    for id, name in zip(ids, names, strict=True):
        if name in of:
            raise OutputError(f"{folder / name}.h5: the mask of {of[name]} and of {id}; predict one folder at a time")
        of[name] = id
    with replacing_folder(folder) as made:
        for name, mask in zip(names, masks, strict=True):
            with h5py.File(made / f"{name}.h5", "w") as file:
                file.create_dataset("mask", data=mask.astype(np.uint8), compression="gzip")
