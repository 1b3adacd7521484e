"""What follows from an outline alone, however it was drawn: of several parts, with corners anywhere."""

from __future__ import annotations

from typing import Any, Final

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from landslide_geo.inventory import polygons
from landslide_geo.inventory.volume import volumes

#: Attributes that are measured on rasters within the outline.
MEASURED: Final = (
    "prob_mean", "prob_max", "uncertainty_mean", "length_m", "width_m", "elev_min_m", "elev_max_m", "relief_m",
    "reach_angle_deg", "slope_mean_deg", "slope_p90_deg", "aspect_deg", "touches_edge", "visible_fraction",
    "change_score",
)  # fmt: skip


def outline_columns(
    outlines: gpd.GeoSeries, *, pixel: float, amalgamated: NDArray[np.bool_] | None = None
) -> dict[str, Any]:
    """Area, perimeter, compactness, a point inside and volumes, by name of the field.

    Args:
        outlines: valid polygons and multipolygons in a metric CRS.
        pixel: edge in metres of the pixels that outlines follow: perimeters are freed of their staircase.
        amalgamated: (n,) outlines of several landslides, which have no volume.
    """
    shapes = outlines.to_numpy()
    parts, owner = shapely.get_parts(shapes, return_index=True)
    smooth = polygons.smoothed(parts, pixel=pixel)
    perimeter = np.bincount(owner, shapely.length(smooth), minlength=len(shapes))
    within = np.bincount(owner, shapely.area(smooth), minlength=len(shapes))
    inside = gpd.GeoSeries(shapely.point_on_surface(shapes), crs=outlines.crs).to_crs(4326)
    area = shapely.area(shapes)
    volume = volumes(area)
    none = np.zeros(len(shapes), dtype=bool) if amalgamated is None else amalgamated
    return {
        "area_m2": area,
        "perimeter_m": perimeter,
        "compactness": np.minimum(4 * np.pi * within / perimeter**2, 1.0),
        "lon": inside.x.to_numpy(),
        "lat": inside.y.to_numpy(),
        "volume_m3": np.where(none, np.nan, volume.best),
        "volume_low_m3": np.where(none, np.nan, volume.low),
        "volume_high_m3": np.where(none, np.nan, volume.high),
        "volume_relation": [None if each else volume.relation for each in none],
    }


def usual_edge(outlines: NDArray[np.object_]) -> float:
    """The commonest length of an edge, in metres: the pixel where outlines follow pixels. 10 m without any."""
    rings, _ = shapely.get_rings(outlines, return_index=True)
    xy, ring = shapely.get_coordinates(rings, return_index=True)
    if len(xy) == 0:
        return 10.0
    lengths = np.hypot(*(xy[1:] - xy[:-1]).T)[ring[1:] == ring[:-1]]
    values, counts = np.unique(lengths.round(2), return_counts=True)
    return max(float(values[counts.argmax()]), 0.1)
