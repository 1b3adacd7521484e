"""A region's night as a flow: find, load, scan, enter and publish are tasks, of which one is shown for each scene."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from prefect import flow, get_run_logger

from flows.artifacts import Progress, show_landslides, show_scan
from flows.tasks import local_task, remote_task
from landslide_geo.errors import NoAcquisitionError
from landslide_geo.regions.acquisitions import find_new
from landslide_geo.regions.publishing import publish
from landslide_geo.regions.region import FILES, WORK, Region, read_region
from landslide_geo.regions.run import Steps, Tell, apply, prepare_scene, run_region, scan_scene
from landslide_geo.regions.status import new_landslides


@dataclass(frozen=True)
class Skipped:
    """An acquisition that is not to be scanned: no failure, and not shown as one."""

    reason: str


def _load(region: Region, key: str, tell: Tell | None = None) -> Path | Skipped:
    try:
        return prepare_scene(region, key, tell=tell)
    except NoAcquisitionError as error:
        return Skipped(str(error))


_load_task: Final = remote_task(_load, "load scene", each="load {key}", hours=6)


def _prepare(**given: Any) -> Path:
    found: Path | Skipped = _load_task(**given)
    if isinstance(found, Skipped):
        raise NoAcquisitionError(found.reason)
    return found


STEPS: Final = Steps(
    find=remote_task(find_new, "find acquisitions", hours=1),
    prepare=_prepare,
    scan=local_task(scan_scene, "scan scene", each="scan {key}", hours=24),
    enter=local_task(apply, "enter into inventory", each="enter {key}", hours=1),
    publish=remote_task(publish, "publish", hours=1),
)


@flow(name="regional-scan", flow_run_name="{region}")
def regional_scan(
    region: str,
    regions: Path = FILES,
    work: Path = WORK,
    wait_s: float = 0.0,
    workers: int | None = None,
    scheduler: str | None = None,
) -> dict[str, Any]:
    """Scan what is new over a region and bring its inventory up to date; again after a kill, it goes on.

    Args:
        region: name of its file.
        regions: folder of region files.
        work: folder of the work of regions.
        wait_s: seconds that another run of the region is waited for.
        workers: processes that share a scan.
        scheduler: address of a Dask scheduler whose workers share it.

    Returns:
        As `landslide_geo.regions.run.run_region`.
    """
    found = read_region(region, regions=regions, work=work)
    log, progress = get_run_logger(), Progress(region)
    steps = replace(STEPS, done=lambda summary: progress(summary["share"]))
    summary = run_region(found, wait_s=wait_s, workers=workers, scheduler=scheduler, tell=log.info, steps=steps)
    progress(1.0)
    _show(found, summary)
    return summary


def _show(region: Region, summary: dict[str, Any]) -> None:
    """What a night brought, on the page of the run."""
    if not summary["done"]:
        return
    show_landslides(region.name, new_landslides(region, summary["done"]), title=f"New landslides in {region.name}")
    show_scan(region.name, region.scans / list(summary["done"])[-1])
