"""What the page refuses before anything of it is asked."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from landslide_geo.app import guard
from landslide_geo.app.folder import AppFolder
from tests.app.conftest import World, awaited

PATCH = "/patch/gradio_api"


@pytest.fixture
def http(served: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=served, timeout=30) as client:
        yield client


def _asked_about(http: httpx.Client, path: str) -> dict[str, Any]:
    """What the patch page answers about a file that a request names."""
    page = http.get("/patch/config").json()
    (ask,) = (one["id"] for one in page["dependencies"] if [t[1] for t in one["targets"]][:1] == ["load"])
    file = {"path": path, "meta": {"_type": "gradio.FileData"}}
    session = {"session_hash": f"s{abs(hash(path))}", "trigger_id": None}
    joined = http.post(f"{PATCH}/queue/join", json={"data": [None, file, None, "default"], "fn_index": ask} | session)
    assert joined.status_code == 200
    with http.stream("GET", f"{PATCH}/queue/data", params=session) as answer:
        for line in answer.iter_lines():
            if line.startswith("data:") and (told := json.loads(line[5:]))["msg"] == "process_completed":
                return dict(told)
    raise AssertionError("no answer")


def test_the_patch_page_reads_no_file_but_those_sent_to_it(
    http: httpx.Client, own_world: World, tmp_path: Path
) -> None:
    secret = tmp_path / "secret.png"
    shutil.copy(own_world.late / "quicklook.png", secret)
    sent_to = AppFolder(own_world.folder).patches
    for path in (str(secret), "/etc/passwd", f"{sent_to}/../../../late/quicklook.png", "http://127.0.0.1:9/x.png"):
        told = _asked_about(http, path)
        assert not told["success"] and "is no longer there; choose it again" in told["output"]["error"], path
    assert not list(sent_to.rglob("secret.png")) and not list(sent_to.rglob("passwd"))
    with secret.open("rb") as file:
        sent = http.post(f"{PATCH}/upload", files={"files": ("mine.png", file)}).json()[0]
    assert "mine.png: " in _asked_about(http, sent)["output"]["data"][0]


@pytest.mark.parametrize(
    ("method", "address"),
    [
        ("GET", "file=/etc/passwd"), ("GET", "proxy=http://127.0.0.1:9/"), ("GET", "stream/a/b/1/playlist.m3u8"),
        ("POST", "run/partial"), ("POST", "call/partial"), ("POST", "api/partial"), ("POST", "process_recording"),
        ("POST", "component_server"), ("GET", "deep_link?session_hash=x"), ("POST", "stream/x"), ("GET", "info"),
    ],
)  # fmt: skip
def test_what_the_patch_page_does_not_ask_for_is_not_there(http: httpx.Client, method: str, address: str) -> None:
    answer = http.request(method, f"{PATCH}/{address}", json={} if method == "POST" else None)
    assert answer.status_code == 404 and answer.json() == {"error": "not found"}


def test_other_sites_reach_the_patch_page_no_more_than_the_rest(http: httpx.Client) -> None:
    for address in ("queue/join", "upload", "cancel"):
        assert http.post(f"{PATCH}/{address}", json={}, headers={"Origin": "http://evil.example"}).status_code == 403
        assert http.post(f"{PATCH}/{address}", json={}, headers={"Host": "evil.example"}).status_code == 400


def _answered(monkeypatch: pytest.MonkeyPatch, parts: list[bytes], *, declared: str | None = None) -> tuple[int, int]:
    """Status of the answer to a body in parts that never ends, and how many bytes of it were taken."""
    monkeypatch.setattr(guard, "MOST_BODY", 1000)
    monkeypatch.setattr(guard, "_PATIENCE", 0.05)
    taken, statuses = [], []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        while (message := await receive())["type"] == "http.request":
            taken.append(len(message["body"]))
        await send({"type": "http.response.start", "status": 200, "headers": []})

    waiting = iter(parts)

    async def receive() -> Any:
        if (part := next(waiting, None)) is None:
            await asyncio.sleep(60)
        return {"type": "http.request", "body": part, "more_body": True}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    headers = [(b"content-length", declared.encode())] if declared else []
    scope = {"type": "http", "method": "POST", "path": "/api/jobs", "headers": headers, "scheme": "http"}
    awaited(guard.Guard(app)(scope, receive, send))
    (status,) = statuses
    return status, sum(taken)


def test_bodies_that_are_too_long_or_never_end_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _answered(monkeypatch, [b"x" * 400] * 9) == (413, 800)
    assert _answered(monkeypatch, [], declared="1001") == (413, 0)
    assert _answered(monkeypatch, [b"x"]) == (408, 1)


def test_what_was_sent_to_the_patch_page_does_not_pile_up(tmp_path: Path) -> None:
    folder = AppFolder(tmp_path)
    for name in ("a", "b", "c"):
        (folder.patches / name).mkdir(parents=True)
        (folder.patches / name / "x.png").write_bytes(bytes(100))
    folder.clear_patches(keep_bytes=250)
    assert len(list(folder.patches.iterdir())) == 2
    AppFolder(tmp_path)
    assert list(folder.patches.iterdir()) == []
