"""From chips to a bundle: train, calibrate, bundle. Each step reads what the one before wrote."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from pydantic import ValidationError

from landslide_geo.chips.augment import TTA_SYMMETRIES
from landslide_geo.chips.doubts import doubts_of
from landslide_geo.chips.split import Split
from landslide_geo.chips.splits import SPLITS
from landslide_geo.config import StretchParams, TrainParams, first_problem, validated
from landslide_geo.errors import MissingExtraError, OutputError, ParameterError
from landslide_geo.files import remove_folder, write_text
from landslide_geo.models import (
    Bundle,
    Model,
    build,
    list_bundles,
    load_model,
    read_manifest,
    require_bundle_or_nothing,
)
from landslide_geo.models.manifest import Calibration, Threshold
from landslide_geo.models.modalities import NEED_CHANNELS, arguments_of
from landslide_geo.models.registry import task
from landslide_geo.models.start import find_start
from landslide_geo.processor import described
from landslide_geo.training.calibration import Decision, Method, decide
from landslide_geo.training.evaluate import (
    UNITS_COUNTED,
    answer,
    batches,
    own_chips,
    raw_histogram,
    require_symmetries,
    truth_for,
)
from landslide_geo.training.folds import folds_of
from landslide_geo.training.out_of_fold import Predictions
from landslide_geo.training.package import draft, finish, missable, rounded
from landslide_geo.training.statistics import settled

if TYPE_CHECKING:
    from torch import nn

    from landslide_geo.training.fit import Fitted

#: The rule that every network's card stands beside.
_RULE: Final = "red_minus_green"


def train_model(
    data: str | Path, out: str | Path, *, negatives: str | Path | None = None, params: TrainParams, resume: bool = True,
    report: Callable[[dict[str, float]], None] | None = None, options: str = "",
    warn: Callable[[str], None] | None = None,
) -> Bundle:  # fmt: skip
    """Train a network on chips and write it as a bundle that decides nothing yet.

    Unfinished work lies beside it in ``OUT.train``.

    Args:
        data: folder with ``train.zarr`` and ``validation.zarr``.
        out: folder of the bundle.
        negatives: folder with a ``train.zarr`` of chips without landslides, of which each epoch draws some.
        params: everything else.
        resume: go on where a run with the same chips and parameters was killed.
        report: called with what is known of each epoch; a function by name where several devices train.
        options: of ``landslide train`` beside folders, for the command that the bundle names.
        warn: called with each line of what is doubtful about a store of chips, before training begins.

    Raises:
        DatasetError: the chips do not fit together, there are none, or a fold has landslides only or none.
        MissingExtraError: a network is to be trained and Lightning is not installed.
        OutputError: the folder cannot be written.
        ParameterError: parameters do not fit the machine.
    """
    data, out = Path(data), Path(out).absolute()
    require_bundle_or_nothing(out)  # now, not after hours
    training, validation = _labelled(data, params)
    stores = [data / "train.zarr", *([data / "validation.zarr"] if params.fold is None else [])]
    hard = None
    if negatives is not None:
        stores.append(Path(negatives) / "train.zarr")
        read = Split.read(Path(negatives) / "train.zarr").taking(training.bands).seen_by(training.sensors)
        hard = truth_for(task(params.architecture), read)
    if params.architecture in NEED_CHANNELS and isinstance(params.normalisation, StretchParams):
        raise ParameterError(
            f"architecture {params.architecture}: local normalisation gives all bands one scale, and units of sensors "
            "differ; use normalisation: {kind: fixed, how: bigearthnet} or mean_std"
        )
    completed = arguments_of(params.architecture, training.bands, params.arguments)
    params = params.model_copy(update={"arguments": completed})
    network = build(params.architecture, bands=len(training.bands), arguments=params.arguments)
    _check_size(network, training, params.architecture)
    start = None if params.start is None else find_start(params.start)
    if start is not None:
        start.into(network)  # whether it fits is told now
    about: dict[str, Any] = {
        # A bundle says by which weights it began, not where they lay.
        "params": params if start is None else params.model_copy(update={"start": start.name}), "out": out,
        "command": _command(data, negatives, options),
        "data": [_told(chips) for chips in (training, hard) if chips is not None]
        + ([] if start is None else [f"started from {start}"]),
    }  # fmt: skip
    if not any(True for _ in network.parameters()):  # a rule
        measured = _measured(training)
        how = settled(params.normalisation, training)
        _tell(stores, warn)
        return draft(network.eval(), training, normalisation=how, measured=measured, **about)
    try:
        from landslide_geo.training.fit import Material, fit, require_fitting, silent
    except ImportError as error:
        raise MissingExtraError(
            f"training needs {error.name}; install it with: pip install 'landslide-geo[train]'"
        ) from None
    material = Material(training, validation, hard)
    require_fitting(material, params)  # before anything is made
    work = out.with_name(out.name + ".train")
    try:
        work.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{work}: cannot be made ({error.strerror}); name another --out") from None
    del network
    _tell(stores, warn)
    fitted = fit(material, params=params, out=work, resume=resume, report=report or silent)
    bundle = draft(
        rounded(fitted.network), training, normalisation=fitted.normalisation,
        measured=_measured(training) | _spent(fitted), history=fitted.history, **about,
    )  # fmt: skip
    remove_folder(work)
    return bundle


def calibrate_model(
    model: str | Path, data: str | Path, *, method: Method = "platt", tta: int | None = None,
    predictions: str | Path | None = None,
) -> Decision:  # fmt: skip
    """Calibration and threshold of a bundle from the chips it was validated on.

    Args:
        model: folder of the bundle.
        data: folder of the chips it was trained on.
        method: of calibration.
        tta: symmetries averaged; none: the model's own.
        predictions: table (CSV) to write of what the calibrated model says of each of these chips.

    Raises:
        BundleError: there is no such bundle.
        DatasetError: the chips are not there, or have no landslide or nothing else.
    """
    found = load_model(model)
    params = validated(TrainParams, found.manifest.training.parameters, where=f"{model}: training parameters")
    _, validation = _labelled(Path(data), params)
    require_symmetries(tta)
    own = own_chips(found, validation)
    over = found.manifest.tta if tta is None else tta
    histogram = raw_histogram(found.probabilities, own, found.manifest.normalisation, tta=over)
    unit = UNITS_COUNTED[found.manifest.task]
    decision = decide(histogram, method=method, data=_told(validation), tta=over, unit=unit)
    if predictions is not None:
        settled_model = found.decided(decision.calibration, decision.threshold, over)
        told = [answer(settled_model, part) for part in batches(own)]
        Predictions.of(own, told, model=found.sha256, tta=over).write(Path(predictions))
    return decision


def bundle_model(
    model: str | Path, out: str | Path, *, decision: str | Path, metrics: Mapping[str, str | Path],
    predictions: str | Path | None = None, prefilter: str | Path | None = None,
) -> Bundle:  # fmt: skip
    """Write a finished bundle from a draft, its decision and its scores.

    Args:
        model: folder of the draft.
        out: folder of the bundle.
        decision: file that ``landslide calibrate`` wrote.
        metrics: files that ``landslide evaluate`` wrote, by split.
        predictions: table that ``landslide calibrate`` wrote, for ensembles.
        prefilter: folder that ``landslide prefilter`` wrote, whose filter a scan asks before the network.

    Raises:
        BundleError: there is no such bundle or filter, or something else is in its place.
        ParameterError: a file is not what it should be.
    """
    scores = {split: _json(path) for split, path in metrics.items()}
    found = decided(load_model(model), decision)
    for split, values in scores.items():
        if values.get("model_sha256") not in (None, found.sha256):
            raise ParameterError(f"{metrics[split]}: scores of another model than {model}; evaluate this one")
        made = (values.get("threshold"), values.get("tta"), values.get("prior"))
        if made != (found.threshold, found.manifest.tta, None):
            raise ParameterError(
                f"{metrics[split]}: scores at another threshold, prior or number of symmetries than {decision} has; "
                f"evaluate with --calibration {decision}"
            )
        if split in SPLITS and values.get("split") != split:
            raise ParameterError(f"{metrics[split]}: scores of {values.get('split')}, not of {split}")
    scores["measured"] = {"date": datetime.now(UTC).date().isoformat(), "hardware": described()}
    others = {_RULE: read_manifest(_RULE)} if _RULE in list_bundles() else None
    table = None
    if predictions is not None:
        Predictions.read(Path(predictions)).require_model(found.sha256, where=predictions)
        table = Path(predictions).read_text(encoding="utf-8")
    own = None if prefilter is None else Path(prefilter)
    return finish(found, metrics=scores, out=Path(out), others=others, predictions=table, prefilter=own)


def read_decision(path: str | Path) -> tuple[Calibration, Threshold, int]:
    """Calibration, threshold and number of symmetries that ``landslide calibrate`` wrote.

    Raises:
        ParameterError: the file is missing, or something else is in it.
    """
    values = _json(path)
    try:
        if values["tta"] not in TTA_SYMMETRIES:
            raise ParameterError(f"{path}: tta {values['tta']}; write it with landslide calibrate")
        calibration = Calibration.model_validate(values["calibration"])
        return calibration, Threshold.model_validate(values["threshold"]), int(values["tta"])
    except KeyError as error:
        raise ParameterError(f"{path}: lacks {error}; write it with landslide calibrate") from None
    except ValidationError as error:
        raise ParameterError(f"{path}: {first_problem(error)}; write it with landslide calibrate") from None


def decided(model: Model, path: str | Path) -> Model:
    """A model with the decision that a file holds."""
    return model.decided(*read_decision(path))


def write_result(path: Path, values: Mapping[str, Any]) -> None:
    """Write a JSON file for people, and its folder where that is missing.

    Raises:
        OutputError: it cannot be written.
    """
    write_text(path, json.dumps(values, indent=2, ensure_ascii=False))


def _tell(stores: Sequence[Path], warn: Callable[[str], None] | None) -> None:
    """Say what is doubtful about stores of chips; after the checks, for a mistake is told in one line."""
    if warn is not None:
        for store in stores:
            for line in doubts_of(Split.read(store)):
                warn(line)


def _labelled(data: Path, params: TrainParams) -> tuple[Split, Split]:
    """Chips to train and to validate on, with the truth that the architecture is about."""
    about = task(params.architecture)
    training = truth_for(about, Split.read(data / "train.zarr"))
    if params.bands is not None:
        training = training.taking(params.bands)
    may_miss = missable(params, params.normalisation, training.bands)
    training = training.seen_by(may_miss)
    if params.fold is None:
        validation = truth_for(about, Split.read(data / "validation.zarr").taking(training.bands))
        return training, validation.seen_by(may_miss)
    of = folds_of(
        training, folds=params.folds, seed=params.fold_seed, both=about == "classification",
        remedy="set fewer train.folds in params.yaml, or prepare more chips",
    )  # fmt: skip
    own = np.flatnonzero(of == params.fold)
    name = f"{training.name}, fold {params.fold} of {params.folds}"
    return training.at(np.flatnonzero(of != params.fold)), replace(training.at(own), name=name)


def _check_size(network: nn.Module, chips: Split, architecture: str) -> None:
    """Try an empty chip: some networks take sizes that are multiples of 32 only.

    Raises:
        ParameterError: the network does not take chips of this size.
    """
    import torch

    size = (chips.size, chips.size)
    wanted = (1, 1) if task(architecture) == "classification" else (1, 1, *size)
    try:
        with torch.inference_mode():
            fits = network.eval()(torch.zeros(1, len(chips.bands), *size)).shape == wanted
    except RuntimeError:
        fits = False
    if not fits:
        raise ParameterError(
            f"{chips.name}: {architecture} does not take chips of {chips.size} pixels a side; prepare some with a "
            "multiple of 32"
        )


def _told(chips: Split) -> str:
    """What chips are, for people: nothing of where they lie on this machine."""
    sources = ", ".join(sorted(set(chips.sources.tolist())))
    split = Path(chips.name.partition(",")[0]).stem + "".join(chips.name.partition(",")[1:])
    simulated = " (simulated)" if chips.simulated and "simulated" not in sources else ""
    return f"{sources} {split}{simulated}, {len(chips)} chips"


def _command(data: Path, negatives: str | Path | None, options: str) -> str:
    hard = f" --negatives {Path(negatives).name}" if negatives is not None else ""
    return f"landslide train --data {data.name}{hard}{options and ' '}{options} --out DIR"


def _measured(chips: Split) -> dict[str, Any]:
    return {"chips": len(chips), "simulated": chips.simulated, "hardware": described()}


def _spent(fitted: Fitted) -> dict[str, Any]:
    """Time, energy and share of waiting, for the metrics."""
    history = fitted.history
    return {
        "epochs": len(history),
        "minutes": round(fitted.seconds / 60, 2),
        "waited_share": round(sum(line["seconds_waited"] for line in history) / max(fitted.seconds, 1e-9), 4),
        "energy_kwh": round(sum(line.get("energy_kwh", 0.0) for line in history), 6),
        "co2_kg": round(sum(line.get("co2_kg", 0.0) for line in history), 6),
        **fitted.how,
    }


def _json(path: str | Path) -> dict[str, Any]:
    try:
        values = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ParameterError(f"{path}: no such file") from None
    except (OSError, ValueError) as error:
        raise ParameterError(f"{path}: cannot be read as JSON ({error})") from None
    if not isinstance(values, dict):
        raise ParameterError(f"{path}: holds no JSON object")
    return values
