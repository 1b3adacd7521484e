"""Fresh scars told from old bare ground and from fields: the change score lowers a confidence and removes nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
from inventory_scenes import PROVENANCE, layers, ramp, square, write

from landslide_geo.inventory import vectorize
from landslide_geo.pipeline.layers import write_change
from landslide_geo.scene.open import open_scene
from landslide_geo.scene.scene import Scene

SHAPE = (80, 80)
#: Reflectances of blue, green, red and near infrared.
FOREST, DRIER, BARE = (0.03, 0.06, 0.04, 0.36), (0.03, 0.06, 0.06, 0.34), (0.10, 0.14, 0.18, 0.22)
SCAR, OLD, SOWN = (square(SHAPE, 10, 10, 10), square(SHAPE, 10, 50, 10), square(SHAPE, 50, 10, 10))


def scene_of(folder: Path, *names: str) -> Scene:
    """A forest that the season made drier, a fresh scar, ground that is bare at both dates, a field now green."""
    sources = []
    for prefix, forest, bare in (("pre_", FOREST, OLD | SOWN), ("", DRIER, SCAR | OLD)):
        for i, name in enumerate(("blue", "green", "red", "nir")):
            if name in names:
                values = np.where(bare, BARE[i], forest[i]).astype(np.float32)
                sources.append(f"{prefix}{name}={write(folder / f'{prefix}{name}.tif', values, nodata=float('nan'))}")
    return open_scene(sources)


@pytest.mark.parametrize("names", [("blue", "green", "red", "nir"), ("blue", "green", "red")], ids=["NDVI", "NGRDI"])
def test_fresh_scars_are_surer_than_old_bare_ground_and_fields(names: tuple[str, ...], tmp_path: Path) -> None:
    assert write_change(scene_of(tmp_path, *names), tmp_path / "change.tif", tmp_path / "rdndvi.tif")
    with rasterio.open(tmp_path / "change.tif") as dataset:
        change = dataset.read(1)
    stable = ~(SCAR | OLD | SOWN)
    assert np.abs(change[stable]).max() < 2e-3, "the season is no change"
    dem = ramp(tmp_path / "dem.tif", SHAPE, north=0.5)
    rasters = replace(layers(tmp_path / "scan", SCAR | OLD | SOWN, dem=dem), change=tmp_path / "change.tif")
    found = vectorize(rasters, PROVENANCE, threshold=0.5, min_area_m2=900, min_slope_deg=10)
    assert len(found.landslides) == 3, "none is removed"
    assert found.dropped == {"too_small": 0, "too_flat": 0}
    scar, old, sown = found.landslides.assign(x=found.landslides.lon, y=-found.landslides.lat).sort_values(
        ["y", "x"], key=lambda column: column.round(3)
    ).itertuples()  # fmt: skip
    assert scar.change_score > 0.1 > 0.05 > old.change_score
    assert sown.change_score < -0.1
    assert (scar.confidence, sown.confidence) == (3, 1)
    assert old.confidence < scar.confidence
