"""From the rasters of a scan to an inventory: what is in, what is measured, and where it came from."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from math import ceil
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from odc.geo.geom import BoundingBox

from landslide_geo.inventory import measure, polygons, schema, terrain
from landslide_geo.inventory.confidence import confidence
from landslide_geo.inventory.objects import hysteresis_mask
from landslide_geo.inventory.seen import visibility_layer
from landslide_geo.inventory.split import split
from landslide_geo.inventory.volume import volumes

#: Root of all landslide identifiers; never change it, or every inventory's identifiers change with it.
ID_NAMESPACE: Final = uuid.UUID("71ec3463-5360-5779-bcd8-fff4b7b7eec6")

#: A change score stands for an object only where it is known on at least this share of it.
MIN_CHANGE_COVER: Final = 0.5


@dataclass(frozen=True, kw_only=True)
class Layers:
    """Rasters of a scan, all but ``dem`` on the scene's one projected grid with square pixels."""

    probability: Path  # float32 0–1, calibrated, nodata NaN
    visibility: Path  # uint8 codes of landslide_geo.scene.visibility.Visibility
    uncertainty: Path | None = None  # float32
    change: Path | None = None  # float32 −1…1, positive = vegetation lost, NaN where either date is not clear
    dem: Path | None = None  # elevation in metres, own grid and CRS
    dem_band: int = 1  # of that file


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Where an inventory's landslides come from; None where unknown."""

    scene_id: str
    detected_at: datetime  # aware
    scene_ids: tuple[str, ...] = ()
    sensor: str | None = None
    date_post: date | None = None
    date_pre: date | None = None
    dem_source: str | None = None
    model_id: str | None = None
    model_sha256: str | None = None
    threshold: float | None = None
    event_id: str | None = None
    event_date: date | None = None


@dataclass(frozen=True, kw_only=True)
class Inventory:
    """The layers of a ``landslides.gpkg``, all in the scene's CRS, and how many objects were dropped, by reason."""

    landslides: gpd.GeoDataFrame
    crowns: gpd.GeoDataFrame
    visibility: gpd.GeoDataFrame
    reviewed_extent: gpd.GeoDataFrame
    dropped: dict[str, int] = field(default_factory=lambda: {"too_small": 0, "too_flat": 0})

    def summary(self) -> dict[str, Any]:
        """Totals for ``scan.json`` and the report: counts, areas in m², what was dropped, and areas by visibility."""
        area = self.landslides["area_m2"]
        seen = self.visibility["visible"].to_numpy(dtype=bool)
        visible = float(self.visibility["area_m2"][seen].sum())
        codes = self.landslides["confidence"].value_counts()
        return {
            "landslides": len(self.landslides),
            "area_m2": float(area.sum()),
            "largest_m2": float(area.max()) if len(area) else 0.0,
            "by_confidence": {str(code): int(codes.get(code, 0)) for code in sorted({1, 2, 3} | set(codes.index))},
            "dropped": dict(self.dropped),
            "visible_m2": visible,
            "visible_share": float(self.visibility["share"][seen].sum()),
            "visibility_m2": dict(zip(self.visibility["class"], self.visibility["area_m2"], strict=True)),
        }


def vectorize(
    layers: Layers,
    provenance: Provenance,
    *,
    threshold: float,
    grow: float = 1.0,
    min_area_m2: float,
    min_slope_deg: float,
    min_hole_m2: float | None = None,
    simplify_m: float = 0.0,
    rows: int = 512,
) -> Inventory:
    """Turn a probability raster into landslides with all their attributes.

    Slope screens objects, not pixels: an object stays where the 90th percentile of its slope reaches ``min_slope_deg``,
    and the runout on flat ground below it stays with it. Where the elevation model says nothing, nothing is screened.

    Args:
        layers: the scan's rasters.
        provenance: written to every landslide.
        threshold: decision threshold on probability, that some pixel of each object reaches, itself included.
        grow: share of the threshold, 0–1, that all pixels of an object reach: its faint rim belongs to it.
        min_area_m2: objects smaller than this are dropped, after tracing whole objects.
        min_slope_deg: see above; 0 screens nothing.
        min_hole_m2: holes smaller than this are filled; none takes ``min_area_m2``.
        simplify_m: as `landslide_geo.inventory.polygons.simplified` takes it.
        rows: height of the bands of rows that rasters are read in; bounds memory, never changes the result.

    Returns:
        The inventory; with no landslide its layers are empty, with all their fields.

    Raises:
        ParameterError: the rasters are not on a north-up grid of square pixels in metres.
        NoOverlapError: the elevation model lies elsewhere.
        SourceNotFoundError, UnreadableRasterError, MissingCRSError: a raster cannot be read.
    """
    with polygons.open_metric(layers.probability) as source:
        crs, grid, pixel = source.crs, source.transform, float(source.transform.a)
        box = source.bounds
        bounds = BoundingBox(box.left, box.bottom, box.right, box.top, crs=str(crs))
    with tempfile.TemporaryDirectory(prefix="landslide-") as folder:
        mask = Path(folder) / "mask.tif"
        least = ceil(min_area_m2 / pixel**2)
        left_out = hysteresis_mask(
            layers.probability, mask, threshold=threshold, grow=grow * threshold, min_pixels=least, rows=rows
        )
        hole = min_area_m2 if min_hole_m2 is None else min_hole_m2
        traced = polygons.trace(mask, min_area_m2=min_area_m2, min_hole_m2=hole)
        outlines = gpd.GeoSeries(traced.polygons, crs=crs)
        too_flat = 0
        ground: _Ground | None = None
        several: pd.Series | None = None
        if layers.dem is not None:
            path = Path(folder) / "terrain.tif"
            terrain.prepare(layers.dem, path, band=layers.dem_band, bounds=bounds, rows=rows)
            parts = split(outlines, path, grid=grid, min_area_m2=min_area_m2)
            outlines, several = parts.outlines, parts.amalgamated
            ground = _Ground.under(outlines, path)
            steep = ~(ground.slope_p90 < min_slope_deg)
            too_flat = int((~steep).sum())
            outlines, ground = outlines[steep].reset_index(drop=True), ground.only(steep)
            several = several[steep].reset_index(drop=True)
        places = identifiers(provenance.scene_id, crs, outlines.to_numpy())
        outlines = gpd.GeoSeries(polygons.simplified(outlines.to_numpy(), simplify_m), crs=crs)
        attributes, crowns = _measured(layers, outlines, ground, pixel=pixel)
    attributes |= _provenance_columns(provenance, threshold)
    if several is not None:
        attributes["amalgamated"] = several
        _without_volumes(attributes, several.fillna(False).to_numpy(dtype=bool))
    attributes["landslide_id"] = places
    attributes["confidence"] = confidence(_numeric(attributes))
    multi = shapely.orient_polygons(shapely.multipolygons(outlines.to_numpy(), indices=np.arange(len(outlines))))
    landslides = schema.frame(schema.LANDSLIDES, attributes, multi, crs=crs)
    return Inventory(
        landslides=landslides,
        crowns=_crown_layer(landslides, crowns),
        visibility=visibility_layer(layers.visibility, rows=rows),
        reviewed_extent=schema.frame(schema.REVIEWED_EXTENT, {}, [], crs=crs),
        dropped={"too_small": left_out + traced.too_small, "too_flat": too_flat},
    )


def identifiers(scene_id: str, crs: Any, outlines: NDArray[np.object_]) -> list[str]:
    """UUIDv5 of scene and place: the same landslide of the same scene always has the same identifier.

    The place is the uppermost, then leftmost corner of the outline, to the centimetre, with its CRS.
    """
    where = crs.to_string()
    return [
        str(uuid.uuid5(ID_NAMESPACE, f"{scene_id}|{where}|{x:.2f}|{y:.2f}"))
        for x, y in polygons.anchors(outlines)
    ]  # fmt: skip


@dataclass(frozen=True)
class _Ground:
    """Slope (degrees) and direction of the ground under each outline, and the terrain that they were taken from."""

    terrain: Path
    slope_mean: NDArray[np.float64]
    slope_p90: NDArray[np.float64]
    aspect: NDArray[np.float64]

    @classmethod
    def under(cls, outlines: gpd.GeoSeries, path: Path) -> _Ground:
        bands = (terrain.SLOPE, terrain.ASPECT_SIN, terrain.ASPECT_COS)
        slope_mean, slope_p90, east, north = measure.zonal(
            path, outlines, lambda cells: [cells.mean(0), cells.quantile(0.9, 0), cells.mean(1), cells.mean(2)],
            bands=bands,
        ).T  # fmt: skip
        return cls(path, slope_mean, slope_p90, np.degrees(np.arctan2(east, north)) % 360)

    def only(self, which: NDArray[np.bool_]) -> _Ground:
        return _Ground(self.terrain, self.slope_mean[which], self.slope_p90[which], self.aspect[which])


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
        return _measured(layers, outlines, None, pixel=pixel)
    with tempfile.TemporaryDirectory(prefix="landslide-") as folder:
        path = Path(folder) / "terrain.tif"
        terrain.prepare(layers.dem, path, band=layers.dem_band, bounds=bounds)
        return _measured(layers, outlines, _Ground.under(outlines, path), pixel=pixel)


def _measured(
    layers: Layers, outlines: gpd.GeoSeries, ground: _Ground | None, *, pixel: float
) -> tuple[dict[str, Any], NDArray[np.float64]]:
    """Attributes by name, and the crowns' coordinates, shape (n, 2), NaN where there is none."""
    if outlines.empty:
        return {}, np.empty((0, 2))
    shapes = outlines.to_numpy()
    area = shapely.area(shapes)
    smooth = polygons.smoothed(shapes, pixel=pixel)
    perimeter = shapely.length(smooth)
    inside = gpd.GeoSeries(shapely.point_on_surface(shapes), crs=outlines.crs).to_crs(4326)
    sampled = _sampled(layers, outlines)
    visible, edge = measure.seen(layers.visibility, outlines, pixel=pixel)
    volume = volumes(area)
    columns: dict[str, Any] = {
        "area_m2": area,
        "perimeter_m": perimeter,
        "compactness": np.minimum(4 * np.pi * shapely.area(smooth) / perimeter**2, 1.0),
        "lon": inside.x.to_numpy(),
        "lat": inside.y.to_numpy(),
        "volume_m3": volume.best,
        "volume_low_m3": volume.low,
        "volume_high_m3": volume.high,
        "volume_relation": volume.relation,
        "touches_edge": edge,
        "visible_fraction": visible,
        "n_detections": 1,
        "review_status": "unreviewed",
    }
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
    ground: _Ground, outlines: gpd.GeoSeries, area: NDArray[np.float64], *, pixel: float
) -> dict[str, Any]:
    down = measure.descents(ground.terrain, outlines, pixel=pixel)
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


def _without_volumes(attributes: dict[str, Any], which: NDArray[np.bool_]) -> None:
    """Take volumes away: a power law of one landslide's area, given the area of several, makes far too much."""
    if which.any():
        for name in ("volume_m3", "volume_low_m3", "volume_high_m3"):
            attributes[name] = np.where(which, np.nan, attributes[name])
        relation = attributes["volume_relation"]
        attributes["volume_relation"] = [None if several else relation for several in which]


def _provenance_columns(provenance: Provenance, threshold: float) -> dict[str, Any]:
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


def _numeric(attributes: dict[str, Any]) -> pd.DataFrame:
    return pd.DataFrame({name: value for name, value in attributes.items() if isinstance(value, np.ndarray)})


def _crown_layer(landslides: gpd.GeoDataFrame, crowns: NDArray[np.float64]) -> gpd.GeoDataFrame:
    known = ~np.isnan(crowns[:, 0])
    columns = {
        "landslide_id": landslides["landslide_id"].to_numpy()[known],
        "elevation_m": landslides["elev_max_m"].to_numpy()[known],
    }
    return schema.frame(schema.CROWNS, columns, shapely.points(crowns[known]), crs=landslides.crs)
