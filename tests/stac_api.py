"""A real STAC API on loopback (``rustac serve``) over items that a test writes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pystac
import pytest
import rasterio
from odc.geo.geobox import GeoBox
from shapely.geometry import mapping

from benchmarks.stac_server import rustac, stac_server
from landslide_geo.scene.grid import geographic_footprint


def item(
    name: str, collection: str, when: datetime, grid: GeoBox, assets: dict[str, str], **properties: Any
) -> dict[str, Any]:
    """An item over a grid; assets by key, with their addresses. Two underscores of a property are a colon."""
    outline, bbox = geographic_footprint(grid)
    own = pystac.Item(
        name, mapping(outline), list(bbox), when.replace(tzinfo=UTC),
        {key.replace("__", ":"): value for key, value in properties.items()}, collection=collection,
    )  # fmt: skip
    for key, href in assets.items():
        own.add_asset(key, pystac.Asset(href, media_type=pystac.MediaType.COG, roles=["data"]))
    return own.to_dict(include_self_link=False, transform_hrefs=False)


def projected(item: dict[str, Any], rasters: dict[str, Path]) -> dict[str, Any]:
    """The item with the projection extension filled in from local copies of its rasters."""
    item["stac_extensions"].append("https://stac-extensions.github.io/projection/v2.0.0/schema.json")
    for key, path in rasters.items():
        with rasterio.open(path) as dataset:
            item["properties"]["proj:code"] = f"EPSG:{dataset.crs.to_epsg()}"
            item["assets"][key] |= {
                "proj:code": f"EPSG:{dataset.crs.to_epsg()}",
                "proj:shape": list(dataset.shape),
                "proj:transform": list(dataset.transform)[:6],
            }
    return item


@contextmanager
def stac_api(folder: Path, items: Sequence[dict[str, Any]], *, port: int = 0) -> Iterator[str]:
    """The address of a STAC API that has these items while the block runs."""
    if rustac() is None:
        pytest.skip("rustac is not installed")
    listed = folder / "items.json"
    listed.write_text(json.dumps({"type": "FeatureCollection", "features": list(items)}))
    with stac_server(listed, port=port) as url:
        yield url
