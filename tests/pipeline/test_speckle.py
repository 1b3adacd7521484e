"""Radar is filtered for a network as its training chips were: in stores, scans, evaluations and predictions."""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch
from rasterio.transform import from_origin

from landslide_geo import scan
from landslide_geo.bands import is_radar
from landslide_geo.chips import simulated, store
from landslide_geo.chips.split import Split
from landslide_geo.chips.zindi import BANDS
from landslide_geo.cli.main import run
from landslide_geo.config import AugmentParams, FixedParams, ScanParams, SpeckleParams, TrainParams
from landslide_geo.errors import BundleError, DatasetError, ParameterError
from landslide_geo.models import EnsembleManifest, EnsembleMember, build, load_model, save_ensemble
from landslide_geo.models.manifest import Threshold
from landslide_geo.models.modalities import arguments_of
from landslide_geo.models.prefilter import require_bands
from landslide_geo.pipeline.prefilter import train_prefilter
from landslide_geo.pipeline.training import train_model
from landslide_geo.scene.sar import despeckled
from landslide_geo.simulate.chips import ChipMaker
from landslide_geo.training.evaluate import answer, images, own_bands
from landslide_geo.training.package import draft

SIDE = 150
MEDIAN, LEE = SpeckleParams(kind="median", size=5), SpeckleParams(kind="lee", size=7)
HOW = FixedParams(centre=(800.0,) * 4 + (-14.0,) * 8, scale=(600.0,) * 4 + (5.0,) * 8)
CHIPS = simulated.collection(chips=4, size=64, bands=BANDS)


def chips(how: SpeckleParams | None = None) -> Split:
    """Simulated ones; as if they had been filtered, where that is said."""
    return replace(Split.of("simulated", CHIPS.batches("train")), stored_speckle=how)


def filtered(values: np.ndarray, how: SpeckleParams) -> np.ndarray:
    return despeckled(values.astype(np.float32), BANDS, kind=how.kind, size=how.size)


def bundle(out: Path, how: SpeckleParams | None) -> Path:
    """A network with the same random weights, of chips that were filtered so."""
    torch.manual_seed(0)
    given = arguments_of("multimodal_fpn", BANDS, {})
    params = TrainParams(
        name="random", architecture="multimodal_fpn", arguments=given, normalisation=HOW, tta=1,
        augment=AugmentParams(modality_dropout=0.2),
    )  # fmt: skip
    network = build("multimodal_fpn", bands=len(BANDS), arguments=given).eval()
    draft(network, chips(how), params=params, normalisation=HOW, out=out, command="none", data=["none"], measured={})
    return out


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[SpeckleParams | None, Path]:
    folder = tmp_path_factory.mktemp("models")
    return {how: bundle(folder / name, how) for how, name in ((None, "plain"), (MEDIAN, "median"), (LEE, "lee"))}


def write(path: Path, values: np.ndarray) -> Path:
    with rasterio.open(
        path, "w", driver="GTiff", height=SIDE, width=SIDE, count=len(BANDS), dtype="float32", crs="EPSG:32652",
        transform=from_origin(400_000, 4_000_000, 10, 10), nodata=np.nan,
    ) as target:  # fmt: skip
        target.write(values.astype(np.float32))
        target.descriptions = BANDS
    return path


@pytest.mark.parametrize("how", [MEDIAN, LEE], ids=["median", "lee"])
def test_a_scan_filters_as_if_the_files_had_been_filtered(models, how: SpeckleParams, tmp_path: Path) -> None:
    values = ChipMaker(seed=3, size=SIDE, share=1.0).make(0).bands(BANDS)
    values[4:6, 20:40, 30:50] = np.nan  # where the descending pass saw nothing

    def scanned(name: str, model: Path, pixels: np.ndarray) -> tuple[np.ndarray, dict]:
        params = ScanParams(model=str(model), threshold=0.5, min_slope_deg=0, flat_slope_deg=0, backend="torch")
        scan(write(tmp_path / f"{name}.tif", pixels), tmp_path / name, params=params)
        with rasterio.open(tmp_path / name / "probability.tif") as source:
            return source.read(1), json.loads((tmp_path / name / "scan.json").read_text())

    found, record = scanned("on_the_way", models[how], values)
    beforehand, other = scanned("beforehand", models[None], filtered(values, how))
    plain, _ = scanned("plain", models[None], values)
    np.testing.assert_array_equal(found, beforehand)
    assert np.abs(found - plain).max() > 1e-4, "the filter tells"
    assert sorted(record["speckle"].pop("bands")) == sorted(BANDS[4:])
    assert record["speckle"] == how.model_dump()
    assert other["speckle"] is None


def test_a_scene_smaller_than_the_window_is_refused_before_any_work(models, tmp_path: Path) -> None:
    wide = tmp_path / "wide"
    shutil.copytree(models[MEDIAN], wide)
    stated = json.loads((wide / "bundle.json").read_text())
    stated["speckle"]["size"] = SIDE + 1 + SIDE % 2
    (wide / "bundle.json").write_text(json.dumps(stated))
    path = write(tmp_path / "scene.tif", np.ones((len(BANDS), SIDE, SIDE)))
    with pytest.raises(ParameterError, match=f"larger than an image of {SIDE}"):
        scan(path, tmp_path / "out", params=ScanParams(model=str(wide)))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("how", [MEDIAN, LEE], ids=["median", "lee"])
def test_chips_are_filtered_when_a_model_wants_it(models, how: SpeckleParams) -> None:
    raw, model = chips(), load_model(models[how])
    own = own_bands(model, raw)
    for index in range(len(raw)):
        np.testing.assert_array_equal(own.image(index), filtered(raw.image(index), how))
    stored = replace(raw, images=np.stack([filtered(one, how) for one in raw.images]), stored_speckle=how)
    np.testing.assert_array_equal(images(own_bands(model, stored), HOW), images(own, HOW))
    np.testing.assert_array_equal(answer(model, stored).probability, answer(model, raw).probability)
    optical = raw.taking(BANDS[:4])
    assert optical.despeckled(how, by="it") is optical, "nothing to filter"


def test_chips_that_were_filtered_otherwise_are_refused(models) -> None:
    with pytest.raises(ParameterError, match=r"filtered by lee in windows of 7 .* takes it filtered by median in win"):
        answer(load_model(models[MEDIAN]), chips(LEE))
    with pytest.raises(ParameterError, match=r"takes it as it was measured; prepare .* --speckle none"):
        answer(load_model(models[None]), chips(LEE))


def test_stores_and_bundles_keep_the_filter(models, tmp_path: Path) -> None:
    collection = replace(CHIPS, speckle=MEDIAN)
    store.write(tmp_path / "train.zarr", collection.batches("train"))
    store.write(tmp_path / "plain.zarr", CHIPS.batches("train"))
    assert Split.read(tmp_path / "train.zarr").speckle == MEDIAN
    assert Split.read(tmp_path / "train.zarr").taking(BANDS[:4]).speckle is None
    assert Split.read(tmp_path / "plain.zarr").speckle is None
    assert [load_model(models[how]).manifest.speckle for how in (None, MEDIAN, LEE)] == [None, MEDIAN, LEE]
    for name, words in (("README.md", "Radar is filtered by"), ("item.json", "Radar filtered by")):
        assert [words in (models[how] / name).read_text() for how in (None, MEDIAN, LEE)] == [False, True, True]
    stated = json.loads((models[None] / "bundle.json").read_text())
    del stated["speckle"]  # as bundles were before
    shutil.copytree(models[None], tmp_path / "old")
    (tmp_path / "old/bundle.json").write_text(json.dumps(stated))
    assert load_model(tmp_path / "old").manifest.speckle is None


def test_training_refuses_stores_that_differ(tmp_path: Path) -> None:
    store.write(tmp_path / "train.zarr", replace(CHIPS, speckle=MEDIAN).batches("train"))
    store.write(tmp_path / "validation.zarr", CHIPS.batches("train"))
    params = TrainParams(architecture="multimodal_fpn", arguments={}, normalisation=HOW, epochs=1, batch_size=2)
    with pytest.raises(DatasetError, match=r"validation.zarr: radar is as it was measured, that of .* --speckle"):
        train_model(tmp_path, tmp_path / "out", params=params)
    with pytest.raises(DatasetError, match="radar is filtered otherwise"):
        train_prefilter(tmp_path, tmp_path / "filter")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["train.zarr", "validation.zarr"]


def test_an_ensemble_wants_one_filter(models, tmp_path: Path) -> None:
    def manifest(*members: Path) -> EnsembleManifest:
        return EnsembleManifest(
            name="both", description="Both.", members=tuple(EnsembleMember(bundle=str(m), weight=1) for m in members),
            threshold=Threshold(value=0.5, how="given"), licence="none", created="2026-01-01T00:00:00+00:00",
        )  # fmt: skip

    with pytest.raises(BundleError, match=r"median takes it filtered by median .* plain takes it as it was measured"):
        save_ensemble(tmp_path / "both", manifest(models[MEDIAN], models[None]))
    assert not (tmp_path / "both").exists()
    assert save_ensemble(tmp_path / "one", manifest(models[MEDIAN], models[MEDIAN])).speckle == MEDIAN


def test_a_filter_before_a_network_sees_radar_as_the_network_does(models, tmp_path: Path) -> None:
    many = simulated.collection(chips=60, size=32, bands=BANDS)
    store.write(tmp_path / "train.zarr", replace(many, speckle=MEDIAN).batches("train"))
    train_prefilter(tmp_path, tmp_path / "filter")
    of = {"bands": load_model(models[MEDIAN]).manifest.bands, "gsd_m": (5.0, 20.0), "of": "it"}
    assert require_bands(tmp_path / "filter", speckle=MEDIAN, **of).manifest.speckle == MEDIAN
    with pytest.raises(BundleError, match="takes radar filtered by median in windows of 5 pixels, and it as it was"):
        require_bands(tmp_path / "filter", **of)


def test_patches_to_predict_are_filtered_unless_they_were(models, tmp_path: Path, capsys) -> None:
    rng = np.random.default_rng(0)
    (tmp_path / "zindi").mkdir()
    for name in ("ID_a", "ID_b"):
        np.save(tmp_path / f"zindi/{name}.npy", rng.normal(-10, 3, (64, 64, 12)))

    def told(model: Path, *options: str) -> list[float]:
        table = tmp_path / "p.csv"
        assert run(["predict-chips", "--model", str(model), "--root", str(tmp_path / "zindi"), "--out",
                    str(tmp_path / "s.csv"), "--probabilities", str(table), *options]) == 0  # fmt: skip
        with table.open(newline="") as file:
            return [float(row["probability"]) for row in csv.DictReader(file)]

    own = told(models[MEDIAN])
    assert own == told(models[MEDIAN], "--speckle", "median", "--speckle-window", "5")
    assert own != told(models[None])
    capsys.readouterr()
    arguments = ["predict-chips", "--model", str(models[MEDIAN]), "--root", str(tmp_path / "zindi"), "--out",
                 str(tmp_path / "other.csv"), "--speckle", "lee"]  # fmt: skip
    assert run(arguments) == 2
    assert "radar was filtered by lee in windows of 3 pixels" in capsys.readouterr().err
    assert not (tmp_path / "other.csv").exists()


def test_radar_is_told_from_other_bands() -> None:
    assert [name for name in ("vv_asc", "pre_vh_desc", "red", "pre_nir", "slope", "cloud_mask") if is_radar(name)] == [
        "vv_asc", "pre_vh_desc",
    ]  # fmt: skip
