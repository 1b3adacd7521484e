"""The shipped rule on two dates: what it finds, and what its bundle says of itself."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from rasterio.features import rasterize

from landslide_geo import scan
from landslide_geo.chips import simulated as chips_of_nothing
from landslide_geo.chips.split import Split
from landslide_geo.cli.main import run
from landslide_geo.config import ScanParams
from landslide_geo.models import load_model
from landslide_geo.training.evaluate import score
from landslide_geo.training.metrics import Histogram

BANDS = ("red", "nir", "pre_red", "pre_nir")


def test_a_scan_finds_what_lost_its_vegetation(simulated, tmp_path: Path) -> None:
    """Whatever the unit: a simulated scene in digital numbers and the same one in reflectance."""
    sources = [source for source in simulated.sources if source.partition("=")[0] in BANDS]
    scaled = []
    for source in sources:
        name, _, path = source.partition("=")
        with rasterio.open(path) as dataset:
            profile = dataset.profile | {"dtype": "float32", "nodata": float("nan")}
            with rasterio.open(tmp_path / f"{name}.tif", "w", **profile) as target:
                target.write(dataset.read().astype(np.float32) * 1e-4)
        scaled.append(f"{name}={tmp_path / name}.tif")
    with rasterio.open(simulated.truth) as dataset:
        truth, transform = dataset.read(1) == 1, dataset.transform
    probabilities = []
    for given in (sources, scaled):
        out = tmp_path / f"out{len(probabilities)}"
        result = scan(given, out, dem=simulated.dem, params=ScanParams(model="rdndvi"))
        assert result.record["model"]["name"] == "rdndvi"
        with rasterio.open(out / "probability.tif") as dataset:
            probabilities.append(dataset.read(1))
    first, second = probabilities
    seen = np.isfinite(first) & np.isfinite(second)
    np.testing.assert_allclose(first[seen], second[seen], atol=1e-3)
    histogram = Histogram()
    histogram.add(first, truth, seen)
    assert histogram.auc() > 0.99
    assert histogram.at(load_model("rdndvi").threshold).iou > 0.4, "a fiftieth of the ground is a scar"
    landslides = gpd.read_file(tmp_path / "out0/landslides.gpkg", layer="landslides")
    outlines = rasterize(landslides.geometry, out_shape=truth.shape, transform=transform).astype(bool)[seen]
    overlap = (outlines & truth[seen]).sum() / (outlines | truth[seen]).sum()
    assert overlap > 0.9, "what else changed does not pass the screens"


def test_the_bundle_scores_as_it_says_on_chips_of_nothing() -> None:
    model = load_model("rdndvi")
    said = model.manifest.metrics["test"]
    assert said["simulated"], "its figures are of no real ground"
    whole = chips_of_nothing.collection(chips=600, bands=BANDS)
    found = score(model, Split.of("simulated", whole.batches("test")).at(range(0, 120, 8)))
    assert found.f1 == pytest.approx(said["f1"], abs=0.01)


def test_the_bundle_scores_as_it_says_on_the_one_real_patch(mirror: Path, tmp_path: Path) -> None:
    patch = mirror / "scene_italy_emilia"
    if not patch.is_dir():
        pytest.skip("the mirror lacks the patch")
    command = ["chips", patch / "s2_post_2023-05-23.tif", f"pre={patch / 's2_pre_2023-04-28.tif'}", patch / "mask.tif",
               "--bands", ",".join(BANDS), "--out", tmp_path / "chips"]  # fmt: skip
    assert run([str(part) for part in command]) == 0
    model = load_model("rdndvi")
    said = model.manifest.metrics["emilia_romagna_patch"]
    found = score(model, Split.read(tmp_path / "chips/train.zarr"))
    assert not said["simulated"]
    assert found.patches == said["patches"] == 1
    assert found.f1 == pytest.approx(said["f1"], abs=1e-3)
    assert found.auc == pytest.approx(said["auc"], abs=1e-3)


def test_models_list_says_that_its_figures_are_simulated(capsys, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "240")
    assert run(["models", "list"]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if "(simulated)" in line]
    assert [line.split()[0] for line in lines] == ["rdndvi"]
    assert "pre_red pre_nir red nir" in lines[0]
