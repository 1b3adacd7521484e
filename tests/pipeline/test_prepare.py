"""From a published dataset to chips, through the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

from landslide_geo.chips import store
from landslide_geo.cli.main import run
from landslide_geo.config import L4S_GAINS

h5py = pytest.importorskip("h5py")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Five patches, the odd ones with a landslide."""
    rng = np.random.default_rng(0)
    for kind in ("img", "mask"):
        (tmp_path / "data" / kind).mkdir(parents=True)
    for number in range(5):
        with h5py.File(tmp_path / f"data/img/image_{number}.h5", "w") as file:
            file["img"] = rng.random((128, 128, 14))
        with h5py.File(tmp_path / f"data/mask/mask_{number}.h5", "w") as file:
            file["mask"] = np.full((128, 128), number % 2, dtype=np.uint8)
    return tmp_path / "data"


def told(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict:
    assert run(["prepare", *map(str, arguments), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert run(["prepare", *map(str, arguments)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    return error


def test_a_dataset_becomes_chips(root: Path, tmp_path: Path, capsys) -> None:
    out = tmp_path / "chips"
    found = told(capsys, "landslide4sense", "--root", root, "--out", out)
    assert {path.name for path in tmp_path.iterdir()} == {"data", "chips"}
    assert sum(found[split]["chips"] for split in ("train", "validation", "test")) == 5
    assert sum(found[split]["landslide"] for split in ("train", "validation", "test")) == 2
    for split in ("train", "validation", "test"):
        chips = store.read(out / f"{split}.zarr")
        assert chips.sizes["chip"] == found[split]["chips"]
        for name, mask in zip(chips["id"].to_numpy(), chips["mask"].to_numpy(), strict=True):
            assert (mask == int(name[-1]) % 2).all()
    assert run(["prepare", "landslide4sense", "--root", str(root), "--out", str(out), "--overwrite", "--labels"]) == 0
    assert "train: 3 chips, " in capsys.readouterr().out
    chips = store.read(out / "train.zarr")
    assert list(chips["label"].to_numpy()) == [int(name[-1]) % 2 for name in chips["id"].to_numpy()]


def test_what_is_there_stays_unless_told_otherwise(root: Path, tmp_path: Path, capsys) -> None:
    given = ("landslide4sense", "--root", root, "--out", tmp_path / "chips")
    told(capsys, *given)
    before = store.read(tmp_path / "chips/train.zarr").load()
    assert "holds chips already" in refused(capsys, *given)
    (root / "mask/mask_0.h5").write_bytes(b"")
    assert "mask_0.h5: not a readable" in refused(capsys, *given, "--overwrite")
    assert before.identical(store.read(tmp_path / "chips/train.zarr").load())
    assert {path.name for path in tmp_path.iterdir()} == {"data", "chips"}


def test_bad_requests_are_one_line(root: Path, tmp_path: Path, capsys) -> None:
    out = ("--out", tmp_path / "chips")
    assert "no dataset 'landslide5'" in refused(capsys, "landslide5", "--root", root, *out)
    assert "nowhere: no such folder" in refused(capsys, "landslide4sense", "--root", tmp_path / "nowhere", *out)
    assert "has no cloud mask" in refused(capsys, "landslide4sense", "--root", root, *out, "--cloud-mask")
    assert "no image_N.h5 there" in refused(capsys, "landslide4sense", "--root", tmp_path, *out)
    (tmp_path / "file").touch()
    assert "cannot be written" in refused(capsys, "landslide4sense", "--root", root, "--out", tmp_path / "file/chips")
    assert {path.name for path in tmp_path.iterdir()} == {"data", "file"}


def test_negatives_come_from_a_file(tmp_path: Path, capsys) -> None:
    path = tmp_path / "city.tif"
    profile = {"driver": "GTiff", "width": 160, "height": 1000, "count": 3, "dtype": "uint16", "nodata": 0}
    with rasterio.open(path, "w", crs="EPSG:32646", transform=from_origin(4e5, 25e5, 10, 10), **profile) as file:
        file.write(np.random.default_rng(0).integers(1, 4000, (3, 1000, 160), dtype=np.uint16))
        for band, name in enumerate(("B04", "B03", "B02"), start=1):
            file.set_band_description(band, name)
    out = tmp_path / "chips"
    found = told(capsys, "negatives", "--root", path, "--out", out)
    assert set(found) == {"out", "train", "test"}
    assert found["train"]["landslide"] == found["test"]["landslide"] == 0
    chips = store.read(out / "test.zarr")
    assert (chips["mask"] == 0).all()
    assert chips.attrs["quantum"] == list(L4S_GAINS)
    assert "nowhere.tif: no such file" in refused(capsys, "negatives", "--root", tmp_path / "nowhere.tif", "--out", "x")
    of_folder = told(capsys, "negatives", "--root", tmp_path, "--out", tmp_path / "y")
    assert of_folder["train"] == found["train"], "a folder with one scene is that scene"
    (tmp_path / "other.tif").touch()
    assert "holds 2 scenes" in refused(capsys, "negatives", "--root", tmp_path, "--out", tmp_path / "x")


def test_chips_are_simulated_from_nothing(tmp_path: Path, capsys) -> None:
    out = tmp_path / "chips"
    given = ("simulated", "--out", out, "--chips", 20, "--size", 16, "--bands", "red,pre_vv_asc,slope", "--clouds", 0.1)
    found = told(capsys, *given)
    assert [found[split]["chips"] for split in ("train", "validation", "test")] == [12, 4, 4]
    assert sum(found[split]["landslide"] for split in ("train", "validation", "test")) == 10
    chips = store.read(out / "train.zarr")
    assert store.is_simulated(chips)
    assert list(chips["band"].to_numpy()) == ["red", "pre_vv_asc", "slope"]
    before = chips["image"].to_numpy()
    told(capsys, *given, "--overwrite", "--labels", "--seed", 0)
    chips = store.read(out / "train.zarr")
    np.testing.assert_array_equal(chips["image"].to_numpy(), before)
    assert chips["label"].sum() == found["train"]["landslide"]
    assert "leave out --root" in refused(capsys, *given, "--root", tmp_path)
    assert "with --root" in refused(capsys, "bijie", "--out", tmp_path / "x")
    assert "leave out --size, which is for simulated, bijie" in refused(
        capsys, "hrgldd", "--root", tmp_path, "--out", tmp_path / "x", "--size", 64
    )


def test_options_of_other_datasets_are_refused(root: Path, tmp_path: Path, capsys) -> None:
    given = ("landslide4sense", "--root", root, "--out", tmp_path / "chips")
    assert "leave out --splits, which is for sen12landslides" in refused(capsys, *given, "--splits", "splits.json")


def test_labels_and_clouds_of_a_classification_dataset(tmp_path: Path, capsys) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/Train.csv").write_text("ID,label\nID_A,1\nID_B,0\nID_C,0\n")
    for name in "ABC":
        np.save(tmp_path / f"data/ID_{name}.npy", np.full((64, 64, 12), 9000.0))
    out = tmp_path / "chips"
    found = told(capsys, "zindi", "--root", tmp_path / "data", "--out", out, "--cloud-mask")
    assert found == {"out": str(out), "train": {"chips": 3, "landslide": 1, "left_out": 0}}
    chips = store.read(out / "train.zarr")
    assert list(chips["label"].to_numpy()) == [1, 0, 0]
    assert chips["band"].to_numpy()[-1] == "cloud_mask"
    assert (chips["image"][:, -1] == 1).all()
