"""``prefect.yaml`` holds what the region files say, and the committed one is up to date."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from landslide_geo.cli.main import run

pytest.importorskip("prefect", reason="the extra 'flows' is not installed")

from flows.deployments import FILE, write_deployments

ROOT = Path(__file__).parents[2]


def test_each_region_with_a_schedule_is_a_deployment(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    common = ["--bbox", "141.8,42.7,141.9,42.8", "--model", "red_minus_green"]
    assert run(["region", "add", "nightly", *common, "--schedule", "0 3 * * 1", "--timezone", "Asia/Tokyo"]) == 0
    assert run(["region", "add", "sometimes", *common]) == 0
    write_deployments()
    made = yaml.safe_load(FILE.read_text())["deployments"]
    assert [one["name"] for one in made] == ["nightly", "event-response", "retrain"]
    nightly = made[0]
    assert nightly["schedules"] == [{"cron": "0 3 * * 1", "timezone": "Asia/Tokyo"}]
    assert nightly["parameters"] == {"region": "nightly"}
    assert nightly["concurrency_limit"] == {"limit": 1, "collision_strategy": "CANCEL_NEW"}
    for one in made:
        path, _, name = one["entrypoint"].partition(":")
        assert f"def {name}(" in (ROOT / path).read_text()
        assert one["work_pool"] == {"name": "landslide"}


def test_the_committed_file_is_that_of_the_committed_regions(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    write_deployments(tmp_path / "prefect.yaml")
    assert (tmp_path / "prefect.yaml").read_text() == FILE.read_text()
