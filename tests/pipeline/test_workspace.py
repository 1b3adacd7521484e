from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from landslide_geo.errors import OutputError
from landslide_geo.pipeline.workspace import Workspace


def fill(space: Workspace, *names: str) -> dict[str, object]:
    for name in names:
        (space.partial / name).write_text(name)
    return {"key": space.key, "outputs": [*names, "scan.json"]}


def test_commit_puts_the_record_last_and_removes_what_is_not_of_this_scan(tmp_path):
    first = Workspace(tmp_path / "out", "a")
    first.open(resume=False, overwrite=False)
    first.commit(fill(first, "probability.tif", "rdndvi.tif"))
    assert first.finished() is not None
    second = Workspace(tmp_path / "out", "b")
    assert second.finished() is None
    second.open(resume=False, overwrite=True)
    second.commit(fill(second, "probability.tif"))
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["probability.tif", "scan.json"]
    assert json.loads((tmp_path / "out/scan.json").read_text())["key"] == "b"


def test_a_scan_whose_files_were_deleted_is_not_finished(tmp_path):
    space = Workspace(tmp_path / "out", "a")
    space.open(resume=False, overwrite=False)
    space.commit(fill(space, "probability.tif"))
    (tmp_path / "out/probability.tif").unlink()
    assert space.finished() is None


def test_a_commit_that_was_killed_half_way_goes_on_with_resume(tmp_path):
    space = Workspace(tmp_path / "out", "a")
    space.open(resume=False, overwrite=False)
    record = fill(space, "probability.tif", "landslides.gpkg")
    (space.partial / "probability.tif").rename(tmp_path / "out/probability.tif")
    with pytest.raises(OutputError):
        space.open(resume=False, overwrite=False)
    space.open(resume=True, overwrite=False)
    space.commit(record)
    assert space.finished() is not None


def test_discard_removes_only_what_this_run_made(tmp_path):
    new = Workspace(tmp_path / "new", "a")
    new.open(resume=False, overwrite=False)
    new.discard()
    assert not (tmp_path / "new").exists()
    (tmp_path / "old").mkdir()
    (tmp_path / "old/notes.txt").touch()
    old = Workspace(tmp_path / "old", "a")
    old.open(resume=False, overwrite=False)
    old.discard()
    assert [p.name for p in (tmp_path / "old").iterdir()] == ["notes.txt"]


def test_what_other_interrupted_scans_left_goes_with_the_commit(tmp_path):
    for key in ("a", "b"):
        space = Workspace(tmp_path / "out", key)
        space.open(resume=False, overwrite=False)
    space.commit(fill(space, "probability.tif"))
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["probability.tif", "scan.json"]


def test_a_commit_that_fails_keeps_the_rest_for_resume(tmp_path):
    space = Workspace(tmp_path / "out", "a")
    space.open(resume=False, overwrite=False)
    record = fill(space, "probability.tif", "landslides.gpkg")
    (tmp_path / "out/landslides.gpkg").mkdir()  # a folder cannot be replaced by a file
    with pytest.raises(OutputError, match="--resume"):
        space.commit(record)
    space.discard()
    assert (space.partial / "landslides.gpkg").exists()
    assert (tmp_path / "out/probability.tif").exists()


def test_a_geopackage_that_another_program_has_open_is_not_replaced(tmp_path):
    space = Workspace(tmp_path / "out", "a")
    space.open(resume=False, overwrite=False)
    record = fill(space, "landslides.gpkg")
    space.commit(record)
    with sqlite3.connect(tmp_path / "open.gpkg") as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("CREATE TABLE edits (id)")
        (tmp_path / "open.gpkg-wal").rename(tmp_path / "out/landslides.gpkg-wal")
    before = (tmp_path / "out/scan.json").read_bytes()
    with pytest.raises(OutputError, match="another program has it open"):
        Workspace(tmp_path / "out", "b").open(resume=False, overwrite=True)
    assert (tmp_path / "out/scan.json").read_bytes() == before
    assert not list((tmp_path / "out").glob(".partial-*"))


def test_folders_made_on_the_way_go_with_a_discard(tmp_path):
    space = Workspace(tmp_path / "x/y/z", "a")
    space.open(resume=False, overwrite=False)
    space.discard()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be written"):
        Workspace(tmp_path / "file" / "out", "a").open(resume=False, overwrite=False)


def test_the_same_scan_is_not_written_by_two_at_once(tmp_path):
    first, second = (Workspace(tmp_path / "out", "a") for _ in range(2))
    first.open(resume=False, overwrite=False)
    (first.partial / "probability.tif").write_text("half done")
    for resume in (False, True):
        with pytest.raises(OutputError, match="being written there by another process"):
            second.open(resume=resume, overwrite=False)
    assert (first.partial / "probability.tif").exists(), "nothing of the first is touched"
    first.commit(fill(first, "probability.tif"))
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["probability.tif", "scan.json"]


def test_a_scan_that_is_running_is_not_cleared_away_by_one_that_ends(tmp_path):
    running, ending = Workspace(tmp_path / "out", "a" * 16), Workspace(tmp_path / "out", "b" * 16)
    running.open(resume=False, overwrite=False)
    ending.open(resume=False, overwrite=False)
    ending.commit(fill(ending, "probability.tif"))
    assert running.partial.exists()
    assert not ending.partial.exists()


def test_an_error_while_resuming_keeps_what_was_taken_up(tmp_path):
    first = Workspace(tmp_path / "out", "a" * 16)
    first.open(resume=False, overwrite=False)
    (first.partial / "probability.tif").write_text("finished")
    del first
    again = Workspace(tmp_path / "out", "a" * 16)
    again.open(resume=True, overwrite=False)
    again.discard()
    assert (again.partial / "probability.tif").exists()


def committed_in_part(out: Path, key: str) -> Workspace:
    """As a kill leaves it when the first of two files has been moved into place."""
    space = Workspace(out, key)
    space.open(resume=False, overwrite=True)
    record = fill(space, "probability.tif", "uncertainty.tif")
    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        replace = Path.replace

        def killed(self: Path, target: Path) -> Path:
            if self.name == "uncertainty.tif":
                raise KeyboardInterrupt
            return replace(self, target)

        patch.setattr(Path, "replace", killed)
        space.commit(record)
    space.close()
    return space


def test_a_commit_that_was_killed_is_finished_by_the_next_run(tmp_path):
    space = committed_in_part(tmp_path / "out", "a")
    assert (tmp_path / "out/probability.tif").exists()
    assert not (tmp_path / "out/scan.json").exists()
    assert space.finished() is not None
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["probability.tif", "scan.json", "uncertainty.tif"]


def test_files_of_two_commits_that_were_killed_are_never_taken_for_one(tmp_path):
    first = committed_in_part(tmp_path / "out", "a")
    second = committed_in_part(tmp_path / "out", "b")
    assert first.finished() is None, "the other scan has replaced its file"
    assert second.finished() is not None
    assert first.finished() is None
    assert not list((tmp_path / "out").glob(".*"))


def test_a_commit_that_was_killed_before_it_touched_anything_replaces_nothing(tmp_path):
    done = Workspace(tmp_path / "out", "a")
    done.open(resume=False, overwrite=False)
    done.commit(fill(done, "probability.tif"))
    before = (tmp_path / "out/scan.json").read_bytes()
    other = Workspace(tmp_path / "out", "b")
    other.open(resume=False, overwrite=True)
    record = fill(other, "probability.tif")
    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Workspace, "_move", raising(KeyboardInterrupt))
        other.commit(record)
    other.close()
    assert other.finished() is None
    assert (tmp_path / "out/scan.json").read_bytes() == before


def raising(error: type[BaseException]) -> Callable[..., None]:
    def call(*arguments: object) -> None:
        raise error

    return call


def test_what_a_kill_after_the_commit_left_goes_with_the_next_run(tmp_path):
    space = Workspace(tmp_path / "out", "a")
    space.open(resume=False, overwrite=False)
    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("landslide_geo.files.clear_removed", raising(KeyboardInterrupt))
        space.commit(fill(space, "probability.tif"))
    space.close()
    assert len(list((tmp_path / "out").iterdir())) == 3
    assert space.finished() is not None
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["probability.tif", "scan.json"]
