"""From chips to a filter that is asked before a network, with what it saves and what it costs."""

from __future__ import annotations

import hashlib
import json
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from landslide_geo.chips.split import Split
from landslide_geo.config import PrefilterParams
from landslide_geo.errors import DatasetError, ParameterError, SourceNotFoundError
from landslide_geo.models.manifest import InputBand
from landslide_geo.models.prefilter import MANIFEST, TREES, Prefilter, PrefilterManifest, Screening
from landslide_geo.training.prefilter import Fitted, features_of, fit, ranking, screened
from landslide_geo.version import __version__

if TYPE_CHECKING:
    from landslide_geo.training.metrics import Histogram

OUT_OF_FOLD: Final = "out_of_fold.csv"
METRICS: Final = "metrics.json"
#: What `train_prefilter` writes.
WRITTEN: Final = (TREES, MANIFEST, OUT_OF_FOLD, "importance.csv", "importance.png", METRICS)


def train_prefilter(
    data: str | Path, out: str | Path, *, params: PrefilterParams | None = None, energy: str | Path | None = None
) -> dict[str, Any]:
    """Train a filter on ``train.zarr``, measure it on ``validation.zarr`` where there is one, and write its folder.

    Args:
        data: folder of chips with masks or labels.
        out: folder to write; one that holds another filter is replaced.
        params: of the training; none takes the defaults.
        energy: JSON file with ``energy_wh`` that a network used and the number of ``chips`` that it was used for.

    Returns:
        The content of ``metrics.json``.

    Raises:
        LandslideError: something the user can mend; nothing is left behind.
    """
    from landslide_geo.pipeline.figures import plots_folder
    from landslide_geo.report.importance import draw_importance
    from landslide_geo.report.scores import write_table
    from landslide_geo.report.sheet import About

    params = params or PrefilterParams()
    spent = None if energy is None else _watt_hours(Path(energy))
    chips = _taking(Split.read(Path(data) / "train.zarr").as_labelled(), params)
    others = Path(data) / "validation.zarr"
    validation = _taking(Split.read(others).as_labelled(), params) if others.is_dir() else None
    if validation is not None and (validation.units, validation.size) != (chips.units, chips.size):
        raise DatasetError(f"{others}: chips of another size or unit than those to train on; make both again")
    if validation is not None and validation.speckle != chips.speckle:
        raise DatasetError(f"{others}: radar is filtered otherwise than in the chips to train on; prepare both alike")
    found = fit(chips, params)
    with plots_folder(Path(out), WRITTEN, option="--out") as folder:
        assert folder is not None
        found.booster.save_model(folder / TREES)
        manifest = _manifest(found, chips, params, (folder / TREES).read_bytes())
        _write(folder / MANIFEST, manifest.model_dump(mode="json"))
        seen = None
        if validation is not None:
            # By the files that are kept: what is measured is what a scan will ask.
            values, labels = features_of(validation, found.features), validation.has_landslide()
            said = Prefilter.load(folder).of_features(values)
            seen = said, labels, screened(said, labels, found.threshold)
            manifest = manifest.model_copy(update={"validation": seen[2]})
            _write(folder / MANIFEST, manifest.model_dump(mode="json"))
        metrics = _metrics(found, manifest, seen, spent)
        _write(folder / METRICS, metrics)
        rows = {
            "id": chips.ids, "fold": found.folds, "label": found.labels.astype(int),
            "probability": [f"{value:.9g}" for value in found.probabilities],
        }  # fmt: skip
        write_table(folder / OUT_OF_FOLD, pd.DataFrame(rows))
        shares = found.importance
        write_table(folder / "importance.csv", pd.DataFrame({"feature": list(shares), "share": list(shares.values())}))
        about = About(Prefilter.load(folder).name, manifest.data, simulated=manifest.simulated)
        draw_importance(folder / "importance.png", shares, about=about)
    return metrics


def _taking(chips: Split, params: PrefilterParams) -> Split:
    return chips if params.bands is None else chips.taking(params.bands)


def _manifest(found: Fitted, chips: Split, params: PrefilterParams, trees: bytes) -> PrefilterManifest:
    lost = "no chip with a landslide" if params.recall == 1 else f"at most {1 - params.recall:.2%} of the landslides"
    return PrefilterManifest(
        bands=tuple(InputBand(name=name, unit=unit) for name, unit in zip(chips.bands, chips.units, strict=True)),
        features=found.features.names,
        tile=chips.size,
        gsd_m=chips.gsd_m,
        speckle=chips.speckle,
        threshold=found.threshold,
        how=f"the largest at which {lost} is lost, each predicted out of {params.folds} folds by block",
        out_of_fold=found.screening,
        data=f"{', '.join(sorted(set(chips.sources.tolist())))} {Path(chips.name).stem}, {len(chips)} chips",
        simulated=chips.simulated,
        seed=params.seed,
        parameters=params.model_dump(mode="json"),
        sha256=hashlib.sha256(trees).hexdigest(),
        versions={"landslide-geo": __version__, "xgboost": _xgboost()},
    )


def _metrics(
    found: Fitted,
    manifest: PrefilterManifest,
    seen: tuple[NDArray[np.float32], NDArray[np.bool_], Screening] | None,
    spent: float | None,
) -> dict[str, Any]:
    # The threshold of highest F1 comes from the folds: on validation it is as strange as the chips are.
    own = ranking(found.probabilities, found.labels)
    best = own.best_threshold()
    told: dict[str, Any] = {
        "threshold": found.threshold,
        "features": len(found.features.names),
        "simulated": manifest.simulated,
        "data": manifest.data,
        "out_of_fold": _scores(found.screening, own, best),
    }
    if seen is not None:
        told["validation"] = _scores(seen[2], ranking(seen[0], seen[1]), best)
    if spent is not None:
        share = (seen[2] if seen is not None else found.screening).filtered
        told["energy"] = {"wh_per_chip": spent, "saved_wh_per_1000_chips": round(1000 * spent * share, 9)}
    return told


def _scores(screening: Screening, histogram: Histogram, threshold: float) -> dict[str, Any]:
    auc = histogram.auc()
    return {name: round(value, 6) if isinstance(value, float) else value for name, value in screening} | {
        "auc": None if np.isnan(auc) else round(auc, 6),
        "f1": round(histogram.at(threshold).f1, 6),
        "f1_threshold": threshold,
    }


def _watt_hours(path: Path) -> float:
    """Energy of one chip's way through a network, in Wh."""
    if not path.is_file():
        raise SourceNotFoundError(f"{path}: no such file; name one with energy_wh and chips, or leave out --energy")
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        energy, chips = float(values["energy_wh"]), float(values["chips"])
    except (OSError, ValueError, KeyError, TypeError):
        energy = chips = float("nan")
    if not (energy >= 0 and chips > 0):
        raise ParameterError(
            f"{path}: holds no JSON object with energy_wh (0 or more) and chips (1 or more), numbers both; write them, "
            "or leave out --energy"
        )
    return energy / chips


def _xgboost() -> str:
    for name in ("xgboost-cpu", "xgboost"):
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return ""


def _write(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
