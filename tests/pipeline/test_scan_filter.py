"""Scans whose bundle holds a filter: windows are saved, and landslides are what they were."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio

from landslide_geo import scan
from landslide_geo.chips import simulated as chips
from landslide_geo.chips import store
from landslide_geo.cli.main import run
from landslide_geo.config import PrefilterParams, ScanParams
from landslide_geo.errors import BundleError, ParameterError
from landslide_geo.inference.skipping import SCREENED
from landslide_geo.models import find_bundle
from landslide_geo.models.prefilter import Prefilter, add_prefilter
from landslide_geo.pipeline.prefilter import train_prefilter


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A filter of chips of another simulated landscape than the scene's."""
    folder = tmp_path_factory.mktemp("filter")
    collection = chips.collection(seed=7, chips=130, size=32, bands=("red", "green", "blue"), share=0.3)
    store.write(folder / "train.zarr", collection.batches("train"))
    params = PrefilterParams(rounds=30, min_child_weight=1, folds=3)
    train_prefilter(folder, folder / "filter", params=params)
    return folder / "filter"


@pytest.fixture(scope="module")
def bundle(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle") / "screened"
    shutil.copytree(find_bundle("red_minus_green"), folder)
    add_prefilter(folder, made)
    return folder


def params(bundle: Path, **changes) -> ScanParams:
    return ScanParams(model=str(bundle), window=64, overlap=0, flat_slope_deg=0).model_copy(update=changes)


@pytest.fixture(scope="module")
def screened(simulated, bundle: Path, tmp_path_factory: pytest.TempPathFactory):
    return scan(simulated.sources, tmp_path_factory.mktemp("out") / "a", dem=simulated.dem, params=params(bundle))


@pytest.fixture(scope="module")
def plain(simulated, bundle: Path, tmp_path_factory: pytest.TempPathFactory):
    out = tmp_path_factory.mktemp("out") / "b"
    return scan(simulated.sources, out, dem=simulated.dem, params=params(bundle, filter=False))


def probability(result) -> np.ndarray:
    with rasterio.open(result.out / "probability.tif") as dataset:
        return dataset.read(1)


def test_windows_are_saved_and_landslides_stay(screened, plain, made: Path) -> None:
    windows, every = screened.record["windows"], plain.record["windows"]
    saved = windows["skipped"][SCREENED]
    assert saved > 0
    assert windows["run"] + saved == every["run"]
    assert windows["forward_passes_saved"] == pytest.approx(saved / windows["total"], abs=1e-4)
    kept = Prefilter.load(made)
    assert screened.record["parameters"]["screen"] == {"name": kept.name, "threshold": kept.threshold}
    assert plain.record["parameters"]["screen"] is None
    assert screened.record["key"] != plain.record["key"]
    # Windows do not overlap: those that were run have the same pixels, all others 0 where they can be seen.
    a, b = probability(screened), probability(plain)
    assert np.array_equal(np.isnan(a), np.isnan(b))
    blank = 0
    for row in range(0, a.shape[0], 64):
        for col in range(0, a.shape[1], 64):
            own, other = a[row : row + 64, col : col + 64], b[row : row + 64, col : col + 64]
            empty = (own[np.isfinite(own)] == 0).all()
            blank += empty
            if not empty:
                np.testing.assert_array_equal(own, other)
    assert blank >= saved
    found, wanted = (gpd.read_file(r.out / "landslides.gpkg", layer="landslides") for r in (screened, plain))
    assert len(found) == len(wanted) > 0
    assert found.geometry.sort_values().geom_equals(wanted.geometry.sort_values()).all()


def test_the_same_again_does_nothing_and_the_switch_is_no_key_without_a_filter(
    simulated, bundle: Path, screened, tmp_path: Path
) -> None:
    again = scan(simulated.sources, screened.out, dem=simulated.dem, params=params(bundle))
    assert not again.fresh
    rule = params(Path("red_minus_green"))
    assert scan(simulated.sources, tmp_path / "out", params=rule).fresh
    assert not scan(simulated.sources, tmp_path / "out", params=rule.model_copy(update={"filter": False})).fresh


def test_an_interrupted_scan_goes_on(simulated, bundle: Path, screened, tmp_path: Path, monkeypatch) -> None:
    from landslide_geo.inference.store import StripStore

    save, count = StripStore.save, []

    def interrupted(self, strip) -> None:
        save(self, strip)
        count.append(strip)
        if len(count) == 3:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(StripStore, "save", interrupted)
        with pytest.raises(KeyboardInterrupt):
            scan(simulated.sources, tmp_path / "out", dem=simulated.dem, params=params(bundle))
    result = scan(simulated.sources, tmp_path / "out", dem=simulated.dem, params=params(bundle), resume=True)
    assert result.record["windows"]["strips_resumed"] > 0
    assert result.record["windows"]["skipped"] == screened.record["windows"]["skipped"]
    np.testing.assert_array_equal(probability(result), probability(screened))


@pytest.mark.integration
def test_a_cluster_screens_alike(simulated, bundle: Path, screened, tmp_path: Path) -> None:
    result = scan(simulated.sources, tmp_path / "out", dem=simulated.dem, params=params(bundle), workers=2)
    np.testing.assert_allclose(probability(result), probability(screened), atol=1e-5)
    assert result.record["windows"]["skipped"] == screened.record["windows"]["skipped"]
    assert result.record["key"] == screened.record["key"]


def test_the_command_line_leaves_the_filter_out(simulated, bundle: Path, plain, capsys) -> None:
    options = ["--model", bundle, "--window", 64, "--overlap", 0, "--flat-slope", 0, "--dem", simulated.dem, "-q"]
    command = [str(part) for part in ("scan", *simulated.sources, "--out", plain.out, *options)]
    assert run([*command, "--no-filter"]) == 0, "the same scan is there already"
    assert run(command) == 2
    assert "--overwrite" in capsys.readouterr().err


def test_a_filter_that_does_not_fit_is_one_line_and_leaves_nothing(simulated, bundle: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(bundle, other)
    told = json.loads((other / "prefilter.json").read_text())

    def says(kind: type[Exception], pattern: str, bands: list[dict[str, str]], features: list[str]) -> None:
        (other / "prefilter.json").write_text(json.dumps(told | {"bands": bands, "features": features}))
        with pytest.raises(kind, match=pattern):
            scan(simulated.sources, tmp_path / "out", params=params(other))
        assert not (tmp_path / "out").exists()

    says(BundleError, "trained on other features", told["bands"], told["features"][1:])
    pictures = [band | {"unit": "8-bit picture"} for band in told["bands"]]
    says(
        ParameterError,
        "takes red in 8-bit picture, the scene holds reflectance; .*--no-filter",
        pictures,
        told["features"],
    )
    shutil.copy(bundle / "filter.json", other / "filter.json")
    nir = [{"name": "nir", "unit": "digital number"}]
    names = [f"nir_{name}" for name in ("mean", "std", "max", "min", "p10", "p90")]
    says(BundleError, "the filter looks at nir, which red_minus_green does not", nir, names)
