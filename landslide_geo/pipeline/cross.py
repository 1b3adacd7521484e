"""Every model on every dataset: what a model is worth on ground that it was not made on."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from landslide_geo.chips.split import Split
from landslide_geo.errors import DatasetError, OutputError, ParameterError
from landslide_geo.files import write_text
from landslide_geo.models import Ensemble, Model, find_bundle, load_simplest
from landslide_geo.models.prefilter import Prefilter, open_prefilter
from landslide_geo.pipeline.evaluation import CHIPS, read_split, share_filtered
from landslide_geo.pipeline.figures import labels
from landslide_geo.pipeline.training import write_result
from landslide_geo.training.evaluate import passing, score, truth_for

#: Marks in the table, and what they mean.
_MARKS: Final = {
    "training chips": ("‡‡", "training chips of a dataset that the model was trained on"),
    "trained": ("‡", "other chips of a dataset that the model was trained on"),
    "calibrated": ("†", "a dataset that the model's calibration or threshold comes from"),
}


def cross_evaluate(
    models: Sequence[str | Path],
    chips: Sequence[str | Path],
    *,
    split: str = "test",
    report: Callable[[str, str], None] | None = None,
    filter: bool = True,
) -> dict[str, Any]:
    """Score every model on every dataset, each at its own threshold, with its own symmetries and through its filter.

    Args:
        models: names of shipped bundles, or folders of bundles or ensembles.
        chips: folders with stores of chips, or stores, such as ``chips/validation.zarr``, where it is not ``split``
            that is wanted.
        split: of the folders.
        report: called with a model and a dataset before they are scored.
        filter: ask the filters in the models' folders, where there are any: what they do not let pass is 0.

    Returns:
        ``datasets`` and ``models``, and ``cells``, one for each pair: ``model``, ``dataset``, ``known`` (what the model
        knew of the dataset: one of ``training chips``, ``trained``, ``calibrated``, or nothing), and either ``scores``
        or what is in their place: ``missing`` bands, or units that do not fit (``refused``). With a filter also the
        share of the chips that it kept from the model (``filtered``).

    Raises:
        BundleError: there is no such model, or its filter is broken.
        DatasetError: there are no such chips.
        ParameterError: a model or a dataset is given twice, or none.
    """
    if not models or not chips:
        raise ParameterError("a table needs a model and a dataset at least; give --model and --chips")
    loaded = [load_simplest(name) for name in models]
    filters = [open_prefilter(find_bundle(name)) if filter else None for name in models]
    # Read once, before anything is scored: a wrong path is told at once.
    read = [_chips(Path(path), split) for path in chips]
    _refuse_twice([model.sha256 for model in loaded], models, "model")
    _refuse_twice([str(Path(path).resolve()) for path in chips], chips, "dataset")
    rows = labels([model.name for model in loaded], models)
    columns = labels([f"{Path(found.name).parent.name} {Path(found.name).stem}" for found in read], chips)
    cells = []
    for row, model, prefilter in zip(rows, loaded, filters, strict=True):
        for column, found in zip(columns, read, strict=True):
            if report is not None:
                report(row, column)
            known = _known(model, found)
            cells.append({"model": row, "dataset": column, "known": known, **_scored(model, found, prefilter)})
    return {
        "models": [
            {
                "name": row,
                "sha256": model.sha256,
                "bands": list(model.bands),
                "threshold": model.threshold,
                "simulated": any("simulated" in line.lower() for line in (*_data(model)[0], *_data(model)[1])),
            }
            for row, model in zip(rows, loaded, strict=True)
        ],
        "datasets": [
            {
                "name": column,
                "sources": sorted(set(found.sources.tolist())),
                "chips": len(found),
                "size": found.size,
                "gsd_m": found.gsd_m,
                "bands": list(found.bands),
                "simulated": found.simulated,
            }
            for column, found in zip(columns, read, strict=True)
        ],
        "cells": cells,
    }


def figures_path(path: Path) -> Path:
    """The JSON file beside a table; told before models are scored for minutes.

    Raises:
        OutputError: table and figures would have the same name.
    """
    beside = path.with_suffix(".json")
    if beside == path:
        raise OutputError(f"{path}: the figures go into a file of that name; name a Markdown file, such as cross.md")
    return beside


def write_cross(path: Path, found: dict[str, Any]) -> Path:
    """Write the table as Markdown, and all figures as JSON beside it; returns the path of the latter.

    Raises:
        OutputError: they cannot be written, or would have the same name.
    """
    beside = figures_path(path)
    write_text(path, cross_table(found))
    write_result(beside, found)
    return beside


def cross_table(found: dict[str, Any]) -> str:
    """Markdown: a row for each model, a column for each dataset, and what the marks mean."""
    heads = [_head(one) for one in found["datasets"]]
    lines = ["| model | " + " | ".join(heads) + " |", "|---" * (len(heads) + 1) + "|"]
    cells = {(cell["model"], cell["dataset"]): cell for cell in found["cells"]}
    for model in found["models"]:
        row = [_cell(cells[model["name"], one["name"]]) for one in found["datasets"]]
        name = model["name"] + (" (of simulated chips)" if model["simulated"] else "")
        lines.append(f"| {name} | " + " | ".join(row) + " |")
    notes = ["F1 / IoU / AUC of all pixels of a dataset, each model at its own threshold."]
    if filtered := [cell for cell in cells.values() if "filtered" in cell]:
        asked = ", ".join(dict.fromkeys(cell["model"] for cell in filtered))
        notes.append(f"Chips that the filter of {asked} does not let pass count as free of landslides.")
    notes += [
        f"{mark} {meaning}." for name, (mark, meaning) in _MARKS.items()
        if any(cell["known"] == name and "scores" in cell for cell in cells.values())
    ]  # fmt: skip
    if any(one["simulated"] for one in (*found["datasets"], *found["models"])):
        notes.append("**Simulated chips are of no real ground: figures of them say nothing about real landslides.**")
    refused = [cell["refused"] for cell in cells.values() if "refused" in cell]
    notes += [f"Not as the model takes them: {text}." for text in refused]
    return "\n".join([*lines, "", "  \n".join(notes)])


def _head(dataset: dict[str, Any]) -> str:
    simulated = " (simulated)" if dataset["simulated"] else ""
    size = "" if dataset["gsd_m"] is None else f" of {dataset['gsd_m']:.3g} m"
    return f"{dataset['name']}{simulated}, {dataset['chips']:,} {'chip' if dataset['chips'] == 1 else 'chips'}{size}"


def _cell(cell: dict[str, Any]) -> str:
    if "missing" in cell:
        return f"lacks {', '.join(cell['missing'])}"
    if "refused" in cell:
        return "other values"
    values = [cell["scores"][name] for name in ("f1", "iou", "auc")]
    told = " / ".join("–" if value is None else f"{value:.3f}" for value in values)
    return f"{told} {_MARKS[cell['known']][0]}" if cell["known"] else told


def _scored(model: Model | Ensemble, chips: Split, prefilter: Prefilter | None) -> dict[str, Any]:
    if missing := [name for name in model.bands if name not in chips.bands]:
        return {"missing": missing}
    try:
        if prefilter is None:
            return {"scores": score(model, chips).to_json()}
        own = truth_for(model.task, chips)
        through = passing(prefilter, own)
        return {"scores": score(model, own, through=through).to_json(), "filtered": share_filtered(through)}
    except ParameterError as error:  # bands are there, their units or the filter of radar are not the model's
        return {"refused": str(error)}


def _known(model: Model | Ensemble, chips: Split) -> str:
    """What a model knew of a dataset before, by the names of its sources."""
    trained, calibrated = _data(model)
    sources = set(chips.sources.tolist())
    if _named(sources, trained):
        return "training chips" if Path(chips.name).stem == "train" else "trained"
    return "calibrated" if _named(sources, calibrated) else ""


def _named(sources: set[str], lines: Sequence[str]) -> bool:
    """Whether one of them stands in a line as a name of its own: landslide4sense does not in landslide4sense-rgb."""
    return any(
        re.search(rf"(?<![\w-]){re.escape(source)}(?![\w-])", line, re.IGNORECASE)
        for source in sources for line in lines
    )  # fmt: skip


def _data(model: Model | Ensemble) -> tuple[list[str], list[str]]:
    """What a model, or any member, says of its training data, and of those of its calibration and threshold."""
    stated = [member.manifest for member, _ in model.models] if isinstance(model, Ensemble) else [model.manifest]
    return (
        [line for one in stated for line in one.training.data],
        [line for one in stated for line in (one.calibration.data, one.threshold.how)],
    )


def _chips(path: Path, split: str) -> Split:
    if path.suffix == ".zarr":
        return Split.read(path)
    if not path.is_dir():
        raise DatasetError(f"{path}: no such folder; name one with chips, or a store of them such as chips/test.zarr")
    try:
        return read_split(CHIPS, path, split)
    except DatasetError:
        there = sorted(found.name for found in path.glob("*.zarr"))
        if not there or (path / f"{split}.zarr").is_dir():
            raise
        raise DatasetError(
            f"{path}: no chips of split {split!r} there; name a store of it, such as {path / there[0]}"
        ) from None


def _refuse_twice(keys: Sequence[str], given: Sequence[str | Path], what: str) -> None:
    for index, key in enumerate(keys):
        if key in keys[:index]:
            raise ParameterError(f"{given[index]}: this {what} is given twice; leave one out")
