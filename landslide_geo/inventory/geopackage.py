"""``landslides.gpkg``: all layers with all fields, styled, written beside and put in place by one rename."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import shapely
from numpy.typing import NDArray
from pyogrio.errors import DataLayerError, DataSourceError

from landslide_geo.errors import InventoryError, OutputError, SourceNotFoundError
from landslide_geo.files import replacing
from landslide_geo.inventory import schema
from landslide_geo.inventory.layers import Inventory
from landslide_geo.inventory.metadata import add_metadata, items
from landslide_geo.inventory.style import add_styles
from landslide_geo.inventory.traced import TRACED, add_record, has_record, readable


def write_geopackage(path: Path, inventory: Inventory, *, sources: Iterable[str] = ()) -> None:
    """Write an inventory as a GeoPackage that opens styled in QGIS.

    The file is complete or not there: it is written beside ``path`` and renamed over it. Nulls stay nulls, days are
    real DATE columns (QGIS's temporal controller needs them), times are UTC. A copy of the landslides that no program
    lists goes with it: what was edited later is told from that.

    Args:
        path: of the file.
        inventory: its layers.
        sources: checksums of the contents that its decisions were taken over from, `History.lineage` of other files.

    Raises:
        OutputError: the folder is missing or read-only, or another program has the old file open.
    """
    path = Path(path)
    _write(
        path,
        {
            schema.LANDSLIDES: inventory.landslides,
            schema.CROWNS: inventory.crowns,
            schema.VISIBILITY: inventory.visibility,
            schema.REVIEWED_EXTENT: inventory.reviewed_extent,
        },
        sources,
    )


def write_changes(path: Path, changes: gpd.GeoDataFrame) -> None:
    """Write a layer of `schema.CHANGES` as a styled GeoPackage of its own; the rest as in `write_geopackage`."""
    _write(Path(path), {schema.CHANGES: changes})


def write_layers(path: Path, frames: dict[schema.LayerSchema, gpd.GeoDataFrame]) -> None:
    """Write layers of other schemas as a styled GeoPackage, with a record of the landslides; the rest as above."""
    _write(Path(path), frames)


def _write(path: Path, frames: dict[schema.LayerSchema, gpd.GeoDataFrame], sources: Iterable[str] = ()) -> None:
    refuse_open_database(path)
    with replacing(path, also=(DataSourceError, sqlite3.Error)) as part:
        for layer, frame in frames.items():
            _write_layer(part, layer, frame, append=part.exists())
        with contextlib.closing(sqlite3.connect(part)) as database, database:
            add_styles(database, tuple(frames))
            add_metadata(database, frames)
            if any(layer.name == schema.LANDSLIDES.name for layer in frames):
                add_record(database, sources)


def refuse_other_formats(path: Path) -> None:
    """Check that a file to be written is named as a GeoPackage.

    Raises:
        OutputError: it is not.
    """
    if path.suffix != ".gpkg":
        raise OutputError(f"{path}: the output is a GeoPackage; name it with .gpkg")


def read_layer(path: Path, layer: str = schema.LANDSLIDES.name, *, fids: bool = False) -> gpd.GeoDataFrame:
    """Read one layer of a ``landslides.gpkg`` back with the types it was built with.

    Args:
        path: of the file.
        layer: its name.
        fids: index the rows by their numbers in the file, by which QGIS calls them.

    Raises:
        SourceNotFoundError: there is no such file.
        InventoryError: it is not a GeoPackage, or has no such layer, or the layer lacks a field.
    """
    path = Path(path)
    if not path.exists():
        raise SourceNotFoundError(f"{path}: no such GeoPackage; check the path")
    expected = {each.name: each for each in schema.LAYERS}[layer]
    try:
        with readable(path) as there:
            raw = pyogrio.read_dataframe(there, layer=layer, fid_as_index=fids)
    except (DataSourceError, DataLayerError) as error:
        raise InventoryError(f"{path}: no layer {layer!r} can be read ({error}); write it again with a scan") from None
    return _typed(path, raw, expected, fids=fids)


def read_inventory(path: Path) -> Inventory:
    """All layers of a ``landslides.gpkg``; the rest as in `read_layer`."""
    return Inventory(**{layer.name: read_layer(path, layer.name) for layer in schema.LAYERS})


def complete(path: Path, original: Path) -> None:
    """Add the layers that a GeoPackage lacks as they are in another one: programs export single layers.

    An only layer of another name is taken for the landslides; QGIS names it after the file.

    Raises:
        InventoryError: either cannot be read.
    """
    try:
        names = [str(name) for name, kind in pyogrio.list_layers(path) if kind is not None]
        if schema.LANDSLIDES.name not in names and len(names) == 1:
            frame = pyogrio.read_dataframe(path, layer=names[0])
            pyogrio.write_dataframe(
                frame, path, layer=schema.LANDSLIDES.name, geometry_type="MultiPolygon", append=True
            )
    except (DataSourceError, DataLayerError) as error:
        raise InventoryError(f"{path}: cannot be read ({error})") from None
    for layer in schema.LAYERS:
        if layer is not schema.LANDSLIDES and layer.name not in names:
            _write_layer(path, layer, read_layer(original, layer.name), append=True)


def read_traced(path: Path) -> gpd.GeoDataFrame | None:
    """The landslides of a ``landslides.gpkg`` as they were when it was written; None where it does not tell.

    Raises:
        InventoryError: the record lacks a field.
    """
    if not has_record(path):
        return None
    # Without a row GDAL does not see which column holds the geometry.
    raw = pyogrio.read_dataframe(path, sql=f"SELECT * FROM {TRACED}")
    if raw.empty:
        return read_layer(path).iloc[:0]
    return _typed(path, raw, schema.LANDSLIDES)


def _typed(path: Path, raw: gpd.GeoDataFrame, expected: schema.LayerSchema, *, fids: bool = False) -> gpd.GeoDataFrame:
    missing = [field.name for field in expected.fields if field.name not in raw]
    if missing:
        raise InventoryError(
            f"{path}: layer {expected.name!r} lacks the field {missing[0]!r}; write it again with a scan"
        )
    columns = {field.name: raw[field.name] for field in expected.fields}
    for field in expected.fields:
        if field.kind == "date":
            columns[field.name] = [None if pd.isna(day) else pd.Timestamp(day).date() for day in raw[field.name]]
    frame = schema.frame(expected, columns, raw.geometry.to_numpy(), crs=raw.crs)
    return frame.set_index(raw.index) if fids else frame


def refuse_open_database(path: Path) -> None:
    """Check that no other program is writing to a GeoPackage.

    Raises:
        OutputError: one is; its log lies beside the file.
    """
    for suffix in ("-wal", "-journal"):
        # The leftover log of an open database would be replayed into the new file and ruin it.
        if Path(f"{path}{suffix}").exists():
            raise OutputError(
                f"{path}: another program has it open; close it there (in QGIS, remove the layer) and retry"
            )


def _write_layer(path: Path, layer: schema.LayerSchema, frame: gpd.GeoDataFrame, *, append: bool) -> None:
    """Write one layer through GDAL's column interface, which alone keeps DATE, BOOLEAN and null apart."""
    columns = [_column(frame[field.name], field.kind) for field in layer.fields]
    pyogrio.raw.write(
        path,
        shapely.to_wkb(frame.geometry.to_numpy()),
        [values for values, _ in columns],
        np.array([field.name for field in layer.fields]),
        field_mask=[mask for _, mask in columns],
        layer=layer.name,
        driver="GPKG",
        geometry_type=layer.geometry,
        crs=frame.crs.to_wkt() if frame.crs.to_epsg() is None else f"EPSG:{frame.crs.to_epsg()}",
        append=append,
        gdal_tz_offsets={f.name: np.full(len(frame), 100) for f in layer.fields if f.kind == "datetime"},  # 100 = UTC
        dataset_options={} if append else {"VERSION": "1.2"},  # 1.4, GDAL's default, makes older QGIS warn
        layer_metadata=items(layer, frame),
        layer_options={"IDENTIFIER": layer.name, "DESCRIPTION": layer.title},
    )


def _column(values: pd.Series, kind: schema.Kind) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
    """Values in a numpy type that GDAL maps to the wanted column type, and which of them are null."""
    null = values.isna().to_numpy(dtype=bool)
    if kind == "text":
        return values.to_numpy(dtype=object), null
    if kind == "date":
        return np.array(
            ["NaT" if n else value.isoformat() for value, n in zip(values, null, strict=True)], "M8[D]"
        ), null
    if kind == "datetime":
        return values.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy(dtype="M8[ms]"), null
    if kind == "real":
        return values.to_numpy(dtype=np.float64), null
    dtype, zero = (np.int32, 0) if kind == "int" else (np.bool_, False)
    return values.fillna(zero).to_numpy(dtype=dtype), null
