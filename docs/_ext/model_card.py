"""The figures of the default model's card, from its ``bundle.json``: what stands on the page cannot differ from it."""

from __future__ import annotations

from typing import Any, Final

from landslide_geo.models import BundleManifest, read_manifest

_RULE: Final = "red_minus_green"


def details() -> str:
    """Who, when, what kind of model, under which licence."""
    model = read_manifest("default")
    field = model.receptive_field
    rows = {
        "name": f"`{model.name}`, as shipped with the program (`landslide models show default`)",
        "what it is": model.description,
        "made": f"{model.created[:10]}, code revision `{model.code_revision[:12]}`",
        "made by": "the developers of landslide-geo",
        "architecture": f"`{model.architecture}`, encoder `{model.arguments['encoder']}` ([networks](models.md))",
        "input": f"{', '.join(band.name for band in model.bands)}; {model.bands[0].unit}",
        "level": model.reflectance,
        "pixel": f"{_span(model.gsd_m)} m, trained at {model.gsd_native_m:g} m",
        "normalisation": _normalisation(model),
        "sees": "not measured" if field is None else f"95 % of what decides a pixel within {field.radius_95_px} pixels",
        "output": "a probability for each pixel, 0 to 1, calibrated",
        "threshold": f"{model.threshold.value:g} ({model.threshold.how})",
        "calibration": f"{model.calibration.method}, on {model.calibration.data}, "
        f"{model.calibration.prevalence:.1%} of whose pixels are landslides",
        "licence": model.licence,
        "versions": ", ".join(f"{name} {version}" for name, version in model.versions.items()),
    }  # fmt: skip
    return _table(("", ""), [(f"**{name}**", value) for name, value in rows.items()])


def figures() -> str:
    """Scores on test and validation, beside those of the rule that analysts know."""
    rows = []
    for name in (_RULE, "default"):
        for split in ("validation", "test"):
            scores = read_manifest(name).metrics[split]
            keys = ("f1", "iou", "precision", "recall", "auc", "average_precision", "calibration_error", "threshold")
            rows.append((f"`{name}`", split, f"{scores['patches']:,}", f"{scores['prevalence']:.1%}", *(
                f"{scores[key]:.3f}" for key in keys
            )))  # fmt: skip
    head = (
        "model", "split", "patches", "landslide", "F1", "IoU", "precision", "recall", "AUC", "average precision",
        "calibration error", "threshold",
    )  # fmt: skip
    return _table(head, rows)


def negatives() -> str:
    """False alarms where next to nothing is a landslide."""
    rows = []
    for name in (_RULE, "default"):
        held = read_manifest(name).metrics["hard_negatives_held_out"]
        rows.append((f"`{name}`", f"{held['false_positive_share']:.1%}", f"{held['n']:,}", str(held["patches"])))
    return _table(("model", "pixels called landslide", "pixels", "patches"), rows)


def training() -> str:
    """What it was trained on, how, and how to make it again."""
    model = read_manifest("default")
    data = "\n".join(f"- {line}" for line in model.training.data)
    measured = model.metrics["measured"]
    return (
        f"{data}\n\nSplit: {model.training.split}. Seed {model.training.seed}. Training took "
        f"{measured['training_minutes']} minutes on {measured['hardware']}, measured on {measured['date']}.\n\n"
        f"Command, as it was at that revision: `{model.training.command}`. Today's form of it is in "
        "[results](results.md#how-the-models-were-trained)."
    )


def _normalisation(model: BundleManifest) -> str:
    stretch: Any = model.normalisation
    return (
        f"by the scene itself: quantiles {stretch.centre:g} (zero) and {stretch.scale_low:g} to "
        f"{stretch.scale_high:g} (scale) of cells of {stretch.cell} pixels"
    )


def _span(ends: tuple[float, float]) -> str:
    return f"{ends[0]:g}–{ends[1]:g}"


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    return "\n".join("| " + " | ".join(line) + " |" for line in [head, tuple("---" for _ in head), *rows])
