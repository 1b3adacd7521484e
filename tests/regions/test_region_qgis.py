"""The running inventory in real QGIS: opened styled, and held open while scans are entered."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from region_scans import bounds, day, scan_file, square, told

from landslide_geo.regions.fields import STATUS
from landslide_geo.regions.inventory import apply_scan, read_running

pytestmark = pytest.mark.integration

SYSTEM_PYTHON = "/usr/bin/python3"
HERE = Path(__file__).parent
ENVIRONMENT = {"QT_QPA_PLATFORM": "offscreen", "PATH": "/usr/bin:/bin", "HOME": os.environ.get("HOME", "/tmp")}


@pytest.fixture(scope="module", autouse=True)
def qgis() -> None:
    found = (
        Path(SYSTEM_PYTHON).exists()
        and not subprocess.run(
            [SYSTEM_PYTHON, "-c", "import qgis.core"], env=ENVIRONMENT, check=False, capture_output=True
        ).returncode
    )
    if not found and os.environ.get("CI") == "true":
        pytest.fail("QGIS is missing, and CI must have it: install Debian's python3-qgis")
    if not found:
        pytest.skip("QGIS is not installed (Debian: python3-qgis)")


def enter(path: Path, shapes, number: int) -> None:
    scan = scan_file(path.parent, shapes, scan_id=f"s{number}", when=day(number))
    apply_scan(path, scan, scan_id=f"s{number}", when=day(number), after_detections=2)


def test_it_opens_styled_with_the_history_in_its_form(tmp_path):
    path = tmp_path / "inventory.gpkg"
    enter(path, [square(100, 100), square(600, 600)], 0)
    enter(path, [square(100, 100)], 5)
    command = [
        SYSTEM_PYTHON,
        str(HERE.parent / "inventory/qgis_probe.py"),
        "gpkg",
        str(path),
        str(tmp_path / "map.png"),
    ]
    result = subprocess.run(command, capture_output=True, text=True, timeout=300, env=ENVIRONMENT, check=False)
    assert result.returncode == 0, result.stderr[-2000:]
    layers = {layer["name"]: layer for layer in json.loads(result.stdout.splitlines()[-1])["layers"]}
    landslides = layers["landslides"]
    assert landslides["default_style"] and landslides["features"] == 2
    assert landslides["renderer"] == "categorizedSymbol"
    assert set(landslides["categories"]) == {*STATUS}
    assert landslides["styles"][0] == "landslides by status" and len(landslides["styles"]) == 3
    drawn = np.asarray(Image.open(tmp_path / "map.png").convert("RGB")).reshape(-1, 3)
    assert len(np.unique(drawn, axis=0)) > 6, "two landslides, of which one is no longer there: not blank"
    assert landslides["aliases"]["first_seen"] == "First seen" and landslides["types"]["first_seen"] == "Date"
    assert landslides["widgets"]["status"] == "ValueMap" and "status" in landslides["read_only"]
    assert all(layer["valid"] and layer["default_style"] for layer in layers.values())


def test_scans_are_entered_while_qgis_has_it_open_and_edits_on_either_side_survive(tmp_path):
    path = tmp_path / "inventory.gpkg"
    enter(path, [square(100, 100), square(600, 600)], 0)
    command = [SYSTEM_PYTHON, str(HERE / "qgis_holds.py"), str(path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT
    ) as held:
        opened = json.loads(held.stdout.readline())
        assert opened == {"valid": [True, True], "styled": [True, True], "count": 2}
        enter(path, [square(110, 100), square(1200, 1200)], 5)
        out, errors = held.communicate("go\n", timeout=120)
        assert held.returncode == 0, errors[-2000:]
    saved = json.loads(out.splitlines()[-1])
    assert saved == {"done": True, "errors": saved["errors"], "count": 3}, saved["errors"]
    rows = read_running(path)
    assert told(rows, "notes", "review_status", "n_detections", "status") == sorted(
        [
            ("seen in the field", "confirmed", 2, "confirmed"),
            (None, "unreviewed", 1, "no_longer_visible"),
            (None, "unreviewed", 1, "provisional"),
        ],
        key=str,
    )
    enter(path, [square(140, 100)], 9)
    row = read_running(path).iloc[0]
    assert (row["notes"], row["review_status"], row["n_detections"]) == ("seen in the field", "confirmed", 3)
    assert bounds(read_running(path))[0] == (110, 100, 210, 200), "what was confirmed keeps its outline"
