"""A model taught anew: reviews become chips, the pipeline trains, and the better model goes into service.

Both models are measured on the same held-out chips, by the same code, now: scores of another day may be of others.
"""

from __future__ import annotations

import math
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from landslide_geo.config import ChipParams
from landslide_geo.errors import PipelineError, PromotionError, SourceNotFoundError
from landslide_geo.pipeline.chips import cut_chips
from landslide_geo.pipeline.evaluation import evaluate_model
from landslide_geo.regions.history import History
from landslide_geo.regions.inventory import applied_scans
from landslide_geo.regions.promotion import in_service, promote
from landslide_geo.regions.region import Region

#: Lines of a failed pipeline that the error tells.
_LINES: Final = 3


def import_reviews(region: Region, out: Path, *, params: ChipParams | None = None) -> dict[str, Any]:
    """Cut chips from the scenes of a region by what analysts decided in its running inventory.

    Scenes that are there (``keep_scenes``) are cut, each into a folder of its own below ``out``, which is made anew.

    Args:
        region: with an inventory that was reviewed.
        out: folder of the chips.
        params: size, splits and balance.

    Returns:
        Counts of `cut_chips` by scan.

    Raises:
        SourceNotFoundError: no scene is there any more.
        LandslideError: nothing was reviewed, or the chips cannot be written.
    """
    scenes = [key for key in applied_scans(region.inventory) if (region.scenes / key).is_dir()]
    if not scenes:
        raise SourceNotFoundError(
            f"{region.scenes}: holds no scene to cut chips from; set keep_scenes: true in {region.file}"
        )
    return {
        key: cut_chips(region.scans / key, region.inventory, out / key, params=params, overwrite=True) for key in scenes
    }


def reproduce(targets: Sequence[str], *, project: Path = Path()) -> str:
    """Run ``dvc repro`` in a project.

    Args:
        targets: stages or files of stages; none: all of ``dvc.yaml``.
        project: folder with the pipeline.

    Returns:
        What it printed.

    Raises:
        PipelineError: a stage failed, or there is no pipeline.
    """
    words = ["dvc", "repro", *targets]
    # Stages call `landslide` by its name: the one of this installation, also where its environment is not active.
    paths = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    done = subprocess.run(
        [sys.executable, "-m", *words], cwd=project, env=os.environ | {"PATH": paths}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    if done.returncode != 0:
        told = [line for line in done.stderr.splitlines() if line.strip()][-_LINES:]
        raise PipelineError(
            f"{project.absolute()}: {' '.join(words)} failed: {' '.join(told)}; mend that, and run again"
        )
    return done.stdout


def promote_if_better(
    region: Region, candidate: str, *, dataset: str, root: Path, split: str, metric: str = "f1", reason: str = ""
) -> dict[str, Any]:
    """Put a model into service if it is better than the one that is, on the same held-out data.

    Args:
        region: whose scans take it.
        candidate: name of a shipped bundle, or a bundle's folder.
        dataset: as ``landslide evaluate`` takes it.
        root: folder of the dataset.
        split: neither model was trained on, nor chosen by.
        metric: that decides, the larger the better.
        reason: for the record.

    Returns:
        ``promoted``, ``candidate`` and ``in_service`` with their scores.

    Raises:
        PromotionError: either has no such score.
        LandslideError: a model cannot be scored on that data.
    """
    serving = in_service(region)
    scores = {
        name: {
            key: float(value)
            for key, value in evaluate_model(model, dataset=dataset, root=root, split=split).metrics.items()
            if isinstance(value, int | float) and not isinstance(value, bool)
        }
        for name, model in (("candidate", candidate), ("in_service", serving))
    }
    told: dict[str, Any] = {"promoted": False, "data": f"{dataset} {split}", "metric": metric, **scores}
    if is_better(scores["candidate"], scores["in_service"], metric):
        why = reason or f"better than {serving} on {told['data']}"
        promote(region, candidate, scores["candidate"], metric=metric, reason=why, force=True)
        told["promoted"] = True
    History(region.history).note(
        "retrained", promoted=told["promoted"], data=told["data"], metric=metric,
        candidate=scores["candidate"][metric], in_service=scores["in_service"][metric],
    )  # fmt: skip
    return told


def is_better(candidate: Mapping[str, float], serving: Mapping[str, float], metric: str) -> bool:
    """Whether a model's score is above that of the one in service.

    Raises:
        PromotionError: either lacks it, or it is no number, so that they cannot be compared.
    """
    for name, scores in (("the candidate", candidate), ("the model in service", serving)):
        if not math.isfinite(scores.get(metric, math.nan)):
            known = ", ".join(sorted(key for key, value in scores.items() if math.isfinite(value))) or "none"
            raise PromotionError(f"metric {metric}: {name} has no such score (it has: {known}); name another")
    return candidate[metric] > serving[metric]
