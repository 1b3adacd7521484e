"""An inventory that was edited in QGIS, read back: checked, told, measured anew, and written beside the edited file."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import rasterio
import shapely
from numpy.typing import NDArray

from landslide_geo.errors import InventoryError, ParameterError, SourceNotFoundError
from landslide_geo.files import make_parent
from landslide_geo.inventory import Inventory, read_layer, schema, write_geopackage
from landslide_geo.inventory.attributes import MEASURED, measured
from landslide_geo.inventory.edits import checked_extent, checked_landslides, refuse_unreviewed_codes
from landslide_geo.inventory.geopackage import complete, read_traced, refuse_other_formats
from landslide_geo.inventory.outlines import layer_names
from landslide_geo.inventory.polygons import usual_edge
from landslide_geo.inventory.review import Review, review
from landslide_geo.inventory.traced import read_history, snapshot
from landslide_geo.inventory.vocabulary import CATEGORIES, TRIGGERS
from landslide_geo.pipeline.chips import cut_chips, refuse_occupied
from landslide_geo.pipeline.decisions import refuse_to_lose_edits
from landslide_geo.pipeline.vectorize import scan_layers
from landslide_geo.pipeline.workspace import read_record


def import_review(
    edited: str | Path,
    *,
    original: str | Path | None = None,
    out: str | Path | None = None,
    scan: str | Path | None = None,
    reviewer: str | None = None,
    chips: str | Path | None = None,
) -> dict[str, Any]:
    """Read an inventory that an analyst edited, and write what became of it; the edited file is left as it is.

    Args:
        edited: ``landslides.gpkg`` as QGIS saved it.
        original: the file as it was before, where the edited one does not remember (it was exported, or is old); layers
            that the edited one lacks are taken from it.
        out: GeoPackage to write; none takes ``<stem>_reviewed.gpkg`` beside the edited one.
        scan: folder of the scan whose rasters changed outlines are measured on; none takes the edited file's folder if
            it is one. Without a scan what rasters tell of changed outlines becomes null.
        reviewer: written where the analyst left the name out.
        chips: folder to make, with chips of the scan's scene as `landslide_geo.pipeline.chips.cut_chips` cuts them;
            none cuts none.

    Returns:
        ``out``, counts of what was done (see `landslide_geo.inventory.review.review`) and of ``reasons``, ``repaired``
        outlines, ``overlaps``, the ``dropped_fields``, ``unlisted`` (landslides whose category or trigger is not in the
        vocabulary, by field), ``measured`` (whether a scan's rasters were there), and of the reviewed extent
        ``reviewed_m2``; with ``chips`` those of `cut_chips`.

    Raises:
        LandslideError: the edits cannot be used, or the result not written.
    """
    source = Path(edited)
    target = source.with_name(f"{source.stem}_reviewed.gpkg") if out is None else Path(out)
    refuse_other_formats(target)
    if any(target.exists() and Path(path).exists() and target.samefile(path) for path in (source, original or source)):
        raise ParameterError(f"{target}: is the edited inventory; name another file for the result with --out")
    refuse_to_lose_edits(target)
    folder = source.parent if scan is None else Path(scan)
    if chips is not None:
        refuse_occupied(Path(chips), overwrite=False)
        if read_record(folder) is None:
            raise SourceNotFoundError(f"{folder}: holds no scan to cut chips from; name its folder with --scan")
    with snapshot(source) as copy:
        _complete(copy, source, None if original is None else Path(original))
        told, extent, repaired = _read(copy, source, None if original is None else Path(original), reviewer)
        crowns, visibility = (read_layer(copy, layer.name) for layer in (schema.CROWNS, schema.VISIBILITY))
        sources, extra = read_history(copy).lineage, _extra(copy)
    tops, were_measured = _measured(told, folder, given=scan is not None)
    crowns = _crowns(told, crowns, tops)
    inventory = Inventory(landslides=told.landslides, crowns=crowns, visibility=visibility, reviewed_extent=extent)
    make_parent(target)
    write_geopackage(target, inventory, sources=sources)
    reasons = told.landslides["reject_reason"].dropna().value_counts()
    counts = {
        "out": str(target),
        **told.counts,
        "reasons": {str(name): int(count) for name, count in reasons.items()},
        "repaired": repaired,
        "overlaps": _overlaps(told.landslides),
        "dropped_fields": extra,
        "unlisted": _unlisted(told.landslides),
        "measured": were_measured,
        "reviewed_m2": float(shapely.area(shapely.union_all(extent.geometry.to_numpy()))),
    }
    return counts if chips is None else counts | {"chips": cut_chips(folder, target, chips)}


def _read(
    copy: Path, source: Path, original: Path | None, reviewer: str | None
) -> tuple[Review, gpd.GeoDataFrame, int]:
    """What was done to the landslides, the reviewed extent, and how many outlines were mended."""
    now = datetime.now(UTC)
    found = read_layer(copy, fids=True)
    extent = read_layer(copy, schema.REVIEWED_EXTENT.name, fids=True)
    record = _record(copy, source, original)
    for name, crs in (("layer reviewed_extent", extent.crs), ("the record of what was written", record.crs)):
        if crs != found.crs:
            raise InventoryError(
                f"{source}: landslides are in {_name(found.crs)}, {name} is in {_name(crs)}; bring both into one CRS"
            )
    landslides = checked_landslides(found, where=str(source))
    marked = checked_extent(extent, where=str(source))
    names = landslides.frame["landslide_id"].dropna()
    if len(record) and len(names) and not names.isin(record["landslide_id"]).any():
        raise InventoryError(
            f"{source}: shares no identifier with {original or 'its record'}; name the file it was made from with "
            "--original"
        )
    told = review(landslides.frame, record, now=now, reviewer=reviewer)
    refuse_unreviewed_codes(
        landslides.frame, told.landslides["review_status"].iloc[: len(landslides.frame)], where=str(source)
    )
    area = marked.frame.reset_index(drop=True)
    area["reviewed_at"] = area["reviewed_at"].fillna(pd.Timestamp(now).as_unit("ms"))
    area["reviewer"] = pd.Series([name or reviewer for name in area["reviewer"]], area.index, dtype="object")
    return told, area, landslides.repaired + marked.repaired


def _complete(copy: Path, source: Path, original: Path | None) -> None:
    lacking = [layer.name for layer in schema.LAYERS if layer.name not in layer_names(copy)]
    if not lacking:
        return
    if original is None:
        raise InventoryError(
            f"{source}: no layer {lacking[0]!r}; if it was exported from a landslides.gpkg, name that with --original"
        )
    with snapshot(original) as before:
        complete(copy, before)


def _unlisted(frame: gpd.GeoDataFrame) -> dict[str, int]:
    """How many landslides have a value that is none of the vocabulary's, by field; fields without any are left out."""
    found = {}
    for name, terms in (("category", CATEGORIES), ("trigger", TRIGGERS)):
        count = int((frame[name].notna() & ~frame[name].isin([term.value for term in terms])).sum())
        if count:
            found[name] = count
    return found


def _record(copy: Path, source: Path, original: Path | None) -> gpd.GeoDataFrame:
    if original is None:
        record = read_traced(copy)
        if record is None:
            raise InventoryError(
                f"{source}: does not remember what the scan wrote (exported, or from an earlier version); name the "
                "file as it was before the edits with --original"
            )
        return record
    with snapshot(original) as before:
        record = read_layer(before)
    if record["landslide_id"].isna().any() or record["landslide_id"].duplicated().any():
        raise InventoryError(f"{original}: identifiers are missing or stand there twice; name the file of the scan")
    return record


def _extra(copy: Path) -> list[str]:
    known = {field.name for field in schema.LANDSLIDES.fields}
    return [str(name) for name in pyogrio.read_info(copy, layer=schema.LANDSLIDES.name)["fields"] if name not in known]


def _measured(told: Review, folder: Path, *, given: bool) -> tuple[NDArray[np.float64], bool]:
    """Fill in what rasters tell of changed outlines; their crowns, shape (n, 2), and whether there were rasters."""
    frame, changed = told.landslides, told.changed
    if given and not folder.is_dir():
        raise SourceNotFoundError(f"{folder}: no such folder; name the one that the scan was written to")
    with scan_layers(folder) as layers:
        if layers is None:
            if given:
                raise SourceNotFoundError(f"{folder}: holds no scan (scan.json, probability.tif)")
            return np.full((int(changed.sum()), 2), np.nan), False
        with rasterio.open(layers.probability) as dataset:
            crs = dataset.crs
        if frame.crs != crs:
            if given:
                raise ParameterError(f"{folder}: the scan is in {crs}, the landslides in {_name(frame.crs)}")
            return np.full((int(changed.sum()), 2), np.nan), False
        if not changed.any():
            return np.empty((0, 2)), True
        columns, crowns = measured(layers, frame.geometry[changed].reset_index(drop=True))
    for name in MEASURED:
        if name in columns:
            frame.loc[changed, name] = columns[name]
    return crowns, True


def _crowns(told: Review, before: gpd.GeoDataFrame, tops: NDArray[np.float64]) -> gpd.GeoDataFrame:
    """Crowns of outlines that stayed as they were, and of those that were measured anew."""
    frame = told.landslides
    kept = before[before["landslide_id"].isin(frame["landslide_id"][~told.changed])]
    new = frame[told.changed]
    known = ~np.isnan(tops[:, 0])
    columns = {
        "landslide_id": [*kept["landslide_id"], *new["landslide_id"][known]],
        "elevation_m": [*kept["elevation_m"], *new["elev_max_m"][known]],
    }
    points = np.concatenate([kept.geometry.to_numpy(), shapely.points(tops[known])])
    return schema.frame(schema.CROWNS, columns, points, crs=frame.crs)


def _overlaps(frame: gpd.GeoDataFrame) -> int:
    """Pairs of landslides, rejected ones left out, that share more than a pixel's worth of ground."""
    shapes = frame.geometry[frame["review_status"] != "rejected"].to_numpy()
    i, j = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    i, j = i[i < j], j[i < j]
    return int((shapely.area(shapely.intersection(shapes[i], shapes[j])) > usual_edge(shapes) ** 2).sum())


def _name(crs: Any) -> str:
    return "no CRS" if crs is None else str(crs.to_string())
