"""Bundles of folds, and of several systems, to one ensemble: weights and threshold from what each never saw."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from math import inf
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
from pydantic import TypeAdapter, ValidationError

from landslide_geo.errors import BundleError, OutputError, ParameterError
from landslide_geo.models import BundleManifest, Ensemble, EnsembleManifest, read_manifest, save_ensemble
from landslide_geo.models.ensemble import EnsembleMember
from landslide_geo.models.manifest import Threshold
from landslide_geo.training.evaluate import Scores, require_symmetries
from landslide_geo.training.out_of_fold import (
    Predictions,
    System,
    common,
    fold_scores,
    histogram,
    likeliest_weights,
    pooled,
)
from landslide_geo.training.package import PREDICTIONS

_HOW: Final = "highest chip F1 of the members' weighted mean on chips that none of them was trained on, steps of 0.01"


def combine(
    members: Sequence[str | Path], out: str | Path, *, name: str | None = None,
    weights: Mapping[str, float] | None = None, anchor: bool = True, abstain: float | None = None,
    tta: int | None = None, prefilter: str | Path | None = None,
) -> Ensemble:  # fmt: skip
    """Write an ensemble of bundles that classify.

    Members of one name are folds of one system and share its weight evenly.

    Args:
        members: folders of finished bundles, each with the predictions of its own fold in it.
        out: folder of the ensemble.
        name: of the ensemble; none: that of its folder.
        weights: of each system; none: those under which the truth is likeliest.
        anchor: bend each member's probabilities so that its threshold comes to lie at 0.5 before they are averaged.
        abstain: a member does not count where its answers over symmetries spread further; none: it does.
        tta: symmetries averaged by default; none: the most that a member has.
        prefilter: folder of a filter that is asked first.

    Raises:
        BundleError: a bundle is missing or broken, or holds no predictions.
        DatasetError: predictions do not fit together.
        OutputError: the ensemble's folder holds one of its members.
        ParameterError: a weight is of no system, or an option is out of range.
    """
    folders, out = [Path(member) for member in members], Path(out)
    require_symmetries(tta)
    if abstain is not None and not 0 < abstain < 0.5:
        raise ParameterError(f"abstain {abstain}: a standard deviation of probabilities lies between 0 and 0.5")
    if len({folder.resolve() for folder in folders}) < len(folders):
        raise ParameterError("members: one is named twice; name each once")
    name = _named(name or out.absolute().name)
    manifests = [_member(folder) for folder in folders]
    systems = _systems(manifests)
    shares = _given(weights, systems)
    predictions = [Predictions.read(folder / PREDICTIONS) for folder in folders]
    anchors = [manifest.threshold.value if anchor else None for manifest in manifests]
    over = tta or max(manifest.tta for manifest in manifests)
    if abstain is not None and (other := next((one for one in predictions if one.tta != over), None)):
        raise ParameterError(
            f"abstain {abstain}: spreads were measured over {other.tta} symmetries and would be compared over {over}; "
            f"calibrate all members with --tta {over}, or give another --tta"
        )
    put = common(
        [
            System.of(system, [predictions[i] for i in own], [anchors[i] for i in own], abstain)
            for system, own in systems.items()
        ]
    )
    found = likeliest_weights(put) if shares is None else shares
    counted = histogram(put[0].truth, pooled(put, found))
    threshold = counted.best_threshold()
    of = {member: weight / len(own) for weight, own in zip(found, systems.values(), strict=True) for member in own}
    simulated = any(manifest.metrics.get("training", {}).get("simulated") for manifest in manifests)
    folds = fold_scores(
        {folder.name: one for folder, one in zip(folders, predictions, strict=True)},
        {folder.name: manifest.threshold.value for folder, manifest in zip(folders, manifests, strict=True)},
    )
    each = [values["f1"] for values in folds.values()]
    scores = Scores.of(counted, threshold=threshold, patches=len(put[0].truth)).to_json()
    told: dict[str, Any] = {
        "out_of_fold": scores | {
            "unit": "chip",
            "simulated": simulated,
            "weights": dict(zip(systems, found, strict=True)),
            "weights_fitted": shares is None,
            "abstained_share": round(float(np.mean([1 - system.stays.mean() for system in put])), 5),
            "f1_of_folds": {"mean": round(float(np.mean(each)), 4), "deviation": round(float(np.std(each)), 4)},
            "folds": folds,
        }
    }  # fmt: skip
    manifest = EnsembleManifest(
        name=name,
        description=_described(systems, found, manifests, simulated=simulated),
        members=tuple(
            EnsembleMember(bundle=_relative(folder, out), weight=round(of[i], 6), anchor=anchors[i])
            for i, folder in enumerate(folders)
        ),
        threshold=Threshold(value=threshold, how=_HOW),
        abstain=abstain,
        tta=over,  # type: ignore[arg-type]
        metrics=told,
        licence="; ".join(sorted({manifest.licence for manifest in manifests})),
        created=datetime.now(UTC).replace(microsecond=0).isoformat(),
    )
    if any(folder.resolve() == out.resolve() for folder in folders):
        raise OutputError(f"{out}: is one of the members; name another --out")
    return save_ensemble(out, manifest, prefilter=prefilter)


def _named(name: str) -> str:
    """A name that an ensemble may have."""
    try:
        return TypeAdapter(Annotated[str, EnsembleManifest.model_fields["name"]]).validate_python(name)
    except ValidationError:
        raise ParameterError(
            f"name {name!r}: small letters, digits, and _ . - behind the first of them; give another with --name"
        ) from None


def _member(folder: Path) -> BundleManifest:
    manifest = read_manifest(folder)
    if manifest.task != "classification":
        raise BundleError(f"{folder}: outlines landslides; its pixels have no out-of-fold predictions to weigh it by")
    if not (folder / PREDICTIONS).is_file():
        raise BundleError(
            f"{folder}: holds no {PREDICTIONS}; write them with landslide calibrate --predictions FILE, and bundle "
            "with --predictions FILE"
        )
    if manifest.calibration.method == "none":
        raise BundleError(f"{folder}: is a draft; calibrate and bundle it first")
    return manifest


def _systems(manifests: Sequence[BundleManifest]) -> dict[str, list[int]]:
    """Which members make up each system, by its name."""
    found: dict[str, list[int]] = {}
    for index, manifest in enumerate(manifests):
        found.setdefault(manifest.name, []).append(index)
    return found


def _given(weights: Mapping[str, float] | None, systems: Mapping[str, Sequence[int]]) -> list[float] | None:
    """Weights of the systems in their order, which sum to 1."""
    if not weights:
        return None
    if set(weights) != set(systems):
        raise ParameterError(
            f"weights of {', '.join(weights)}; the members are of {', '.join(systems)}: give one for each, or none"
        )
    if not all(0 < weight < inf for weight in weights.values()):
        raise ParameterError("weights are numbers above zero; leave a system out instead")
    whole = sum(weights.values())
    return [weights[name] / whole for name in systems]


def _described(
    systems: Mapping[str, Sequence[int]], weights: Sequence[float], manifests: Sequence[BundleManifest], *,
    simulated: bool,
) -> str:  # fmt: skip
    parts = [
        f"{weight:.3g} × {name} ({len(own)} {'fold' if len(own) == 1 else 'folds'})"
        for weight, (name, own) in zip(weights, systems.items(), strict=True)
    ]
    bands = list(dict.fromkeys(band.name for manifest in manifests for band in manifest.bands))
    of = "; trained on simulated chips: it knows no real landslide" if simulated else ""
    return f"Whether a window shows a landslide, from {', '.join(bands)}: {' + '.join(parts)}{of}."


def _relative(folder: Path, out: Path) -> str:
    return os.path.relpath(folder.absolute(), out.absolute())
