"""From a trained network to a bundle: threshold and calibration from validation, one report on the test."""

from __future__ import annotations

import platform
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import nn

from landslide_geo.chips import landslide4sense_rgb, negatives
from landslide_geo.chips.landslide4sense_rgb import BANDS, SIZE, Patches
from landslide_geo.config import TrainParams
from landslide_geo.models import Bundle, BundleManifest, Model, build, save_bundle
from landslide_geo.models.manifest import Calibration, InputBand, Threshold, Training
from landslide_geo.models.receptive_field import window_facts
from landslide_geo.training.calibration import calibrate_histogram, fit_platt
from landslide_geo.training.card import model_card
from landslide_geo.training.evaluate import hardware, raw_histogram, score
from landslide_geo.version import __version__

UNIT: Final = "any linear unit: Sentinel-2 digital number or reflectance"


@dataclass(frozen=True)
class Splits:
    """What a bundle is calibrated and reported on."""

    validation: Patches
    test: Patches
    held_out_negatives: Patches | None


def load_splits(root: Path, scene: Path | None, params: TrainParams) -> Splits:
    """Validation, test, and the held-out strip of the hard-negative scene where one is given."""
    options: dict[str, Any] = {"test_patches": params.test_patches, "seed": params.split_seed}
    strip = None
    if scene is not None:
        strip = negatives.cut(negatives.read_rgb(scene), held_out=True, stride=SIZE)
    return Splits(
        validation=landslide4sense_rgb.read(root, "validation", **options),
        test=landslide4sense_rgb.read(root, "test", **options),
        held_out_negatives=strip,
    )


def package(
    network: nn.Module,
    *,
    params: TrainParams,
    splits: Splits,
    out: Path,
    training_data: Sequence[str],
    seconds: float | None = None,
    others: Mapping[str, BundleManifest] | None = None,
) -> Bundle:
    """Calibrate on validation, find the threshold there, report on the test, and write the bundle.

    The weights are rounded to 16 bits, as the bundle stores them, before anything is measured.

    Args:
        network: trained, float32.
        params: it was trained with.
        splits: validation and test.
        out: folder of the bundle.
        training_data: what it was trained on.
        seconds: the training took, for the card.
        others: bundles measured by the same code, for the table in the card.
    """
    network = _rounded(network)
    tta = params.tta if any(True for _ in network.parameters()) else 1
    raw = raw_histogram(_predictor(network), splits.validation, normalisation=params.stretch, tta=tta)
    calibration = fit_platt(raw, data=f"Landslide4Sense-RGB validation, {len(splits.validation)} patches")
    threshold = calibrate_histogram(raw, calibration).best_threshold()
    draft = _manifest(params, calibration, threshold, training_data, tta=tta)
    with tempfile.TemporaryDirectory() as folder:
        model = Model(save_bundle(Path(folder) / params.name, draft, network))
        metrics = {
            "validation": score(model, splits.validation).to_json(),
            "test": score(model, splits.test).to_json(),
        }
        if splits.held_out_negatives is not None:
            strip = score(model, splits.held_out_negatives)
            metrics["hard_negatives_held_out"] = {
                "false_positive_share": strip.predicted_share,
                "n": strip.n,
                "patches": strip.patches,
            }
    notes = {"date": datetime.now(UTC).date().isoformat(), "hardware": hardware()}
    if seconds is not None:
        notes["training_minutes"] = str(round(seconds / 60, 1))
    facts = window_facts(network, bands=len(BANDS))
    manifest = draft.model_copy(update={"metrics": {**metrics, "measured": notes}, **facts})
    return save_bundle(out, manifest, network, card=model_card(manifest, others))


def rule_arguments(params: TrainParams, splits: Splits) -> dict[str, Any]:
    """Arguments of the rule red minus green: a logistic fitted on validation."""
    start: dict[str, Any] = {"red": 0, "green": 1, "slope": 2.0, "intercept": -2.0}
    raw = raw_histogram(
        _predictor(build("red_minus_green", bands=len(BANDS), arguments=start)),
        splits.validation,
        normalisation=params.stretch,
        tta=1,
    )
    fitted = fit_platt(raw, data="validation")
    fresh = {"slope": 2.0 * fitted.slope, "intercept": -2.0 * fitted.slope + fitted.intercept}
    return start | {name: round(value, 5) for name, value in fresh.items()}


def _predictor(network: nn.Module) -> Any:
    network = network.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def predict(batch: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            tensor = torch.from_numpy(batch).contiguous(memory_format=torch.channels_last)
            result: np.ndarray = torch.sigmoid(network(tensor).float()).contiguous().numpy()
        return result

    return predict


def _rounded(network: nn.Module) -> nn.Module:
    state = {
        name: tensor.half().to(tensor.dtype) if tensor.is_floating_point() else tensor
        for name, tensor in network.state_dict().items()
    }
    network.load_state_dict(state)
    return network.eval()


def _manifest(
    params: TrainParams, calibration: Calibration, threshold: float, training_data: Sequence[str], *, tta: int
) -> BundleManifest:
    learned = params.architecture != "red_minus_green"
    options = "" if learned else f" --architecture {params.architecture}"
    what = (
        f"Landslides in red, green and blue at about 10 m: {params.architecture} "
        f"({params.arguments.get('encoder', '')}) trained from scratch on Landslide4Sense-RGB and hard negatives."
        if learned
        else "Red minus green of the locally normalised image: the rule to beat."
    )
    return BundleManifest(
        name=params.name,
        description=what,
        architecture=params.architecture,
        arguments=params.arguments,
        bands=tuple(InputBand(name=band, unit=UNIT) for band in BANDS),
        normalisation=params.stretch,
        gsd_m=(7.0, 15.0),
        gsd_native_m=10.0,
        reflectance="any (top of atmosphere or surface): offsets and gains are normalised away locally",
        window=256,
        overlap=64,
        tta=tta,  # type: ignore[arg-type]
        threshold=Threshold(value=threshold, how=f"highest pixel F1 on {calibration.data}, steps of 0.01"),
        calibration=calibration,
        training=Training(
            data=tuple(training_data),
            split=(
                f"published train without {params.test_patches} test patches drawn with seed {params.split_seed}; "
                "validation as published"
            ),
            seed=params.seed,
            command=f"landslide train --root landslide4sense_rgb --negatives s2_B4B3B2B8.tif{options} --out DIR",
            parameters=params.model_dump(mode="json") if learned else {},
        ),
        licence="Apache-2.0",
        versions=_versions(),
        code_revision=_revision(),
        created=datetime.now(UTC).replace(microsecond=0).isoformat(),
    )


def _versions() -> dict[str, str]:
    names = ("torch", "torchvision", "segmentation-models-pytorch", "timm", "lightning", "numpy")
    found = {"python": platform.python_version(), "landslide-geo": __version__}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _revision() -> str:
    """The commit of a source checkout; empty for an installed package."""
    folder = Path(__file__).parents[1]
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), "rev-parse", "HEAD"], capture_output=True, text=True, check=True, timeout=10
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
