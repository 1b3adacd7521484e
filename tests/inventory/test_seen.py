from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import shapely
from inventory_scenes import CRS, write

from landslide_geo.inventory import seen
from landslide_geo.scene.visibility import Visibility


def test_classes_share_the_ground_without_gaps_or_overlaps(tmp_path: Path) -> None:
    rows, cols = np.mgrid[:200, :300]
    codes = np.full(rows.shape, Visibility.CLEAR, dtype=np.uint8)
    codes[np.hypot(rows - 80, cols - 100) < 50] = Visibility.CLOUD
    codes[np.hypot(rows - 110, cols - 150) < 40] = Visibility.CLOUD_SHADOW
    codes[:, 280:] = Visibility.NODATA
    layer = seen.visibility_layer(write(tmp_path / "v.tif", codes))
    assert layer["class"].tolist() == ["nodata", "clear", "cloud", "cloud_shadow"]
    assert layer.visible.tolist() == [False, True, False, False]
    assert layer.crs == CRS
    assert shapely.is_valid(layer.geometry.to_numpy()).all()
    assert shapely.union_all(layer.geometry.to_numpy()).area == pytest.approx(codes.size * 100)
    assert layer.geometry.area.sum() == pytest.approx(codes.size * 100)
    for row in layer.itertuples():
        assert row.area_m2 == (codes == row.code).sum() * 100
        assert row.geometry.area == pytest.approx(row.area_m2, rel=0.03)
    assert layer.share.sum() == pytest.approx(1)


def test_areas_are_counted_on_every_pixel_whatever_the_outline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seen, "MAX_CELLS", 16)
    codes = np.full((64, 64), Visibility.CLEAR, dtype=np.uint8)
    codes[10:40, 10:40] = Visibility.SNOW
    codes[50, 50] = Visibility.WATER
    raster = write(tmp_path / "v.tif", codes)
    layer = seen.visibility_layer(raster, rows=5).set_index("class")
    assert layer.area_m2["snow"] == 900 * 100
    assert layer.geometry["snow"].area == pytest.approx(900 * 100, rel=0.2)
    assert layer.area_m2["clear"] == (64 * 64 - 901) * 100
    assert layer.drop(columns="geometry").equals(
        seen.visibility_layer(raster, rows=512).set_index("class").drop(columns="geometry")
    )
