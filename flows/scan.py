"""Fetch a sample scene and scan it, as a flow: paths go between tasks, never arrays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger, task

from flows.tasks import PAUSES_S, network_fault
from landslide_geo.config import ScanParams
from landslide_geo.pipeline.scan import scan
from landslide_geo.scene.fetch import fetch_scene


@task(retries=3, retry_delay_seconds=PAUSES_S, retry_condition_fn=network_fault)
def fetch(name: str, to: Path, mirror: Path | None) -> dict[str, Any]:
    """Get a sample scene; returns what `scan_scene` needs to know of it."""
    got = fetch_scene(name, to, mirror=mirror)
    return {"sources": list(got.sources), "dem": got.dem, "event": got.sample.event, "credits": got.sample.credits}


@task
def scan_scene(
    sources: list[str],
    out: Path,
    *,
    dem: Path | None = None,
    event: tuple[str, Any] | None = None,
    credits: str = "",
    params: ScanParams | None = None,
) -> dict[str, Any]:
    """Scan a scene; what an interrupted run left is taken up. Returns the summary."""
    result = scan(sources, out, dem=dem, params=params, event=event, credits=credits, resume=True, overwrite=True)
    get_run_logger().info("%s: %s landslides", out, result.summary["landslides"])
    return result.summary


@flow(name="scan-sample")
def scan_sample(
    name: str = "hokkaido",
    out: Path = Path("out"),
    data: Path = Path("data/raw"),
    mirror: Path | None = None,
    params: ScanParams | None = None,
) -> dict[str, Any]:
    """Fetch a sample scene and map its landslides; returns the summary of the scan."""
    got = fetch(name, data, mirror)
    return scan_scene(
        got["sources"], out / name, dem=got["dem"], event=got["event"], credits=got["credits"], params=params
    )
