"""Pictures of attributions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from landslide_geo.report.explain import draw_attributions
from landslide_geo.report.sheet import About
from landslide_geo.training.explain import Explanation


@pytest.mark.parametrize("size", [0.0, 1.0])
def test_attributions_are_drawn_even_where_there_are_none(tmp_path: Path, size: float) -> None:
    each = size * np.array([[1.0, -2.0, 3.0], [0.5, 0.0, 1.0]])
    none = np.zeros(2)
    found = Explanation(("red", "nir", "vv_asc"), ("a", "b"), none > 0, each.sum(axis=1), none, each, abs(each), None)
    draw_attributions(tmp_path / "a.png", found, about=About("m", "d", simulated=False))
    assert np.ptp(np.asarray(Image.open(tmp_path / "a.png").convert("L"))) > 100
