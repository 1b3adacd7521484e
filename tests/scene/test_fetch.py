from __future__ import annotations

import hashlib
import http.server
import threading
from dataclasses import replace
from functools import partial

import pytest

from landslide_geo.errors import ChecksumError, FetchError, ParameterError, SourceNotFoundError
from landslide_geo.scene import fetch
from landslide_geo.scene.fetch import fetch_scene


@pytest.fixture
def sample(monkeypatch, tmp_path):
    """A sample of two small files, served by a real HTTP server on loopback."""
    content = {"a/red.tif": b"red" * 1000, "dem.tif": b"dem" * 1000}
    root = tmp_path / "served" / "site"
    for path, data in content.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path / "served"))
    handler.log_message = lambda *args: None
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    toy = replace(
        fetch.SAMPLES["hokkaido"],
        name="toy",
        base_url=f"http://127.0.0.1:{server.server_port}/site/",
        mirror_folders=("site",),
        files={path: hashlib.sha256(data).hexdigest() for path, data in content.items()},
        bands={"red": "a/red.tif"},
        dem="dem.tif",
    )
    monkeypatch.setitem(fetch.SAMPLES, "toy", toy)
    yield root
    server.shutdown()


def test_files_come_from_the_network_and_a_second_fetch_keeps_them(sample, tmp_path):
    got = fetch_scene("toy", tmp_path / "to")
    assert got.sources == (f"red={tmp_path}/to/toy/a/red.tif",)
    assert got.dem.read_bytes() == b"dem" * 1000
    stamp = got.dem.stat().st_mtime_ns
    assert fetch_scene("toy", tmp_path / "to").dem.stat().st_mtime_ns == stamp


def test_an_interrupted_fetch_goes_on_where_it_was(sample, tmp_path):
    seen: list[str] = []

    def interrupt(path: str) -> None:
        seen.append(path)
        if len(seen) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch_scene("toy", tmp_path / "to", progress=interrupt)
    first = tmp_path / "to/toy/a/red.tif"
    stamp = first.stat().st_mtime_ns
    fetch_scene("toy", tmp_path / "to")
    assert first.stat().st_mtime_ns == stamp


def test_a_mirror_serves_the_same_files(sample, tmp_path):
    got = fetch_scene("toy", tmp_path / "to", mirror=sample.parent)
    assert got.dem.read_bytes() == b"dem" * 1000


def test_files_that_are_here_need_no_mirror(sample, tmp_path):
    fetch_scene("toy", tmp_path / "to")
    assert fetch_scene("toy", tmp_path / "to", mirror=tmp_path / "gone").dem.exists()


def test_a_changed_file_is_refused(sample, tmp_path):
    (sample / "dem.tif").write_bytes(b"changed")
    with pytest.raises(ChecksumError, match=r"dem\.tif.*checksum differs"):
        fetch_scene("toy", tmp_path / "to", mirror=sample.parent)
    assert not (tmp_path / "to/toy/dem.tif").exists()


def test_no_network_is_said_with_the_way_out(sample, tmp_path, monkeypatch):
    gone = replace(fetch.SAMPLES["toy"], base_url="http://127.0.0.1:9/site/")
    monkeypatch.setitem(fetch.SAMPLES, "toy", gone)
    monkeypatch.setattr(fetch, "_RETRIES", 0)
    with pytest.raises(FetchError, match="--mirror DIR or LANDSLIDE_MIRROR"):
        fetch_scene("toy", tmp_path / "to")


def test_an_incomplete_mirror_and_an_unknown_name_are_named(sample, tmp_path):
    (sample / "dem.tif").unlink()
    with pytest.raises(SourceNotFoundError, match="missing in the mirror"):
        fetch_scene("toy", tmp_path / "to", mirror=sample.parent)
    with pytest.raises(SourceNotFoundError, match="does not hold toy"):
        fetch_scene("toy", tmp_path / "to2", mirror=tmp_path)
    with pytest.raises(ParameterError, match="no sample scene is called 'moon'"):
        fetch_scene("moon", tmp_path / "to")


def test_the_real_scene_is_the_registered_one(mirror, tmp_path):
    got = fetch_scene("hokkaido", tmp_path, mirror=mirror)
    assert len(got.sources) == 6
    assert got.dem.exists()
