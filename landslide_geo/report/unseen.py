"""What could not be seen: shares by class, and a small map of them."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any, Final

import numpy as np
from matplotlib.colors import to_rgb
from PIL import Image
from rasterio.enums import Resampling

from landslide_geo.report.house import AMBER, INK, PURPLE, SKY
from landslide_geo.scene.raster_io import open_raster, reading
from landslide_geo.scene.visibility import Visibility

#: Colour of a class on paper, and what it means for a landslide there.
_CLASSES: Final = {
    Visibility.CLEAR: ("#d9d9d9", "mapped"),
    Visibility.WATER: (SKY, "mapped: fresh debris in water is seen, what lies below is not"),
    Visibility.CLOUD: (AMBER, "hidden by clouds and a rim of 90 m around them"),
    Visibility.CLOUD_SHADOW: ("#8c510a", "too dark to tell"),
    Visibility.TERRAIN_SHADOW: (PURPLE, "too dark to tell: steep slopes turned away from the sun"),
    Visibility.SNOW: ("#b8e0e8", "covered"),
    Visibility.NODATA: (INK, "no image, or outside the area of interest"),
}
_MAP_PIXELS: Final = 360


def visibility_rows(summary: dict[str, Any]) -> list[dict[str, Any]]:
    """One row for each class of the record, what was seen first: label, colour, meaning, mapped, m2, share."""
    areas = summary.get("visibility_m2") or {}
    whole = sum(areas.values())
    rows = []
    for code, (colour, meaning) in _CLASSES.items():
        if code.label in areas:
            rows.append(
                {
                    "label": code.label,
                    "colour": colour,
                    "meaning": meaning,
                    "mapped": code.valid,
                    "m2": areas[code.label],
                    "share": areas[code.label] / whole if whole else None,
                }
            )
    return rows


def visibility_map(visibility: Path) -> str:
    """A small PNG of the classes in base64, 360 pixels along its longer side at most.

    Args:
        visibility: uint8 codes of `Visibility`.

    Raises:
        SourceNotFoundError: there is no such raster; and what reading it raises.
    """
    with open_raster(visibility) as source, reading(visibility):
        factor = max(source.width, source.height) / _MAP_PIXELS
        shape = (max(1, round(source.height / factor)), max(1, round(source.width / factor)))
        codes = source.read(1, out_shape=shape, resampling=Resampling.nearest)
    palette = np.full((256, 3), 255, dtype=np.uint8)
    for code, (colour, _) in _CLASSES.items():
        palette[int(code)] = np.round(np.array(to_rgb(colour)) * 255)
    image = Image.fromarray(codes, mode="P")
    image.putpalette(palette.ravel().tolist())
    out = io.BytesIO()
    image.save(out, format="PNG", optimize=True)
    return base64.b64encode(out.getvalue()).decode("ascii")
