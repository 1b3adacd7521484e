from __future__ import annotations

from datetime import UTC, datetime

import pystac
import pytest
from odc.geo.geobox import GeoBox
from served import serving
from stac_api import item, stac_api

from landslide_geo.errors import FetchError, MissingBandError, ParameterError
from landslide_geo.scene.stac.catalogues import CATALOGUES, PRODUCTS, catalogue_of, collection_of
from landslide_geo.scene.stac.region import region_of
from landslide_geo.scene.stac.search import (
    acquisitions,
    baseline,
    collections_of,
    open_catalogue,
    relative_orbit,
    search,
)

WEST = GeoBox.from_bbox((600000, 4700000, 610000, 4710000), crs="EPSG:32654", resolution=10)
EAST = GeoBox.from_bbox((609000, 4700000, 620000, 4710000), crs="EPSG:32654", resolution=10)
FAR = GeoBox.from_bbox((300000, 4700000, 310000, 4710000), crs="EPSG:32654", resolution=10)
FIJI = GeoBox.from_bbox((180000, 8120000, 210000, 8140000), crs="EPSG:32701", resolution=10)
NAMES = {"red": "http://127.0.0.1/red.tif", "scl": "http://127.0.0.1/scl.tif"}
DATES = (datetime(2018, 9, 1, tzinfo=UTC), datetime(2018, 9, 30, tzinfo=UTC))


def s2(name: str, day: int, grid: GeoBox, *, minute: int = 0, orbit: int = 74, **properties):
    when = datetime(2018, 9, day, 1, 27 + minute)
    uri = f"S2A_MSIL2A_201809{day:02d}T012651_N0208_R{orbit:03d}_T54TXN_20180911T040000.SAFE"
    own = {"platform": "sentinel-2a", "s2__product_uri": uri} | properties
    return item(name, "sentinel-2-l2a", when, grid, NAMES, **own)


ITEMS = [
    s2("w11", 11, WEST, eo__cloud_cover=20), s2("e11", 11, EAST, minute=1, eo__cloud_cover=40),
    s2("w14", 14, WEST, orbit=31), s2("far", 12, FAR), s2("fiji", 13, FIJI),
    s2("old", 11, WEST, platform="sentinel-2b"),
]  # fmt: skip


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    with stac_api(tmp_path_factory.mktemp("api"), ITEMS) as url:
        yield catalogue_of(url)


def region(grid: GeoBox, **options):
    box = grid.extent.to_crs("EPSG:4326").boundingbox
    return region_of(aoi=None, bbox=tuple(box), resolution=10)


@pytest.mark.integration
def test_items_are_searched_by_place_and_time(api):
    client = open_catalogue(api)
    assert list(collections_of(client, api)) == ["sentinel-2-l2a"]
    found = search(client, api, "sentinel-2-l2a", region(WEST), DATES)
    assert [one.id for one in found] == ["old", "w11", "e11", "w14"]
    assert search(client, api, "sentinel-2-l2a", region(WEST), (DATES[1], DATES[1])) == []
    assert [one.id for one in search(client, api, "sentinel-2-l2a", region(FAR), DATES)] == ["far"]


@pytest.mark.integration
def test_an_area_across_the_antimeridian_is_searched_on_both_sides(api):
    across = region_of(aoi=None, bbox="179.9,-16.99,-179.8,-16.9", resolution=10)
    assert len(across.boxes) == 2
    (found,) = search(open_catalogue(api), api, "sentinel-2-l2a", across, DATES)
    assert found.id == "fiji"


@pytest.mark.integration
def test_tiles_of_a_pass_are_one_acquisition(api):
    both = region_of(
        aoi=None, bbox=tuple(WEST.extent.union(EAST.extent).to_crs("EPSG:4326").boundingbox), resolution=10
    )
    found = acquisitions(search(open_catalogue(api), api, "sentinel-2-l2a", both, DATES), "s2", both)
    assert [one.name for one in found] == [
        "sentinel-2b 2018-09-11 R074", "sentinel-2a 2018-09-11 R074", "sentinel-2a 2018-09-14 R031",
    ]  # fmt: skip
    pair = found[1]
    assert {one.id for one in pair.items} == {"w11", "e11"}
    assert pair.coverage > 0.95 and found[2].coverage == pytest.approx(0.5, abs=0.03)
    assert 0.3 < pair.cloud < 0.31, "the mean of both, the wider tile counts more"
    assert found[2].cloud is None


def test_a_pass_over_midnight_is_one_and_later_processing_comes_first():
    def at(name, when, **properties):
        return pystac.Item.from_dict(item(name, "sentinel-2-l2a", when, WEST, NAMES, **properties))

    own = {"platform": "sentinel-2a", "sat__relative_orbit": 74}
    items = [
        at("a", datetime(2018, 9, 10, 23, 58), s2__processing_baseline="02.08", **own),
        at("b", datetime(2018, 9, 11, 0, 3), s2__processing_baseline="05.00", **own),
        at("c", datetime(2018, 9, 21, 0, 3), **own),
    ]
    found = acquisitions(items, "s2", region(WEST))
    assert [[one.id for one in acquisition.items] for acquisition in found] == [["b", "a"], ["c"]]


def test_orbit_and_baseline_are_read_from_properties_or_names():
    def of(name, **properties):
        return pystac.Item.from_dict(item(name, "c", DATES[0], WEST, NAMES, **properties))

    full = of("S2A_MSIL2A_20180911T012651_N0500_R074_T54TXN_20230911T040000")
    assert relative_orbit(full) == 74 and baseline(full) == 5.0
    assert (
        relative_orbit(of("x", sat__relative_orbit=31)) == 31
        and relative_orbit(of("x", landsat__wrs_path="107")) == 107
    )
    assert (
        baseline(of("x", s2__processing_baseline="04.00")) == 4.0
        and baseline(of("x", processing__version="05.11")) == 5.11
    )
    assert relative_orbit(of("S2A_54TXN_20180911_0_L2A")) is None and baseline(of("S2A_54TXN_20180911_0_L2A")) is None


def test_a_catalogue_that_does_not_answer_is_named():
    with serving() as site, pytest.raises(FetchError, match=r"does not answer as a STAC API \(HTTP 404\)"):
        open_catalogue(catalogue_of(site.base))
    with serving() as site, pytest.raises(FetchError, match="does not answer"):
        site.content["/"] = b"<html>"
        open_catalogue(catalogue_of(site.base + "/"))


@pytest.mark.integration
def test_a_passing_failure_is_tried_again(api, monkeypatch):
    with serving() as site:
        site.content["/"] = b'{"type":"Catalog","id":"a","stac_version":"1.0.0","description":"d","links":[]}'
        site.fails["/"] = [503, 502]
        open_catalogue(catalogue_of(site.base + "/"))
        assert site.count("/") == 3


def test_catalogues_are_known_by_name_and_address():
    assert catalogue_of("planetary-computer") is catalogue_of("https://planetarycomputer.microsoft.com/api/stac/v1/")
    assert catalogue_of("planetary-computer").sign is not None
    with pytest.raises(ParameterError, match=r"one of earth-search, planetary-computer, copernicus"):
        catalogue_of("nowhere")


def test_radar_that_is_not_corrected_is_refused_with_the_reason():
    with pytest.raises(
        ParameterError, match=r"it has sentinel-1-grd.*tilt towards the sensor.*--stac planetary-computer"
    ):
        collection_of(PRODUCTS["s1"], CATALOGUES["earth-search"], {"sentinel-1-grd": 1, "sentinel-2-l2a": 1})
    with pytest.raises(ParameterError, match=r"no collection landsat-c2-l2 or .* leave landsat out of --sensors"):
        collection_of(PRODUCTS["landsat"], CATALOGUES["earth-search"], {"sentinel-2-l2a": 1})
    assert collection_of(PRODUCTS["s2"], CATALOGUES["earth-search"], {"sentinel-2-c1-l2a": 1}) == "sentinel-2-c1-l2a"


@pytest.mark.parametrize(
    ("keys", "band", "expected"),
    [
        (("red", "scl"), "red", "red"), (("B04", "SCL"), "red", "B04"), (("B04_10m", "SCL_20m"), "classes", "SCL_20m"),
        (("B8A_20m",), "nir08", "B8A_20m"), (("rededge3",), "rededge078", "rededge3"),
    ],
)  # fmt: skip
def test_bands_are_found_under_each_catalogues_names(keys, band, expected):
    own = pystac.Item.from_dict(item("x", "c", DATES[0], WEST, dict.fromkeys(keys, "./a.tif")))
    assert PRODUCTS["s2"].asset(own, band) == expected
    with pytest.raises(MissingBandError, match=r"x: has no asset for swir16 \(swir16 or B11 or B11_20m"):
        PRODUCTS["s2"].asset(own, "swir16")
