"""A model taught anew from reviews; it goes into service only if it is better on held-out data."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger
from prefect.artifacts import create_table_artifact

from flows.tasks import local_task
from landslide_geo.regions.region import FILES, WORK, read_region
from landslide_geo.regions.retraining import import_reviews, promote_if_better, reproduce

_import = local_task(import_reviews, "import reviews", hours=6)
_reproduce = local_task(reproduce, "dvc repro", hours=24 * 7)
_promote = local_task(promote_if_better, "promote if better", hours=24)


@flow(name="retrain", flow_run_name="{region}")
def retrain(
    region: str,
    candidate: str,
    root: Path,
    dataset: str = "chips",
    split: str = "test",
    metric: str = "f1",
    targets: Sequence[str] = (),
    chips: Path | None = Path("data/reviewed-chips"),
    project: Path = Path(),
    regions: Path = FILES,
    work: Path = WORK,
) -> dict[str, Any]:
    """Cut chips from reviews, run the pipeline, and put what it made into service if it is better.

    Args:
        region: whose reviews and scans these are.
        candidate: folder of the bundle that the pipeline makes.
        root: folder of the held-out data.
        dataset: as ``landslide evaluate`` takes it.
        split: that neither model was trained on.
        metric: that decides.
        targets: of ``dvc repro``; none: all.
        chips: folder for the chips of reviews; none: the pipeline makes its own.
        project: folder of the pipeline.
        regions: folder of region files.
        work: folder of the work of regions.
    """
    found, log = read_region(region, regions=regions, work=work), get_run_logger()
    if chips is not None:
        _import(found, chips)
    _reproduce(targets, project=project)
    told: dict[str, Any] = _promote(found, candidate, dataset=dataset, root=root, split=split, metric=metric)
    log.info("%s is %s", candidate, "in service" if told["promoted"] else "no better, the model in service stays")
    table = [{"model": name, **told[name]} for name in ("candidate", "in_service")]
    create_table_artifact(table, key=f"{region}-retrained", description=f"## {metric} on {told['data']}")
    return told
