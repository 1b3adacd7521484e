"""The model card: what a bundle's ``README.md`` says, made from its manifest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from landslide_geo.models import BundleManifest, EnsembleManifest


def model_card(manifest: BundleManifest, others: Mapping[str, BundleManifest] | None = None) -> str:
    """Markdown: use, input, figures beside those of other bundles, data, limits, and how to make it again.

    Args:
        manifest: of the bundle.
        others: bundles measured by the same code, to stand in the table.
    """
    bands = ", ".join(band.name for band in manifest.bands)
    data = "\n".join(f"- {line}" for line in manifest.training.data) or "- none: a rule"
    versions = ", ".join(f"{name} {version}" for name, version in manifest.versions.items())
    return f"""# {manifest.name}

{manifest.description}

## Use

    landslide scan SCENE.tif --model {manifest.name} --out out/

Input: {bands} at {manifest.gsd_m[0]:g}–{manifest.gsd_m[1]:g} m (trained at {manifest.gsd_native_m:g} m). Level:
{manifest.reflectance}.{_speckle(manifest)}
{_windows(manifest)}; symmetries averaged by default: {manifest.tta}.
Decision threshold {manifest.threshold.value:g} on calibrated probability ({manifest.threshold.how}).
Calibration: {_calibration(manifest)} Real scenes hold a far smaller share of landslides: give `--prior` where it is
known.

## Figures

{figures(_comparable(others or {}, manifest) | {manifest.name: manifest})}

Pixels of all chips pooled. Threshold and calibration come from validation; a test is looked at once, after them. False
positives: share of pixels called landslide in chips that hold none and that training never met.
{_measured(manifest)}

## Data

{data}

Split: {manifest.training.split}. Seed {manifest.training.seed}.

## Limits

{_limits(manifest)}

## Make it again

    {manifest.training.command}

Code revision {manifest.code_revision or "unknown"}; versions: {versions}.
Floating-point order differs between processors, so weights made elsewhere differ slightly.

Licence of the weights: {manifest.licence}.
"""


def _comparable(others: Mapping[str, BundleManifest], manifest: BundleManifest) -> dict[str, BundleManifest]:
    """Those whose figures are of simulated chips where the bundle's are, and of real ones where they are not."""
    return {name: other for name, other in others.items() if _simulated(other) == _simulated(manifest)}


def _simulated(manifest: BundleManifest) -> bool:
    return bool(manifest.metrics.get("test", {}).get("simulated"))


def _speckle(manifest: BundleManifest) -> str:
    told = f" Radar is filtered {manifest.speckle} first, in scans and of chips that were not."
    return "" if manifest.speckle is None else told


def _calibration(manifest: BundleManifest) -> str:
    calibration = manifest.calibration
    how = {
        "none": "none, probabilities are the network's own.",
        "platt": f"Platt scaling of the logit, slope {calibration.slope:g}, intercept {calibration.intercept:g}.",
        "temperature": f"temperature {1 / calibration.slope:.4g}.",
        "isotonic": f"isotonic, {len(calibration.knots)} knots.",
    }[calibration.method]
    return f"{how} Prevalence of its data: {calibration.prevalence:.1%}."


def _measured(manifest: BundleManifest) -> str:
    """Sentences on when, on what and at what cost."""
    measured, training = manifest.metrics.get("measured", {}), manifest.metrics.get("training", {})
    told = [f"Measured on {measured['date']} on {measured['hardware']}."] if measured else []
    if "minutes" in training:
        told.append(
            f"Training: {training['epochs']} epochs, {training['minutes']:g} minutes on {training['hardware']} "
            f"({training['precision']}), {training['energy_kwh']:g} kWh, {training['co2_kg']:g} kg CO₂ by estimate."
        )
    scored = {split: values for split, values in manifest.metrics.items() if "f1" in values}
    for split, values in scored.items():
        if split not in ("test", "validation"):
            auc = "" if values.get("auc") is None else f", AUC {values['auc']:.3f}"
            told.append(
                f"On {split} ({values['patches']} {'chip' if values['patches'] == 1 else 'chips'}, "
                f"{values['prevalence']:.1%} landslide): F1 {values['f1']:.3f}, IoU {values['iou']:.3f}{auc}."
            )
    if simulated := [split for split, values in scored.items() if values.get("simulated")]:
        told.append(
            f"**Figures from simulated chips ({', '.join(simulated)}): they say nothing about real landslides.**"
        )
    return "\n".join(told)


def _limits(manifest: BundleManifest) -> str:
    data = " ".join(manifest.training.data)
    told = []
    if "landslide4sense" in data.lower():
        told += [
            "The splits of Landslide4Sense share regions: these figures say nothing about a region never seen.",
            "Landslide4Sense includes Hokkaido: results on the Hokkaido scene are in-domain, although that scene was "
            "never trained on. It is published under MIT by IARAI. Contains modified Copernicus Sentinel data.",
            "Landslide4Sense marks fresh, bare landslides. Old, overgrown ones are not found; quarries, bare fields, "
            "roads and river bars look alike in three bands, so slope and an analyst have to decide.",
        ]
    if manifest.architecture == "rdndvi":
        told.append(
            "Any loss of vegetation between the dates looks like a landslide to it: harvest, mowing, clear-cuts, fire, "
            "drought. Ground that was bare before cannot lose any. Dates of the same season, slope and an analyst help."
        )
    if "simulated" in data and "epochs" in manifest.metrics.get("training", {}):
        told.append("Trained on simulated chips: for trying things out, not for maps.")
    elif "simulated" in data:
        told.append(
            "Tried on simulated chips only: which of two pixels is likelier holds anywhere, probabilities and "
            "threshold do not. Seek both on chips of your own with `landslide calibrate`."
        )
    told.append("Figures hold for chips like those named above; compare on ground of your own before use.")
    return "\n".join(f"- {line}" for line in told)


def figures(bundles: Mapping[str, BundleManifest | EnsembleManifest]) -> str:
    """Markdown table of the scores on test and validation, a row per bundle that has any; what is missing is a dash."""
    lines = [
        "| model | test F1 | test IoU | precision | recall | AUC | validation F1 | threshold | false positives |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, manifest in bundles.items():
        test, validation = manifest.metrics.get("test", {}), manifest.metrics.get("validation", {})
        if not (test or validation):
            continue
        strip: dict[str, Any] = manifest.metrics.get("hard_negatives_held_out", {})
        share = strip.get("false_positive_share", strip.get("predicted_share"))
        cells = [_told(test, key, ".3f") for key in ("f1", "iou", "precision", "recall")]
        cells += [
            _told(test, "auc", ".4f"),
            _told(validation, "f1", ".3f"),
            _told(test or validation, "threshold", "g"),
        ]
        cells.append("–" if share is None else f"{share:.2%}")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _told(scores: Mapping[str, Any], name: str, how: str) -> str:
    value = scores.get(name)
    return "–" if value is None else format(value, how)


def _windows(manifest: BundleManifest) -> str:
    """A sentence on windows by kind of device."""
    if manifest.windows is None or manifest.receptive_field is None:
        return f"Windows of {manifest.window} pixels overlapping by {manifest.overlap}"
    sizes = ", ".join(f"{one.window} by {one.overlap} ({kind})" for kind, one in manifest.windows.items())
    return (
        f"Windows and overlap in pixels: {sizes}, from a receptive field of radius "
        f"{manifest.receptive_field.radius_95_px}"
    )
