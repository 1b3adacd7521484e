"""Uploads are counted while they come; what is refused leaves nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

from landslide_geo.app.uploads import Upload, Uploads, UploadTooLargeError
from landslide_geo.errors import LandslideError, ParameterError, SourceNotFoundError, UnreadableRasterError
from tests.app.conftest import awaited


def _tiff(path: Path, *names: str) -> bytes:
    with rasterio.open(path, "w", driver="GTiff", width=8, height=6, count=max(len(names), 1), dtype="uint16",
                       crs="EPSG:32633", transform=from_origin(5e5, 5e6, 10, 10)) as dataset:  # fmt: skip
        dataset.write(np.ones((dataset.count, 6, 8), np.uint16))
        for index, name in enumerate(names, start=1):
            dataset.set_band_description(index, name)
    return path.read_bytes()


def _received(uploads: Uploads, name: str, content: bytes, declared: int | None = None) -> Upload:
    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(content), 100):
            yield content[start : start + 100]

    return awaited(uploads.receive(name, chunks(), declared=declared))


def test_a_file_comes_and_is_described(tmp_path: Path) -> None:
    (tmp_path / "up").mkdir()
    uploads = Uploads(tmp_path / "up", most_bytes=10**6)
    named = _received(uploads, "scene.tif", _tiff(tmp_path / "a.tif", "B04", "green", "pre_red"))
    assert named.to_json()["bands"] == ["red", "green", "pre_red"]
    single = _received(uploads, "../../T54_20180911_B08.tif", _tiff(tmp_path / "b.tif"))
    told = single.to_json()
    assert (told["name"], told["suggested"], told["width"], told["height"]) == ("T54_20180911_B08.tif", "nir", 8, 6)
    assert uploads.get(single.id) == single
    uploads.remove(single.id)
    with pytest.raises(SourceNotFoundError):
        uploads.get(single.id)
    assert uploads.all() == [named]


@pytest.mark.parametrize("declared", [None, 5000])
def test_too_many_bytes_are_refused_whether_they_are_declared_or_not(tmp_path: Path, declared: int | None) -> None:
    uploads = Uploads(tmp_path, most_bytes=1000)
    with pytest.raises(UploadTooLargeError, match=r"scene\.tif: 0 MB, and an upload may have 0 MB at most"):
        _received(uploads, "scene.tif", b"II*\0" + bytes(5000), declared)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("notes.tif", b"text", UnreadableRasterError),
        ("a.vrt", b"<VRT/>", ParameterError),
        ("a.geojson", b"[", ParameterError),
    ],
)
def test_what_is_refused_leaves_nothing(tmp_path: Path, name: str, content: bytes, kind: type[LandslideError]) -> None:
    with pytest.raises(kind, match=name):
        _received(Uploads(tmp_path, most_bytes=10**6), name, content)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("id", ["..", "/", "", "../uploads", ".part-x"])
def test_ids_are_looked_up(tmp_path: Path, id: str) -> None:
    uploads = Uploads(tmp_path, most_bytes=10**6)
    with pytest.raises(SourceNotFoundError):
        uploads.get(id)
    uploads.remove(id)
    assert tmp_path.is_dir()


def test_bands_without_names_are_named_in_their_order(tmp_path: Path) -> None:
    (tmp_path / "up").mkdir()
    uploads = Uploads(tmp_path / "up", most_bytes=10**6)
    sent = _received(uploads, "s2_B4B3B2B8.tif", _tiff(tmp_path / "a.tif", "", "", "", ""))
    told = sent.to_json()
    assert (told["bands"], told["suggested_bands"]) == ([], ["red", "green", "blue", "nir"])
    wrong = (["red"] * 2, ["-"], ["red", "green", "blue", "nir", "swir16"], ["purple"])
    for names in wrong:
        with pytest.raises(LandslideError):
            uploads.name_bands(sent.id, names)
    assert uploads.get(sent.id).bands() == (None,) * 4
    before = rasterio.open(sent.path).read()
    told = uploads.name_bands(sent.id, ["B04", "-", "blue"]).to_json()
    assert (told["count"], told["bands"]) == (4, ["red", "blue"])
    np.testing.assert_array_equal(rasterio.open(sent.path).read(), before)


def test_messages_name_a_file_on_one_line_that_reads_as_it_is_written(tmp_path: Path) -> None:
    with pytest.raises(UnreadableRasterError, match=r"^a b gnp\.tif: is not a GeoTIFF"):
        _received(Uploads(tmp_path, most_bytes=10**6), "a\n\0b\u202egnp.tif", b"text")


def test_all_uploads_together_are_bounded(tmp_path: Path) -> None:
    (tmp_path / "up").mkdir()
    (tmp_path / "up" / ".part-left").mkdir()
    tiff = _tiff(tmp_path / "a.tif")
    uploads = Uploads(tmp_path / "up", most_bytes=len(tiff) + 1)  # ten times that is less than eleven files
    assert list((tmp_path / "up").iterdir()) == [], "what a killed page left"
    for _ in range(10):
        kept = _received(uploads, "a.tif", tiff)
    with pytest.raises(UploadTooLargeError, match="would be too much: 11"):
        _received(uploads, "a.tif", tiff)
    uploads.remove(kept.id)
    assert _received(uploads, "a.tif", tiff) in uploads.all()


def test_what_others_put_there_or_take_away_breaks_nothing(tmp_path: Path) -> None:
    uploads = Uploads(tmp_path, most_bytes=10**6)
    kept = _received(uploads, "a.tif", _tiff(tmp_path / "a.tif"))
    (tmp_path / kept.id / "notes.txt").write_text("mine")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "b.tif").write_bytes(b"II*\0")
    assert [told["name"] for told in uploads.told()] == ["a.tif"]
