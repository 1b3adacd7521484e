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
