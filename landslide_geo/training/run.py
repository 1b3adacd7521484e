"""``landslide train`` from folders to a bundle."""

from __future__ import annotations

import time
from pathlib import Path

from landslide_geo.chips.landslide4sense_rgb import BANDS
from landslide_geo.config import TrainParams
from landslide_geo.errors import MissingExtraError, OutputError
from landslide_geo.models import Bundle, build, list_bundles, read_manifest
from landslide_geo.training.package import load_splits, package, rule_arguments

RULE = "red_minus_green"
L4S = "Landslide4Sense-RGB, published training patches without the test patches (MIT, IARAI)"
NEGATIVES = "hard negatives: Sentinel-2 scene of Chittagong without its held-out strip (Copernicus Sentinel data)"


def train(root: Path, *, scene: Path | None, out: Path, params: TrainParams, resume: bool = True) -> Bundle:
    """Train, calibrate, report and write the bundle to ``out``; checkpoints lie beside it in ``out.train``.

    Args:
        root: folder of Landslide4Sense-RGB.
        scene: the hard-negative scene; none trains without negatives.
        out: folder of the bundle.
        params: everything else.
        resume: go on from the checkpoint of a run that was killed.

    Raises:
        DatasetError: the data are not as expected.
        MissingExtraError: a network is to be trained and Lightning is not installed.
        OutputError: the folder cannot be written.
    """
    splits = load_splits(root, scene, params)
    work = out.with_name(out.name + ".train")
    if params.architecture == RULE:
        fitted = params.model_copy(update={"arguments": rule_arguments(params, splits)})
        network = build(fitted.architecture, bands=len(BANDS), arguments=fitted.arguments)
        return package(network, params=fitted, splits=splits, out=out, training_data=[])
    try:
        from landslide_geo.training.fit import fit, load_data, seconds_spent
    except ImportError as error:
        raise MissingExtraError(
            f"training needs {error.name}; install it with: pip install 'landslide-geo[train]'"
        ) from None
    try:
        work.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{work}: cannot be written ({error.strerror}); name another --out") from None
    training, validation, hard = load_data(root, scene, params)
    started = time.monotonic()
    module = fit(training, validation, hard, params=params, out=work, resume=resume)
    return package(
        module.best,
        params=params,
        splits=splits,
        out=out,
        training_data=[L4S, *([NEGATIVES] if hard is not None else [])],
        seconds=max(seconds_spent(work), time.monotonic() - started),
        others={RULE: read_manifest(RULE)} if RULE in list_bundles() else None,
    )
