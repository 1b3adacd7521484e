"""The GeoPackage and the review project opened in real QGIS."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import shapely
import shapely.affinity
from inventory_scenes import CRS, PROVENANCE, layers, ramp, square, write
from PIL import Image
from shapely import box

from landslide_geo.inventory import read_layer, schema, style, vectorize, write_geopackage
from landslide_geo.inventory.geopackage import read_inventory
from landslide_geo.pipeline.inventories import compare_files
from landslide_geo.report import write_review_project

pytestmark = pytest.mark.integration

PROBE = Path(__file__).with_name("qgis_probe.py")
SYSTEM_PYTHON = "/usr/bin/python3"  # Debian's python3-qgis is built for it
SHAPE = (120, 120)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {"QT_QPA_PLATFORM": "offscreen", "PATH": "/usr/bin:/bin", "HOME": os.environ.get("HOME", "/tmp")}
    command = [SYSTEM_PYTHON, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment, check=False)


@pytest.fixture(scope="module", autouse=True)
def qgis() -> None:
    missing = not Path(SYSTEM_PYTHON).exists() or run("-c", "import qgis.core").returncode != 0
    if missing and os.environ.get("CI") == "true":
        pytest.fail("QGIS is missing, and CI must have it: install Debian's python3-qgis")
    if missing:
        pytest.skip("QGIS is not installed (Debian: python3-qgis)")


@pytest.fixture(scope="module")
def scan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scan's folder with everything a review needs."""
    folder = tmp_path_factory.mktemp("scan")
    (folder / "review").mkdir()
    mask = square(SHAPE, 20, 15, 20) | square(SHAPE, 70, 70, 30) | square(SHAPE, 20, 80, 8)
    visibility = np.ones(SHAPE, dtype=np.uint8)
    visibility[:, 110:] = 3
    rasters = layers(folder, mask, dem=ramp(folder / "dem.tif", SHAPE, north=0.5), visibility=visibility)
    inventory = vectorize(rasters, PROVENANCE, threshold=0.5, min_area_m2=900, min_slope_deg=10)
    write_geopackage(folder / "landslides.gpkg", inventory)
    picture = np.full((4, *SHAPE), 255, dtype=np.uint8)
    picture[:3] = np.where(mask, 200, 60)
    for name in ("post", "pre"):
        write(folder / "review" / f"{name}.tif", picture)
    write(folder / "review" / "hillshade.tif", picture[0])
    (folder / "visibility.tif").rename(folder / "review" / "visibility.tif")
    write(folder / "uncertainty.tif", np.full(SHAPE, 0.1, dtype=np.float32), nodata=float("nan"))
    write_review_project(folder / "review.qgz", title='Review of "scene-1" & more', folder=folder)
    return folder


def probe(kind: str, path: Path, picture: Path) -> dict[str, Any]:
    result = run(str(PROBE), kind, str(path), str(picture))
    assert result.returncode == 0, result.stderr[-2000:]
    report: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return report


def colours(picture: Path) -> set[tuple[int, ...]]:
    pixels = np.asarray(Image.open(picture).convert("RGB")).reshape(-1, 3)
    return {tuple(int(part) for part in colour) for colour in np.unique(pixels, axis=0)}


def test_geopackage_opens_styled(scan: Path, tmp_path: Path) -> None:
    report = probe("gpkg", scan / "landslides.gpkg", tmp_path / "map.png")
    found = {layer["name"]: layer for layer in report["layers"]}
    for layer in schema.LAYERS:
        assert found[layer.name]["valid"]
        assert found[layer.name]["crs"] == CRS
        assert found[layer.name]["default_style"], found[layer.name]["style_message"]
        names = {field.name: field.label for field in layer.fields}
        assert {name: found[layer.name]["aliases"][name] for name in names} == names
        told = found[layer.name]["metadata"]
        assert told["title"] == layer.title
        assert told["abstract"].startswith(layer.abstract)
    landslides = found["landslides"]
    assert "area_m2: Area (m²)" in landslides["metadata"]["abstract"]
    assert {"model_id: default", "threshold: 0.5", "date_post: 2018-09-08"} <= set(landslides["metadata"]["history"])
    assert landslides["features"] == 3
    assert landslides["renderer"] == "categorizedSymbol"
    assert '"confidence"' in landslides["attribute"]
    ours = {str(code): colour for code, colour in style.category_colours("landslides").items()}
    assert {key: value for key, value in landslides["categories"].items() if key} == ours | {"rejected": "#787878"}
    assert landslides["labels"]
    assert landslides["label_scale"] == 25000
    assert "area_m2" in landslides["label_expression"]
    assert sorted(landslides["styles"]) == ["landslides by confidence", "landslides by review status"]
    assert found["visibility"]["attribute"] == "code"
    assert len(colours(tmp_path / "map.png")) > 20  # fills, outlines, labels: not blank


@pytest.mark.parametrize("kind", ["gpkg", "project"])
def test_what_was_rejected_is_drawn_hollow(kind: str, scan: Path, tmp_path: Path) -> None:
    drawn = []
    for status in ("unreviewed", "rejected"):
        folder = tmp_path / status
        shutil.copytree(scan, folder)
        inventory = read_inventory(scan / "landslides.gpkg")
        inventory.landslides["review_status"] = status
        write_geopackage(folder / "landslides.gpkg", inventory)
        probe(kind, folder / {"gpkg": "landslides.gpkg", "project": "review.qgz"}[kind], folder / "map.png")
        drawn.append(np.asarray(Image.open(folder / "map.png").convert("HSV"))[..., 1] > 80)
    landslides, rejected = (int(coloured.sum()) for coloured in drawn)
    assert landslides > 2000
    assert rejected < landslides / 20, "grey lines, no fill, no label; the crowns' triangles have no colour either"


def test_forms_offer_what_may_be_entered(scan: Path, tmp_path: Path) -> None:
    report = probe("gpkg", scan / "landslides.gpkg", tmp_path / "map.png")
    (landslides,) = [layer for layer in report["layers"] if layer["name"] == "landslides"]
    assert landslides["widgets"]["category"] == landslides["widgets"]["trigger"] == "ValueMap"
    for field in schema.LANDSLIDES.fields:
        if field.values:
            assert landslides["widgets"][field.name] == "ValueMap"
        assert (field.name in landslides["read_only"]) == (not field.editable)
    assert landslides["types"]["date_post"] == "Date"
    assert landslides["types"]["detected_at"] == "DateTime"
    assert landslides["types"]["touches_edge"] == "Boolean"


def test_an_edit_made_in_qgis_is_read_back(scan: Path, tmp_path: Path) -> None:
    path = tmp_path / "landslides.gpkg"
    path.write_bytes((scan / "landslides.gpkg").read_bytes())
    edits = {"category": "debris_flow", "trigger": "earthquake", "review_status": "edited", "notes": "größer"}
    (tmp_path / "edits.json").write_text(json.dumps(edits), encoding="utf-8")
    report = probe("edit", path, tmp_path / "edits.json")
    assert report["done"], report["errors"]
    before = read_layer(scan / "landslides.gpkg").set_index("landslide_id")
    after = read_layer(path).set_index("landslide_id")
    assert after.index.tolist() == before.index.tolist()
    changed = report["landslide_id"]
    assert after.loc[changed, list(edits)].to_dict() == edits
    assert after.geometry[changed].equals(shapely.affinity.translate(before.geometry[changed], 10, 0))
    others, fields = before.index.drop(changed), before.columns.drop("geometry")
    assert after.loc[others, fields].equals(before.loc[others, fields])
    kept = [name for name in fields if name not in edits]
    assert after.loc[[changed], kept].equals(before.loc[[changed], kept])


def test_changes_open_styled(tmp_path: Path) -> None:
    old = gpd.GeoDataFrame(geometry=[box(0, 0, 30, 30), box(100, 0, 130, 30)], crs=CRS)
    new = gpd.GeoDataFrame(geometry=[box(0, 0, 30, 60), box(0, 100, 30, 130)], crs=CRS)
    for name, frame in (("old", old), ("new", new)):
        frame.to_file(tmp_path / f"{name}.gpkg")
    compare_files(tmp_path / "old.gpkg", tmp_path / "new.gpkg", tmp_path / "changes.gpkg")
    (layer,) = probe("changes", tmp_path / "changes.gpkg", tmp_path / "map.png")["layers"]
    assert layer["default_style"], layer["style_message"]
    assert layer["attribute"] == "status"
    assert set(layer["categories"]) == set(schema.STATUS)
    assert len(set(layer["categories"].values())) == len(schema.STATUS)
    assert layer["features"] == 3
    assert {"#d55e00", "#e69f00", "#009e73"} <= set(layer["categories"].values())  # new, grown, gone
    assert len(colours(tmp_path / "map.png")) > 6


def test_review_project_opens_whole_also_where_it_was_moved(scan: Path, tmp_path: Path) -> None:
    moved = scan.rename(scan.with_name("moved"))
    try:
        report = probe("project", moved / "review.qgz", tmp_path / "map.png")
    finally:
        moved.rename(scan)
    assert report["read"]
    assert report["title"] == 'Review of "scene-1" & more'
    assert report["crs"] == CRS
    names = [layer["name"] for layer in report["layers"]]
    assert names[2] == "Landslides"
    assert set(names[3:]) == {"Visibility", "Uncertainty", "Probability", "Scene before", "Scene after", "Hillshade"}
    assert all(layer["valid"] and layer["crs"] == CRS for layer in report["layers"])
    landslides = report["layers"][2]
    assert landslides["renderer"] == "graduatedSymbol"
    assert "uncertainty_mean" in landslides["sort"]
    assert landslides["widgets"]["review_status"] == "ValueMap"
    assert "Probability" not in report["visible"]
    assert {"Landslides", "Scene after"} <= set(report["visible"])
    assert report["extent"] == pytest.approx([580000, 4728800, 581200, 4730000])
    assert len(colours(tmp_path / "map.png")) > 5
