"""Zindi's patches and labels."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from landslide_geo.bands import canonical_name
from landslide_geo.chips import zindi as reader
from landslide_geo.errors import DatasetError, ParameterError


def made(root: Path, count: int = 10, folder: str = ".") -> Path:
    """Patches whose channels are 0 … 11, every fifth with a landslide."""
    (root / folder).mkdir(exist_ok=True)
    for i in range(count):
        np.save(root / folder / f"ID_{i:03}.npy", np.tile(np.arange(12.0), (64, 64, 1)))
    rows = [f"ID_{i:03},{int(i % 5 == 0)}" for i in range(count)]
    (root / "Train.csv").write_text("\n".join(["ID,label", *rows]) + "\n")
    return root


@pytest.mark.parametrize("folder", [".", "train_data", "train"])
def test_backscatter_before_is_after_minus_change(tmp_path: Path, folder: str) -> None:
    found = reader.collection(made(tmp_path, folder=folder), seed=0)
    assert [canonical_name(name) for name in found.bands] == list(found.bands)
    (part,) = found.batches("train")
    values = dict(zip(part["band"].to_numpy(), part["image"][0, :, 0, 0].to_numpy(), strict=True))
    assert values == {
        "red": 0, "green": 1, "blue": 2, "nir": 3,
        "vv_desc": 4, "vh_desc": 5, "pre_vv_desc": 4 - 6, "pre_vh_desc": 5 - 7,
        "vv_asc": 8, "vh_asc": 9, "pre_vv_asc": 8 - 10, "pre_vh_asc": 9 - 11,
    }  # fmt: skip
    labels = dict(zip(part["id"].to_numpy(), part["label"].to_numpy(), strict=True))
    assert all(label == (int(name[3:]) % 5 == 0) for name, label in labels.items())
    assert {name: len(entries) for name, entries in found.splits.items()} == {"train": 8, "validation": 2}


def test_the_cloud_mask_is_a_thirteenth_band(tmp_path: Path) -> None:
    made(tmp_path)
    values = np.zeros((64, 64, 12))
    values[:16, :, 0] = 9000
    np.save(tmp_path / "ID_003.npy", values)
    found = reader.collection(tmp_path, seed=0, cloud_mask=True)
    assert len(found.bands) == len(found.units) == 13
    cover = {
        chip.id: chip.image[-1].mean() for entries in found.splits.values() for chip in map(found.read, entries) if chip
    }
    assert cover.pop("ID_003") == 0.25
    assert set(cover.values()) == {0}


def test_speckle_is_filtered_at_each_date_and_nothing_else_is(tmp_path: Path) -> None:
    made(tmp_path, count=5)
    values = np.zeros((64, 64, 12))
    values[10, 10] = 10  # a point: of backscatter 10 dB after, and 10 dB change
    np.save(tmp_path / "ID_003.npy", values)

    def image(**settings) -> dict:
        found = reader.collection(tmp_path, seed=0, **settings)
        chips = [found.read(entry) for entries in found.splits.values() for entry in entries]
        return dict(zip(found.bands, next(chip for chip in chips if chip.id == "ID_003").image, strict=True))

    plain, filtered = image(), image(speckle="median", speckle_window=5)
    for name, band in filtered.items():
        assert plain[name].max() == (0 if name.startswith("pre_") else 10)
        assert band.max() == (0 if "_" in name else 10)
    with pytest.raises(ParameterError, match="'boxcar': use one of none, median, lee"):
        reader.collection(tmp_path, seed=0, speckle="boxcar")  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match=r"window of 4 pixels .* odd"):
        reader.collection(tmp_path, seed=0, speckle="lee", speckle_window=4)


def test_bad_files_are_named(tmp_path: Path) -> None:
    def says(pattern: str) -> None:
        with pytest.raises(DatasetError, match=pattern) as error:
            for split in (found := reader.collection(tmp_path, seed=0)).splits:
                list(found.batches(split))
        assert "\n" not in str(error.value)

    says(r"Train\.csv: missing")
    made(tmp_path)
    patch, table = tmp_path / "ID_004.npy", tmp_path / "Train.csv"
    np.save(patch, np.zeros((64, 64, 11)))
    says(r"ID_004\.npy: 64 × 64 × 11 values instead of 64 × 64 × 12")
    values = np.zeros((64, 64, 12))
    values[..., 6] = np.nan
    np.save(patch, values)
    says(r"ID_004\.npy: band change of vv_desc holds no number")
    patch.write_bytes(patch.read_bytes()[:5000])
    says(r"ID_004\.npy: not a readable \.npy file")
    patch.unlink()
    says(r"ID_004\.npy: missing, as are 0 others of the 10 patches in Train\.csv")
    table.write_text("ID,label\nID_001,1\nID_002,2\n")
    says(r"Train\.csv, line 3: ID 'ID_002' has label '2', not 0 or 1")
    table.write_text("ID,label\nID_001,1\nID_001,1\n")
    says(r"Train\.csv, line 3: ID_001 is there twice")
    table.write_text("ID,label\nID_001,1\n")
    says(r"ID_000\.npy: has no label, as have 7 others beside it; add rows to Train\.csv, or move them to .*test_data")
    table.write_text("name,label\nID_001,1\n")
    says(r"Train\.csv: has no columns ID and label")
    table.write_text("ID,label\n")
    says(r"Train\.csv: holds no label")
    table.write_bytes(b"ID,label\n\xff\xfe")
    says(r"Train\.csv: not a readable table")


def test_patches_to_predict_need_no_label(tmp_path: Path) -> None:
    made(tmp_path)
    for name in ("ID_x", "ID_y"):
        shutil.copy(tmp_path / "ID_000.npy", tmp_path / f"{name}.npy")
    with pytest.raises(DatasetError, match=r"ID_x\.npy: has no label, as have 1 others"):
        reader.collection(tmp_path, seed=0)
    (tmp_path / "Test.csv").write_text("ID\nID_y\n\n")
    with pytest.raises(DatasetError, match=r"ID_x\.npy: has no label, as have 0 others"):
        reader.collection(tmp_path, seed=0)
    (tmp_path / "test").mkdir()
    shutil.copy(tmp_path / "ID_x.npy", tmp_path / "test/ID_x.npy")
    assert sum(map(len, reader.collection(tmp_path, seed=0).splits.values())) == 10


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("ID\nID_001\nID_002\nID_001\n", r"line 4: ID_001 is there twice, first in line 2"),
        ("ID,x\n,1\n", "line 2: has no ID"),
    ],
)
def test_a_list_of_patches_names_each_once(tmp_path: Path, text: str, pattern: str) -> None:
    made(tmp_path)
    (tmp_path / "Test.csv").write_text(text)
    with pytest.raises(DatasetError, match=rf"Test\.csv, {pattern}"):
        reader.unlabelled(tmp_path)


def test_the_real_patch_and_labels(mirror: Path, tmp_path: Path) -> None:
    if not (mirror / "zindi").is_dir():
        pytest.skip("the mirror holds no zindi")
    with pytest.raises(DatasetError, match=r"missing, as are 7,145 others of the 7,147 patches"):
        reader.collection(mirror / "zindi", seed=42)
    shutil.copy(mirror / "zindi/ID_005GY8.npy", tmp_path)
    rows = (mirror / "zindi/Train.csv").read_text().splitlines()
    (tmp_path / "Train.csv").write_text("\n".join([rows[0], *(row for row in rows if row.startswith("ID_005GY8"))]))
    (part,) = reader.collection(tmp_path, seed=42, cloud_mask=True).batches("train")
    assert part.sizes["chip"] == 1
    means = dict(zip(part["band"].to_numpy(), part["image"].mean(("chip", "y", "x")).to_numpy(), strict=True))
    for name in reader.BANDS[4:]:
        assert -30 < means[name] < 0, f"{name} is backscatter in dB"
        assert abs(means[name] - means[name.removeprefix("pre_")]) < 2
    assert means["cloud_mask"] == 0
