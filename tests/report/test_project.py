from __future__ import annotations

import zipfile
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from inventory_scenes import CRS, PROVENANCE, layers, square, write

from landslide_geo.errors import SourceNotFoundError
from landslide_geo.inventory import vectorize, write_geopackage
from landslide_geo.report import write_probability_style, write_review_project

SHAPE = (60, 60)


def scan(folder: Path, mask: np.ndarray) -> None:
    inventory = vectorize(layers(folder, mask), PROVENANCE, threshold=0.5, min_area_m2=900, min_slope_deg=10)
    write_geopackage(folder / "landslides.gpkg", inventory)
    (folder / "review").mkdir()
    write(folder / "review" / "post.tif", np.full((4, *SHAPE), 255, dtype=np.uint8))


def project(path: Path) -> ElementTree.Element:
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == ["review.qgs"]
        return ElementTree.fromstring(archive.read("review.qgs"))


@pytest.mark.parametrize("found", [True, False])
def test_project_lists_what_is_there_by_relative_addresses(found: bool, tmp_path: Path) -> None:
    scan(tmp_path, square(SHAPE, 20, 20, 10) & found)
    write_review_project(tmp_path / "review.qgz", title="<&>", folder=tmp_path)
    root = project(tmp_path / "review.qgz")
    assert root.findtext("title") == "<&>"
    assert root.findtext("projectCrs/spatialrefsys/authid") == CRS
    sources = [element.text or "" for element in root.iter("datasource")]
    assert sources == [
        "./landslides.gpkg|layername=reviewed_extent",
        "./landslides.gpkg|layername=crowns",
        "./landslides.gpkg|layername=landslides",
        "./probability.tif",
        "./review/post.tif",
    ]
    assert str(tmp_path) not in ElementTree.tostring(root, encoding="unicode")
    identifiers = [element.text or "" for element in root.findall("projectlayers/maplayer/id")]
    assert all(len(identifier) > 11 for identifier in identifiers)
    assert identifiers == [element.get("id") for element in root.iter("layer-tree-layer")]


def test_classes_of_doubt_are_thirds_without_gaps(tmp_path: Path) -> None:
    scan(tmp_path, square(SHAPE, 20, 20, 10) | square(SHAPE, 40, 40, 10))
    write_review_project(tmp_path / "review.qgz", title="t", folder=tmp_path)
    *ranges, rejected = project(tmp_path / "review.qgz").iter("range")
    edges = [(float(each.get("lower", "")), float(each.get("upper", ""))) for each in ranges]
    assert edges[0][0] == 0
    assert edges[-1][1] == 1
    assert [a[1] for a in edges[:-1]] == [b[0] for b in edges[1:]]
    assert float(rejected.get("upper", "")) < 0, "no doubt is"


def test_same_scan_gives_the_same_bytes(tmp_path: Path) -> None:
    scan(tmp_path, square(SHAPE, 20, 20, 10))
    write_review_project(tmp_path / "review.qgz", title="t", folder=tmp_path)
    first = (tmp_path / "review.qgz").read_bytes()
    write_review_project(tmp_path / "review.qgz", title="t", folder=tmp_path)
    assert (tmp_path / "review.qgz").read_bytes() == first


def test_no_inventory_no_project(tmp_path: Path) -> None:
    with pytest.raises(SourceNotFoundError):
        write_review_project(tmp_path / "review.qgz", title="t", folder=tmp_path)
    assert not (tmp_path / "review.qgz").exists()


def test_probability_style_lies_beside_its_raster(tmp_path: Path) -> None:
    write_probability_style(tmp_path / "probability.qml")
    assert ElementTree.parse(tmp_path / "probability.qml").getroot().tag == "qgis"
