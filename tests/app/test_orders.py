"""An order names what is there, by band; whatever else it says is refused before anything starts."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from landslide_geo.app.folder import AppFolder
from landslide_geo.app.orders import Order, Task, area_of, task_of
from landslide_geo.app.uploads import Uploads
from landslide_geo.errors import LandslideError
from landslide_geo.simulate import SimulatedScene

AREA = {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]}


@pytest.fixture
def there(tmp_path: Path, simulated: SimulatedScene) -> tuple[AppFolder, Uploads]:
    folder = AppFolder(tmp_path / "work")
    for source in (*simulated.sources, f"dem={simulated.dem}"):
        name, path = source.split("=")
        (folder.uploads / name).mkdir()
        shutil.copy(path, folder.uploads / name / f"{name}.tif")
    (folder.uploads / "area").mkdir()
    (folder.uploads / "area" / "a.geojson").write_text('{"type": "Feature", "geometry": null}')
    (folder.scenes / "mine").mkdir()
    (folder.scenes / "mine" / "item.json").write_text("{}")
    return folder, Uploads(folder.uploads, most_bytes=10**9)


def _task(there: tuple[AppFolder, Uploads], order: dict[str, Any]) -> Task:
    folder, uploads = there
    read = Order.model_validate(order)
    aoi = None if area_of(read, uploads) is None else folder.jobs / "area.geojson"
    return task_of(read, folder=folder, uploads=uploads, out=folder.scans / "x", aoi=aoi, stac=None, mirror=None)


def test_files_are_given_by_band(there: tuple[AppFolder, Uploads]) -> None:
    bands = {"red": "red", "B03": "green", "pre_red": "pre_red", "file3": "blue"}
    task = _task(there, {"source": {"kind": "files", "bands": bands, "dem": "dem"}, "threshold": 0.4})
    folder = there[0].uploads
    assert task.sources == [f"red={folder}/red/red.tif", f"green={folder}/green/green.tif",
                            f"pre_red={folder}/pre_red/pre_red.tif", f"{folder}/blue/blue.tif"]  # fmt: skip
    assert task.dem == f"{folder}/dem/dem.tif" and task.params == {"model": "default", "threshold": 0.4}


def test_scenes_samples_and_catalogues(there: tuple[AppFolder, Uploads]) -> None:
    assert _task(there, {"source": {"kind": "scene", "name": "mine"}}).sources == [str(there[0].scenes / "mine")]
    assert _task(there, {"source": {"kind": "sample", "name": "hokkaido"}}).fetch == "hokkaido"
    task = _task(there, {"source": {"kind": "catalogue", "event": "2018-09-06"}, "aoi": AREA})
    assert str(task.ingest) == "2018-09-06" and task.aoi is not None


@pytest.mark.parametrize(
    ("order", "said"),
    [
        ({"source": {"kind": "scene", "name": "../mine"}}, "there is none in the work folder"),
        ({"source": {"kind": "sample", "name": "elsewhere"}}, "no sample scene"),
        ({"source": {"kind": "files", "bands": {"red": "../red"}}}, "choose the file again"),
        ({"source": {"kind": "files", "bands": {"red": "area"}}}, "come as GeoTIFF, this is GeoJSON"),
        ({"source": {"kind": "files", "bands": {"purple": "red"}}}, "band name 'purple' is not known"),
        ({"source": {"kind": "files", "bands": {"/vsicurl/x": "red"}}}, "is not known"),
        ({"source": {"kind": "catalogue", "event": "2018-09-06"}}, "needs an area"),
        (
            {"source": {"kind": "sample", "name": "hokkaido"}, "model": "/etc/passwd"},
            "model '/etc/passwd': there is none",
        ),
        ({"source": {"kind": "sample", "name": "hokkaido"}, "event": "Iburi"}, "a name and a day"),
    ],
)
def test_what_is_not_there_is_told(there: tuple[AppFolder, Uploads], order: dict[str, Any], said: str) -> None:
    with pytest.raises(LandslideError, match=said):
        _task(there, order)


@pytest.mark.parametrize(
    "order",
    [
        {"source": {"kind": "path", "path": "/etc/passwd"}},
        {"source": {"kind": "sample", "name": "hokkaido", "mirror": "/etc"}},
        {"source": {"kind": "sample", "name": "hokkaido"}, "out": "/tmp"},
        {"source": {"kind": "files", "bands": {}}},
        {"source": {"kind": "sample", "name": "hokkaido"}, "threshold": 1.5},
    ],
)
def test_an_order_says_nothing_else(order: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Order.model_validate(order)
