"""Inventories in files beside one another: what changed from one to the next, and how well one agrees with another."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS

from landslide_geo.errors import NoOverlapError, ParameterError
from landslide_geo.files import make_parent
from landslide_geo.inventory import schema
from landslide_geo.inventory.compare import Change, compare, totals
from landslide_geo.inventory.geopackage import refuse_other_formats, write_changes
from landslide_geo.inventory.outlines import Outlines, layer_names, read_outlines
from landslide_geo.inventory.overlap import Shapes, covered
from landslide_geo.inventory.score import score

#: Landslides of one region that have nothing to do with each other lie nearer than this, in metres.
APART_M: Final = 100_000.0


def compare_files(old: str | Path, new: str | Path, out: str | Path) -> dict[str, Any]:
    """Write what became of the landslides of one inventory in the next.

    Args:
        old: vector file; where it has a ``visibility`` layer, new landslides on ground it does not show are told apart.
        new: likewise; where it has such a layer, old landslides on ground that it does not show are not called gone.
        out: GeoPackage to write, with one layer ``changes`` in the new inventory's CRS.

    Old landslides that a reviewer has rejected in the new inventory are told apart from those that are gone.

    Returns:
        ``old`` and ``new`` (file, count, area_m2, repaired), and ``changes``: count and areas by status.

    Raises:
        LandslideError: a file cannot be read or compared, or ``out`` not written.
    """
    target = Path(out)
    refuse_other_formats(target)
    if any(target.exists() and target.samefile(path) for path in (old, new) if Path(path).exists()):
        raise ParameterError(f"{target}: is one of the inventories to compare; name another file for the result")
    now = read_outlines(new)
    before = read_outlines(old, crs=now.frame.crs)
    _refuse_other_places(old, before, new, now)
    changes = compare(
        before.shapes,
        now.shapes,
        visible_new=_visible_share(Path(new), before.shapes, now.frame.crs),
        visible_old=_visible_share(Path(old), now.shapes, now.frame.crs),
        rejected=covered(before.shapes, now.rejected.geometry.to_numpy()),
    )
    make_parent(target)
    write_changes(target, _changes_frame(changes, before, now))
    return {"old": _described(old, before), "new": _described(new, now), "changes": totals(changes)}


def score_files(
    mapped: str | Path,
    reference: str | Path,
    *,
    tolerance_m: float = 20.0,
    cell_m: float = 1000.0,
) -> dict[str, Any]:
    """Scores of a vector file's polygons against a reference's, as `landslide_geo.inventory.score.score` gives them.

    Raises:
        LandslideError: a file cannot be read, or the two lie in different places.
    """
    truth = read_outlines(reference)
    found = read_outlines(mapped, crs=truth.frame.crs)
    scores = score(found.shapes, truth.shapes, tolerance_m=tolerance_m, cell_m=cell_m)
    scores["mapped"] |= _described(mapped, found)
    scores["reference"] |= _described(reference, truth)
    return scores


def _described(path: str | Path, outlines: Outlines) -> dict[str, Any]:
    return {
        "file": str(path),
        "count": len(outlines.frame),
        "area_m2": float(shapely.area(outlines.shapes).sum()),
        "repaired": outlines.repaired,
        "dropped": outlines.dropped,
    }


def _visible_share(path: Path, shapes: Shapes, crs: CRS) -> NDArray[np.float64] | None:
    """Share of each outline that a scene shows, by its generalised visibility layer; None where it has none."""
    if schema.VISIBILITY.name not in layer_names(path):
        return None
    frame = read_outlines(path, crs=crs, layer=schema.VISIBILITY.name).frame
    return covered(shapes, frame.geometry[frame["visible"].astype(bool)].to_numpy())


def _refuse_other_places(old: str | Path, before: Outlines, new: str | Path, now: Outlines) -> None:
    """Outlines that lie far from all others were not projected well either, so nothing told of them would be true."""
    if before.frame.empty or now.frame.empty:
        return
    apart = shapely.distance(*(shapely.box(*each.frame.total_bounds) for each in (before, now)))
    if apart > APART_M:
        raise NoOverlapError(
            f"{old} and {new}: lie {apart / 1000:,.0f} km apart; compare inventories of one region, and check that "
            "both have the right CRS"
        )


def _changes_frame(changes: list[Change], before: Outlines, now: Outlines) -> Any:
    old_ids, new_ids = _identifiers(before), _identifiers(now)
    drawn = [now.shapes[c.at] if c.new else before.shapes[c.at] for c in changes]
    columns = {
        "status": [c.status.value for c in changes],
        "landslide_id": [new_ids[c.at] if c.new else old_ids[c.at] for c in changes],
        "old_ids": [";".join(old_ids[i] for i in c.old) or None for c in changes],
        "new_ids": [";".join(new_ids[i] for i in c.new) or None for c in changes],
        "area_old_m2": [c.area_old_m2 for c in changes],
        "area_new_m2": [c.area_new_m2 for c in changes],
        "change_m2": [c.change_m2 for c in changes],
        "seen_before": [c.seen_before for c in changes],
    }
    multi = [shape if shape.geom_type == "MultiPolygon" else shapely.MultiPolygon([shape]) for shape in drawn]
    return schema.frame(schema.CHANGES, columns, np.array(multi, dtype=object), crs=now.frame.crs)


def _identifiers(outlines: Outlines) -> list[str]:
    """Their own, or their number in the file."""
    if "landslide_id" in outlines.frame:
        return [str(name) for name in outlines.frame["landslide_id"]]
    return [str(index + 1) for index in range(len(outlines.frame))]
