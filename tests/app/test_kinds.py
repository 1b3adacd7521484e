"""Files are what they say before anything opens them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st
from rasterio.transform import from_origin

from landslide_geo.app.kinds import Kind, check_content, kind_of_name
from landslide_geo.errors import LandslideError, ParameterError, UnreadableRasterError


def _tiff(path: Path, **options: object) -> Path:
    profile = {"driver": "GTiff", "width": 8, "height": 8, "count": 1, "dtype": "uint8", "crs": "EPSG:32633"}
    with rasterio.open(path, "w", **(profile | {"transform": from_origin(5e5, 5e6, 10, 10)} | options)) as dataset:
        dataset.write(np.ones((1, 8, 8), np.uint8))
    return path


def test_a_tiff_passes(tmp_path: Path) -> None:
    check_content(_tiff(tmp_path / "a.tif"), "a.tif", Kind.TIFF)
    check_content(_tiff(tmp_path / "big.tif", BIGTIFF="YES"), "big.tif", Kind.TIFF)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"nothing but text\n", "it is text"),
        (b"", "it is empty"),
        (b"\x89PNG\r\n\x1a\n1234", "it is PNG"),
        (b'<VRTDataset rasterXSize="8" rasterYSize="8"/>', "it is text"),
    ],
)
def test_what_is_no_tiff_is_refused_by_its_first_bytes(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(content)
    with pytest.raises(UnreadableRasterError, match=rf"^scene\.tif: is not a GeoTIFF file, .*{said}"):
        check_content(path, "scene.tif", Kind.TIFF)


def test_a_tiff_that_breaks_off_is_refused(tmp_path: Path) -> None:
    path = _tiff(tmp_path / "a.tif")
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(UnreadableRasterError, match=r"^scene\.tif: cannot be read as a GeoTIFF"):
        check_content(path, "scene.tif", Kind.TIFF)


def test_a_tiff_that_names_another_file_is_refused(tmp_path: Path) -> None:
    path = _tiff(tmp_path / "a.tif")
    with rasterio.open(path, "r+") as dataset:
        dataset.update_tags(ns="GEOLOCATION", X_DATASET="/vsicurl/http://127.0.0.1:9/x.tif", X_BAND="1")
    assert not (tmp_path / "a.tif.aux.xml").exists()  # it lies in the file itself
    with pytest.raises(ParameterError, match="takes its georeference or overviews from other files"):
        check_content(path, "a.tif", Kind.TIFF)


def test_a_few_bytes_that_declare_a_huge_raster_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "huge.tif"
    with rasterio.open(path, "w", driver="GTiff", width=60_000, height=60_000, count=1, dtype="uint8", SPARSE_OK=True,
                       tiled=True):  # fmt: skip
        pass
    with pytest.raises(ParameterError, match="60,000 × 60,000 pixels are too many"):
        check_content(path, "huge.tif", Kind.TIFF)


def test_overviews_in_another_file_are_refused(tmp_path: Path) -> None:
    with rasterio.open(_tiff(tmp_path / "a.tif"), "r+") as dataset:
        dataset.update_tags(ns="OVERVIEWS", OVERVIEW_FILE=str(_tiff(tmp_path / "secret.tif", width=4, height=4)))
    with rasterio.open(tmp_path / "a.tif") as dataset:
        assert dataset.overviews(1) == [2], "GDAL opens the other file"
    with pytest.raises(ParameterError, match="takes its georeference or overviews from other files"):
        check_content(tmp_path / "a.tif", "a.tif", Kind.TIFF)


def test_a_pixel_that_cannot_be_read_without_the_rest_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tile.tif"
    with rasterio.open(path, "w", driver="GTiff", width=32_000, height=32_000, count=1, dtype="uint8", SPARSE_OK=True,
                       tiled=True, blockxsize=32_000, blockysize=32_000, compress="deflate"):  # fmt: skip
        pass
    assert path.stat().st_size < 10_000
    with pytest.raises(ParameterError, match="1,024 MB must be unpacked to read one pixel"):
        check_content(path, "tile.tif", Kind.TIFF)


def _external(file: h5py.File, other: Path) -> None:
    file["img"] = h5py.ExternalLink(str(other), "/img")


def _soft(file: h5py.File, other: Path) -> None:
    file["aside"] = h5py.ExternalLink(str(other), "/img")
    file["img"] = h5py.SoftLink("/aside")


def _stored_elsewhere(file: h5py.File, other: Path) -> None:
    file.create_dataset("img", (8, 8), "u1", external=[(str(other), 0, 64)])


def _virtual(file: h5py.File, other: Path) -> None:
    layout = h5py.VirtualLayout((8, 8), "u1")
    layout[:] = h5py.VirtualSource(str(other), "img", (8, 8))
    file.create_virtual_dataset("img", layout)


@pytest.mark.parametrize("made", [_external, _soft, _stored_elsewhere, _virtual])
def test_hdf5_whose_values_lie_in_another_file_is_refused(tmp_path: Path, made: Callable[..., None]) -> None:
    with h5py.File(tmp_path / "secret.h5", "w") as secret:
        secret["img"] = np.ones((8, 8), np.uint8)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        made(file, tmp_path / "secret.h5")
    with h5py.File(tmp_path / "a.h5") as file:
        assert file["img"][()].any(), "h5py follows it"
    with pytest.raises(ParameterError, match=r"^mine\.h5: takes 'img' from elsewhere"):
        check_content(tmp_path / "a.h5", "mine.h5", Kind.HDF5)


def test_hdf5_that_declares_more_than_a_patch_is_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("img", (100_000, 100_000, 14), "f8", chunks=(16, 16, 14), compression="gzip")
        file["mask"] = "text"
    with pytest.raises(ParameterError, match=r"140,000,000,000 values"):
        check_content(tmp_path / "a.h5", "a.h5", Kind.HDF5)
    with h5py.File(tmp_path / "a.h5", "a") as file:
        del file["img"]
    with pytest.raises(UnreadableRasterError, match="'mask' holds no numbers"):
        check_content(tmp_path / "a.h5", "a.h5", Kind.HDF5)


@pytest.mark.parametrize("name", ["a.vrt", "a.xml", "a.gpkg", "a.tif.aux.xml", "a", "/vsicurl/http:", "a.zip", ".tif "])
def test_other_endings_are_refused(name: str) -> None:
    with pytest.raises(ParameterError, match="this kind of file is not taken"):
        kind_of_name(name)


def test_an_area_is_geojson_with_polygons(tmp_path: Path) -> None:
    path = tmp_path / "a.geojson"
    path.write_text(json.dumps({"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]}))
    check_content(path, "a.geojson", Kind.GEOJSON)
    for content in ("[]", '{"type": "Point"}', "not json", "{" * 100_000, '{"type": ["FeatureCollection"]}'):
        path.write_text(content)
        with pytest.raises(ParameterError, match="is not GeoJSON"):
            check_content(path, "a.geojson", Kind.GEOJSON)


@given(content=st.binary(max_size=64), kind=st.sampled_from([Kind.TIFF, Kind.PNG, Kind.JPEG, Kind.HDF5]))
def test_whatever_bytes_come_the_answer_is_one_line(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, kind: Kind
) -> None:
    path = tmp_path_factory.mktemp("any") / "file.bin"
    path.write_bytes(content)
    try:
        check_content(path, "file", kind)
    except LandslideError as error:
        assert "\n" not in str(error) and str(path) not in str(error)
