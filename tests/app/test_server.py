"""The rules that keep the page to one machine and one folder."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib import resources
from pathlib import Path

import pytest
import requests
from fastapi.testclient import TestClient

from landslide_geo.app.serve import serve
from landslide_geo.app.server import create_app
from landslide_geo.app.tiles import extent
from landslide_geo.errors import OutputError, ParameterError
from landslide_geo.files import WorkFolder
from landslide_geo.inventory import read_layer
from tests.app.conftest import World


@pytest.fixture
def client(world: World) -> Iterator[TestClient]:
    app = create_app(world.folder, max_upload_mb=1, patch=False)
    with TestClient(app, base_url="http://127.0.0.1:8642") as opened:
        yield opened


def test_it_tells_what_there_is(client: TestClient, world: World) -> None:
    state = client.get("/api/state").json()
    assert {scan["name"] for scan in state["scans"]} == {"early", "late"} and "default" in state["models"]
    told = client.get("/api/scans/late").json()
    assert (
        told["summary"]["landslides"] == state["scans"][[s["name"] for s in state["scans"]].index("late")]["landslides"]
    )
    assert {"post", "pre", "probability"} <= {layer["name"] for layer in told["layers"]}
    tile = client.get("/api/scans/late/tiles/probability/0/0/0.png")
    assert tile.status_code == 200 and tile.headers["content-type"] == "image/png"
    for file in told["files"]:
        assert client.get(f"/api/scans/late/files/{file}").content == (world.late / file).read_bytes()


def test_other_hosts_and_other_sites_are_refused(client: TestClient, world: World) -> None:
    assert client.get("/api/state", headers={"Host": "evil.example"}).status_code == 400
    id = client.get("/api/scans/late/landslides").json()["rows"][0]["landslide_id"]
    address = f"/api/scans/late/landslides/{id}/review"
    refused = client.post(address, json={"status": "confirmed"}, headers={"Origin": "http://evil.example"})
    assert refused.status_code == 403
    assert client.get(f"/api/scans/late/landslides/{id}").json()["review_status"] == "unreviewed"
    own = client.post(address, json={"status": "confirmed"}, headers={"Origin": "http://127.0.0.1:8642"})
    assert own.status_code == 200 and own.json()["review_status"] == "confirmed"


@pytest.mark.parametrize(
    "address",
    [
        "/api/scans/..%2f..%2fetc",
        "/api/scans/%2e%2e",
        "/api/scans/late/files/..%2f..%2fsecret.txt",
        "/api/scans/late/files/review%2fpost.tif",
        "/api/scans/late/tiles/..%2fpost/0/0/0.png",
        "/api/scans/late/tiles/post/3/99/0.png",
        "/api/scans/late/tiles/post/99/0/0.png",
        "/map/..%2f..%2fserver.py",
        "/map/%2e%2e/server.py",
        "/api/jobs/..%2fx",
    ],
)
def test_no_address_leads_out_of_the_folder(client: TestClient, world: World, address: str) -> None:
    (world.folder.parent / "secret.txt").write_text("secret")
    assert client.get(address).status_code == 404


def test_pages_may_load_nothing_from_elsewhere(client: TestClient) -> None:
    for address in ("/map/", "/map/compare.html", "/api/state"):
        policy = client.get(address).headers["content-security-policy"]
        assert "default-src 'self'" in policy and "http" not in policy and "unsafe-eval" not in policy
    report = client.get("/api/scans/late/files/report.html").headers["content-security-policy"]
    assert "default-src 'none'" in report and "sandbox" in report


def test_uploads_are_checked_and_limited(client: TestClient, world: World) -> None:
    large = client.post("/api/uploads?name=scene.tif", content=bytes(2_000_000))
    assert large.status_code == 413 and "an upload may have 1 MB at most" in large.json()["error"]
    text = client.post("/api/uploads?name=notes.tif", content=b"just text")
    assert (
        text.status_code == 422 and "is not a GeoTIFF file, whatever its name says; it is text" in text.json()["error"]
    )
    assert client.post("/api/uploads?name=a.vrt", content=b"<VRTDataset/>").status_code == 422
    assert client.get("/api/state").json()["uploads"] == []


def test_a_declared_2_gb_is_refused_before_it_is_sent(served: str) -> None:
    host, port = served.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(
            f"POST /api/uploads?name=big.tif HTTP/1.1\r\nHost: {host}:{port}\r\n"
            f"Content-Length: {2**31}\r\n\r\n".encode()
        )
        answer = b"".join(iter(lambda: connection.recv(65536), b"")).decode()
    assert answer.startswith("HTTP/1.1 413") and "2,147 MB, and an upload may have 50 MB at most" in answer


def test_mistakes_are_told_as_json(client: TestClient) -> None:
    assert "source" in client.post("/api/jobs", json={"x": 1}).json()["error"]
    assert client.get("/api/scans/none").json()["error"].startswith("scan 'none'")
    assert client.get("/api/scans/late/landslides.geojson?bounds=a,b,c,d&zoom=1").status_code == 422
    assert client.get("/api/scans/late/landslides?order=colour").json()["error"].startswith("order 'colour'")


def test_the_review_is_read_back(client: TestClient, world: World) -> None:
    id = client.get("/api/scans/late/landslides").json()["rows"][0]["landslide_id"]
    client.post(f"/api/scans/late/landslides/{id}/review", json={"status": "rejected", "reason": "cloud"})
    assert client.post("/api/scans/late/import-review", json={}).status_code == 200
    assert (world.late / "landslides_reviewed.gpkg").is_file()
    assert "landslides_reviewed.gpkg" in client.get("/api/scans/late").json()["files"]


def test_a_download_holds_what_lies_in_the_log_beside(client: TestClient, world: World, tmp_path: Path) -> None:
    id = client.get("/api/scans/late/landslides").json()["rows"][0]["landslide_id"]
    with contextlib.closing(sqlite3.connect(world.late / "landslides.gpkg")) as qgis:
        qgis.execute("PRAGMA journal_mode = WAL")
        qgis.execute("SELECT count(*) FROM landslides").fetchall()  # it has the file open
        decided = client.post(f"/api/scans/late/landslides/{id}/review", json={"status": "confirmed"})
        assert decided.status_code == 200
        had = client.get("/api/scans/late/files/landslides.gpkg").content
    (tmp_path / "had.gpkg").write_bytes(had)
    assert read_layer(tmp_path / "had.gpkg").set_index("landslide_id").loc[id, "review_status"] == "confirmed"
    assert not list((world.folder / ".app" / "scratch").glob("sent-*"))


def test_while_another_program_writes_others_read(client: TestClient, world: World) -> None:
    id = client.get("/api/scans/late/landslides").json()["rows"][0]["landslide_id"]
    address = f"/api/scans/late/landslides/{id}/review"
    with contextlib.closing(sqlite3.connect(world.late / "landslides.gpkg", isolation_level=None)) as qgis:
        qgis.execute("BEGIN IMMEDIATE")
        with ThreadPoolExecutor(1) as others:
            waiting = others.submit(client.post, address, json={"status": "confirmed"})
            time.sleep(0.2)
            began = time.monotonic()
            assert client.get("/api/scans/late/landslides").status_code == 200
            assert time.monotonic() - began < 2 and not waiting.done()
            qgis.execute("ROLLBACK")
            assert waiting.result().json()["review_status"] == "confirmed"


def test_a_scan_that_goes_while_it_is_shown_is_told(client: TestClient, world: World) -> None:
    tile = f"/api/scans/late/tiles/post/{_tile_of(world.late)}.png"
    assert client.get(tile).status_code == 200
    (world.late / "review" / "post.tif").write_bytes(b"")
    told = client.get(tile)
    assert told.status_code == 404 and "Reload the page" in told.json()["error"]
    (world.late / "probability.tif").unlink()
    assert "Reload the page" in client.get("/api/scans/late").json()["error"]
    shutil.rmtree(world.late)
    assert "there is none in the work folder" in client.get(tile).json()["error"]
    assert [scan["name"] for scan in client.get("/api/state").json()["scans"]] == ["early"]


def _tile_of(scan: Path) -> str:
    told = extent(scan / "probability.tif")
    west, south, east, north = told["bounds"]
    z = told["minzoom"]
    x = int(((west + east) / 2 + 180) / 360 * 2**z)
    angle = math.radians((south + north) / 2)
    return f"{z}/{x}/{int((1 - math.asinh(math.tan(angle)) / math.pi) / 2 * 2**z)}"


@pytest.mark.integration
def test_ctrl_c_ends_it_without_a_word(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from landslide_geo.cli.main import main; main()", "app", "--work", str(tmp_path)]
    with subprocess.Popen([*command, "--port", "0"], stderr=subprocess.PIPE, text=True) as page:
        assert page.stderr is not None
        address = page.stderr.readline().split()[0]
        assert requests.get(f"{address}api/state", timeout=60).status_code == 200
        page.send_signal(signal.SIGINT)
        assert page.wait(30) == 0 and page.stderr.read() == ""


def test_a_port_that_is_taken_and_a_host_that_is_none_are_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        taken.listen()
        with pytest.raises(OutputError, match="choose another with --port"):
            serve(tmp_path, port=taken.getsockname()[1])
    other = WorkFolder(tmp_path / ".app")
    other.open(keep=True)
    with pytest.raises(OutputError, match="another landslide app works in this folder"):
        serve(tmp_path)
    other.close()
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="choose another folder with --work"):
        serve(tmp_path / "file")
    with pytest.raises(ParameterError, match="no such address"):
        serve(tmp_path, host="no.such.host.invalid")


def test_what_is_vendored_is_what_its_makers_published() -> None:
    vendor = resources.files("landslide_geo.app") / "static" / "vendor"
    told = json.loads((vendor / "vendor.json").read_text(encoding="utf-8"))
    for name, digest in told["sha256"].items():
        content = (vendor / name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == digest, name
    there = {str(path.relative_to(str(vendor))) for path in Path(str(vendor)).rglob("*") if path.is_file()}
    assert there - {"README.md", "vendor.json"} == set(told["sha256"])
    version = told["packages"]["maplibre-gl"]["version"]
    assert f"/v{version}/" in (vendor / "maplibre-gl" / "maplibre-gl.mjs").read_text(encoding="utf-8")[:300]
    assert version in (vendor / "README.md").read_text(encoding="utf-8")
