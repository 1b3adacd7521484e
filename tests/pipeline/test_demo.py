from __future__ import annotations

from dataclasses import replace

from landslide_geo.config import ScanParams
from landslide_geo.pipeline.demo import demo
from landslide_geo.scene import fetch

RULE = ScanParams(model="red_minus_green")


def test_without_mirror_or_network_it_says_so_and_scans_a_simulated_scene(tmp_path, monkeypatch):
    said: list[str] = []
    # A mirror that lacks the scene, and an address where nobody answers.
    gone = replace(fetch.SAMPLES["hokkaido"], base_url="http://127.0.0.1:9/")
    monkeypatch.setitem(fetch.SAMPLES, "hokkaido", gone)
    monkeypatch.setattr(fetch, "_RETRIES", 0)
    options = {"data": tmp_path / "data", "mirror": tmp_path, "say": said.append, "progress": False}
    result = demo(tmp_path / "out", params=RULE, **options)
    assert "cannot be had" in said[1]
    assert "SIMULATED" in said[2]
    assert result.out == tmp_path / "out/simulated"
    assert result.record["credits"] == "Simulated scene"
    assert result.summary["landslides"] > 0
    # Again at once: nothing to do. With other parameters: the old result is replaced.
    assert not demo(tmp_path / "out", params=RULE, **options).fresh
    other = RULE.model_copy(update={"min_area_m2": 5000.0})
    assert demo(tmp_path / "out", params=other, **options).summary["landslides"] < result.summary["landslides"]
