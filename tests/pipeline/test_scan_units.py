"""Models in Landslide4Sense's ratios on scenes of reflectance, and on chips in other units."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch
import xarray as xr
from named_raster import write_named
from odc.geo.geobox import GeoBox
from rasterio.transform import from_origin

from landslide_geo import load_model, scan
from landslide_geo.chips import store
from landslide_geo.chips.landslide4sense import BANDS
from landslide_geo.chips.split import Split
from landslide_geo.config import L4S_GAINS, LANDSLIDE4SENSE, FixedParams, ScanParams, StretchParams, TrainParams
from landslide_geo.errors import ParameterError
from landslide_geo.models import build
from landslide_geo.scene.folder import SceneFacts, write_band, write_item
from landslide_geo.scene.told import Level
from landslide_geo.training.evaluate import own_chips
from landslide_geo.training.package import draft
from landslide_geo.units import NUMBER, RATIO, REFLECTANCE

SIDE = 160
CONSTANTS = np.array([LANDSLIDE4SENSE[band] for band in BANDS])
#: Landslide4Sense's patches have means of about 1 and deviations of half of that.
HOW = FixedParams(centre=(1.0,) * 14, scale=(0.5,) * 14)
SHIPPED = Path(__file__).parents[2] / "landslide_geo/bundles/red_minus_green"


def made(values: np.ndarray, bands: tuple[str, ...], units: tuple[str, ...]) -> xr.Dataset:
    """Chips of (N, band, y, x) values, with one landslide each."""
    masks = np.zeros((len(values), *values.shape[2:]), dtype=np.uint8)
    masks[:, 10:20, 10:20] = 1
    ids = [f"{number}" for number in range(len(values))]
    return store.batch(
        values.astype(np.float32), mask=masks, bands=bands, units=units, gsd_m=10.0, crs="", id=ids, block=ids,
        source=["made"] * len(ids), reason=[""] * len(ids),
    )  # fmt: skip


@pytest.fixture(scope="module")
def ground() -> np.ndarray:
    """(14, y, x) of one place: digital numbers, degrees and metres, as before Landslide4Sense divided them."""
    rng = np.random.default_rng(2)
    values = CONSTANTS[:, None, None] * rng.uniform(0.6, 1.6, (14, SIDE, SIDE))
    y, x = np.mgrid[:SIDE, :SIDE] * 10.0
    values[13] = 900 + 0.4 * x + 0.2 * y  # slopes of a plane follow from it
    values[12] = np.degrees(np.arctan(np.hypot(0.4, 0.2)))
    return values


def bundle(out: Path) -> Path:
    torch.manual_seed(1)
    params = TrainParams(
        name="ratios", architecture="unet", normalisation=HOW, tta=1, arguments={"encoder": None, "width": 4}
    )
    network = build("unet", bands=14, arguments=params.arguments).eval()
    chips = Split.of("l4s", [made(np.ones((2, 14, 64, 64)), BANDS, (RATIO,) * 14)])
    draft(network, chips, params=params, normalisation=HOW, out=out, command="none", data=["none"], measured={})
    return out


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bundle(tmp_path_factory.mktemp("models") / "ratios")


def params(model: Path | str) -> ScanParams:
    return ScanParams(model=str(model), threshold=0.5, min_slope_deg=0, flat_slope_deg=0, backend="torch")


def read(path: Path) -> np.ndarray:
    with rasterio.open(path) as source:
        return source.read(1)


def restated(model: Path, out: Path, change) -> Path:
    """The same bundle with another manifest."""
    shutil.copytree(model, out)
    stated = json.loads((out / "bundle.json").read_text())
    change(stated)
    (out / "bundle.json").write_text(json.dumps(stated))
    return out


def test_the_bundle_says_what_its_chips_are(model: Path) -> None:
    manifest = load_model(model).manifest
    assert {band.unit for band in manifest.bands} == {RATIO}
    assert Level.wanted(manifest.reflectance) is Level.TOP


@pytest.mark.parametrize("scale", [1, 1e-4])
@pytest.mark.parametrize("terrain", ["bands", "dem"])
def test_it_scans_scenes_of_reflectance(ground, model, tmp_path, scale, terrain) -> None:
    """As the same network does that takes digital numbers, degrees and metres, and whose statistics are multiplied."""

    def plain(stated: dict) -> None:
        for band, unit in zip(stated["bands"], [NUMBER] * 12 + ["degrees", "m"], strict=True):
            band["unit"] = unit
        for what in ("centre", "scale"):
            values = np.array(stated["normalisation"][what])
            stated["normalisation"][what] = (values * CONSTANTS).tolist()

    values = ground.copy()
    values[:12] *= scale
    dem = write_named(tmp_path / "dem.tif", ("elevation",), values[13:])
    bands = BANDS if terrain == "bands" else BANDS[:12]
    scene = write_named(tmp_path / "scene.tif", bands, values[: len(bands)])
    found = {}
    for name, one in (("ratios", model), ("numbers", restated(model, tmp_path / "plain", plain))):
        scan(scene, tmp_path / name, dem=dem, params=params(one))
        found[name] = read(tmp_path / name / "probability.tif")
    assert np.isfinite(found["ratios"]).mean() > 0.9
    assert np.nanstd(found["ratios"]) > 1e-4
    np.testing.assert_allclose(found["ratios"], found["numbers"], atol=1e-4)


def test_locally_normalised_models_of_ratios_scan_too(ground, tmp_path) -> None:
    """The shipped rule divides digital numbers by the same constants before its bands share a scale."""

    def of_ratios(stated: dict) -> None:
        assert stated["normalisation"]["gains"] == list(L4S_GAINS)
        stated["normalisation"]["gains"] = None
        for band in stated["bands"]:
            band["unit"] = RATIO

    rule = restated(SHIPPED, tmp_path / "rule", of_ratios)
    scene = write_named(tmp_path / "scene.tif", BANDS[1:4], ground[1:4])
    for name, one in (("ratios", rule), ("shipped", SHIPPED)):
        scan(scene, tmp_path / name, params=params(one))
    expected = read(tmp_path / "shipped/probability.tif")
    assert np.nanstd(expected) > 1e-3
    np.testing.assert_allclose(read(tmp_path / "ratios/probability.tif"), expected, atol=1e-4)


def test_drafts_of_ratios_say_so_however_they_are_normalised(tmp_path) -> None:
    how = StretchParams()
    chips = Split.of("l4s", [made(np.ones((2, 2, 64, 64)), ("red", "green"), (RATIO,) * 2)])
    options = TrainParams(
        name="x", architecture="unet", normalisation=how, tta=1, arguments={"encoder": None, "width": 4}
    )
    network = build("unet", bands=2, arguments=options.arguments)
    draft(network, chips, params=options, normalisation=how, out=tmp_path / "x", command="", data=[], measured={})
    assert {band.unit for band in load_model(tmp_path / "x").manifest.bands} == {RATIO}


def test_pictures_are_no_ratios(ground, model, tmp_path) -> None:
    with rasterio.open(
        tmp_path / "scene.tif", "w", driver="GTiff", height=SIDE, width=SIDE, count=12, dtype="uint8",
        crs="EPSG:32652", transform=from_origin(400_000, 4_000_000, 10, 10),
    ) as target:  # fmt: skip
        target.write(np.clip(ground[:12] / 20, 1, 255).astype(np.uint8))
        target.descriptions = BANDS[:12]
    dem = write_named(tmp_path / "dem.tif", ("elevation",), ground[13:])
    with pytest.raises(ParameterError, match="in Landslide4Sense ratio, the scene holds 8-bit pictures"):
        scan(tmp_path / "scene.tif", tmp_path / "out", dem=dem, params=params(model))
    assert not (tmp_path / "out").exists()


def test_chips_in_other_units_are_turned_into_ratios_and_back(ground, model) -> None:
    ratios = (ground / CONSTANTS[:, None, None])[None, :, :64, :64]
    plain = ground[None, :, :64, :64].copy()
    plain[:, :12] *= 1e-4
    own = Split.of("plain", [made(plain, BANDS, (REFLECTANCE,) * 12 + ("degrees", "m"))])
    turned = own_chips(load_model(model), own)
    assert set(turned.units) == {RATIO}
    np.testing.assert_allclose(turned.image(0), ratios[0], rtol=1e-5)
    # The shipped rule takes any unit that its bands share, which ratios are not.
    rule = own_chips(load_model(SHIPPED), Split.of("ratios", [made(ratios, BANDS, (RATIO,) * 14)]))
    assert set(rule.units) == {NUMBER}
    np.testing.assert_allclose(rule.image(0), ground[[3, 2, 1], :64, :64], rtol=1e-5)


@pytest.mark.parametrize(("level", "warned"), [("L2A", True), ("L1C", False), (None, False)])
def test_a_scene_of_another_level_is_told(ground, model, tmp_path, level, warned) -> None:
    """A folder of ingest tells its level, and the bundle whose reflectance it takes."""
    folder = tmp_path / "scene"
    folder.mkdir()
    grid = GeoBox((SIDE, SIDE), from_origin(400_000, 4_000_000, 10, 10), "EPSG:32652")
    for name, values in zip(BANDS[:12], ground, strict=False):
        stored = values.astype(np.uint16)
        write_band(folder, name, grid, lambda block, stored=stored: stored[block.slices])
    heights = ground[13].astype(np.float32)
    write_band(folder, "elevation", grid, lambda block: heights[block.slices])
    when = datetime(2018, 9, 11, 1, 27, tzinfo=UTC)
    write_item(folder, SceneFacts("place", when, level=level), [*BANDS[:12], "elevation"])
    record = scan(folder, tmp_path / "out", params=params(model)).record
    told = [line for line in record["warnings"] if "was trained on top-of-atmosphere reflectance" in line]
    assert bool(told) == warned
    assert all("surface reflectance" in line for line in told)
