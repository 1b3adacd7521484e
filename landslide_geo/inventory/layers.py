"""From the rasters of a scan to an inventory: what is in, and the layers it comes in."""

from __future__ import annotations

import tempfile
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from odc.geo.geom import BoundingBox

from landslide_geo.inventory import generalise, polygons, schema, terrain
from landslide_geo.inventory.attributes import Ground, measured_on, provenance_columns
from landslide_geo.inventory.confidence import confidence
from landslide_geo.inventory.objects import hysteresis_mask
from landslide_geo.inventory.seen import visibility_layer
from landslide_geo.inventory.sources import Layers, Provenance
from landslide_geo.inventory.split import split

#: Root of all landslide identifiers; never change it, or every inventory's identifiers change with it.
ID_NAMESPACE: Final = uuid.UUID("71ec3463-5360-5779-bcd8-fff4b7b7eec6")


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
    smooth: bool = False,
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
        simplify_m: as `landslide_geo.inventory.generalise.simplified` takes it.
        smooth: free outlines of the staircase of pixels first.
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
    with tempfile.TemporaryDirectory(prefix="landslide-") as folder, ThreadPoolExecutor(1) as beside:
        path = Path(folder) / "terrain.tif"
        # Neither needs the polygons; GDAL and NumPy work on them beside the tracing.
        prepared = (
            None
            if layers.dem is None
            else beside.submit(
                terrain.prepare, layers.dem, path, band=layers.dem_band, unit=layers.dem_unit, bounds=bounds, rows=rows
            )
        )
        visible = beside.submit(visibility_layer, layers.visibility, rows=rows)
        mask = Path(folder) / "mask.tif"
        least = ceil(min_area_m2 / pixel**2)
        left_out = hysteresis_mask(
            layers.probability, mask, threshold=threshold, grow=grow * threshold, min_pixels=least, rows=rows
        )
        hole = min_area_m2 if min_hole_m2 is None else min_hole_m2
        traced = polygons.trace(mask, min_area_m2=min_area_m2, min_hole_m2=hole)
        outlines = gpd.GeoSeries(traced.polygons, crs=crs)
        too_flat = 0
        ground: Ground | None = None
        several: pd.Series | None = None
        if prepared is not None:
            prepared.result()
            parts = split(outlines, path, grid=grid, min_area_m2=min_area_m2)
            outlines, several = parts.outlines, parts.amalgamated
            ground = Ground.under(outlines, path)
            steep = ~(ground.slope_p90 < min_slope_deg)
            too_flat = int((~steep).sum())
            outlines, ground = outlines[steep].reset_index(drop=True), ground.only(steep)
            several = several[steep].reset_index(drop=True)
        places = identifiers(provenance.scene_id, crs, outlines.to_numpy())
        shapes, areas = outlines.to_numpy(), shapely.area(outlines.to_numpy())
        if smooth:
            shapes = generalise.smooth(shapes, pixel=pixel)
        outlines = gpd.GeoSeries(generalise.simplified(shapes, simplify_m, areas=areas), crs=crs)
        joined = None if several is None else several.fillna(False).to_numpy(dtype=bool)
        attributes, crowns = measured_on(layers, outlines, ground, pixel=pixel, amalgamated=joined)
    attributes |= provenance_columns(provenance, threshold)
    attributes |= {"amalgamated": several, "n_detections": 1, "review_status": "unreviewed"}
    attributes["landslide_id"] = places
    attributes["confidence"] = confidence(_numeric(attributes))
    multi = shapely.orient_polygons(shapely.multipolygons(outlines.to_numpy(), indices=np.arange(len(outlines))))
    landslides = schema.frame(schema.LANDSLIDES, attributes, multi, crs=crs)
    return Inventory(
        landslides=landslides,
        crowns=_crown_layer(landslides, crowns),
        visibility=visible.result(),
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


def _numeric(attributes: dict[str, Any]) -> pd.DataFrame:
    return pd.DataFrame({name: value for name, value in attributes.items() if isinstance(value, np.ndarray)})


def _crown_layer(landslides: gpd.GeoDataFrame, crowns: NDArray[np.float64]) -> gpd.GeoDataFrame:
    known = ~np.isnan(crowns[:, 0])
    columns = {
        "landslide_id": landslides["landslide_id"].to_numpy()[known],
        "elevation_m": landslides["elev_max_m"].to_numpy()[known],
    }
    return schema.frame(schema.CROWNS, columns, shapely.points(crowns[known]), crs=landslides.crs)
