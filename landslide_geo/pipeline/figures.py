"""What people look at after training: folders of tables and pictures, and the table of several bundles."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from landslide_geo.errors import OutputError
from landslide_geo.files import make_parent, replacing_folder
from landslide_geo.models import BundleManifest, EnsembleManifest, find_bundle, open_ensemble, read_manifest
from landslide_geo.models.ensemble import is_ensemble
from landslide_geo.training.card import figures
from landslide_geo.training.package import HISTORY

if TYPE_CHECKING:
    from landslide_geo.pipeline.evaluation import Evaluation
    from landslide_geo.report.samples import Sample
    from landslide_geo.report.sheet import About
    from landslide_geo.training.calibration import Decision

#: Files of a folder by the command that writes it.
EVALUATED: Final = (
    "precision_recall.csv", "reliability.csv", "confusion.csv", "precision_recall.png", "reliability.png",
    "confusion.png", "samples.png",
)  # fmt: skip
CALIBRATED: Final = ("threshold.csv", "reliability.csv", "threshold.png", "reliability.png")
TRAINED: Final = ("history.png", "training.csv", "validation.csv")


@contextmanager
def plots_folder(target: Path | None, names: Sequence[str], *, option: str = "--plots") -> Iterator[Path | None]:
    """A folder that takes the place of ``target`` if the block ends well, and vanishes if not.

    Args:
        target: folder to write; none yields none.
        names: of the files that the command writes: a folder that holds nothing else is replaced.
        option: that names it.

    Raises:
        OutputError: it holds something else, or cannot be written.
    """
    if target is None:
        yield None
        return
    try:
        strange = sorted(set(_held(target)) - set(names))
    except OSError as error:
        raise OutputError(f"{target}: cannot be written ({error.strerror or error}); name another {option}") from None
    if strange:
        raise OutputError(f"{target}: holds {strange[0]}, which this command does not write; name another {option}")
    with replacing_folder(target, overwrite=True, option=option) as folder:
        yield folder


def _held(target: Path) -> list[str]:
    if not target.exists():
        return []
    return [path.name for path in target.iterdir()]  # of a file: NotADirectoryError


def write_evaluation(folder: Path, found: Evaluation) -> None:
    """Tables and pictures of an evaluation; curves only where there is a landslide.

    Args:
        folder: that is there; see `EVALUATED`.
        found: by `landslide_geo.pipeline.evaluation.evaluate_model`.
    """
    from landslide_geo.report import samples, score_pictures, scores

    metrics, histogram = found.metrics, found.histogram
    threshold, unit = metrics["threshold"], metrics["unit"]
    counts = histogram.at(threshold)
    about = _about(metrics["model"], f"{metrics['dataset']} {metrics['split']}", simulated=metrics["simulated"])
    if counts.tp + counts.fn:
        scores.write_table(folder / "precision_recall.csv", scores.precision_recall(histogram))
        score_pictures.draw_precision_recall(
            folder / "precision_recall.png", histogram, threshold=threshold, about=about
        )
    if counts.n:
        scores.write_table(folder / "reliability.csv", scores.reliability(histogram))
        scores.write_table(folder / "confusion.csv", scores.confusion(counts))
        score_pictures.draw_reliability(folder / "reliability.png", {"": histogram}, about=about, unit=unit)
        score_pictures.draw_confusion(folder / "confusion.png", counts, threshold=threshold, about=about, unit=unit)
    if metrics["unit"] == "chip":
        _write_labelled(folder / "samples.png", found, about)
        return
    shown = samples.chosen(found.each)
    if shown:
        samples.draw_samples(folder / "samples.png", _samples(found, shown), about=about)


def _write_labelled(path: Path, found: Evaluation, about: About) -> None:
    from landslide_geo.report import labelled_samples as labelled

    shown = labelled.chosen(found.each)
    threshold = found.metrics["threshold"]
    own = _said(found, shown)
    some = [
        labelled.LabelledSample.of(found.chips, index, probability.item(), counts=found.each[index])
        for index, probability in zip(shown, own, strict=True)
    ]
    totals = found.histogram.at(threshold)
    labelled.draw_labelled(path, some, totals=totals, threshold=threshold, about=about)


def _said(found: Evaluation, shown: Sequence[int]) -> NDArray[np.float32]:
    """Probabilities of some chips, as they were scored; the prior is in them, so that the threshold means the same."""
    from landslide_geo.training.evaluate import probabilities

    through = None if found.through is None else found.through[list(shown)]
    metrics = found.metrics
    return probabilities(
        found.model, found.chips.at(shown), tta=metrics["tta"], prior=metrics["prior"], through=through
    )


def _samples(found: Evaluation, shown: Sequence[int]) -> list[Sample]:
    from landslide_geo.report.samples import Sample

    own = _said(found, shown)
    bands, threshold = found.model.bands, found.metrics["threshold"]
    return [
        Sample.of(found.chips, index, probability, bands=bands, threshold=threshold, sensors=found.model.sensors)
        for index, probability in zip(shown, own, strict=True)
    ]


def write_decision(folder: Path, decision: Decision, *, model: str | Path) -> None:
    """Tables and pictures of a calibration and of the search for a threshold.

    Args:
        folder: that is there; see `CALIBRATED`.
        decision: by `landslide_geo.pipeline.training.calibrate_model`.
        model: folder of the bundle.
    """
    from landslide_geo.report import score_pictures, scores

    data, threshold = decision.calibration.data, decision.threshold.value
    about = _about(read_manifest(model).name, data, simulated="(simulated)" in data)
    scores.write_table(folder / "threshold.csv", scores.thresholds(decision.after))
    scores.write_table(folder / "reliability.csv", scores.reliabilities(decision.before, decision.after))
    score_pictures.draw_thresholds(folder / "threshold.png", decision.after, threshold=threshold, about=about)
    both = {"before": decision.before, "after": decision.after}
    score_pictures.draw_reliability(folder / "reliability.png", both, about=about)


def write_curves(model: str | Path, path: Path) -> None:
    """The picture of a bundle's training curves.

    Raises:
        BundleError: there is no such bundle, or it has no history.
        OutputError: the picture cannot be written.
    """
    from landslide_geo.report.curves import draw_history, read_history

    folder = find_bundle(model)
    manifest, history = read_manifest(folder), read_history(folder / HISTORY)
    simulated = bool(manifest.metrics.get("training", {}).get("simulated", False))
    make_parent(path)
    draw_history(path, history, about=_about(manifest.name, "; ".join(manifest.training.data), simulated=simulated))


def write_training(folder: Path, model: str | Path) -> None:
    """Picture and tables of a bundle's training curves; nothing where it was not trained, as a rule.

    Args:
        folder: that is there; see `TRAINED`.
        model: folder of the bundle.
    """
    from landslide_geo.report.curves import read_history, split_history
    from landslide_geo.report.scores import write_table

    table = find_bundle(model) / HISTORY
    if table.is_file():
        write_curves(model, folder / TRAINED[0])
        for name, rows in zip(TRAINED[1:], split_history(read_history(table)), strict=True):
            write_table(folder / name, rows)


def labels(names: Sequence[str], given: Sequence[str | Path]) -> list[str]:
    """Names for people; what was given stands behind those that are not the only ones of that name."""
    return [name if names.count(name) == 1 else f"{name} ({path})" for name, path in zip(names, given, strict=True)]


def compare_bundles(models: Sequence[str]) -> str:
    """Markdown tables of the figures in several bundles, by F1 on the test, and what they were measured on.

    What was measured on real and on simulated chips, of pixels and of whole chips, cannot be ranked together: each has
    a table of its own.

    Args:
        models: names of shipped bundles, or folders of bundles or ensembles.

    Raises:
        BundleError: there is no such bundle.
    """
    found = [_Measured.of(model) for model in models]
    rows = labels([one.name for one in found], models)
    order = sorted(range(len(found)), key=lambda i: -found[i].f1)
    tables = []
    for kind in sorted({one.kind for one in found}):
        own = {rows[i]: found[i].manifest for i in order if found[i].kind == kind}
        tables.append(f"{_HEADINGS[kind]}:\n\n{figures(own)}")
    told = [f"- {rows[i]}: {found[i].told}" for i in order]
    return "\n\n".join(tables) + "\n\nMeasured on:\n\n" + "\n".join(told)


#: Of tables, by whether chips are simulated and what was counted.
_HEADINGS: Final = {
    (False, "chip"): "Whole chips",
    (False, "pixel"): "Pixels",
    (True, "chip"): "Whole chips, simulated, which says nothing about real landslides",
    (True, "pixel"): "Pixels of simulated chips, which say nothing about real landslides",
}


@dataclass(frozen=True)
class _Measured:
    """A bundle's manifest and what its figures are of."""

    name: str
    manifest: BundleManifest | EnsembleManifest

    @classmethod
    def of(cls, model: str) -> _Measured:
        folder = find_bundle(model)
        if not is_ensemble(folder):
            manifest = read_manifest(folder)
            return cls(manifest.name, manifest)
        stated = open_ensemble(folder).manifest
        own = {name: stated[name] for name in EnsembleManifest.model_fields if name != "members"}
        members = [{"bundle": member["bundle"], "weight": member["weight"]} for member in stated["members"]]
        return cls(stated["name"], EnsembleManifest.model_validate(own | {"members": members}))

    @property
    def f1(self) -> float:
        """On the test; of a bundle without below all others, among themselves by validation."""
        scores = self.manifest.metrics
        test, validation = scores.get("test", {}), scores.get("validation", {})
        return float(test["f1"]) if "f1" in test else float(validation.get("f1", -1.0)) - 2

    @property
    def kind(self) -> tuple[bool, str]:
        """Whether its figures are of simulated chips, and what they count."""
        scored = [scores for scores in self.manifest.metrics.values() if "f1" in scores]
        unit = next((str(scores["unit"]) for scores in scored if "unit" in scores), "pixel")
        return any(bool(scores.get("simulated")) for scores in scored), unit

    @property
    def told(self) -> str:
        """Dataset, split and pixels of each score."""
        parts = []
        for split, scores in self.manifest.metrics.items():
            if "f1" not in scores:
                continue
            pixels = f", {scores['n']:,} {scores.get('unit', 'pixel')}s" if "n" in scores else ""
            simulated = ", **simulated**" if scores.get("simulated") else ""
            parts.append(f"{scores.get('dataset', 'data not stated')} {split}{pixels}{simulated}")
        return "; ".join(parts) or "no figures in it"


def _about(model: str, data: str, *, simulated: bool) -> About:
    from landslide_geo.report.sheet import About

    return About(model, data, simulated)
