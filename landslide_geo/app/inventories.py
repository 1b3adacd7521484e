"""The polygons of a scan as the page shows them: what a screen can hold, a table by pages, one with all it says."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from landslide_geo.errors import ParameterError, SourceNotFoundError
from landslide_geo.inventory import read_layer, schema
from landslide_geo.inventory.style import category_colours
from landslide_geo.inventory.traced import readable

#: Polygons on a screen; of more the largest are shown, and it is said.
MOST: Final = 4000
#: Rows of a page of the table.
ROWS: Final = 50
#: Columns that go with each polygon.
SHORT: Final = ("landslide_id", "confidence", "area_m2", "prob_mean", "uncertainty_mean", "review_status")
#: By which column the table is sorted, the largest first.
ORDERS: Final = {
    "area": "area_m2", "confidence": "confidence", "uncertain": "uncertainty_mean", "probability": "prob_mean",
}  # fmt: skip
_KEPT: Final = 4

Mark = tuple[int, ...]


@dataclass(frozen=True)
class Filter:
    """Which landslides are shown.

    Attributes:
        min_area_m2: least area.
        min_confidence: least code.
        status: of the review; none: all but the rejected, which are shown when asked for.
    """

    min_area_m2: float = 0.0
    min_confidence: int = 0
    status: str | None = None

    def __post_init__(self) -> None:
        if self.status is not None and self.status not in (*schema.REVIEW_STATUS, "all"):
            raise ParameterError(f"status {self.status!r}: use one of {', '.join(schema.REVIEW_STATUS)}, all")

    def of(self, frame: gpd.GeoDataFrame) -> NDArray[np.bool_]:
        """(N,) which rows are shown."""
        chosen = (frame["area_m2"] >= self.min_area_m2).to_numpy(bool, na_value=False)
        chosen = chosen & (frame["confidence"].fillna(0) >= self.min_confidence).to_numpy(bool)
        if self.status == "all":
            return np.asarray(chosen)
        if self.status is None:
            return np.asarray(chosen & (frame["review_status"] != "rejected").to_numpy(bool))
        return np.asarray(chosen & (frame["review_status"] == self.status).to_numpy(bool))


class Landslides:
    """The landslides of one file, held in memory with their outlines in degrees.

    Args:
        path: of ``landslides.gpkg``.

    Raises:
        LandslideError: it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        with readable(path) as there:
            self.frame = read_layer(there)
        self.outlines: NDArray[np.object_] = self.frame.geometry.to_crs(4326).to_numpy()
        self._tree = shapely.STRtree(self.outlines)
        self._lock = threading.Lock()  # a table must not be read while a decision is taken up
        self._row = {str(id): row for row, id in enumerate(self.frame["landslide_id"])}

    def view(self, *, bounds: tuple[float, float, float, float], zoom: float, which: Filter) -> dict[str, Any]:
        """GeoJSON of what lies on a screen, drawn no finer than that shows.

        Args:
            bounds: west, south, east, north in degrees.
            zoom: level of the map; a pixel is 360°/512 at level 0.
            which: landslides.

        Returns:
            A FeatureCollection of the `MOST` largest at most, and ``total``, how many there are.
        """
        here = self._tree.query(shapely.box(*bounds))
        with self._lock:
            here = here[which.of(self.frame.iloc[here])]
            areas = self.frame["area_m2"].to_numpy(np.float64, na_value=0.0)[here]
            shown = here[np.argsort(-areas, kind="stable")[:MOST]]
            rows = self.frame.iloc[shown][list(SHORT)].to_dict("records")
        drawn = simplified(self.outlines[shown], pixel_at(zoom))
        return collection(drawn, [_plain(row) for row in rows]) | {"total": len(here)}

    def page(self, *, which: Filter, order: str, start: int, rows: int = ROWS) -> dict[str, Any]:
        """Some rows of the table of landslides.

        Args:
            which: landslides.
            order: one of `ORDERS`.
            start: first row.
            rows: how many at most.

        Raises:
            ParameterError: the order is unknown.
        """
        if order not in ORDERS:
            raise ParameterError(f"order {order!r}: use one of {', '.join(ORDERS)}")
        with self._lock:
            chosen = self.frame[which.of(self.frame)].copy()
        decided = chosen["review_status"].value_counts()
        table = chosen.sort_values([ORDERS[order], "landslide_id"], ascending=[False, True]).iloc[start : start + rows]
        return {
            "total": len(chosen),
            "area_m2": float(chosen["area_m2"].sum()),
            "reviewed": int(len(chosen) - decided.get("unreviewed", 0)),
            "start": start,
            "rows": [_plain(row) for row in table[[*SHORT, "lon", "lat"]].to_dict("records")],
        }

    def one(self, id: str) -> dict[str, Any]:
        """All attributes of a landslide that have a value, with their labels, and where it is.

        Raises:
            SourceNotFoundError: there is none of this identifier.
        """
        row = self._at(id)
        with self._lock:
            values = _plain(self.frame.drop(columns=self.frame.geometry.name).iloc[row].to_dict())
        attributes = [
            {"name": field.name, "label": field.alias, "value": values[field.name], "text": _text(field, values)}
            for field in schema.LANDSLIDES.fields
            if values[field.name] is not None
        ]
        return {
            "landslide_id": id,
            "bounds": list(self.outlines[row].bounds),
            "review_status": values["review_status"],
            "reject_reason": values["reject_reason"],
            "notes": values["notes"],
            "attributes": attributes,
        }

    def decided(self, id: str, changes: dict[str, Any]) -> None:
        """Take up what was written of a landslide."""
        row = self._at(id)
        with self._lock:
            for name, value in changes.items():
                if name == "reviewed_at":
                    value = None if value is None else pd.Timestamp(value)
                self.frame.iloc[row, self.frame.columns.get_loc(name)] = value

    def _at(self, id: str) -> int:
        if id not in self._row:
            raise SourceNotFoundError(f"landslide {id!r}: there is none in this scan; reload the page")
        return self._row[id]


class Opened:
    """The inventories that were looked at last, read again when their files change."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Path, tuple[Mark, Landslides]] = OrderedDict()
        self._lock = threading.RLock()
        #: Held by whoever writes a decision, which may wait for another program; meanwhile others read.
        self.deciding = threading.Lock()

    def get(self, path: Path) -> Landslides:
        """The landslides of a file.

        Raises:
            LandslideError: it cannot be read.
        """
        with self._lock:
            mark = mark_of(path)
            if path not in self._kept or self._kept[path][0] != mark:
                self._kept[path] = mark, Landslides(path)
            self._kept.move_to_end(path)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
            return self._kept[path][1]

    def decided(self, path: Path, id: str, changes: dict[str, Any], *, before: Mark) -> None:
        """Take up what was just written to a file, instead of reading all of it again.

        Args:
            path: of the file.
            id: of the landslide.
            changes: what was written, by field.
            before: `mark_of` the file before that.
        """
        with self._lock:
            if path in self._kept:
                if self._kept[path][0] != before:  # somebody else wrote to it as well
                    del self._kept[path]
                    return
                landslides = self._kept[path][1]
                landslides.decided(id, changes)
                self._kept[path] = mark_of(path), landslides


def pixel_at(zoom: float) -> float:
    """Degrees of a pixel of the map at the equator: at level 0 the earth is one tile of 512 pixels."""
    return 360 / 512 / 2.0 ** min(max(zoom, 0), 22)


def simplified(outlines: NDArray[np.object_], pixel: float) -> NDArray[np.object_]:
    """Outlines with corners no closer than a pixel shows; what would vanish is drawn as its box.

    Args:
        outlines: (N,) valid, in degrees.
        pixel: degrees.
    """
    if not len(outlines):
        return outlines
    drawn = shapely.simplify(outlines, pixel / 2, preserve_topology=True)
    tiny = np.array([max(east - west, north - south) < pixel for west, south, east, north in shapely.bounds(outlines)])
    if tiny.any():
        west, south, east, north = shapely.bounds(outlines[tiny]).T
        x, y = (west + east) / 2, (south + north) / 2
        drawn[tiny] = shapely.box(x - pixel / 2, y - pixel / 2, x + pixel / 2, y + pixel / 2)
    return drawn


def collection(shapes: NDArray[np.object_], properties: list[dict[str, Any]]) -> dict[str, Any]:
    """A FeatureCollection; coordinates are rounded to 1e-6°, a decimetre."""
    features = [
        {"type": "Feature", "properties": own, "geometry": _rounded(json.loads(text))}
        for text, own in zip(shapely.to_geojson(shapes) if len(shapes) else [], properties, strict=True)
    ]
    return {"type": "FeatureCollection", "features": features}


def colours() -> dict[str, str]:
    """Fill colours by confidence, those of the style in QGIS."""
    return {str(code): colour for code, colour in category_colours("landslides").items()}


def _rounded(geometry: dict[str, Any]) -> dict[str, Any]:
    def short(part: Any) -> Any:
        return [short(each) for each in part] if isinstance(part, list) else round(part, 6)

    return geometry | {"coordinates": short(geometry["coordinates"])}


def _plain(row: dict[Any, Any]) -> dict[str, Any]:
    """Values that ``json`` can write; null where there is none."""
    found: dict[str, Any] = {}
    for name, value in row.items():
        if pd.isna(value):
            found[str(name)] = None
        elif hasattr(value, "isoformat"):
            found[str(name)] = value.isoformat()
        else:
            found[str(name)] = value.item() if isinstance(value, np.generic) else value
    return found


def _text(field: schema.Field, values: dict[str, Any]) -> str:
    """A value as people read it."""
    value = values[field.name]
    labels = dict(field.values)
    if str(value) in labels:
        return labels[str(value)]
    if field.kind == "bool":
        return "yes" if value else "no"
    if field.kind == "real":
        text = f"{value:,.5f}" if field.unit == "°" else f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
        return f"{text} {field.unit}".strip()
    return str(value)


def mark_of(path: Path) -> Mark:
    """By which a GeoPackage's content is known again; what QGIS saves lies in a log beside it at first.

    Raises:
        SourceNotFoundError: it is no longer there.
    """
    try:
        stat = path.stat()
    except OSError:
        raise SourceNotFoundError(f"{path.name}: is no longer there; reload the page") from None
    try:
        log = Path(f"{path}-wal").stat()
    except OSError:
        return stat.st_ino, stat.st_size, stat.st_mtime_ns
    return stat.st_ino, stat.st_size, stat.st_mtime_ns, log.st_ino, log.st_size, log.st_mtime_ns
