"""What is written for the challenges."""

from __future__ import annotations

import csv
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from landslide_geo.chips import landslide4sense, zindi
from landslide_geo.chips.split import Split
from landslide_geo.cli.main import run
from landslide_geo.config import FixedParams, TrainParams
from landslide_geo.errors import OutputError
from landslide_geo.models import build, load_model
from landslide_geo.models.modalities import arguments_of
from landslide_geo.pipeline.prediction import _write_masks
from landslide_geo.training.evaluate import answer
from landslide_geo.training.package import draft

IDS = ("ID_b", "ID_a", "ID_c")


def bundle(out: Path, chips: Split, architecture: str, **arguments) -> Path:
    """A network with random weights."""
    torch.manual_seed(0)
    given = arguments_of(architecture, chips.bands, arguments)
    zeros, ones = (0.0,) * len(chips.bands), (1.0,) * len(chips.bands)
    how = FixedParams(centre=zeros, scale=ones, clip=(-1e4, 1e4))
    params = TrainParams(architecture=architecture, arguments=given, normalisation=how, name="random", tta=2)
    network = build(architecture, bands=len(chips.bands), arguments=given).eval()
    draft(network, chips, params=params, normalisation=how, out=out, command="none", data=["none"], measured={})
    return out


@pytest.fixture(scope="module")
def patches(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Zindi's test patches, in the order of a table that is not that of their names."""
    folder = tmp_path_factory.mktemp("zindi")
    rng = np.random.default_rng(0)
    (folder / "test_data").mkdir()
    for name in (*IDS, "ID_unasked"):
        np.save(folder / f"test_data/{name}.npy", rng.normal(0, 1, (64, 64, 12)))
    (folder / "Test.csv").write_text("ID\n" + "\n".join(IDS) + "\n")
    return folder


@pytest.fixture(scope="module")
def classifier(patches: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = zindi.unlabelled(patches, cloud_mask=True)
    chips = Split.of("zindi", found.batches("test", labels=True))
    return bundle(tmp_path_factory.mktemp("models") / "fpn", chips, "multimodal_fpn")


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_submission_lists_what_the_table_asks_for_in_its_order(
    patches: Path, classifier: Path, tmp_path: Path
) -> None:
    out, more = tmp_path / "submission.csv", tmp_path / "more.csv"
    model = load_model(classifier)
    chips = Split.of("z", zindi.unlabelled(patches, cloud_mask=True).batches("test", labels=True))
    expected = answer(model, chips)
    middle = float(np.median(expected.probability))
    assert run(["predict-chips", "--model", str(classifier), "--root", str(patches), "--out", str(out), "--threshold",
                f"{middle:.9f}", "--probabilities", str(more)]) == 0  # fmt: skip
    told = rows(out)
    assert [row["ID"] for row in told] == list(IDS)
    assert [row["label"] for row in told] == [str(int(p >= np.float32(middle))) for p in expected.probability.ravel()]
    assert {row["label"] for row in told} == {"0", "1"}
    assert [float(row["probability"]) for row in rows(more)] == pytest.approx(expected.probability.ravel(), abs=1e-6)
    assert [float(row["spread"]) for row in rows(more)] == pytest.approx(expected.spread.ravel(), abs=1e-6)


def test_masks_are_written_as_landslide4sense_has_them(tmp_path: Path) -> None:
    (tmp_path / "data/TestData/img").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for number in (10, 2):
        with h5py.File(tmp_path / f"data/TestData/img/image_{number}.h5", "w") as file:
            file["img"] = rng.normal(1, 1, (128, 128, 14))
    chips = Split.of("l4s", landslide4sense.unlabelled(tmp_path / "data").batches("test", labels=True))
    assert chips.ids.tolist() == ["image_2", "image_10"]
    made = bundle(tmp_path / "unet", chips, "unet", encoder=None, width=2)
    arguments = [
        "predict-chips",
        "--model",
        str(made),
        "--dataset",
        "landslide4sense",
        "--root",
        str(tmp_path / "data"),
    ]
    assert run([*arguments, "--out", str(tmp_path / "masks")]) == 0
    assert sorted(path.name for path in (tmp_path / "masks").iterdir()) == ["mask_10.h5", "mask_2.h5"]
    with h5py.File(tmp_path / "masks/mask_10.h5") as file:
        mask = file["mask"][:]
    assert mask.dtype == np.uint8
    np.testing.assert_array_equal(mask, answer(load_model(made), chips).probability[1] >= 0.5)
    assert run([*arguments, "--out", str(tmp_path / "masks")]) == 2, "what is there stays"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--dataset", "bijie"], "use one of zindi, landslide4sense, chips"),
        (["--threshold", "2"], "between 0 and 1"),
        (["--dataset", "chips", "--speckle", "median"], "as they were prepared"),
        (["--dataset", "landslide4sense"], "no image_N.h5"),
    ],
)
def test_what_cannot_be_predicted_is_said(
    patches: Path, classifier: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str],
    complaint: str,
) -> None:  # fmt: skip
    out = tmp_path / "submission.csv"
    assert (
        run(["predict-chips", "--model", str(classifier), "--root", str(patches), "--out", str(out), *arguments]) == 2
    )
    assert complaint in capsys.readouterr().err
    assert not out.exists()


def test_a_patch_that_is_missing_is_named(
    patches: Path, classifier: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "Test.csv").write_text("ID\nID_z\n")
    (tmp_path / "ID_y.npy").write_bytes(b"")
    arguments = ["predict-chips", "--model", str(classifier), "--root", str(tmp_path), "--out", str(tmp_path / "s.csv")]
    assert run(arguments) == 2
    assert "ID_z.npy: missing" in capsys.readouterr().err


def test_both_tables_are_written_or_none(
    patches: Path, classifier: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, folder = tmp_path / "submission.csv", tmp_path / "folder"
    folder.mkdir()
    (tmp_path / "file").write_text("")
    base = ["predict-chips", "--model", str(classifier), "--root", str(patches), "--out", str(out), "--probabilities"]
    for other, complaint in ((tmp_path / "file/x.csv", "cannot be written"), (folder, "is a folder"), (out, "both")):
        assert run([*base, str(other)]) == 2
        said = capsys.readouterr().err
        assert complaint in said
        assert said.strip().count("\n") == 0
        assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]
    assert run([*base[:6], str(folder), "--probabilities", str(tmp_path / "more.csv")]) == 2
    assert "is a folder" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]


def test_a_model_that_outlines_gives_zindi_no_answer(
    patches: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["predict-chips", "--root", str(patches), "--out", str(tmp_path / "submission.csv")]) == 2
    assert "outlines landslides, and zindi asks for one label a patch" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_masks_of_one_name_are_refused(tmp_path: Path) -> None:
    masks = [np.ones((2, 2), bool), np.zeros((2, 2), bool)]
    with pytest.raises(OutputError, match=r"1\.h5: the mask of landslide/1 and of non-landslide/1; predict one"):
        _write_masks(tmp_path / "masks", ["landslide/1", "non-landslide/1"], masks)
    assert not list(tmp_path.iterdir())
