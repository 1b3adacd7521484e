"""The running inventory in a PostGIS database: one table for all regions, brought up to date in one transaction."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from landslide_geo.errors import MissingExtraError, ParameterError, PublishError
from landslide_geo.inventory.schema import Kind, LayerSchema
from landslide_geo.regions.fields import LANDSLIDES, SCANS
from landslide_geo.regions.inventory import read_running
from landslide_geo.regions.region import Region

if TYPE_CHECKING:
    import psycopg

#: Tables by layer, and the field that is unique within a region.
TABLES: Final = ((LANDSLIDES, "landslides", "landslide_id"), (SCANS, "landslide_scans", "scan_id"))
_TYPES: Final[dict[Kind, str]] = {
    "text": "text", "int": "integer", "real": "double precision", "bool": "boolean", "date": "date",
    "datetime": "timestamptz",
}  # fmt: skip
#: All regions share a table, whichever grid each has.
_SRID: Final = 4326
_TIMEOUT_S: Final = 20


def write_postgis(region: Region) -> dict[str, int]:
    """Bring a region's rows in the tables ``landslides`` and ``landslide_scans`` up to date.

    Tables are made where they are missing. Rows are known by region and identifier; those that did not change are not
    written, and none is removed but what the inventory does not have any more. Readers see all of it or nothing.

    Returns:
        Rows in the inventory by table.

    Raises:
        MissingExtraError: psycopg is not installed.
        ParameterError: the environment variable with the address is not set.
        PublishError: the database cannot be reached, or refuses.
    """
    try:
        import psycopg
    except ImportError:
        raise MissingExtraError("sinks.postgis needs psycopg; pip install 'landslide-geo[postgis]'") from None
    variable = region.params.sinks.postgis or ""
    address = os.environ.get(variable)
    if not address:
        raise ParameterError(f"the environment variable {variable} is not set; set it where the region is run")
    try:
        # The address may hold a password: messages name the variable.
        with psycopg.connect(address, connect_timeout=_TIMEOUT_S) as database:
            _require_postgis(database, variable)
            # Two regions may make the tables at a time.
            database.execute("SELECT pg_advisory_xact_lock(hashtext('landslide-geo'))")
            return {
                table: _bring(database, region.name, layer, table, key, read_running(region.inventory, layer=layer))
                for layer, table, key in TABLES
            }
    except psycopg.Error as error:
        told = " ".join(str(error).replace(address, variable).split()) or type(error).__name__
        raise PublishError(
            f"the database of {variable} cannot be written ({told}); mend that, the next run tries it again"
        ) from None


def _require_postgis(database: psycopg.Connection[Any], variable: str) -> None:
    if database.execute("SELECT 1 FROM pg_extension WHERE extname = 'postgis'").fetchone() is None:
        raise PublishError(
            f"the database of {variable} has no PostGIS; run CREATE EXTENSION postgis there as its administrator"
        )


def _bring(
    database: psycopg.Connection[Any], region: str, layer: LayerSchema, table: str, key: str, frame: gpd.GeoDataFrame
) -> int:
    from psycopg import sql

    frame = frame[frame[key].notna() & ~(frame.geometry.isna() | frame.geometry.is_empty)]
    name, temporary = sql.Identifier(table), sql.Identifier(f"new_{table}")
    columns = ["region", *(field.name for field in layer.fields), "geom"]
    types = ["text NOT NULL", *(_TYPES[field.kind] for field in layer.fields), f"geometry(MultiPolygon, {_SRID})"]
    fields = sql.SQL(", ").join(
        sql.SQL("{} {}").format(sql.Identifier(column), sql.SQL(kind))  # type: ignore[arg-type]
        for column, kind in zip(columns, types, strict=True)
    )
    database.execute(
        sql.SQL("CREATE TABLE IF NOT EXISTS {} ({}, PRIMARY KEY (region, {}))").format(
            name, fields, sql.Identifier(key)
        )
    )
    index = sql.Identifier(f"{table}_geom")
    database.execute(sql.SQL("CREATE INDEX IF NOT EXISTS {} ON {} USING gist (geom)").format(index, name))
    database.execute(sql.SQL("CREATE TEMPORARY TABLE {} (LIKE {}) ON COMMIT DROP").format(temporary, name))
    listed = sql.SQL(", ").join(map(sql.Identifier, columns))
    with database.cursor().copy(sql.SQL("COPY {} ({}) FROM STDIN").format(temporary, listed)) as copy:
        for row in _rows(region, layer, frame):
            copy.write_row(row)
    others = [column for column in columns if column not in ("region", key)]
    changed = sql.SQL(", ").join(
        sql.SQL("{0} = EXCLUDED.{0}").format(sql.Identifier(column)) for column in others
    )  # fmt: skip
    ours = sql.SQL(", ").join(sql.SQL("{}.{}").format(name, sql.Identifier(column)) for column in others)
    theirs = sql.SQL(", ").join(sql.SQL("EXCLUDED.{}").format(sql.Identifier(column)) for column in others)
    database.execute(
        sql.SQL(
            "INSERT INTO {} ({listed}) SELECT {listed} FROM {} ON CONFLICT (region, {}) DO UPDATE SET {} "
            "WHERE ({}) IS DISTINCT FROM ({})"
        ).format(name, temporary, sql.Identifier(key), changed, ours, theirs, listed=listed)
    )
    database.execute(
        sql.SQL("DELETE FROM {0} t WHERE region = %s AND NOT EXISTS (SELECT 1 FROM {1} n WHERE n.{2} = t.{2})").format(
            name, temporary, sql.Identifier(key)
        ),
        (region,),
    )
    return len(frame)


def _rows(region: str, layer: LayerSchema, frame: gpd.GeoDataFrame) -> list[Sequence[Any]]:
    outlines = frame.geometry.to_crs(_SRID).to_numpy()
    single = shapely.get_type_id(outlines) == shapely.GeometryType.POLYGON
    outlines = np.array(
        [shapely.MultiPolygon([one]) if alone else one for one, alone in zip(outlines, single, strict=True)] + [None],
        dtype=object,
    )[:-1]
    blobs = shapely.to_wkb(shapely.set_srid(outlines, _SRID), hex=True, include_srid=True)
    columns = [[None if pd.isna(value) else value for value in frame[field.name]] for field in layer.fields]
    kinds = [field.kind for field in layer.fields]
    plain = [
        [int(v) if kind == "int" and v is not None else v for v in column]
        for kind, column in zip(kinds, columns, strict=True)
    ]
    return [(region, *row) for row in zip(*plain, blobs, strict=True)]
