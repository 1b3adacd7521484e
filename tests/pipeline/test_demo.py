from __future__ import annotations

from landslide_geo.config import ScanParams
from landslide_geo.pipeline.demo import demo

RULE = ScanParams(model="red_minus_green")


def test_without_mirror_or_network_it_says_so_and_scans_a_simulated_scene(tmp_path):
    said: list[str] = []
    # A mirror that lacks the scene stands for a machine that cannot get it.
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
