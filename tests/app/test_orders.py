"""An order names what is there, by band; whatever else it says is refused before anything starts."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from pydantic import ValidationError

from landslide_geo.app.closed import environment
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
    there[1].name_bands("blue", ["blue"])
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


def test_of_a_file_some_bands_of_which_are_named_those_are_taken(there: tuple[AppFolder, Uploads]) -> None:
    folder, uploads = there
    path = folder.uploads / "red" / "red.tif"
    for order in ({"file0": "red"}, {"pre-file0": "red"}):
        with pytest.raises(LandslideError, match=r"red\.tif: does not name its bands; say on the page"):
            _task(there, {"source": {"kind": "files", "bands": order}})
    with rasterio.open(path, "w", driver="GTiff", width=8, height=8, count=3, dtype="uint8") as dataset:
        dataset.write(np.ones((3, 8, 8), np.uint8))
    uploads.name_bands("red", ["-", "B03", "B02"])
    files = {"kind": "files", "bands": {"file0": "red", "pre-file1": "red"}}
    assert _task(there, {"source": files}).sources == [
        f"{name}={path}" for name in ("green", "blue", "pre_green", "pre_blue")
    ]


def test_only_files_from_the_browser_do_without_a_network(there: tuple[AppFolder, Uploads]) -> None:
    orders = ({"kind": "files", "bands": {"red": "red"}}, {"kind": "sample", "name": "hokkaido"})
    assert [_task(there, {"source": source}).reaches_out for source in orders] == [False, True]
    before = {"PATH": "/bin", "GDAL_SKIP": "own"}
    assert environment(network=True, before=before) == before
    shut = environment(network=False, before=before)
    assert shut["PATH"] == "/bin" and "WMS" in shut["GDAL_SKIP"]


def test_gdal_opens_no_address_when_it_is_closed(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.5)
        address = f"/vsicurl/http://127.0.0.1:{server.getsockname()[1]}/a.tif"
        program = f"import rasterio\ntry: rasterio.open({address!r})\nexcept OSError as error: print(error)"
        shut = environment(network=False, before=os.environ)
        said = subprocess.run([sys.executable, "-c", program], env=shut, capture_output=True, text=True, timeout=60)
        assert address in said.stdout and "GDAL_SKIP" not in said.stderr
        with pytest.raises(TimeoutError):
            server.accept()


@pytest.mark.parametrize("depth", [60, 900, 100_000])
def test_an_area_within_areas_without_end_is_refused(there: tuple[AppFolder, Uploads], depth: int) -> None:
    nested: list[Any] = []
    for _ in range(depth):
        nested = [nested]
    order = Order.model_construct(aoi={"type": "Polygon", "coordinates": nested}, outline=None)
    with pytest.raises(LandslideError, match="the area: is not GeoJSON with polygons"):
        area_of(order, there[1])


def test_names_are_one_line_that_reads_as_it_is_written() -> None:
    order = {
        "source": {"kind": "sample", "name": "hokkaido"},
        "name": "a\nb\x00c \u202egpj.exe \u0645\u06cc\u200c\u062e",
    }
    assert Order.model_validate(order).name == "a b c gpj.exe \u0645\u06cc\u200c\u062e"


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
