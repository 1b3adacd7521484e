"""``review.qgz``: a QGIS project beside a scan's files, so that an analyst opens one file and starts reviewing.

Written without QGIS: a project is an XML file in a ZIP archive. Addresses are relative, so the folder can be moved.
"""

from __future__ import annotations

import os
import zipfile
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

import geopandas as gpd
import jinja2
import numpy as np
from rasterio.crs import CRS

from landslide_geo.files import replacing
from landslide_geo.inventory import schema
from landslide_geo.inventory.geopackage import read_layer
from landslide_geo.inventory.style import layer_qml, style_text
from landslide_geo.scene.raster_io import open_raster

#: Rasters from top to bottom: name, place in the scan's folder, style, shown at first. Outlines over the picture are
#: what a reviewer compares; the others are one click away.
RASTERS: Final = (
    ("Visibility", "review/visibility.tif", "visibility_raster", True),
    ("Uncertainty", "uncertainty.tif", "uncertainty", False),
    ("Probability", "probability.tif", "probability", False),
    ("Scene before", "review/pre.tif", "rgb", False),
    ("Scene after", "review/post.tif", "rgb", True),
    ("Hillshade", "review/hillshade.tif", "hillshade", True),
)

_FIXED_TIME: Final = (1980, 1, 1, 0, 0, 0)  # archives of equal content are equal byte for byte


@dataclass(frozen=True)
class _Entry:
    """A layer of the project as the template sees it."""

    id: str
    name: str
    source: str
    kind: str  # vector or raster
    provider: str
    shown: bool
    style: str  # children of a QML document
    geometry: str = ""


def write_review_project(path: Path, *, title: str, folder: Path) -> None:
    """Write a QGIS project of a scan's files, the most doubtful landslides first.

    Args:
        path: ``.qgz`` file to write; addresses in it are relative to its folder.
        title: of the project.
        folder: the scan's files in their usual places (``landslides.gpkg``, ``probability.tif``, ``review/`` …); of
            the rasters, those that are missing are left out.

    Raises:
        SourceNotFoundError, InventoryError: there is no inventory, or it cannot be read.
        UnreadableRasterError, MissingCRSError: a raster cannot be read.
        OutputError: the project cannot be written.
    """
    inventory = folder / "landslides.gpkg"
    landslides = read_layer(inventory)
    vectors = [
        _vector(path, inventory, schema.REVIEWED_EXTENT, layer_qml(schema.REVIEWED_EXTENT)),
        _vector(path, inventory, schema.CROWNS, layer_qml(schema.CROWNS)),
        _vector(path, inventory, schema.LANDSLIDES, _by_doubt(landslides)),
    ]
    rasters = [
        _raster(path, name, folder / file, style, shown)
        for name, file, style, shown in RASTERS
        if (folder / file).exists()
    ]
    bounds = landslides.total_bounds if len(landslides) else (0.0, 0.0, 1.0, 1.0)
    if rasters:
        with open_raster(path.parent / rasters[-1].source) as source:
            bounds = tuple(source.bounds)
    environment = jinja2.Environment(loader=jinja2.FunctionLoader(_template), autoescape=True, trim_blocks=True)
    text = environment.get_template("review.qgs.j2").render(
        title=title,
        layers=vectors + rasters,
        crs=_srs(CRS.from_user_input(landslides.crs)),
        bounds=[float(x) for x in bounds],
    )
    with replacing(path) as part, zipfile.ZipFile(part, "w") as archive:
        entry = zipfile.ZipInfo(f"{path.stem}.qgs", date_time=_FIXED_TIME)
        archive.writestr(entry, text, compress_type=zipfile.ZIP_DEFLATED)


def write_probability_style(path: Path) -> None:
    """Write the style of a probability raster: QGIS applies ``NAME.qml`` by itself to the ``NAME.tif`` beside it.

    Raises:
        OutputError: the folder cannot be written.
    """
    with replacing(path) as part:
        part.write_text(style_text("probability"), encoding="utf-8")


def _template(name: str) -> str:
    return (resources.files("landslide_geo.report") / "templates" / name).read_text(encoding="utf-8")


def _relative(project: Path, file: Path) -> str:
    return "./" + Path(os.path.relpath(Path(file).resolve(), Path(project).resolve().parent)).as_posix()


def _raster(project: Path, name: str, file: Path, style: str, shown: bool) -> _Entry:
    root = ElementTree.fromstring(style_text(style))
    if style == "rgb":
        with open_raster(file) as source:
            # The fourth band, if there is one, makes nodata transparent.
            for renderer in root.iter("rasterrenderer"):
                renderer.set("alphaBand", "4" if source.count >= 4 else "-1")
    return _Entry(_identifier(name), name, _relative(project, file), "raster", "gdal", shown, _children(root))


def _vector(project: Path, file: Path, layer: schema.LayerSchema, style: ElementTree.Element) -> _Entry:
    source = f"{_relative(project, file)}|layername={layer.name}"
    geometry = "Point" if layer.geometry == "Point" else "Polygon"
    return _Entry(_identifier(layer.name), layer.title, source, "vector", "ogr", True, _children(style), geometry)


def _identifier(name: str) -> str:
    """A layer's id in the project; QGIS replaces ids of fewer than eleven characters and then loses their layers."""
    return "landslide_geo_" + name.lower().replace(" ", "_")


def _by_doubt(landslides: gpd.GeoDataFrame) -> ElementTree.Element:
    """Style of the outlines, its first three classes set to the terciles of the inventory at hand.

    The fourth is for those that were rejected in review.
    """
    root = layer_qml(schema.LANDSLIDES, "landslides_uncertainty")
    doubt = landslides["uncertainty_mean"].fillna(1 - landslides["prob_mean"]).dropna().to_numpy(dtype=np.float64)
    low, high = np.quantile(doubt, [1 / 3, 2 / 3]) if doubt.size else (0.1, 0.2)
    classes = [(0.0, low, "surest third"), (low, high, "middle third"), (high, 1.0, "most doubtful third")]
    for element, (a, b, text) in zip(root.findall(".//range")[: len(classes)], classes, strict=True):
        element.set("lower", f"{a:.15f}")
        element.set("upper", f"{b:.15f}")
        element.set("label", f"{text} ({a:.2f}–{b:.2f})")
    return root


def _children(root: ElementTree.Element) -> str:
    return "".join(ElementTree.tostring(child, encoding="unicode") for child in root)


def _srs(crs: CRS) -> dict[str, str]:
    epsg = crs.to_epsg()
    return {"wkt": crs.to_wkt(), "authid": f"EPSG:{epsg}" if epsg else "", "srid": str(epsg or 0)}
