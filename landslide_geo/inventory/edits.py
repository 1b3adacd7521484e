"""Whether what comes back from an analyst can be used: one line that tells everything that cannot."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from landslide_geo.errors import InventoryError
from landslide_geo.inventory import schema

#: An outline that crosses itself is mended where that changes its area by no more than this share.
REPAIR_TOLERANCE: Final = 1e-3
_CODES: Final = tuple(int(code) for code, _ in schema.CONFIDENCE)
#: Codes that only a review gives.
_REVIEWED_CODES: Final = (5, 8)


@dataclass(frozen=True)
class Checked:
    """Usable edits: multipolygons without a third dimension, blanks as nulls, and how many outlines were mended."""

    frame: gpd.GeoDataFrame
    repaired: int


def checked_landslides(edited: gpd.GeoDataFrame, *, where: str) -> Checked:
    """Check the landslides that an analyst edited.

    Args:
        edited: a frame of `schema.LANDSLIDES`, its index the numbers of the features.
        where: the file, for messages.

    Raises:
        InventoryError: something cannot be used; the message names each kind of problem with the first feature that has
            it, and how many more have.
    """
    frame = edited.copy()
    for field in schema.LANDSLIDES.fields:
        if field.kind == "text":
            # An outline that has just been drawn has no status yet.
            blank = "unreviewed" if field.name == "review_status" else None
            texts = [_text(value) or blank for value in frame[field.name]]
            frame[field.name] = pd.Series(texts, frame.index, dtype="object")
    problems: list[str] = []
    frame, repaired = _geometries(frame, problems)
    status, reason, code = (frame[name] for name in ("review_status", "reject_reason", "confidence"))
    found = _Finder(frame, problems)
    allowed = ", ".join(schema.REVIEW_STATUS)
    found.tell(
        ~status.isin(schema.REVIEW_STATUS), lambda i: f"unknown review_status {status.iloc[i]!r} (one of {allowed})"
    )
    reasons = ", ".join(schema.REJECT_REASON)
    found.tell(
        reason.notna() & ~reason.isin(schema.REJECT_REASON),
        lambda i: f"unknown reject_reason {reason.iloc[i]!r} (one of {reasons})",
    )
    found.tell((status == "rejected") & reason.isna(), lambda _: "rejected without a reject_reason")
    found.tell(
        (status != "rejected") & reason.notna(),
        lambda i: f"reject_reason {reason.iloc[i]!r}, but review_status is {status.iloc[i]!r}",
    )
    found.tell(
        code.notna() & ~code.isin(_CODES),
        lambda i: f"unknown confidence {code.iloc[i]} (one of {', '.join(map(str, _CODES))})",
    )
    if not problems:
        twice = pd.Series(shapely.to_wkb(shapely.normalize(frame.geometry.to_numpy())), frame.index).duplicated()
        found.tell(twice, lambda _: "the same outline stands there twice; remove one")
    _refuse(problems, where)
    return Checked(frame, repaired)


def checked_extent(edited: gpd.GeoDataFrame, *, where: str) -> Checked:
    """Check the extents that an analyst marked as reviewed, as `checked_landslides` does."""
    problems: list[str] = []
    frame, repaired = _geometries(edited.copy(), problems, layer=schema.REVIEWED_EXTENT.name)
    _refuse(problems, where)
    return Checked(frame, repaired)


def refuse_unreviewed_codes(edited: gpd.GeoDataFrame, status: pd.Series, *, where: str) -> None:
    """Check that codes which only a review gives stand at outlines that were reviewed.

    Args:
        edited: as `checked_landslides` gives it.
        status: what their ``review_status`` comes to, in their order.
        where: the file, for messages.

    Raises:
        InventoryError: one does not.
    """
    problems: list[str] = []
    bad = edited["confidence"].isin(_REVIEWED_CODES).to_numpy() & (status == "unreviewed").to_numpy()
    _Finder(edited, problems).tell(
        pd.Series(bad, edited.index),
        lambda i: f"confidence {edited['confidence'].iloc[i]} is for what was reviewed; set review_status too",
    )
    _refuse(problems, where)


class _Finder:
    def __init__(self, frame: gpd.GeoDataFrame, problems: list[str], layer: str = schema.LANDSLIDES.name) -> None:
        self.frame, self.problems, self.layer = frame, problems, layer

    def tell(self, bad: pd.Series, what: Callable[[int], str]) -> None:
        """Add a problem where any row has it; ``what`` words it for the row at a position."""
        those = np.flatnonzero(bad.to_numpy(dtype=bool, na_value=False))
        if len(those):
            first = int(those[0])
            name = self.frame["landslide_id"].iloc[first] if "landslide_id" in self.frame else None
            known = f" ({name})" if name else ""
            more = f", and {len(those) - 1:,} more" if len(those) > 1 else ""
            self.problems.append(f"{self.layer} feature {self.frame.index[first]}{known}: {what(first)}{more}")


def _geometries(
    frame: gpd.GeoDataFrame, problems: list[str], layer: str = schema.LANDSLIDES.name
) -> tuple[gpd.GeoDataFrame, int]:
    found = _Finder(frame, problems, layer)
    shapes = shapely.force_2d(frame.geometry.to_numpy())
    none = shapely.is_missing(shapes) | shapely.is_empty(shapes)
    found.tell(pd.Series(none, frame.index), lambda _: "has no geometry; draw it or remove the feature")
    kinds = np.isin(shapely.get_type_id(shapes), (shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON))
    found.tell(pd.Series(~none & ~kinds, frame.index), lambda i: f"is a {shapes[i].geom_type}, not a polygon")
    crossing = kinds & ~none & ~shapely.is_valid(shapes)
    mended = _mended(shapes[crossing])
    before, after = shapely.area(shapes[crossing]), shapely.area(mended)
    lost = np.zeros(len(frame), dtype=bool)
    lost[crossing] = ~(np.abs(after - before) <= REPAIR_TOLERANCE * before) | (after == 0)
    found.tell(
        pd.Series(lost, frame.index),
        lambda i: f"crosses itself ({shapely.is_valid_reason(shapes[i])}); mend it there",
    )
    flat = kinds & ~none & ~crossing & (shapely.area(shapes) == 0)
    found.tell(pd.Series(flat, frame.index), lambda _: "has no area; draw it anew or remove the feature")
    if problems:
        return frame, 0
    shapes[crossing] = mended
    return frame.set_geometry(gpd.GeoSeries(multi(shapes), frame.index, crs=frame.crs)), int(crossing.sum())


def _mended(shapes: NDArray[np.object_]) -> NDArray[np.object_]:
    return np.asarray(shapely.make_valid(shapes, method="structure", keep_collapsed=False), dtype=object)


def multi(shapes: NDArray[np.object_]) -> NDArray[np.object_]:
    """Polygons as right-handed multipolygons."""
    parts, owner = shapely.get_parts(shapes, return_index=True)
    joined = shapely.multipolygons(parts, indices=owner) if len(parts) else np.empty(0, dtype=object)
    return np.asarray(shapely.orient_polygons(joined), dtype=object)


def _refuse(problems: list[str], where: str) -> None:
    if problems:
        raise InventoryError(f"{where}: {'; '.join(problems)}")


def _text(value: Any) -> str | None:
    return None if pd.isna(value) or not str(value).strip() else str(value).strip()
