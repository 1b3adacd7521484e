from __future__ import annotations

import pytest

from landslide_geo.errors import OutputError, ParameterError
from landslide_geo.files import replacing


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
