"""A scene on disk: one cloud-optimised GeoTIFF a band, what can be seen, and a STAC item that says it is finished.

    DIR/red.tif … pre_red.tif … vv_asc.tif … elevation.tif    bands by their names in the vocabulary
    DIR/visibility.tif, pre_visibility.tif                    `Visibility` codes of the two dates
    DIR/ingest.json                                           where all of it came from
    DIR/item.json                                             written last

Optical bands are uint16 reflectance × 10,000, 0 where there is none; backscatter is float32 dB and elevation float32 m,
NaN where there is none. `landslide_geo.scene.item` reads it.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pystac
import rasterio
import shapely.geometry
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from pystac.extensions.projection import ProjectionExtension
from rasterio.enums import Resampling

from landslide_geo.bands import PRE, UNITS, is_optical, is_pre
from landslide_geo.files import file_sha256, replacing
from landslide_geo.scene.cog import write_cog
from landslide_geo.scene.grid import Block, crs_name, geographic_footprint
from landslide_geo.scene.item import ITEM, PRE_VISIBILITY, VISIBILITY
from landslide_geo.scene.sun import SunPosition
from landslide_geo.scene.told import NUMBERS
from landslide_geo.scene.visibility import Visibility

FloatArray = NDArray[np.float32]

#: Where the bands came from, as JSON.
RECORD: Final = "ingest.json"
_EXTENSIONS: Final = {
    "eo": "https://stac-extensions.github.io/eo/v1.1.0/schema.json",
    "raster": "https://stac-extensions.github.io/raster/v1.1.0/schema.json",
    "view": "https://stac-extensions.github.io/view/v1.0.0/schema.json",
    "file": "https://stac-extensions.github.io/file/v2.1.0/schema.json",
    "processing": "https://stac-extensions.github.io/processing/v1.2.0/schema.json",
    "classification": "https://stac-extensions.github.io/classification/v2.0.0/schema.json",
}


@dataclass(frozen=True)
class SceneFacts:
    """What the item of a scene says beside its files.

    Attributes:
        scene_id: names the scene.
        when, when_pre: acquisition of the bands without and with ``pre_``, aware; of composites the middle.
        sun: direction of the sun at the later date.
        platforms: that the bands are from.
        times: acquisition of single bands, where it is another one.
        level: of processing of the optical bands of both dates, as ``L2A``; None where there are none.
    """

    scene_id: str
    when: dt.datetime
    when_pre: dt.datetime | None = None
    sun: SunPosition | None = None
    platforms: tuple[str, ...] = ()
    times: tuple[tuple[str, dt.datetime], ...] = ()
    level: str | None = None


def band_path(folder: Path, name: str) -> Path:
    """Where a band, or a date's visibility, lies in a scene's folder."""
    return folder / f"{name}.tif"


def stored_reflectance(reflectance: FloatArray) -> NDArray[np.uint16]:
    """Reflectance → what is stored: × 10,000, rounded, at least 1 where there is a value, 0 where it is NaN.

    Atmospheric correction makes dark pixels a little negative; as 0 they would be holes.
    """
    return stored_numbers(reflectance * NUMBERS)


def stored_numbers(numbers: FloatArray) -> NDArray[np.uint16]:
    """Reflectance × 10,000 → what is stored, as by `stored_reflectance`."""
    known = np.isfinite(numbers)
    return np.where(known, np.clip(np.rint(np.where(known, numbers, 0)), 1, 65535), 0).astype(np.uint16)


def write_band(folder: Path, name: str, geobox: GeoBox, read: Callable[[Block], NDArray[Any]]) -> Path:
    """Write a band of a scene, complete or not at all.

    Args:
        folder: of the scene.
        name: from the vocabulary, or ``visibility`` or ``pre_visibility``.
        geobox: grid of the scene.
        read: (h, w) values of a block, as they are stored; called by several threads.

    Raises:
        OutputError: it cannot be written.
    """
    path = band_path(folder, name)
    dtype, nodata = _kind(name)
    classes = name in (VISIBILITY, PRE_VISIBILITY)
    write_cog(
        path, geobox, lambda block: read(block)[None], count=1, dtype=dtype, nodata=nodata, descriptions=[name],
        overview_resampling=Resampling.mode if classes else Resampling.average,
    )  # fmt: skip
    return path


def write_item(folder: Path, facts: SceneFacts, names: Sequence[str]) -> None:
    """Write the item of a scene whose bands are all there. From then on the folder is a scene.

    Args:
        folder: of the scene.
        facts: what the files do not tell.
        names: of bands and visibilities, in the order they are listed in.

    Raises:
        OutputError: it cannot be written.
    """
    with rasterio.open(band_path(folder, names[0])) as dataset:
        geobox = GeoBox.from_rio(dataset)
    outline, bbox = geographic_footprint(geobox)
    properties: dict[str, Any] = {"gsd": abs(geobox.resolution.x)}
    if facts.platforms:
        properties["platform"] = "+".join(sorted(facts.platforms))
    if facts.sun is not None:
        properties["view:sun_azimuth"] = round(facts.sun.azimuth, 3)
        properties["view:sun_elevation"] = round(facts.sun.altitude, 3)
    if facts.level is not None:
        properties["processing:level"] = facts.level
    used = ["eo", "raster", "file"] + ["view"] * (facts.sun is not None) + ["processing"] * (facts.level is not None)
    used += ["classification"] * any(name.endswith(VISIBILITY) for name in names)
    item = pystac.Item(
        id=facts.scene_id,
        geometry=shapely.geometry.mapping(shapely.simplify(outline, 1e-5)),
        bbox=list(bbox),
        datetime=facts.when,
        properties=properties,
        stac_extensions=[_EXTENSIONS[name] for name in used],
    )
    projection = ProjectionExtension.ext(item, add_if_missing=True)
    name_of_crs = crs_name(geobox)
    if name_of_crs.startswith("EPSG:"):
        projection.code = name_of_crs
    elif geobox.crs is not None:
        projection.wkt2 = geobox.crs.to_wkt()
    projection.shape, projection.transform = list(geobox.shape), list(geobox.transform)[:6]
    for name in names:
        item.add_asset(name, _asset(folder, name, facts))
    if (folder / RECORD).exists():
        item.add_asset(RECORD.removesuffix(".json"), _record_asset())
    text = json.dumps(item.to_dict(include_self_link=False, transform_hrefs=False), indent=2, ensure_ascii=False)
    with replacing(folder / ITEM) as part:
        part.write_text(text + "\n", encoding="utf-8")


def _asset(folder: Path, name: str, facts: SceneFacts) -> pystac.Asset:
    dtype, nodata = _kind(name)
    stem = name.removeprefix(PRE)
    raster: dict[str, Any] = {"data_type": dtype, "nodata": "nan" if nodata != 0 else 0}
    band: dict[str, Any] = {"name": name}
    fields: dict[str, Any] = {"bands": [{"name": name}], "raster:bands": [raster]}
    if stem == VISIBILITY:
        fields["classification:classes"] = [
            {"value": int(code), "name": code.label, "description": code.label.replace("_", " ").capitalize()}
            for code in Visibility
        ]
    else:
        if is_optical(name):
            raster |= {"scale": 1 / NUMBERS, "offset": 0, "unit": "1"}
            # The extension has one name for all of the red edge.
            band["common_name"] = "rededge" if stem.startswith("rededge") else stem
        else:
            raster["unit"] = UNITS[stem]
        fields["eo:bands"] = [band]
    when = dict(facts.times).get(name, facts.when_pre if is_pre(name) else None)
    if when is not None:
        fields["datetime"] = when.isoformat().replace("+00:00", "Z")
    fields["file:checksum"] = "1220" + file_sha256(band_path(folder, name))
    return pystac.Asset(
        href=f"./{name}.tif", media_type=pystac.MediaType.COG, roles=["data"], title=name.replace("_", " "),
        extra_fields=fields,
    )  # fmt: skip


def _record_asset() -> pystac.Asset:
    return pystac.Asset(
        href=f"./{RECORD}", media_type=pystac.MediaType.JSON, roles=["metadata"], title="where the scene came from"
    )


def _kind(name: str) -> tuple[str, float]:
    """Data type and nodata value of a band."""
    if name in (VISIBILITY, PRE_VISIBILITY):
        return "uint8", 0
    return ("uint16", 0) if is_optical(name) else ("float32", float("nan"))
