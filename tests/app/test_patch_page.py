"""What the patch page answers, without a browser."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from landslide_geo.app import patch_page
from landslide_geo.app.folder import AppFolder
from landslide_geo.pipeline.patch import simulated_patch
from tests.pipeline.test_scan_sensors import bundle

OUTPUTS = ("wrong", "state", "threshold", *patch_page.PANELS, "told", "band", "one", "gate")


def _asked(folder: AppFolder, *, example: str | None = "one", file: str | None = None, model: str = "default") -> dict:
    examples = {"one": simulated_patch(0, size=64)}
    return dict(zip(OUTPUTS, patch_page._asked(folder, examples, example, file, None, model), strict=True))


def test_a_model_of_the_folder_that_weighs_sensors_tells_what_it_weighs(tmp_path: Path) -> None:
    bundle(tmp_path / "models" / "fused", "attention_fusion", encoder="resnet10t", size=None, hidden=16)
    folder = AppFolder(tmp_path)
    assert not _asked(folder)["gate"]["visible"]
    told = _asked(folder, model="models~fused")
    assert told["gate"]["visible"] and set(told["gate"]["value"]) == {"optical", "radar"}
    assert "Cloud score" in told["told"] and "Simulated" in told["told"]


def test_moving_the_threshold_changes_the_landslides_alone(tmp_path: Path) -> None:
    state = _asked(AppFolder(tmp_path))["state"]
    few, many = (patch_page._decided(state, at) for at in (0.9, 0.1))
    assert few != many and "above 0.90" in few[0] and "above 0.10" in many[0]
    assert patch_page._band(state, "nir") != patch_page._band(state, "red")


def test_what_is_wrong_stands_alone(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"<script>alert(1)</script>")
    told = _asked(AppFolder(tmp_path), file=str(tmp_path / "a.png"))
    assert 'role="alert"' in told["wrong"] and "a.png: is not a PNG file" in told["wrong"]
    assert told["state"] is None and "<img" not in "".join(told[panel] for panel in patch_page.PANELS)
    hostile = tmp_path / "<img src=x>.tif"
    hostile.write_text("text")
    assert "<img" not in _asked(AppFolder(tmp_path), file=str(hostile))["wrong"]


def test_outlines_are_the_rim_and_the_inside_is_tinted() -> None:
    mask = np.zeros((6, 6), bool)
    mask[1:5, 1:5] = True
    drawn = patch_page._outlined(np.zeros((6, 6, 3), np.uint8), mask, (200, 100, 0))
    assert drawn[1, 1].tolist() == [200, 100, 0] and drawn[2, 2].tolist() == pytest.approx([70, 35, 0], abs=1)
    assert not drawn[~mask].any()
