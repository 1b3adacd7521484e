"""``report.html``: one file that says what was found, what could not be seen, and how; it needs no network."""

from __future__ import annotations

import base64
import math
from importlib import resources
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import jinja2
import numpy as np
import pandas as pd

from landslide_geo.errors import SourceNotFoundError
from landslide_geo.files import replacing
from landslide_geo.inventory.schema import CONFIDENCE
from landslide_geo.inventory.style import category_colours

#: Rows of the table of the largest landslides.
LARGEST: Final = 15
UNITS: Final = {"m2": "m²", "m": "m", "deg": "°", "mb": "MB", "s": "s"}
ABBREVIATIONS: Final = {
    "f1": "F1", "iou": "IoU", "auc": "AUC", "tta": "TTA", "sha256": "SHA-256", "crs": "CRS", "gsd": "Pixel size",
    "min area": "Minimum area", "min slope": "Minimum slope", "cpus": "CPUs", "n": "Number",
}  # fmt: skip
#: What the report shows of a model's manifest without unfolding it.
CARD: Final = (
    "description",
    "architecture",
    "bands",
    "gsd_m",
    "reflectance",
    "threshold",
    "metrics",
    "training",
    "licence",
    "license",
)


def write_report(path: Path, *, scan: dict[str, Any], landslides: gpd.GeoDataFrame, quicklook: Path) -> None:
    """Write the report of a scan as one self-contained HTML file.

    Args:
        path: file to write.
        scan: content of ``scan.json``. ``summary`` (as `Inventory.summary` makes it), ``warnings``, ``parameters``,
            ``model``, ``inputs``, ``windows`` … are shown; what is missing is left out.
        landslides: the inventory's polygons.
        quicklook: PNG that goes into the file.

    Raises:
        SourceNotFoundError: there is no such picture.
        OutputError: the report cannot be written.
    """
    if not Path(quicklook).is_file():
        raise SourceNotFoundError(f"{quicklook}: no such picture; write the quicklook before the report")
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_template), autoescape=True, trim_blocks=True, lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )  # fmt: skip
    environment.filters |= {
        "area": area,
        "side_by_side": side_by_side,
        "volume": volume,
        "number": number,
        "label": label,
        "value": plain,
    }
    text = environment.get_template("report.html.j2").render(
        scan=scan,
        card=_card(scan.get("model") or {}),
        manifest=(scan.get("model") or {}).get("manifest") or {},
        title=scan.get("title") or scan.get("scene_id") or "Landslide scan",
        summary=scan.get("summary") or {},
        picture=base64.b64encode(Path(quicklook).read_bytes()).decode("ascii"),
        count=len(landslides),
        total=float(landslides["area_m2"].sum()),
        confidence=_by_confidence(landslides),
        sizes=_sizes(landslides["area_m2"].to_numpy(dtype=np.float64)),
        largest=_largest(landslides),
        has_dem=bool(landslides["relief_m"].notna().any()),
        has_change=bool(landslides["change_score"].notna().any()),
    )
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8")


def _template(name: str) -> str:
    return (resources.files("landslide_geo.report") / "templates" / name).read_text(encoding="utf-8")


def area(square_metres: float | None) -> str:
    """An area in the unit a reader expects: m², ha or km²."""
    if square_metres is None or not math.isfinite(square_metres):
        return "–"
    if square_metres < 1e4:
        return f"{square_metres:,.0f} m²"
    return f"{square_metres / 1e4:,.1f} ha" if square_metres < 1e6 else f"{square_metres / 1e6:,.2f} km²"


def _tick(square_metres: float) -> str:
    value, unit = (square_metres, "m²") if square_metres < 1e4 else (square_metres / 1e4, "ha")
    return f"{value:,g} {unit}" if square_metres < 1e6 else f"{square_metres / 1e6:,g} km²"


def volume(cubic_metres: float | None) -> str:
    """A volume with two figures, which is more than an area tells, in m³ or millions of them."""
    if cubic_metres is None or not math.isfinite(cubic_metres):
        return "–"
    if cubic_metres < 1e6:
        return f"{float(f'{cubic_metres:.2g}'):,.0f} m³"
    return f"{float(f'{cubic_metres / 1e6:.2g}'):,g} million m³"


def number(value: float | None, digits: int = 0, unit: str = "") -> str:
    """A number with thousands separated, or a dash for null."""
    if value is None or pd.isna(value):
        return "–"
    return f"{value:,.{digits}f}{unit}"


def label(key: object) -> str:
    """A key of ``scan.json`` as words: units in brackets, abbreviations as they are written."""
    words = str(key).split("_")
    unit = UNITS.get(words[-1]) if len(words) > 1 else None
    text = " ".join(words[:-1] if unit else words)
    text = ABBREVIATIONS.get(text, text[:1].upper() + text[1:])
    return f"{text} ({unit})" if unit else text


def side_by_side(node: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Split off the flat mappings of ``node`` that share their keys with another: figures to compare across columns."""
    groups: dict[tuple[str, ...], dict[str, Any]] = {}
    for key, column in node.items():
        if isinstance(column, dict) and column and not any(isinstance(leaf, dict | list) for leaf in column.values()):
            groups.setdefault(tuple(column), {})[key] = column
    columns = max(groups.values(), key=len, default={})
    if len(columns) < 2:
        return {}, node
    return columns, {key: value for key, value in node.items() if key not in columns}


def plain(value: object) -> str:
    """A leaf of ``scan.json`` as text; long floats are rounded, nulls are dashes."""
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    return str(value)


def _card(model: dict[str, Any]) -> dict[str, Any]:
    """What a reader asks of a model first; the rest of its manifest folds away."""
    manifest = model.get("manifest") or {}
    card = {key: value for key, value in model.items() if key != "manifest"}
    return card | {key: manifest[key] for key in CARD if manifest.get(key) not in (None, "", [], {})}


def _by_confidence(landslides: gpd.GeoDataFrame) -> list[dict[str, Any]]:
    colours = category_colours("landslides")
    rows = []
    for code, text in CONFIDENCE:
        chosen = landslides[(landslides["confidence"] == int(code)).to_numpy(dtype=bool, na_value=False)]
        if len(chosen) or int(code) <= 3:
            covered = float(chosen["area_m2"].sum())
            rows.append({"label": text, "colour": colours[int(code)], "count": len(chosen), "area": covered})
    return rows


def _sizes(areas: np.ndarray) -> list[dict[str, Any]]:
    """Bars of a histogram of areas between 1, 2, 5, 10 … m²: their edges, counts and heights (0–100)."""
    if areas.size == 0:
        return []
    steps = np.outer(10.0 ** np.arange(0, 12), [1, 2, 5]).ravel()
    first = max(int(np.searchsorted(steps, areas.min(), side="right")) - 1, 0)
    edges = steps[first : int(np.searchsorted(steps, areas.max(), side="right")) + 1]
    counts = np.histogram(areas, edges)[0]
    top = max(int(counts.max()), 1)
    return [
        {"from": _tick(float(a)), "count": int(n), "height": 100 * n / top}
        for a, b, n in zip(edges[:-1], edges[1:], counts, strict=True)
    ]


def _largest(landslides: gpd.GeoDataFrame) -> list[dict[str, Any]]:
    table = pd.DataFrame(landslides.drop(columns=landslides.geometry.name))
    rows = table.sort_values(["area_m2", "landslide_id"], ascending=[False, True]).head(LARGEST)
    return [{str(key): None if pd.isna(item) else item for key, item in row.items()} for row in rows.to_dict("records")]
