"""Scans with networks that classify windows, and with scenes that lack a sensor."""

from __future__ import annotations

import json
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
import torch
from named_raster import write_named

from landslide_geo import scan
from landslide_geo.chips.split import Split
from landslide_geo.chips.zindi import BANDS
from landslide_geo.config import AugmentParams, FixedParams, ScanParams, TrainParams
from landslide_geo.errors import MissingBandError, ParameterError
from landslide_geo.inference.sight import SensorSource, Sight
from landslide_geo.models import build, load_model
from landslide_geo.models.modalities import arguments_of
from landslide_geo.scene.open import open_scene
from landslide_geo.scene.visibility import is_valid
from landslide_geo.simulate.chips import ChipMaker
from landslide_geo.training.package import draft

SIDE = 200
OPTICAL, RADAR = BANDS[:4], BANDS[4:]
#: Roughly what the simulated landscape holds: digital numbers, and dB.
HOW = FixedParams(centre=(800.0,) * 4 + (-14.0,) * 8, scale=(600.0,) * 4 + (5.0,) * 8)


def chips(count: int = 2) -> Split:
    from landslide_geo.chips import simulated

    return Split.of("simulated", simulated.collection(chips=count, size=64, bands=BANDS).batches("train"))


def bundle(out: Path, architecture: str = "multimodal_fpn", *, dropout: float = 0.2, **arguments) -> Path:
    """A network with random weights that learned to do without a sensor, or did not."""
    torch.manual_seed(0)
    given = arguments_of(architecture, BANDS, arguments)
    params = TrainParams(
        name="random", architecture=architecture, arguments=given, normalisation=HOW, tta=1,
        augment=AugmentParams(modality_dropout=dropout),
    )  # fmt: skip
    network = build(architecture, bands=len(BANDS), arguments=given).eval()
    draft(network, chips(), params=params, normalisation=HOW, out=out, command="none", data=["none"], measured={})
    return out


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bundle(tmp_path_factory.mktemp("models") / "fpn")


@pytest.fixture(scope="module")
def values() -> np.ndarray:
    """(12, y, x) of one place."""
    return ChipMaker(seed=3, size=SIDE, share=1.0).make(0).bands(BANDS)


@pytest.fixture(scope="module")
def scene(values: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_named(tmp_path_factory.mktemp("scene") / "scene.tif", BANDS, values)


def params(model: Path, **more) -> ScanParams:
    return ScanParams(model=str(model), threshold=0.5, min_slope_deg=0, flat_slope_deg=0, backend="torch", **more)


def read(path: Path) -> np.ndarray:
    with rasterio.open(path) as source:
        return source.read(1)


@pytest.fixture(scope="module")
def finished(scene: Path, model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("scan") / "out"
    middle = float(np.median(answers(model, scene)))
    scan(scene, out, params=params(model).model_copy(update={"threshold": middle}))
    return out


def answers(model: Path, scene: Path) -> np.ndarray:
    """(rows, columns) of windows, as the network answers for each by itself."""
    found = load_model(model)
    with rasterio.open(scene) as source:
        values = source.read()
    centre, scale = (np.array(v)[:, None, None] for v in (HOW.centre, HOW.scale))
    normal = np.clip((values - centre) / scale, *HOW.clip)
    starts = [*range(0, SIDE - 64, 32), SIDE - 64]
    windows = np.stack([normal[:, r : r + 64, c : c + 64] for r in starts for c in starts])
    return found.probabilities(windows.astype(np.float32)).reshape(len(starts), len(starts))


def test_windows_make_a_coarse_raster(finished: Path, scene: Path, model: Path) -> None:
    with rasterio.open(finished / "probability.tif") as source:
        assert source.res == (320, 320), "one pixel for each stride"
        assert source.shape == (7, 7)
        found = source.read(1)
    each = answers(model, scene)
    # The corner's pixel lies in one window alone; all others are means of their windows.
    assert found[0, 0] == pytest.approx(each[0, 0], abs=2e-3)
    assert found.min() >= each.min() - 1e-3
    assert found.max() <= each.max() + 1e-3
    assert np.ptp(found) > 0
    record = json.loads((finished / "scan.json").read_text())
    assert any("answers for windows" in warning for warning in record["warnings"])
    assert record["windows"]["size"] == 64


def test_polygons_follow_its_squares_inside_the_scene(finished: Path) -> None:
    found = gpd.read_file(finished / "landslides.gpkg", layer="landslides")
    assert len(found) > 0
    bounds = shapely.box(400_000, 4_000_000 - SIDE * 10, 400_000 + SIDE * 10, 4_000_000)
    assert found.within(bounds.buffer(1e-6)).all()
    corners = shapely.get_coordinates(found.geometry.to_numpy())
    inner = corners[(corners[:, 0] < 400_000 + SIDE * 10) & (corners[:, 1] > 4_000_000 - SIDE * 10)]
    assert ((inner[:, 0] - 400_000) % 320 == 0).all()
    assert (finished / "quicklook.png").stat().st_size > 10_000
    assert not list(finished.glob("*.vrt")), "what only the steps need does not stay"


@pytest.mark.parametrize("lacking", [OPTICAL, RADAR, BANDS[4:8]], ids=["no optical", "no radar", "no descending"])
def test_a_scene_may_lack_a_sensor(lacking: tuple[str, ...], values: np.ndarray, model: Path, tmp_path: Path) -> None:
    kept = tuple(name for name in BANDS if name not in lacking)
    places = [BANDS.index(name) for name in kept]
    scan(write_named(tmp_path / "some.tif", kept, values[places]), tmp_path / "some", params=params(model))
    emptied = values.copy()
    emptied[[BANDS.index(name) for name in lacking]] = np.nan
    scan(write_named(tmp_path / "empty.tif", BANDS, emptied), tmp_path / "empty", params=params(model))
    some, empty = (read(tmp_path / f"{name}/probability.tif") for name in ("some", "empty"))
    assert np.isfinite(some).all()
    np.testing.assert_allclose(some, empty, atol=1e-5, err_msg="not there, or there and empty, is the same")
    record = json.loads((tmp_path / "some/scan.json").read_text())
    assert any(f"lacks {', '.join(lacking)}" in warning for warning in record["warnings"])


def test_under_clouds_radar_still_maps(values: np.ndarray, model: Path, tmp_path: Path) -> None:
    cloudy = values.copy()
    cloudy[:4, :, :120] = 9_000
    out = tmp_path / "out"
    scan(write_named(tmp_path / "cloudy.tif", BANDS, cloudy), out, params=params(model))
    assert not is_valid(read(out / "review/visibility.tif")[:, 20:100]).any(), "the optical sensor sees no ground there"
    assert np.isfinite(read(out / "probability.tif")).all()


def test_a_network_that_needs_all_says_what_is_missing(values: np.ndarray, tmp_path: Path) -> None:
    stern = bundle(tmp_path / "stern", dropout=0.0)
    path = write_named(tmp_path / "some.tif", OPTICAL, values[:4])
    with pytest.raises(MissingBandError, match="needs band vv_desc"):
        scan(path, tmp_path / "out", params=params(stern))
    easy = bundle(tmp_path / "easy")
    with pytest.raises(MissingBandError, match="needs band"):
        scan(write_named(tmp_path / "half.tif", BANDS[1:4], values[1:4]), tmp_path / "out", params=params(easy))
    assert not (tmp_path / "out").exists()


def test_values_are_turned_into_the_units_of_training(
    finished: Path, values: np.ndarray, model: Path, tmp_path: Path
) -> None:
    reflectance = values.copy()
    reflectance[:4] /= 10_000
    threshold = json.loads((finished / "scan.json").read_text())["parameters"]["threshold"]
    scan(write_named(tmp_path / "scene.tif", BANDS, reflectance), tmp_path / "out", params=params(model).model_copy(
        update={"threshold": threshold}))  # fmt: skip
    np.testing.assert_allclose(read(tmp_path / "out/probability.tif"), read(finished / "probability.tif"), atol=1e-4)


def test_a_unit_that_cannot_be_had_is_refused(scene: Path, tmp_path: Path, model: Path) -> None:
    path = model / "bundle.json"
    other = tmp_path / "other"
    other.mkdir()
    for file in model.iterdir():
        (other / file.name).write_bytes(file.read_bytes())
    stated = json.loads(path.read_text())
    stated["bands"][0]["unit"] = "8-bit picture"
    (other / "bundle.json").write_text(json.dumps(stated))
    with pytest.raises(ParameterError, match="takes red in 8-bit picture, the scene holds reflectance"):
        scan(scene, tmp_path / "out", params=params(other))


def test_the_gate_of_a_network_that_outlines_works_without_radar_too(values: np.ndarray, tmp_path: Path) -> None:
    made = bundle(tmp_path / "fusion", "fusion_unet", encoder="tu-resnet10t", decoder_channels=[16, 8, 8, 8, 8])
    scan(write_named(tmp_path / "some.tif", OPTICAL, values[:4]), tmp_path / "out", params=params(made))
    with rasterio.open(tmp_path / "out/probability.tif") as source:
        assert source.res == (10, 10)
        assert np.isfinite(source.read(1)).all()


def test_elevation_sees_nothing_and_may_come_from_the_dem(values: np.ndarray, tmp_path: Path) -> None:
    bands = (*BANDS[:4], "vv_desc", "vh_desc", "elevation", "cloud_mask")
    sensors = (BANDS[:4], ("vv_desc", "vh_desc"))
    half = values.copy()
    half[:, :60] = np.nan
    path = write_named(tmp_path / "some.tif", BANDS[:6], half[:6])
    dem = write_named(tmp_path / "dem.tif", ("elevation",), np.full((1, SIDE, SIDE), 100.0))
    scene = open_scene([path], dem=dem)
    sight = Sight.of(scene, bands, sensors, by="it")
    assert sight.bands == bands[:-1]
    assert sight.made == ("cloud_mask",)
    assert not sight.missing
    read, valid = SensorSource(scene, sight).read(scene.extent)
    assert not valid[:60].any(), "its height is known, and nobody saw it"
    assert valid[60:].mean() > 0.9
    assert set(np.unique(read[-1][60:])) <= {0.0, 1.0}
    with pytest.raises(MissingBandError, match="needs band elevation"):
        Sight.of(open_scene([path]), bands, sensors, by="it")
    other = write_named(tmp_path / "swir.tif", ("swir16",), values[:1])
    with pytest.raises(MissingBandError, match="needs band red"):
        Sight.of(open_scene([other], dem=dem), bands, sensors, by="it")


def test_cloud_masks_are_made_of_red(values: np.ndarray, tmp_path: Path) -> None:
    cloudy = values.copy()
    cloudy[:4, :, :120] = 9_000
    bands = (*BANDS, "cloud_mask")
    radar = (RADAR[:4], RADAR[4:])
    for name, scale in (("numbers", 1), ("reflectance", 1e-4)):
        seen = cloudy.copy()
        seen[:4] *= scale
        scene = open_scene([write_named(tmp_path / f"{name}.tif", BANDS, seen)])
        read, _ = SensorSource(scene, Sight.of(scene, bands, (OPTICAL, *radar), by="it")).read(scene.extent)
        np.testing.assert_array_equal(read[-1, :, :120], 1)
        assert read[-1, :, 130:].mean() < 0.1
    blind = Sight.of(
        open_scene([write_named(tmp_path / "radar.tif", RADAR, values[4:])]), bands, (OPTICAL, *radar), by="it"
    )
    assert blind.missing == (*OPTICAL, "cloud_mask")
