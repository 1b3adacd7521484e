"""Nights of a region on a real Prefect server: cron fires runs, images come in over time, the server dies once."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from catalogue import Catalogue, catalogue
from region_world import acquire, region_on, when

from benchmarks.stac_server import free_port
from landslide_geo.regions.history import History
from landslide_geo.regions.inventory import applied_scans, read_running
from landslide_geo.regions.region import Region

pytest.importorskip("prefect", reason="the extra 'flows' is not installed")

from flows.deployments import write_deployments
from flows.serve import Service, deploy, environment, server, wait_for_server, worker

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
#: Longer than the pause between two nights of `* * * * *` and a night.
NIGHT_S = 180
A, B, C = (20, 20, 12), (60, 70, 15), (90, 20, 10)


@dataclass
class World:
    """What satellites saw, and who looks after it."""

    made: Catalogue
    region: Region
    port: int
    running: Service
    env: dict[str, str]

    def ask(self, path: str, **body: Any) -> Any:
        return requests.post(f"{self.env['PREFECT_API_URL']}{path}", json=body, timeout=20).json()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("nights")
    port, prefect = free_port(), free_port()
    region = region_on(
        folder, f"http://127.0.0.1:{port}/", schedule={"cron": "* * * * *"}, look_back_days=3650,
        sinks={"folder": str(folder / "public")},
    )  # fmt: skip
    file = write_deployments(folder / "prefect.yaml", regions=region.file.parent, work=region.folder.parent)
    env = environment(folder / "prefect", f"http://127.0.0.1:{prefect}")
    # Runs take place in the folder that they are deployed from.
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        env["PYTHONPATH"] = str(ROOT) + os.pathsep + os.environ.get("PYTHONPATH", "")
        with catalogue(folder / "world") as made, server(env, host="127.0.0.1", port=prefect) as running:
            deploy(env, file=file)
            with worker(env):
                yield World(made, region, port, running, env)


def wait_for(found: Callable[[], bool], seconds: float = NIGHT_S) -> None:
    end = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(1)


def entered(region: Region, *days: int) -> Callable[[], bool]:
    """Whether scans of these days are in the inventory, and published."""
    keys = [f"s2-{when(day):%Y%m%d}-sentinel-2a-r074" for day in days]

    def found() -> bool:
        if not region.inventory.exists() or applied_scans(region.inventory) != keys:
            return False
        kinds = [event["kind"] for event in History(region.history).events()]
        return kinds[-1] == "published"

    return found


def landslides(region: Region) -> list[tuple[Any, ...]]:
    rows = read_running(region.inventory)
    fields = ["status", "n_detections", "first_seen", "last_seen"]
    return sorted(tuple(row) for row in rows[fields].itertuples(index=False))


def test_three_images_arrive_over_time_and_cron_fires_a_scan_of_each(world: World) -> None:
    made, region = world.made, world.region
    acquire(made, 0, [])
    acquire(made, 5, [A])
    with made.served(world.port):
        wait_for(entered(region, 5))
    assert landslides(region) == [("provisional", 1, when(5).date(), when(5).date())]

    acquire(made, 10, [A, B], cloud=0.9)
    acquire(made, 15, [A, B])
    # The server is killed, as a machine that restarts would kill it; the worker and its runs go on when it is back.
    world.running.process.kill()
    world.running.process.wait()
    with made.served(world.port):
        world.running.tend()
        wait_for_server(world.running, world.env)
        wait_for(entered(region, 5, 15))
    assert landslides(region) == [
        ("confirmed", 2, when(5).date(), when(15).date()), ("provisional", 1, when(15).date(), when(15).date())
    ]  # fmt: skip

    acquire(made, 20, [B, C])
    with made.served(world.port):
        wait_for(entered(region, 5, 15, 20))
        wait_for(lambda: _finished(world) >= 3)
    rows = read_running(region.inventory)
    assert sorted(rows["n_detections"]) == [1, 2, 2]
    assert rows["landslide_id"].is_unique
    by_seen = rows.set_index("last_seen")["status"].to_dict()
    assert by_seen[when(15).date()] != "confirmed", "what the last image shows without a landslide is told"

    kinds = {artifact["key"] for artifact in world.ask("/artifacts/filter")}
    assert kinds >= {"small-progress", "small-new-landslides", "small-files", "small-quicklook"}
    (picture, *_) = world.ask("/artifacts/filter", artifacts={"key": {"any_": ["small-quicklook"]}})
    assert picture["data"].startswith("data:image/jpeg;base64,")
    (deployment,) = world.ask("/deployments/filter", deployments={"name": {"any_": ["small"]}})
    assert deployment["global_concurrency_limit"]["limit"] == 1
    assert set(deployment["tags"]) == {"nightly", "region:small"}
    runs = world.ask("/flow_runs/filter", flow_runs={"name": {"any_": ["small"]}})
    assert all(run["auto_scheduled"] for run in runs), "cron started every one of them"
    failed = world.ask("/task_runs/filter", task_runs={"state": {"type": {"any_": ["FAILED"]}}})
    assert [run["name"] for run in failed if run["name"].startswith("load")] == [], "clouds are no failure"
    public = json.loads((region.folder.parent.parent / "public/catalogue/collection.json").read_text())
    assert len([link for link in public["links"] if link["rel"] == "item"]) == 3


def _finished(world: World) -> int:
    """Runs that completed."""
    return len(world.ask("/flow_runs/filter", flow_runs={"state": {"type": {"any_": ["COMPLETED"]}}}))
