"""Names are looked up in a listing: no name leads out of the work folder."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landslide_geo.app.folder import AppFolder, safe_name
from landslide_geo.errors import OutputError, SourceNotFoundError


def _scan(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for name in ("scan.json", "landslides.gpkg"):
        (folder / name).write_text("{}")
    return folder


def test_scans_lie_anywhere_below_down_to_three_folders(tmp_path: Path) -> None:
    for place in ("a", "scans/b", "one/two/c", "one/two/three/too-deep", ".hidden/d"):
        _scan(tmp_path / place)
    assert set(AppFolder(tmp_path).finished()) == {"a", "b", "one~two~c"}


def test_the_work_folder_can_be_a_scan_itself(tmp_path: Path) -> None:
    folder = AppFolder(_scan(tmp_path / "out"))
    assert folder.scan("here") == (tmp_path / "out").resolve()


@pytest.mark.parametrize(
    "name", ["..", "../secret", "/etc", "a/../../secret", "secret", "", ".", "~", "link", "..~secret"]
)
def test_other_names_are_not_there(tmp_path: Path, name: str) -> None:
    outside = _scan(tmp_path / "secret")
    _scan(tmp_path / "work" / "a")
    (tmp_path / "work" / "link").symlink_to(outside)
    folder = AppFolder(tmp_path / "work")
    for find in (folder.scan, folder.scene, folder.model):
        with pytest.raises(SourceNotFoundError):
            find(name)


def test_a_scan_that_is_gone_or_a_link_by_now_is_no_longer_there(tmp_path: Path) -> None:
    folder = AppFolder(tmp_path / "work")
    made, outside = _scan(tmp_path / "work" / "a"), _scan(tmp_path / "secret")
    assert folder.scan("a") == folder.scan("a") == made.resolve()
    shutil.rmtree(made)
    made.symlink_to(outside)
    with pytest.raises(SourceNotFoundError):
        folder.scan("a")
    made.unlink()
    with pytest.raises(SourceNotFoundError):
        folder.scan("a")
    _scan(made)
    assert folder.scan("a") == made.resolve()


def test_models_are_shipped_ones_and_those_in_the_folder(tmp_path: Path) -> None:
    (tmp_path / "models" / "mine").mkdir(parents=True)
    (tmp_path / "models" / "mine" / "bundle.json").write_text("{}")
    folder = AppFolder(tmp_path)
    assert folder.model("default") == "default"
    assert folder.model("models~mine") == str(tmp_path / "models" / "mine")


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="choose another folder with --work"):
        AppFolder(tmp_path / "file")


@given(st.text())
def test_a_safe_name_is_one_part_of_a_path(text: str) -> None:
    name = safe_name(text)
    assert name and len(name) <= 80 and Path(name).name == name and not name.startswith((".", "-"))
    assert safe_name(name) == name
