"""The review round trip through real QGIS: what is edited there is read back as what it was."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from inventory_scenes import LEFT, PIXEL, PROVENANCE, TOP, layers, ramp, square
from shapely import box
from test_qgis import qgis, run  # noqa: F401

from landslide_geo.inventory import read_layer, schema, vectorize, write_geopackage
from landslide_geo.inventory.geopackage import read_inventory
from landslide_geo.pipeline.review import import_review

pytestmark = pytest.mark.integration

PROBE = Path(__file__).with_name("qgis_review.py")
SHAPE = (120, 120)


def test_what_is_edited_in_qgis_is_read_back(tmp_path: Path) -> None:
    mask = np.zeros(SHAPE, dtype=bool)
    for row in range(3):
        for column in range(3):
            mask |= square(SHAPE, 10 + 35 * row, 10 + 35 * column, 12)
    rasters = layers(tmp_path, mask, dem=ramp(tmp_path / "dem.tif", SHAPE, north=0.5))
    source = tmp_path / "landslides.gpkg"
    write_geopackage(source, vectorize(rasters, PROVENANCE, threshold=0.5, min_area_m2=900, min_slope_deg=10))
    before = read_layer(source).set_index("landslide_id")
    ids = list(before.index)
    assert len(ids) == 9
    drawn = box(LEFT + 1100, TOP - 1190, LEFT + 1190, TOP - 1100)
    extent = (LEFT, TOP - 1200, LEFT + 1200, TOP)
    deeds = {
        "confirm": ids[0], "reject": ids[1], "redraw": ids[2], "split": ids[3], "merge": [ids[4], ids[5]],
        "delete": ids[6], "add": drawn.wkt, "extent": extent, "when": "2026-11-20T12:00:00Z",
    }  # fmt: skip
    (tmp_path / "deeds.json").write_text(json.dumps(deeds), encoding="utf-8")
    result = run(str(PROBE), str(source), str(tmp_path / "deeds.json"))
    assert result.returncode == 0, result.stderr[-2000:]
    report = json.loads(result.stdout.splitlines()[-1])
    assert set(report["offered"]) <= {layer.name for layer in schema.LAYERS} | {"layer_styles"}, "no table of ours"
    assert report["done"], report["errors"]
    assert report["extent"]
    assert report["split"] == 0

    told = import_review(source, reviewer="A. Geologist")
    wanted = {
        "confirmed": 1, "rejected": 2, "edited": 4, "added": 1, "unreviewed": 2, "redrawn": 1, "split": 2, "merged": 1,
        "deleted": 1, "repaired": 0, "overlaps": 0, "dropped_fields": [], "reasons": {"river_bar": 1, "other": 1},
        "reviewed_m2": PIXEL**2 * SHAPE[0] * SHAPE[1],
    }  # fmt: skip
    assert {name: told[name] for name in wanted} == wanted
    after = read_inventory(Path(told["out"]))
    frame = after.landslides.set_index("landslide_id")
    assert frame.index.is_unique
    confirmed, rejected = frame.loc[ids[0]], frame.loc[ids[1]]
    assert (confirmed["review_status"], confirmed["confidence"]) == ("confirmed", 8)
    assert confirmed["reviewed_at"] == pd.Timestamp("2026-11-20T12:00:00Z")
    assert (rejected["reject_reason"], rejected["notes"]) == ("river_bar", 'gravel, "fresh" – Flußbank')
    assert rejected["reviewer"] == "A. Geologist"
    same = [ids[0], ids[1], *ids[7:]]
    untouched = [f.name for f in schema.LANDSLIDES.fields if not f.editable and f.name != "landslide_id"]
    pd.testing.assert_frame_equal(pd.DataFrame(frame.loc[same, untouched]), pd.DataFrame(before.loc[same, untouched]))
    assert frame.geometry[ids[2]].area > before.geometry[ids[2]].area
    parts = frame[frame["parent_id"] == ids[3]]
    assert sorted(parts.geometry.area.round(6)) == pytest.approx([120 * 57, 120 * 63])
    merged = frame[frame["parent_id"] == ";".join([ids[4], ids[5]])]
    assert list(merged.geometry.area) == [2 * 14400]
    added = frame[frame["review_status"] == "added"]
    assert added.geometry.iloc[0].equals(drawn)
    assert (frame["reject_reason"][ids[6]], frame["notes"][ids[6]]) == ("other", "deleted in review")
    assert list(after.reviewed_extent.geometry.area) == [1200 * 1200]
    assert list(after.reviewed_extent["reviewer"]) == ["A. Geologist"]
