from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from killing import run

from landslide_geo.errors import OutputError, ParameterError
from landslide_geo.files import WorkFolder, clear_replacing, remove_folder, replacing, write_text


def test_a_file_appears_when_the_block_ends_well(tmp_path):
    with replacing(tmp_path / "a.txt") as part:
        part.write_text("new")
        assert not (tmp_path / "a.txt").exists()
    assert (tmp_path / "a.txt").read_text() == "new"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (OSError(28, "No space left on device"), OutputError),
        (ParameterError("x"), ParameterError),
        (KeyError("k"), KeyError),
    ],
)
def test_an_error_keeps_the_old_file_and_leaves_nothing_else(tmp_path, raised, expected):
    (tmp_path / "a.txt").write_text("old")
    with pytest.raises(expected), replacing(tmp_path / "a.txt") as part:
        part.write_text("half")
        raise raised
    assert (tmp_path / "a.txt").read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_missing_folder_is_named(tmp_path):
    with (
        pytest.raises(OutputError, match=r"none/a\.txt: cannot be written \(No such file"),
        replacing(tmp_path / "none/a.txt"),
    ):
        pass


def used(folder: Path) -> WorkFolder:
    work = WorkFolder(folder)
    work.open(keep=False)
    for name in ("flag", "strips"):
        (folder / name).touch()
    return work


def die_while_removing(folder: Path) -> None:
    """Removes a folder with two files; the kill comes when one of them is gone."""
    unlink = os.unlink

    def dying(*arguments, **options):
        unlink(*arguments, **options)
        os.kill(os.getpid(), signal.SIGKILL)

    os.unlink = dying
    remove_folder(folder)


@pytest.mark.integration
def test_a_folder_whose_removal_was_killed_is_gone_and_the_rest_of_it_goes_with_the_next(tmp_path):
    folder = tmp_path / "work"
    used(folder).close()
    assert not run(die_while_removing, folder)
    assert not folder.exists(), "it is never there in part"
    leftover = list(tmp_path.iterdir())
    assert len(leftover) == 1, "what is left has another name"
    work = WorkFolder(folder)
    work.open(keep=True)
    assert not work.taken_up
    work.remove()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_used_by_one_at_a_time(tmp_path):
    folder = tmp_path / "work"
    first, second = used(folder), WorkFolder(folder)
    for keep in (False, True):
        with pytest.raises(BlockingIOError):
            second.open(keep=keep)
    second.clear()
    assert (folder / "strips").exists(), "nor is it cleared away"
    first.close()
    second.open(keep=True)
    assert second.taken_up
    with pytest.raises(BlockingIOError):
        first.open(keep=False)


def test_a_lock_on_a_folder_that_was_removed_holds_nothing(tmp_path):
    folder = tmp_path / "work"
    first = used(folder)
    first.remove()
    second = used(folder)
    with pytest.raises(BlockingIOError):
        first.open(keep=True)
    second.remove()
    first.open(keep=True)
    assert not first.taken_up


def test_parents_that_were_made_go_with_a_discard_and_what_was_taken_up_stays(tmp_path):
    used(tmp_path / "a/b/unfinished").discard()
    assert list(tmp_path.iterdir()) == []
    used(tmp_path / "a/b/unfinished").close()
    again = WorkFolder(tmp_path / "a/b/unfinished")
    again.open(keep=True)
    again.discard()
    assert (tmp_path / "a/b/unfinished/strips").exists()
    again.open(keep=False)
    again.discard()
    assert (tmp_path / "a/b").exists(), "it was there before"


def test_a_text_is_written_with_its_folder_or_one_line_says_why_not(tmp_path):
    write_text(tmp_path / "new/table.md", "| a |")
    assert (tmp_path / "new/table.md").read_text() == "| a |\n"
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["table.md"]
    with pytest.raises(OutputError, match="cannot be written"):
        write_text(tmp_path / "new/table.md/more.md", "")


def _killed_in_the_middle(path: Path) -> None:
    with replacing(path) as part:
        part.write_text("half")
        os.kill(os.getpid(), signal.SIGKILL)


def test_what_a_killed_write_left_is_cleared_and_nothing_else(tmp_path):
    (tmp_path / "other.tif").write_text("whole")
    (tmp_path / ".lock").touch()
    assert not run(_killed_in_the_middle, tmp_path / "red.tif")
    assert len(list(tmp_path.iterdir())) == 3
    clear_replacing(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", "other.tif"]
