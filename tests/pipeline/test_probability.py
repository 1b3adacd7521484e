"""What runs a scan's network, and what does not need it."""

from __future__ import annotations

import json

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
from odc.geo.geobox import GeoBox

from landslide_geo import open_scene, scan
from landslide_geo.config import ScanParams
from landslide_geo.errors import LandslideError, ParameterError
from landslide_geo.inference.skipping import FLAT, OUTSIDE, SCREENED, Screen
from landslide_geo.models import EnsembleManifest, EnsembleMember, save_ensemble
from landslide_geo.models.manifest import Threshold
from landslide_geo.pipeline.probability import any_inside
from landslide_geo.scene.grid import Block
from landslide_geo.scene.scene import Scene

RULE = ScanParams(model="red_minus_green", window=128, overlap=32, flat_slope_deg=0)


def with_(**changes) -> ScanParams:
    return RULE.model_copy(update=changes)


def test_whether_the_area_holds_a_pixel_is_asked_in_blocks_of_columns():
    """Memory must not grow with the width of a scene."""
    box = GeoBox.from_bbox((500000, 4000000, 700000, 4006000), crs="EPSG:32654", resolution=10)
    widest = []

    class Watched(Scene):
        def inside_aoi(self, block: Block) -> np.ndarray:
            widest.append(block.width)
            return super().inside_aoi(block)

    def holds(left: float, right: float) -> bool:
        return any_inside(Watched(box, (), aoi=shapely.box(left, 4000001, right, 4000009)))

    assert holds(699991, 699999), "a pixel of the last row and column"
    assert not holds(699991, 699994), "beside its centre"
    assert max(widest) <= 4096


def pixels(path) -> np.ndarray:
    with rasterio.open(path) as dataset:
        return dataset.read(1)


@pytest.fixture(scope="module")
def plain(simulated, tmp_path_factory):
    return scan(simulated.sources, tmp_path_factory.mktemp("plain"), dem=simulated.dem, params=RULE)


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """An ensemble of the network and the rule."""
    manifest = EnsembleManifest(
        name="both",
        description="the shipped network and the rule",
        members=(EnsembleMember(bundle="default", weight=3), EnsembleMember(bundle="red_minus_green", weight=1)),
        threshold=Threshold(value=0.4, how="for this test"),
        licence="CC0-1.0",
        created="2026-11-21T00:00:00Z",
    )
    folder = tmp_path_factory.mktemp("bundles") / "both"
    save_ensemble(folder, manifest)
    return folder


def test_the_precision_check_is_recorded(simulated, tmp_path):
    result = scan(simulated.sources, tmp_path / "out", params=with_(model="default", tta=1))
    backend = result.record["backend"]
    chosen = backend["chosen"][0]
    if chosen["precision"] == "float32":
        assert all(not check["passed"] for check in backend["checks"])
    else:
        check = backend["checks"][-1]
        assert check["passed"]
        assert check["changed"] <= 0.001 * check["pixels"]
        assert check["pixels"] > 10_000


def test_back_ends_agree_on_the_landslides(simulated, tmp_path):
    found = {
        backend: pixels(
            scan(
                simulated.sources, tmp_path / backend,
                params=with_(model="default", tta=1, backend=backend, precision="float32"),
            ).out / "probability.tif"
        )
        for backend in ("torch", "openvino")
    }  # fmt: skip
    np.testing.assert_allclose(found["torch"], found["openvino"], atol=1e-4)


def test_a_back_end_that_is_not_there_is_one_line_and_leaves_nothing(simulated, tmp_path):
    with pytest.raises(ParameterError, match="float16"):
        scan(simulated.sources, tmp_path / "out", params=with_(backend="onnx", precision="float16"))
    assert not (tmp_path / "out").exists()


def test_members_are_averaged_in_one_pass_and_their_spread_is_the_uncertainty(simulated, both, plain, tmp_path):
    # Without overlap: where windows are blended, the mean of their spreads is not the spread of their means.
    params = {"precision": "float32", "tta": 1, "window": 64, "overlap": 0}
    mixed = scan(simulated.sources, tmp_path / "both", params=with_(model=str(both), **params))
    network = scan(simulated.sources, tmp_path / "network", params=with_(model="default", **params))
    rule = scan(simulated.sources, tmp_path / "rule", params=with_(**params))
    m, n, r = (pixels(result.out / "probability.tif") for result in (mixed, network, rule))
    np.testing.assert_allclose(m, 0.75 * n + 0.25 * r, atol=1e-5)
    spread = pixels(mixed.out / "uncertainty.tif")
    np.testing.assert_allclose(spread, np.abs(n - r) * np.sqrt(0.75 * 0.25), atol=1e-5)
    assert mixed.record["windows"]["run"] == network.record["windows"]["run"]
    assert mixed.record["model"]["name"] == "both"
    assert [m["bundle"] for m in mixed.record["model"]["manifest"]["members"]] == ["default", "red_minus_green"]
    assert mixed.record["parameters"]["threshold"] == 0.4
    assert len(mixed.record["normalisation"]) == len({str(x["bands"]) for x in mixed.record["normalisation"]})


def test_symmetries_go_by_name(simulated, tmp_path):
    named = scan(simulated.sources, tmp_path / "named", params=with_(tta=("identity", "transpose")))
    assert named.record["parameters"]["tta"] == ["identity", "transpose"]
    with rasterio.open(named.out / "uncertainty.tif") as dataset:
        assert dataset.descriptions == ("standard deviation over 2 answers",)
    with pytest.raises(ParameterError, match="no symmetry 'sideways'"):
        scan(simulated.sources, tmp_path / "wrong", params=with_(tta=("sideways",)))


def test_flat_ground_is_not_scanned_and_no_landslide_is_lost(simulated, plain, tmp_path):
    # A plain beside the simulated mountains: the western half of the elevation model is levelled.
    scene = open_scene(simulated.sources, dem=simulated.dem)
    with rasterio.open(simulated.dem) as source:
        values, profile = source.read(), source.profile
    values[:, :, : values.shape[2] // 2] = values[:, :, : values.shape[2] // 2].mean()
    with rasterio.open(tmp_path / "dem.tif", "w", **profile) as target:
        target.write(values)
    every = scan(simulated.sources, tmp_path / "every", dem=tmp_path / "dem.tif", params=with_(window=64, overlap=16))
    fewer = scan(
        simulated.sources, tmp_path / "fewer", dem=tmp_path / "dem.tif",
        params=with_(window=64, overlap=16, flat_slope_deg=5),
    )  # fmt: skip
    skipped = fewer.record["windows"]["skipped"][FLAT]
    assert skipped > 0
    assert fewer.record["windows"]["run"] + skipped == every.record["windows"]["run"]
    assert fewer.record["windows"]["forward_passes_saved"] == pytest.approx(
        skipped / fewer.record["windows"]["total"], abs=1e-4
    )
    a, b = (pixels(result.out / "probability.tif") for result in (every, fewer))
    assert np.array_equal(np.isnan(a), np.isnan(b)), "flat ground that is valid gets 0, not nodata"
    west = b[:, : scene.width // 8]
    assert (west[np.isfinite(west)] == 0).all()
    east = np.s_[:, scene.width * 3 // 4 :]
    np.testing.assert_array_equal(a[east], b[east])
    count = [len(gpd.read_file(r.out / "landslides.gpkg", layer="landslides")) for r in (every, fewer)]
    assert count[0] == count[1] > 0


def test_windows_outside_the_area_of_interest_are_counted(simulated, tmp_path):
    scene = open_scene(simulated.sources)
    box = scene.geobox.extent.boundingbox
    from shapely import box as rectangle

    corner = rectangle(box.left, box.top - 600, box.left + 600, box.top)
    gpd.GeoDataFrame(geometry=[corner], crs=scene.geobox.crs.to_wkt()).to_file(tmp_path / "aoi.gpkg")
    result = scan(simulated.sources, tmp_path / "out", aoi=tmp_path / "aoi.gpkg", params=RULE)
    windows = result.record["windows"]
    assert windows["skipped"][OUTSIDE] > 0
    assert windows["run"] + sum(windows["skipped"].values()) == windows["total"]


def test_a_filter_screens_windows_before_the_network(simulated, plain, tmp_path):
    bright = Screen(lambda batch: (batch.max(axis=(1, 2, 3)) > 5).astype("float32"), threshold=0.5, name="bright")
    result = scan(simulated.sources, tmp_path / "out", dem=simulated.dem, params=RULE, screen=bright)
    windows = result.record["windows"]
    assert windows["skipped"].get(SCREENED, 0) + windows["run"] == plain.record["windows"]["run"]
    assert result.record["parameters"]["screen"] == {"name": "bright", "threshold": 0.5}
    assert result.record["key"] != plain.record["key"]


@pytest.mark.integration
def test_a_cluster_scans_alike(simulated, plain, tmp_path):
    result = scan(simulated.sources, tmp_path / "out", dem=simulated.dem, params=RULE, workers=2)
    a, b = (pixels(r.out / "probability.tif") for r in (plain, result))
    np.testing.assert_allclose(a, b, atol=1e-5)
    assert result.record["windows"]["run"] == plain.record["windows"]["run"]
    assert result.record["key"] == plain.record["key"]


def test_a_resumed_scan_keeps_to_the_back_end_it_began_with(simulated, tmp_path, monkeypatch):
    from landslide_geo.pipeline import probability

    params = with_(model="default", tta=1)

    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(probability, "compute", interrupted)
        with pytest.raises(KeyboardInterrupt):
            scan(simulated.sources, tmp_path / "out", params=params)
    memory = next((tmp_path / "out").glob(".partial-*")) / "backend.json"
    told = json.loads(memory.read_text())
    told["checks"] = ["as it was"]
    memory.write_text(json.dumps(told))
    result = scan(simulated.sources, tmp_path / "out", params=params, resume=True)
    assert result.record["backend"]["checks"] == ["as it was"]


def test_a_scan_that_cannot_be_is_refused_before_it_starts(simulated, tmp_path):
    with pytest.raises(LandslideError, match="workers"):
        scan(simulated.sources, tmp_path / "out", params=RULE, workers=0)
    assert not (tmp_path / "out").exists()
