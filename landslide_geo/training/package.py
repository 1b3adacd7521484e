"""From a trained network to a bundle: a draft that decides nothing yet, and the finished one."""

from __future__ import annotations

import copy
import csv
import io
import math
import platform
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from torch import nn

from landslide_geo.bands import MASKS, PRE, UNITS, sensors
from landslide_geo.chips.split import Split
from landslide_geo.config import FixedParams, Normalisation, StretchParams, TrainParams
from landslide_geo.models import Bundle, BundleManifest, Model, save_bundle
from landslide_geo.models.manifest import Calibration, InputBand, Threshold, Training
from landslide_geo.models.modalities import NEED_CHANNELS
from landslide_geo.models.receptive_field import window_facts
from landslide_geo.models.registry import OF_ANY_GAIN, task
from landslide_geo.scene.told import Level
from landslide_geo.training.card import model_card
from landslide_geo.units import RATIO
from landslide_geo.version import __version__

#: Training curves, beside ``bundle.json``.
HISTORY: Final = "history.csv"
#: What the network says of the chips it was validated on, beside it too.
PREDICTIONS: Final = "predictions.csv"
#: Unit of bands that are normalised locally.
_ANY_UNIT: Final = "any linear unit: Sentinel-2 digital number or reflectance"
#: How much coarser or finer than those of training a scene's pixels may be.
_GSD_RANGE: Final = (0.7, 1.5)
#: Size of pixels in metres that is stated where the chips tell none.
_GSD_M: Final = 10.0


def draft(
    network: nn.Module, chips: Split, *, params: TrainParams, normalisation: Normalisation, out: Path, command: str,
    data: Sequence[str], measured: Mapping[str, Any], history: Sequence[Mapping[str, float]] = (),
) -> Bundle:  # fmt: skip
    """Write a trained network as a bundle whose probabilities are raw and whose threshold is 0.5.

    Args:
        network: trained.
        chips: it was trained on.
        params: of training.
        normalisation: with centre and scale.
        out: folder of the bundle.
        command: that trains it again.
        data: what it was trained on, for people.
        measured: of training: time, energy, hardware.
        history: a line for each epoch.
    """
    positive = max(_positive_share(chips), 1e-6)
    gsd = chips.gsd_m or _GSD_M
    units, level = _input(params.architecture, normalisation, chips)
    about = task(params.architecture)
    # A network that classifies knows windows as large as its chips; half of them shared, every place is seen by four.
    side = 32 * math.ceil(chips.size / 32)  # what windows are counted in
    windows = (
        {"window": 256, "overlap": 64, **window_facts(network, bands=len(chips.bands))}
        if about == "segmentation"
        else {"window": side, "overlap": side // 2}
    )
    manifest = BundleManifest(
        name=params.name,
        description=_described(params, chips, learned=_learned(network)),
        task=about,
        architecture=params.architecture,
        # Weights of others were where training began; opening a bundle fetches nothing.
        arguments={name: value for name, value in params.arguments.items() if name != "weights"},
        sensors=missable(params, normalisation, chips.bands),
        bands=tuple(InputBand(name=band, unit=unit) for band, unit in zip(chips.bands, units, strict=True)),
        normalisation=normalisation,
        speckle=chips.speckle,
        gsd_m=(round(_GSD_RANGE[0] * gsd, 3), round(_GSD_RANGE[1] * gsd, 3)),
        gsd_native_m=gsd,
        reflectance=level,
        tta=params.tta if _learned(network) else 1,
        threshold=Threshold(value=0.5, how="not sought yet"),
        calibration=Calibration(method="none", prevalence=round(positive, 6), data="not fitted: raw probabilities"),
        training=Training(
            data=tuple(data),
            split=_split(params),
            seed=params.seed,
            command=command,
            parameters=params.model_dump(mode="json"),
        ),
        metrics={"training": dict(measured)},
        licence=params.licence,
        versions=_versions(),
        code_revision=_revision(),
        created=datetime.now(UTC).replace(microsecond=0).isoformat(),
        **windows,
    )
    also = {HISTORY: _table(history)} if history else None
    return save_bundle(out, manifest, network, card=model_card(manifest), also=also)


def finish(
    model: Model,
    *,
    metrics: Mapping[str, Mapping[str, Any]],
    out: Path,
    others: Mapping[str, BundleManifest] | None = None,
    predictions: str | None = None,
    prefilter: Path | None = None,
) -> Bundle:
    """Write a bundle with its decision and its scores.

    Args:
        model: the draft, with its decision.
        metrics: scores by split, as `landslide_geo.training.evaluate.Scores` gives them.
        out: folder of the bundle.
        others: bundles measured by the same code, for the table in the card.
        predictions: content of ``predictions.csv``.
        prefilter: folder of a filter to copy in.
    """
    scores = model.manifest.metrics | {split: dict(values) for split, values in metrics.items()}
    manifest = model.manifest.model_copy(update={"metrics": scores})
    history = model.bundle.directory / HISTORY
    also = {HISTORY: history.read_text(encoding="utf-8")} if history.is_file() else {}
    if predictions is not None:
        also[PREDICTIONS] = predictions
    card = model_card(manifest, others)
    return save_bundle(out, manifest, model.bundle.network, card=card, also=also, prefilter=prefilter)


def rounded(network: nn.Module) -> nn.Module:
    """A copy with weights rounded to 16 bits, as a bundle stores them: what is measured is what is kept."""
    found = copy.deepcopy(network)
    state = {
        name: tensor.half().to(tensor.dtype) if tensor.is_floating_point() else tensor
        for name, tensor in found.state_dict().items()
    }
    found.load_state_dict(state)
    return found.eval()


def _learned(network: nn.Module) -> bool:
    return any(True for _ in network.parameters())


def _input(architecture: str, normalisation: Normalisation, chips: Split) -> tuple[tuple[str, ...], str]:
    """Unit of each band, and the level of processing, that a network takes."""
    if RATIO in chips.units:  # constants of their own keep bands from sharing a unit, and they are of Level 1C
        return chips.units, f"{Level.TOP} (Sentinel-2 Level 1C, divided by Landslide4Sense's constants)"
    if isinstance(normalisation, StretchParams):
        level = "any (top of atmosphere or surface): offsets and gains are normalised away locally"
        return (_ANY_UNIT,) * len(chips.bands), level
    if architecture in OF_ANY_GAIN:
        level = (
            "any (top of atmosphere or surface) without an offset: a gain that all bands of a date share cancels out, "
            "haze and the 1,000 that Sentinel-2 adds to digital numbers since 2022 do not"
        )
        return tuple(UNITS[name.removeprefix(PRE)] for name in chips.bands), level
    return chips.units, "as the training chips"


def missable(params: TrainParams, normalisation: Normalisation, bands: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Bands of each sensor, without masks, where a network learns to do without any but one; nothing where it does not.

    Args:
        params: of training.
        normalisation: of the network.
        bands: that it sees.
    """
    found = sensors(bands) if params.architecture in NEED_CHANNELS else {}
    learned = params.augment is not None and params.augment.modality_dropout > 0
    if len(found) < 2 or not learned or not isinstance(normalisation, FixedParams):
        return ()
    named = (tuple(bands[place] for place in places) for places in found.values())
    # Masks are worked out wherever the bands are that they are made of.
    return tuple(tuple(name for name in own if name not in MASKS) for own in named)


def _described(params: TrainParams, chips: Split, *, learned: bool) -> str:
    encoder = params.arguments.get("encoder")
    what = params.architecture + (f" ({encoder})" if encoder else "")
    where = ", ".join(sorted(set(chips.sources)))
    if chips.simulated:
        where = "simulated chips: it knows no real landslide" if learned else "simulated chips, not on real landslides"
    how = "trained on" if learned else "a rule, tried on"
    gsd = chips.gsd_m or _GSD_M
    return f"Landslides in {', '.join(chips.bands)} at about {gsd:g} m: {what}{' ' if learned else ', '}{how} {where}."


def _split(params: TrainParams) -> str:
    if params.fold is None:
        return "as the stores of chips are divided"
    return f"fold {params.fold} of {params.folds} of the training chips, by block"


def _positive_share(chips: Split) -> float:
    positive = sum(int(chips.mask(index).sum()) for index in range(len(chips)))
    known = sum(int(chips.valid(index).sum()) for index in range(len(chips)))
    return min(positive / max(known, 1), 1 - 1e-6)


def _table(history: Sequence[Mapping[str, float]]) -> str:
    """CSV with a line for each epoch; columns that some lack are empty there."""
    names = list(dict.fromkeys(name for line in history for name in line))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(history)
    return text.getvalue()


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
