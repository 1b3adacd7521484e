"""New landslides told of to a real HTTP receiver and a real mail server."""

from __future__ import annotations

import email
import json
import os
import signal
import socket
import threading
from email import policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import killing
import pytest
from region_scans import day, scan_file, square
from test_region_inventory import edit

from landslide_geo.config.regions import RegionParams
from landslide_geo.errors import ParameterError, PublishError
from landslide_geo.regions import notify as notifying
from landslide_geo.regions.history import History
from landslide_geo.regions.inventory import apply_scan, read_running, refresh_status
from landslide_geo.regions.lock import holding
from landslide_geo.regions.notify import notify
from landslide_geo.regions.publishing import publish
from landslide_geo.regions.region import Region


class Receiver:
    """What came in, and what is answered: one number for each request, then 200."""

    def __init__(self) -> None:
        self.got: list[tuple[str, dict]] = []
        self.answers: list[int] = []
        self.url = ""


@pytest.fixture
def receiver():
    made = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            code = made.answers.pop(0) if made.answers else 200
            if code == 200:
                made.got.append((self.headers["Idempotency-Key"], body))
            self.send_response(code)
            self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, *args) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    made.url = f"http://127.0.0.1:{server.server_port}/hook"
    yield made
    server.shutdown()
    server.server_close()


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(notifying, "_BACK_OFF_S", 0.01)


def region(folder: Path, sinks: dict, **changes) -> Region:
    params = RegionParams(name="one", bbox=(141, 42, 142, 43), sinks={"stac": False} | sinks, **changes)
    return Region(params, folder / "one.yaml", folder / "one")


def enter(one: Region, shapes, number: int) -> None:
    name = f"s{number}"
    file = scan_file(one.file.parent, shapes, scan_id=name, when=day(number))
    apply_scan(one.inventory, file, scan_id=name, when=day(number), after_detections=2)


def ids(body: dict) -> set[str]:
    return {landslide["landslide_id"] for landslide in body["landslides"]}


def test_each_is_told_once_after_two_detections_or_review(receiver, tmp_path):
    one = region(tmp_path, {"webhook": {"url": receiver.url, "min_area_m2": 5000}})
    enter(one, [square(100, 100), square(600, 100), square(1100, 100, 50)], 0)
    assert notify(one) == {"webhook": 0} and receiver.got == []
    enter(one, [square(100, 100), square(1100, 100, 50)], 5)
    first, second, _ = read_running(one.inventory)["landslide_id"]
    assert notify(one) == {"webhook": 1}
    (key, body) = receiver.got.pop()
    assert ids(body) == {first} and body["message"] == key and body["provisional"] == 0
    (told,) = body["landslides"]
    assert (told["area_m2"], told["first_seen"], told["n_detections"]) == (1e4, "2026-01-01", 2)
    edit(one.inventory, "UPDATE landslides SET review_status = 'confirmed' WHERE fid = 2")
    refresh_status(one.inventory, after_detections=2)
    notify(one)
    assert [ids(body) for _, body in receiver.got] == [{second}]
    assert notify(one) == {"webhook": 0} and len(receiver.got) == 1


def test_after_an_event_at_once_and_said_to_be_provisional(receiver, tmp_path):
    sinks = {"webhook": {"url": receiver.url, "min_area_m2": 0}}
    one = region(tmp_path, sinks, event={"name": "Iburi", "day": "2025-12-31"})
    enter(one, [square(100, 100)], 0)
    notify(one)
    ((_, body),) = receiver.got
    assert body["provisional"] == 1 and body["event"] == {"name": "Iburi", "day": "2025-12-31"}
    assert body["landslides"][0]["status"] == "provisional"
    enter(one, [square(100, 100)], 5)
    notify(one)
    assert len(receiver.got) == 1


def test_what_passes_is_tried_again_and_what_does_not_is_kept(receiver, tmp_path):
    one = region(tmp_path, {"webhook": {"url": receiver.url, "min_area_m2": 0}}, after_detections=1)
    enter(one, [square(100, 100)], 0)
    refresh_status(one.inventory, after_detections=1)
    receiver.answers = [503, 429]
    assert notify(one) == {"webhook": 1} and len(receiver.got) == 1
    enter(one, [square(100, 100), square(600, 100)], 5)
    refresh_status(one.inventory, after_detections=1)
    for code in (404, 302):
        receiver.answers = [code]
        with pytest.raises(PublishError, match=f"answers HTTP {code}") as told:
            notify(one)
        assert "\n" not in str(told.value)
    enter(one, [square(600, 600)], 9)
    refresh_status(one.inventory, after_detections=1)
    assert notify(one) == {"webhook": 2}
    assert len({landslide for _, body in receiver.got for landslide in ids(body)}) == 3


def test_a_receiver_that_is_not_there_keeps_no_other_sink_from_its_work(tmp_path, mailbox):
    sinks = {
        "webhook": {"url": "http://127.0.0.1:9/secret", "min_area_m2": 0}, "folder": "public",
        "mail": {"to": ["a@example.org"], "host": "127.0.0.1", "port": mailbox.port, "min_area_m2": 0},
    }  # fmt: skip
    one = region(tmp_path, sinks, after_detections=1)
    enter(one, [square(100, 100)], 0)
    with holding(one.history) as lease, pytest.raises(PublishError, match=r"webhook: .* does not answer"):
        publish(one, lease)
    assert len(mailbox.got) == 1 and (tmp_path / "public/inventory.gpkg").exists()
    assert History(one.history).events()[-1]["kind"] == "publishing_failed"


def test_an_address_from_the_environment_is_not_shown(tmp_path, monkeypatch):
    one = region(tmp_path, {"webhook": {"url_env": "HOOK_URL", "min_area_m2": 0}}, after_detections=1)
    enter(one, [square(100, 100)], 0)
    refresh_status(one.inventory, after_detections=1)
    with pytest.raises(PublishError, match="HOOK_URL is not set"):
        notify(one)
    for address in ("http://127.0.0.1:9/secret", "no address, secret"):
        monkeypatch.setenv("HOOK_URL", address)
        with pytest.raises(PublishError, match="the address in HOOK_URL does not answer") as told:
            notify(one)
        assert "secret" not in str(told.value)


class Mailbox:
    """A mail server's handler that keeps what came in."""

    def __init__(self) -> None:
        self.got: list = []
        self.port = 0
        self.full = False

    async def handle_DATA(self, server, session, envelope) -> str:  # noqa: N802
        if self.full:
            return "452 the disk is full"
        self.got.append((envelope.rcpt_tos, email.message_from_bytes(envelope.content, policy=policy.default)))
        return "250 taken"


@pytest.fixture
def mailbox():
    smtp = pytest.importorskip("aiosmtpd.controller")
    made = Mailbox()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        made.port = probe.getsockname()[1]
    controller = smtp.Controller(made, hostname="127.0.0.1", port=made.port)
    controller.start()
    yield made
    controller.stop()


def test_by_mail(tmp_path, mailbox):
    params = {"to": ["a@example.org", "b@example.org"], "sender": "geo@example.org", "host": "127.0.0.1"}
    sinks = {"mail": params | {"port": mailbox.port, "min_area_m2": 0}}
    one = region(tmp_path, sinks, event={"name": "Iburi", "day": "2025-12-31"})
    enter(one, [square(100, 100), square(600, 100, 200)], 0)
    mailbox.full = True
    with pytest.raises(PublishError, match=r"does not take the mail .*the disk is full"):
        notify(one)
    mailbox.full = False
    assert notify(one) == {"mail": 2}
    ((to, mail),) = mailbox.got
    assert to == params["to"] and mail["Subject"] == "one: 2 new landslides, 2 provisional"
    lines = mail.get_content().splitlines()
    assert lines[0] == "After Iburi on 2025-12-31." and lines[1].startswith(
        "40,000 m² at 42.60000, 141.98000: provisional"
    )
    assert mail["Message-ID"].endswith("@example.org>")
    assert notify(one) == {"mail": 0}


def die_before_noting(one: Region) -> None:
    History.sent = lambda *args, **kwargs: os.kill(os.getpid(), signal.SIGKILL)
    notify(one)


def test_a_kill_between_sending_and_noting_repeats_it_under_the_same_name(receiver, tmp_path):
    one = region(tmp_path, {"webhook": {"url": receiver.url, "min_area_m2": 0}}, after_detections=1)
    enter(one, [square(100, 100)], 0)
    refresh_status(one.inventory, after_detections=1)
    assert not killing.run(die_before_noting, one)
    enter(one, [square(100, 100), square(600, 100)], 5)
    refresh_status(one.inventory, after_detections=1)
    notify(one)
    (first, told), (again, same), (other, more) = receiver.got
    assert first == again != other and told == same
    assert ids(told).isdisjoint(ids(more))


def test_a_password_is_asked_for_by_name(tmp_path, mailbox, monkeypatch):
    sinks = {"mail": {"to": ["a@example.org"], "host": "127.0.0.1", "port": mailbox.port, "login_env": "MAIL_LOGIN"}}
    one = region(tmp_path, sinks, after_detections=1)
    enter(one, [square(100, 100)], 0)
    refresh_status(one.inventory, after_detections=1)
    with pytest.raises(PublishError, match="MAIL_LOGIN is not set"):
        notify(one)
    with pytest.raises(ParameterError, match="MAIL_LOGIN"):
        notifying._variable("MAIL_LOGIN")
