from __future__ import annotations

from datetime import datetime

import numpy as np
import pystac
import pytest
from catalogue import catalogue
from odc.geo.geobox import GeoBox

from landslide_geo.errors import FetchError, MissingBandError, NoOverlapError
from landslide_geo.scene.stac.access import Access, plain
from landslide_geo.scene.stac.catalogues import PRODUCTS, Catalogue
from landslide_geo.scene.stac.load import load, look_at

GRID = GeoBox.from_bbox((600000, 4700000, 606000, 4705000), crs="EPSG:32654", resolution=10)
RAMP = (np.mgrid[0:500, 0:600][0] * 7 + np.mgrid[0:500, 0:600][1] * 3 + 100).astype(np.uint16)
WHEN = datetime(2018, 9, 11, 1, 27)
# Neither GDAL nor this waits long.
QUICK = Catalogue("here", "http://127.0.0.1", settings=(("GDAL_HTTP_MAX_RETRY", "0"), ("GDAL_HTTP_TIMEOUT", "3")))


@pytest.fixture
def made(tmp_path):
    with catalogue(tmp_path / "files") as made:
        yield made


def access() -> Access:
    return Access(QUICK, back_off_s=0.01)


def items(made) -> list[pystac.Item]:
    return [pystac.Item.from_dict(item) for item in made.items]


def loaded(made, grid=GRID, band="red", resampling="nearest"):
    assets = look_at(items(made), PRODUCTS["s2"], [band], access())[band]
    return load(assets, grid, access(), dtype="uint16", nodata=0, resampling=resampling)


@pytest.mark.parametrize("proj", [True, False])
def test_items_are_loaded_by_themselves_on_the_grid_lazily(made, proj):
    made.add("left", "sentinel-2-l2a", WHEN, {"red": RAMP[:, :350]}, GRID[:, :350], proj=proj)
    made.add("right", "sentinel-2-l2a", WHEN, {"red": RAMP[:, 300:]}, GRID[:, 300:], proj=proj)
    asked = len(made.site.asked)
    part = GRID[100:400, 200:500]
    lazy = loaded(made, part)
    looked = len(made.site.asked) - asked
    assert looked <= 4, "only the heads of the files"
    values = lazy.compute(scheduler="synchronous")
    assert values.shape == (2, 300, 300)
    assert np.array_equal(values[0, :, :150], RAMP[100:400, 200:350]) and not values[0, :, 150:].any()
    assert np.array_equal(values[1, :, 100:], RAMP[100:400, 300:500]) and not values[1, :, :100].any()


def test_files_of_other_zones_and_pixels_are_warped(made):
    coarse = RAMP.reshape(250, 2, 300, 2).mean(axis=(1, 3)).astype(np.uint16)
    made.add("coarse", "sentinel-2-l2a", WHEN, {"red": coarse}, GRID)
    values = loaded(made, GRID[:, :599], resampling="bilinear").compute(scheduler="synchronous")[0]
    inner = np.s_[2:-2, 2:-2]
    np.testing.assert_allclose(values[inner], RAMP[:, :599][inner], atol=6)
    made.items.clear()
    east = GeoBox.from_bbox((108000, 4712000, 114000, 4717000), crs="EPSG:32655", resolution=10)
    made.add("east", "sentinel-2-l2a", WHEN, {"red": np.full((500, 600), 777, np.uint16)}, east)
    own = GeoBox.from_geopolygon(east.extent.to_crs("EPSG:32654").buffer(-1500), resolution=10, crs="EPSG:32654")
    values = loaded(made, own).compute(scheduler="synchronous")[0]
    assert (values == 777).mean() > 0.8 and set(np.unique(values)) <= {0, 777}


def test_a_failure_that_passes_is_tried_again_and_one_that_stays_is_named(made):
    made.add("a", "sentinel-2-l2a", WHEN, {"red": RAMP}, GRID)
    path = "/a-red.tif"
    lazy = loaded(made)
    made.site.fails[path] = [503]
    assert np.array_equal(lazy.compute(scheduler="synchronous")[0], RAMP)
    made.site.breaks[path] = [2000]
    made.site.slow[path] = 0.05
    assert np.array_equal(loaded(made).compute(scheduler="synchronous")[0], RAMP)
    made.site.slow.clear()
    for code, words in ((403, "needs an account"), (404, "a file that is gone"), (503, "after 3 attempts")):
        made.site.content[f"/b{code}-red.tif"] = made.site.content[path]
        made.items[0]["assets"]["red"]["href"] = f"{made.site.base}/b{code}-red.tif"
        lazy = loaded(made)
        made.site.fails[f"/b{code}-red.tif"] = (code,)
        asked = made.site.count(f"/b{code}-red.tif")
        with pytest.raises(FetchError, match=rf"b{code}-red\.tif: cannot be had.*HTTP {code}.*") as told:
            lazy.compute(scheduler="synchronous")
        assert words in str(told.value)
        tries = made.site.count(f"/b{code}-red.tif") - asked
        assert tries >= 6 if code == 503 else tries <= 4, "what is forbidden or gone is not asked for again and again"


def test_metadata_that_are_wrong_are_found_before_anything_is_loaded(made):
    good = made.add("a", "sentinel-2-l2a", WHEN, {"red": RAMP}, GRID)
    good["properties"]["proj:code"] = good["assets"]["red"]["proj:code"] = "EPSG:32653"
    (asset,) = look_at(items(made), PRODUCTS["s2"], ["red"], access())["red"]
    assert asset.geobox == GRID and "the catalogue says EPSG:32653 of red, its file EPSG:32654" in asset.notes[0]
    assert np.array_equal(loaded(made).compute(scheduler="synchronous")[0], RAMP), "no tile is left out"
    far = GeoBox.from_bbox((300000, 4700000, 306000, 4705000), crs="EPSG:32653", resolution=10)
    elsewhere = made.add("b", "sentinel-2-l2a", WHEN, {"red": RAMP}, far)
    elsewhere["geometry"], elsewhere["bbox"] = good["geometry"], good["bbox"]
    with pytest.raises(NoOverlapError, match=r"b-red\.tif: lies elsewhere than its item b says \(EPSG:32653"):
        look_at(items(made), PRODUCTS["s2"], ["red"], access())
    with pytest.raises(MissingBandError, match=r"a: has no asset for blue"):
        look_at(items(made), PRODUCTS["s2"], ["blue"], access())


def test_addresses_are_signed_for_reading_and_never_told(made):
    made.add("a", "sentinel-2-l2a", WHEN, {"red": RAMP}, GRID)
    signing = Access(Catalogue("s", "http://127.0.0.1", sign=lambda href: href + "?sig=secret"), back_off_s=0.01)
    (asset,) = look_at(items(made), PRODUCTS["s2"], ["red"], signing)["red"]
    assert "secret" not in asset.href
    lazy = load([asset], GRID, signing, dtype="uint16", nodata=0, resampling="nearest")
    assert np.array_equal(lazy.compute(scheduler="synchronous")[0], RAMP)
    made.add("b", "sentinel-2-l2a", WHEN, {"red": RAMP}, GRID)
    (asset,) = look_at(items(made)[1:], PRODUCTS["s2"], ["red"], signing)["red"]
    made.site.fails["/b-red.tif"] = (403,)
    with pytest.raises(FetchError) as told:
        load([asset], GRID, signing, dtype="uint16", nodata=0, resampling="nearest").compute(scheduler="synchronous")
    assert "secret" not in str(told.value)
    assert plain("https://host/a.tif?sig=secret") == "https://host/a.tif"
