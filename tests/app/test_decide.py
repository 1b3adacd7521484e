"""A decision on the page is what QGIS would have written, and nothing else changes."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pandas as pd
import pytest

from landslide_geo.app.decide import Decision, decide
from landslide_geo.errors import LandslideError, OutputError, ParameterError, SourceNotFoundError
from landslide_geo.inventory import read_layer
from landslide_geo.pipeline.review import import_review
from tests.app.conftest import World


@pytest.fixture
def inventory(scanned: World, tmp_path: Path) -> Path:
    return Path(shutil.copy(scanned.late / "landslides.gpkg", tmp_path / "landslides.gpkg"))


def _ids(path: Path) -> list[str]:
    return list(read_layer(path)["landslide_id"])


def test_only_what_was_decided_changes(inventory: Path) -> None:
    before = read_layer(inventory)
    first, second = before["landslide_id"].iloc[:2]
    decide(inventory, first, Decision(status="confirmed", reviewer=" A. Geologist "))
    decide(inventory, second, Decision(status="rejected", reason="river_bar", notes="gravel"))
    after = read_layer(inventory)
    assert list(after.loc[:1, "review_status"]) == ["confirmed", "rejected"]
    assert list(after.loc[:1, "reviewer"]) == ["A. Geologist", None]
    assert list(after.loc[:1, "reject_reason"]) == [None, "river_bar"] and after.loc[1, "notes"] == "gravel"
    assert after.loc[:1, "reviewed_at"].notna().all()
    fields = ["review_status", "reject_reason", "reviewer", "reviewed_at", "notes"]
    pd.testing.assert_frame_equal(after.drop(columns=fields), before.drop(columns=fields))
    pd.testing.assert_frame_equal(after.iloc[2:], before.iloc[2:])
    decide(inventory, first, Decision(status="unreviewed"))
    assert read_layer(inventory).loc[0, fields[:4]].isna().tolist() == [False, True, True, True]


def test_the_review_is_read_back_as_one_made_in_qgis(inventory: Path) -> None:
    first, second, *_ = _ids(inventory)
    decide(inventory, first, Decision(status="confirmed"))
    decide(inventory, second, Decision(status="rejected", reason="field"))
    import_review(inventory, out=inventory.with_name("reviewed.gpkg"), reviewer="A. Geologist")
    status = read_layer(inventory.with_name("reviewed.gpkg")).set_index("landslide_id")["review_status"]
    assert status[first] == "confirmed" and status[second] == "rejected"
    assert (status.drop([first, second]) == "unreviewed").all()


@pytest.mark.parametrize(
    "decision",
    [
        Decision(status="rejected"),
        Decision(status="rejected", reason="because"),
        Decision(status="confirmed", reason="cloud"),
    ],
)
def test_a_rejection_has_a_reason_and_only_that(inventory: Path, decision: Decision) -> None:
    before = inventory.read_bytes()
    with pytest.raises(ParameterError, match="a rejection needs a reason"):
        decide(inventory, _ids(inventory)[0], decision)
    assert inventory.read_bytes() == before


def test_what_is_not_there_is_told(inventory: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceNotFoundError, match="is not in"):
        decide(inventory, "' OR 1=1 --", Decision(status="confirmed"))
    (tmp_path / "text.gpkg").write_text("no database " * 100)
    for path in (tmp_path / "none.gpkg", tmp_path / "text.gpkg"):
        with pytest.raises(LandslideError, match="cannot be written"):
            decide(path, "x", Decision(status="confirmed"))
    assert not (tmp_path / "none.gpkg").exists()
    assert (read_layer(inventory)["review_status"] == "unreviewed").all()


def test_a_file_that_another_program_writes_is_left_alone(inventory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("landslide_geo.app.decide._PATIENCE", 0.1)
    other = sqlite3.connect(inventory)
    other.execute("BEGIN IMMEDIATE")
    try:
        with pytest.raises(OutputError, match="save or end editing there"):
            decide(inventory, _ids(inventory)[0], Decision(status="confirmed"))
    finally:
        other.rollback()
        other.close()
    decide(inventory, _ids(inventory)[0], Decision(status="confirmed"))
