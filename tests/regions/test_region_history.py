from __future__ import annotations

import sqlite3

import pytest

from landslide_geo.errors import InventoryError, OutputError, ParameterError
from landslide_geo.regions.database import transaction
from landslide_geo.regions.history import Entry, History


def entry(day: int) -> Entry:
    when = f"2026-03-{day:02d}T01:27:00+00:00"
    return Entry(f"s2-202603{day:02d}", f"sentinel-2a 2026-03-{day:02d}", when, when, ("a", "b"))


@pytest.fixture
def history(tmp_path):
    return History(tmp_path / "region" / "history.sqlite")


def test_acquisitions_are_entered_once_and_come_by_date(history):
    assert history.add([entry(9), entry(3)]) == ["s2-20260309", "s2-20260303"]
    assert history.add([entry(3), entry(5)]) == ["s2-20260305"]
    assert [one.key for one in history.entries("new")] == ["s2-20260303", "s2-20260305", "s2-20260309"]
    assert history.entry("s2-20260303").items == ("a", "b")
    with pytest.raises(ParameterError, match="region status lists them"):
        history.entry("s2")


def test_one_that_fails_too_often_is_parked_and_others_are_not(history):
    history.add([entry(1), entry(2)])
    for attempt in range(1, 6):
        assert history.entry("s2-20260301").state == "new"
        assert history.failed("s2-20260301", f"broken {attempt}", attempts=5).failures == attempt
    parked = history.entry("s2-20260301")
    assert (parked.state, parked.reason) == ("parked", "broken 5")
    assert [one.key for one in history.entries("new")] == ["s2-20260302"]
    history.mark("s2-20260301", "new")
    assert history.entry("s2-20260301").failures == 0
    kinds = [event["kind"] for event in history.events()]
    assert kinds == ["found"] * 2 + ["failed"] * 5 + ["parked", "new"]
    assert [event["kind"] for event in history.events(last=2)] == ["parked", "new"]


def test_the_same_state_again_is_no_event(history):
    history.add([entry(1)])
    for _ in range(2):
        history.mark("s2-20260301", "done", detail={"landslides": 3})
    assert [event["kind"] for event in history.events()] == ["found", "done"]
    assert history.events()[-1]["landslides"] == 3


def test_a_message_is_kept_until_it_was_sent_and_its_landslides_are_told_once(history):
    history.put_message("m1", "webhook", {"a": 1}, ["x", "y"])
    history.put_message("m1", "webhook", {"a": 2}, ["x"])
    assert history.unsent("webhook") == [("m1", {"a": 1})]
    assert history.told("webhook") == {"x", "y"} and history.told("mail") == set()
    history.sent("m1")
    assert history.unsent("webhook") == []


def test_all_of_a_transaction_or_nothing(tmp_path):
    path = tmp_path / "a.sqlite"
    with transaction(path) as database:
        database.execute("CREATE TABLE t (a)")
    with pytest.raises(KeyError), transaction(path) as database:
        database.execute("INSERT INTO t VALUES (1)")
        raise KeyError
    with transaction(path) as database:
        assert database.execute("SELECT count(*) FROM t").fetchone() == (0,)


def test_who_holds_a_file_is_waited_for_and_then_said_in_one_line(tmp_path):
    path = tmp_path / "a.sqlite"
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    refused = pytest.raises(OutputError, match=r"a.sqlite: another program has held it for 0.2 s")
    with refused as told, transaction(path, busy_s=0.2):
        pass
    assert "\n" not in str(told.value)
    other.close()
    path.write_bytes(b"no database" * 100)
    with pytest.raises(InventoryError, match="is no database"), transaction(path):
        pass


def test_a_full_disk_is_said_and_leaves_what_was(tmp_path):
    path = tmp_path / "a.sqlite"
    with transaction(path) as database:
        database.execute("CREATE TABLE t (a)")
        database.execute("INSERT INTO t VALUES (1)")
    with pytest.raises(OutputError, match="free disk space"), transaction(path) as database:
        # A bound on pages is the same to SQLite as a disk without any left.
        database.execute("PRAGMA max_page_count = 3")
        database.execute("INSERT INTO t VALUES (zeroblob(100000))")
    with transaction(path) as database:
        assert database.execute("SELECT a FROM t").fetchall() == [(1,)]


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="name another --data"):
        History(tmp_path / "file" / "small" / "history.sqlite").entries()
