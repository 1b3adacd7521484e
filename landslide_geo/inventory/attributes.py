"""All that is measured of landslides, by the columns of the inventory."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray
from odc.geo.geom import BoundingBox

from landslide_geo.inventory import measure, polygons, terrain
from landslide_geo.inventory.descent import descents
from landslide_geo.inventory.sources import Layers, Provenance
from landslide_geo.inventory.volume import volumes

#: Attributes that are measured on rasters within the outline; what `outline_columns` gives follows from it alone.
MEASURED: Final = (
    "prob_mean", "prob_max", "uncertainty_mean", "length_m", "width_m", "elev_min_m", "elev_max_m", "relief_m",
    "reach_angle_deg", "slope_mean_deg", "slope_p90_deg", "aspect_deg", "touches_edge", "visible_fraction",
    "change_score",
)  # fmt: skip
#: A change score stands for an object only where it is known on at least this share of it.
MIN_CHANGE_COVER: Final = 0.5
#: Outlines that are smoothed at a time: a staircase has a corner for every pixel, and 100,000 of them take a gigabyte.
_TOGETHER: Final = 4096


@dataclass(frozen=True)
class Ground:
    """Slope (degrees) and direction of the ground under each outline, and the terrain that they were taken from."""

    terrain: Path
    slope_mean: NDArray[np.float64]
    slope_p90: NDArray[np.float64]
    aspect: NDArray[np.float64]

    @classmethod
    def under(cls, outlines: gpd.GeoSeries, path: Path) -> Ground:
        """Measured on a raster as `terrain.prepare` writes it."""
        bands = (terrain.SLOPE, terrain.ASPECT_SIN, terrain.ASPECT_COS)
        slope_mean, slope_p90, east, north = measure.zonal(
            path, outlines, lambda cells: [cells.mean(0), cells.quantile(0.9, 0), cells.mean(1), cells.mean(2)],
            bands=bands,
        ).T  # fmt: skip
        return cls(path, slope_mean, slope_p90, np.degrees(np.arctan2(east, north)) % 360)

    def only(self, which: NDArray[np.bool_]) -> Ground:
        """That of some of the outlines."""
        return Ground(self.terrain, self.slope_mean[which], self.slope_p90[which], self.aspect[which])


def measured(layers: Layers, outlines: gpd.GeoSeries) -> tuple[dict[str, Any], NDArray[np.float64]]:
    """Attributes of outlines that were not traced here, as `vectorize` gives them, and their crowns.

    Args:
        layers: rasters of the scan that they belong to.
        outlines: valid polygons in the rasters' CRS.

    Returns:
        Attributes by name, and the crowns' coordinates, shape (n, 2), NaN where there is none.

    Raises:
        LandslideError: a raster cannot be read.
    """
    with polygons.open_metric(layers.probability) as source:
        pixel, box = float(source.transform.a), source.bounds
        bounds = BoundingBox(box.left, box.bottom, box.right, box.top, crs=str(source.crs))
    if layers.dem is None:
        return measured_on(layers, outlines, None, pixel=pixel)
    with tempfile.TemporaryDirectory(prefix="landslide-") as folder:
        path = Path(folder) / "terrain.tif"
        terrain.prepare(layers.dem, path, band=layers.dem_band, unit=layers.dem_unit, bounds=bounds)
        return measured_on(layers, outlines, Ground.under(outlines, path), pixel=pixel)


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
    length, inner = np.empty(len(parts)), np.empty(len(parts))
    for start in range(0, len(parts), _TOGETHER):
        some = slice(start, start + _TOGETHER)
        smooth = polygons.smoothed(parts[some], pixel=pixel)
        length[some], inner[some] = shapely.length(smooth), shapely.area(smooth)
    perimeter = np.bincount(owner, length, minlength=len(shapes))
    within = np.bincount(owner, inner, minlength=len(shapes))
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


def measured_on(
    layers: Layers,
    outlines: gpd.GeoSeries,
    ground: Ground | None,
    *,
    pixel: float,
    amalgamated: NDArray[np.bool_] | None = None,
) -> tuple[dict[str, Any], NDArray[np.float64]]:
    """Attributes by name, and the crowns' coordinates, shape (n, 2), NaN where there is none.

    Arguments as in `measured` and `outline_columns`.
    """
    if outlines.empty:
        return {}, np.empty((0, 2))
    columns = outline_columns(outlines, pixel=pixel, amalgamated=amalgamated)
    area = columns["area_m2"]
    sampled = _sampled(layers, outlines)
    columns["visible_fraction"], columns["touches_edge"] = measure.seen(layers.visibility, outlines, pixel=pixel)
    if "change" in sampled:
        known = sampled.pop("change_known") * pixel**2 >= MIN_CHANGE_COVER * area
        columns["change_score"] = np.where(known, sampled.pop("change"), np.nan)
    columns |= sampled
    crowns = np.full((len(outlines), 2), np.nan)
    if ground is not None:
        columns |= _terrain_columns(ground, outlines, area, pixel=pixel)
        crowns = columns.pop("crown")
    return columns, crowns


def _sampled(layers: Layers, outlines: gpd.GeoSeries) -> dict[str, NDArray[np.float64]]:
    """Statistics of the rasters on the scene's grid, by column; the outlines are laid over it once for all."""
    rasters = [layers.probability]
    wanted: dict[str, Callable[[measure.Cells], NDArray[np.float64]]] = {
        "prob_mean": lambda cells: cells.mean(0),
        "prob_max": lambda cells: cells.maximum(0),
    }
    if layers.uncertainty is not None:
        uncertainty = len(rasters)
        rasters.append(layers.uncertainty)
        wanted["uncertainty_mean"] = lambda cells: cells.mean(uncertainty)
    if layers.change is not None:
        change = len(rasters)
        rasters.append(layers.change)
        wanted["change"] = lambda cells: cells.quantile(0.5, change)
        wanted["change_known"] = lambda cells: cells.covered(cells.known(change))
    found = measure.zonal(rasters, outlines, lambda cells: [measured(cells) for measured in wanted.values()])
    return dict(zip(wanted, found.T, strict=True))


def _terrain_columns(
    ground: Ground, outlines: gpd.GeoSeries, area: NDArray[np.float64], *, pixel: float
) -> dict[str, Any]:
    down = descents(ground.terrain, outlines, pixel=pixel)
    relief = down.elevation_max - down.elevation_min
    with np.errstate(divide="ignore", invalid="ignore"):
        width = np.where(down.length > 0, area / down.length, np.nan)
        reach = np.where(down.length > 0, np.degrees(np.arctan(relief / down.length)), np.nan)
    return {
        "crown": down.crown_xy,
        "elev_min_m": down.elevation_min,
        "elev_max_m": down.elevation_max,
        "relief_m": relief,
        "length_m": down.length,
        "width_m": width,
        "reach_angle_deg": reach,
        "slope_mean_deg": ground.slope_mean,
        "slope_p90_deg": ground.slope_p90,
        "aspect_deg": ground.aspect,
    }


def provenance_columns(provenance: Provenance, threshold: float) -> dict[str, Any]:
    """Columns that are the same for all landslides of a scan."""
    return {
        "date_pre": provenance.date_pre,
        "date_post": provenance.date_post,
        "event_id": provenance.event_id,
        "event_date": provenance.event_date,
        "sensor": provenance.sensor,
        "scene_ids": ";".join(provenance.scene_ids) or provenance.scene_id,
        "dem_source": provenance.dem_source,
        "model_id": provenance.model_id,
        "model_sha256": provenance.model_sha256,
        "threshold": threshold if provenance.threshold is None else provenance.threshold,
        "detected_at": provenance.detected_at,
    }
