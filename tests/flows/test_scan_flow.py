from __future__ import annotations

from dataclasses import replace

import pytest

pytest.importorskip("prefect", reason="the extra 'flows' is not installed")


@pytest.mark.integration
def test_the_flow_scans_and_a_second_run_does_nothing(prefect_server, simulated, tmp_path, monkeypatch):
    from prefect.client.orchestration import get_client

    from flows.scan import scan_sample
    from landslide_geo.config import ScanParams
    from landslide_geo.files import file_sha256
    from landslide_geo.scene import fetch

    # A sample whose files are those of a simulated scene, served by a mirror folder.
    folder = simulated.dem.parent
    bands = {source.partition("=")[0]: source.rpartition("/")[2] for source in simulated.sources}
    files = {path.name: file_sha256(path) for path in folder.glob("*.tif")}
    toy = replace(
        fetch.SAMPLES["hokkaido"], name="toy", mirror_folders=(folder.name,), files=files, bands=bands, dem="dem.tif"
    )
    monkeypatch.setitem(fetch.SAMPLES, "toy", toy)
    arguments = {
        "name": "toy",
        "out": tmp_path / "out",
        "data": tmp_path / "data",
        "mirror": folder.parent,
        "params": ScanParams(model="red_minus_green"),
    }
    first = scan_sample(**arguments)
    assert first["landslides"] > 0
    record = (tmp_path / "out/toy/scan.json").stat().st_mtime_ns
    # --overwrite replaces another scan, never the same one.
    second = scan_sample(**arguments)
    assert second == first
    assert (tmp_path / "out/toy/scan.json").stat().st_mtime_ns == record
    with get_client(sync_client=True) as client:
        flow_id = client.read_flow_by_name("scan-sample").id
        runs = [run for run in client.read_flow_runs() if run.flow_id == flow_id]
    assert [run.state.type.value for run in runs] == ["COMPLETED", "COMPLETED"]


@pytest.mark.integration
def test_the_flow_and_the_command_of_the_dvc_stage_give_the_same(prefect_server, simulated, tmp_path, monkeypatch):
    """All that may differ is when it was made, how long it took, and where it lies."""
    import re
    from pathlib import Path

    import yaml
    from geopandas.testing import assert_geodataframe_equal
    from prefect import flow

    from flows.scan import scan_scene
    from landslide_geo.cli.main import run
    from landslide_geo.config import ScanParams
    from landslide_geo.inventory import read_layer

    stages = yaml.safe_load((Path(__file__).parents[2] / "dvc.yaml").read_text())["stages"]
    words = stages["scan"]["cmd"].split()
    assert words[:2] == ["landslide", "scan"], "the stage calls the command"
    common = {"model": "red_minus_green", "grow": 0.8, "min_area_m2": 900.0, "min_slope_deg": 10.0}
    options = [word for name, value in common.items()
               for word in (f"--{re.sub('_m2|_deg', '', name).replace('_', '-')}", str(value))]  # fmt: skip
    assert {word for word in options if word.startswith("--")} <= set(words), "with options of these names"
    staged, flowing = tmp_path / "staged", tmp_path / "flowing"
    given = [*simulated.sources, "--dem", str(simulated.dem), "--out", str(staged), *options, "--quiet"]
    assert run(["scan", *given]) == 0
    flow(scan_scene.fn)(list(simulated.sources), flowing, dem=simulated.dem, params=ScanParams(**common))
    for name in ("probability.tif", "uncertainty.tif", "rdndvi.tif", "quicklook.png"):
        assert (staged / name).read_bytes() == (flowing / name).read_bytes(), name
    one, other = (read_layer(folder / "landslides.gpkg", "landslides") for folder in (staged, flowing))
    assert len(one) > 0
    assert_geodataframe_equal(one.drop(columns="detected_at"), other.drop(columns="detected_at"))
