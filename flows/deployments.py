"""``prefect.yaml`` from the region files: each region with a schedule is a deployment of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import yaml

from landslide_geo.files import write_text
from landslide_geo.regions.region import FILES, WORK, Region, names, read_region

FILE: Final = Path("prefect.yaml")
#: Work pool whose workers start a process for each run.
POOL: Final = "landslide"
_HEAD: Final = """\
# Deployments of the flows: `make serve` starts a server, a worker and these. Those of regions are made of
# regions/*.yaml (python -m flows.deployments writes this file anew). Runs take place in the folder that they are
# deployed from.
"""


def deployments(regions: Path = FILES, work: Path = WORK) -> list[dict[str, Any]]:
    """A deployment for each region with a schedule, and the flows that are started by hand.

    Raises:
        LandslideError: a region file is wrong.
    """
    found = [read_region(name, regions=regions, work=work) for name in names(regions)]
    return [
        *(_nightly(region, regions, work) for region in found if region.params.schedule is not None),
        _by_hand("event-response", "flows/event.py:event_response", ["event"]),
        _by_hand("retrain", "flows/retraining.py:retrain", ["training"]),
    ]


def write_deployments(path: Path = FILE, *, regions: Path = FILES, work: Path = WORK) -> Path:
    """Write ``prefect.yaml``.

    Raises:
        LandslideError: a region file is wrong, or the file cannot be written.
    """
    content = {"name": "landslide-geo", "deployments": deployments(regions, work)}
    write_text(path, _HEAD + yaml.safe_dump(content, sort_keys=False, allow_unicode=True).rstrip())
    return path


def _nightly(region: Region, regions: Path, work: Path) -> dict[str, Any]:
    schedule = region.params.schedule
    assert schedule is not None
    parameters: dict[str, Any] = {"region": region.name}
    # Those that are not the flow's own.
    parameters |= {"regions": str(regions)} if regions != FILES else {}
    parameters |= {"work": str(work)} if work != WORK else {}
    return {
        "name": region.name,
        "entrypoint": "flows/regional.py:regional_scan",
        "parameters": parameters,
        "tags": ["nightly", f"region:{region.name}"],
        "schedules": [{"cron": schedule.cron, "timezone": schedule.timezone}],
        # One run at a time; the region's lock keeps others out that do not come from here.
        "concurrency_limit": {"limit": 1, "collision_strategy": "CANCEL_NEW"},
        "work_pool": {"name": POOL},
    }


def _by_hand(name: str, entrypoint: str, tags: list[str]) -> dict[str, Any]:
    return {"name": name, "entrypoint": entrypoint, "tags": tags, "work_pool": {"name": POOL}}


if __name__ == "__main__":
    print(write_deployments())
