"""The Prefect server on PostgreSQL: deployments and runs are kept there."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

import pytest
import requests
from catalogue import catalogue
from postgres import postgres
from region_world import acquire, region_on

from benchmarks.stac_server import free_port
from landslide_geo.regions.inventory import applied_scans

pytest.importorskip("prefect", reason="the extra 'flows' is not installed")

from flows.deployments import write_deployments
from flows.serve import deploy, environment, server, worker

ROOT = Path(__file__).parents[2]


@pytest.mark.integration
def test_a_run_is_started_by_hand_on_a_server_with_postgresql(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)  # runs take place where they are deployed from
    port = free_port()
    with postgres() as told, catalogue(tmp_path / "world") as made:
        host, user = re.fullmatch(r"host=(\S+) user=(\S+) dbname=postgres", told).groups()
        acquire(made, 0, [])
        acquire(made, 5, [(20, 20, 12)])
        with made.served() as url:
            region = region_on(tmp_path, url, look_back_days=3650, schedule={"cron": "0 3 1 1 *"})
            env = environment(
                tmp_path / "prefect", f"http://127.0.0.1:{port}",
                database=f"postgresql+asyncpg://{user}@/postgres?host={host}",
            )  # fmt: skip
            env["PYTHONPATH"] = str(ROOT) + os.pathsep + os.environ.get("PYTHONPATH", "")
            file = write_deployments(tmp_path / "prefect.yaml", regions=region.file.parent, work=region.folder.parent)
            with server(env, host="127.0.0.1", port=port):
                deploy(env, file=file)
                with worker(env):
                    api = env["PREFECT_API_URL"]
                    nightly = requests.get(f"{api}/deployments/name/regional-scan/small", timeout=20).json()
                    ask = f"{api}/deployments/{nightly['id']}/create_flow_run"
                    run = requests.post(ask, json={}, timeout=20).json()
                    state, end = run["state"], time.monotonic() + 150
                    while state["type"] not in ("COMPLETED", "FAILED", "CRASHED"):
                        assert time.monotonic() < end, state
                        time.sleep(1)
                        state = requests.get(f"{api}/flow_runs/{run['id']}", timeout=20).json()["state"]
                # A region that is gone is not scanned any more.
                region.file.unlink()
                write_deployments(file, regions=region.file.parent, work=region.folder.parent)
                deploy(env, file=file)
                left = requests.post(f"{api}/deployments/filter", json={}, timeout=20).json()
                assert {one["name"] for one in left} == {"event-response", "retrain"}
    assert state["type"] == "COMPLETED", state
    assert len(applied_scans(region.inventory)) == 1
    assert not list((tmp_path / "prefect").glob("*.db")), "nothing is kept in SQLite"
