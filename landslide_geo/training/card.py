"""The model card: what a bundle's ``README.md`` says, made from its manifest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from landslide_geo.models import BundleManifest


def model_card(manifest: BundleManifest, others: Mapping[str, BundleManifest] | None = None) -> str:
    """Markdown: use, input, figures beside those of other bundles, data, limits, and how to make it again.

    Args:
        manifest: of the bundle.
        others: bundles measured by the same code, to stand in the table.
    """
    calibration, threshold = manifest.calibration, manifest.threshold
    measured = manifest.metrics.get("measured", {})
    minutes = f"; training took {measured['training_minutes']} minutes" if "training_minutes" in measured else ""
    bands = ", ".join(band.name for band in manifest.bands)
    data = "\n".join(f"- {line}" for line in manifest.training.data) or "- none: a rule"
    versions = ", ".join(f"{name} {version}" for name, version in manifest.versions.items())
    return f"""# {manifest.name}

{manifest.description}

## Use

    landslide scan SCENE.tif --model {manifest.name} --out out/

Input: {bands} at {manifest.gsd_m[0]:g}–{manifest.gsd_m[1]:g} m (trained at {manifest.gsd_native_m:g} m). Level:
{manifest.reflectance}.
{_windows(manifest)}; symmetries averaged by default: {manifest.tta}.
Decision threshold {threshold.value:g} on calibrated probability ({threshold.how}).
Calibration: Platt scaling of the logit, slope {calibration.slope:g}, intercept {calibration.intercept:g}, at a
prevalence of {calibration.prevalence:.1%}. Real scenes hold a far smaller share of landslides: give `--prior` where it
is known.

## Figures

{figures(dict(others or {}) | {manifest.name: manifest})}

Pixels of all patches pooled; test patches were looked at once, after threshold and calibration were fixed on
validation. Measured {measured.get("date", "")} on {measured.get("hardware", "")}{minutes}. False positives: share of
pixels called landslide in a strip of a Sentinel-2 scene of Chittagong that training never met and that holds next to
none.

## Data

{data}

Split: {manifest.training.split}. Seed {manifest.training.seed}.

## Limits

- The splits of Landslide4Sense share regions. These figures say nothing about a region that was never seen.
- Landslide4Sense includes Hokkaido: results on the Hokkaido scene are in-domain, although that scene was never
  trained on.
- Landslide4Sense marks fresh, bare landslides. Old, overgrown ones are not found; quarries, bare fields, roads and
  river bars look alike in three bands, so slope and an analyst have to decide.

## Make it again

    {manifest.training.command}

Code revision {manifest.code_revision or "unknown"}; versions: {versions}.
Floating-point order differs between processors, so weights made elsewhere differ slightly.

Licence of the weights: {manifest.licence}. Landslide4Sense is published under MIT by IARAI. Contains modified
Copernicus Sentinel data.
"""


def figures(bundles: Mapping[str, BundleManifest]) -> str:
    """Markdown table of the scores on test and validation, a row per bundle."""
    lines = [
        "| model | test F1 | test IoU | precision | recall | AUC | validation F1 | threshold | false positives |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, manifest in bundles.items():
        test, validation = manifest.metrics.get("test"), manifest.metrics.get("validation")
        if test is None or validation is None:
            continue
        strip: dict[str, Any] = manifest.metrics.get("hard_negatives_held_out", {})
        auc = "–" if test["auc"] is None else f"{test['auc']:.4f}"
        share = f"{strip['false_positive_share']:.2%}" if strip else "–"
        lines.append(
            f"| {name} | {test['f1']:.3f} | {test['iou']:.3f} | {test['precision']:.3f} | {test['recall']:.3f} "
            f"| {auc} | {validation['f1']:.3f} | {test['threshold']:g} | {share} |"
        )
    return "\n".join(lines)


def _windows(manifest: BundleManifest) -> str:
    """A sentence on windows by kind of device."""
    if manifest.windows is None or manifest.receptive_field is None:
        return f"Windows of {manifest.window} pixels overlapping by {manifest.overlap}"
    sizes = ", ".join(f"{one.window} by {one.overlap} ({kind})" for kind, one in manifest.windows.items())
    return (
        f"Windows and overlap in pixels: {sizes}, from a receptive field of radius "
        f"{manifest.receptive_field.radius_95_px}"
    )
