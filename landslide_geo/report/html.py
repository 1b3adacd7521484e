"""``report.html``: one file that says what was found, what could not be seen, and how; it needs no network."""

from __future__ import annotations

import base64
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
from landslide_geo.report.origin import citation, input_rows, place
from landslide_geo.report.size_plot import size_report
from landslide_geo.report.uncertain import (
    CLOSE,
    close_calls,
    ground_by_probability,
    reservations,
    threshold_plot,
    threshold_rows,
)
from landslide_geo.report.unseen import visibility_map, visibility_rows
from landslide_geo.report.words import area, brief, label, number, plain, round_area, share, side_by_side, volume

#: Rows of the table of the largest landslides.
LARGEST: Final = 15
#: What the report shows of a model's manifest before the annex, and of its training.
CARD: Final = ("description", "architecture", "bands", "gsd_m", "reflectance", "metrics", "licence", "license")
_TAUGHT: Final = ("data", "split", "simulated")
#: Parameters that the section on thresholds tells one by one; the annex has them all.
_TOLD: Final = {
    "grow": "share of the threshold down to which an outline takes in its rim; 1: none",
    "min_area_m2": "smaller outlines are dropped",
    "min_slope_deg": "the 90th percentile of an outline's slope must reach it; runout on flat ground stays",
    "flat_slope_deg": "ground that is nowhere steeper was not asked about",
    "prior": "expected share of landslides that probabilities were adapted to; none: as calibrated",
}


def write_report(
    path: Path,
    *,
    scan: dict[str, Any],
    landslides: gpd.GeoDataFrame,
    quicklook: Path,
    probability: Path | None = None,
    visibility: Path | None = None,
) -> None:
    """Write the report of a scan as one self-contained HTML file.

    Args:
        path: file to write.
        scan: content of ``scan.json``. ``summary`` (as `Inventory.summary` makes it), ``warnings``, ``parameters``,
            ``model``, ``inputs``, ``windows`` … are shown; what is missing is left out.
        landslides: the inventory's polygons.
        quicklook: PNG that goes into the file.
        probability: raster on a metric grid, to tell what other thresholds would find; none leaves it out.
        visibility: raster of `landslide_geo.scene.visibility.Visibility`, for a small map; none leaves it out.

    Raises:
        SourceNotFoundError: there is no such picture or raster.
        OutputError: the report cannot be written.
    """
    if not Path(quicklook).is_file():
        raise SourceNotFoundError(f"{quicklook}: no such picture; write the quicklook before the report")
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_template), autoescape=True, trim_blocks=True, lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )  # fmt: skip
    environment.filters |= {
        "area": area, "side_by_side": side_by_side, "volume": volume, "number": number, "share": share,
        "label": label, "value": plain, "brief": brief,
    }  # fmt: skip
    summary, parameters = scan.get("summary") or {}, scan.get("parameters") or {}
    manifest = (scan.get("model") or {}).get("manifest") or {}
    title = str(scan.get("title") or scan.get("scene_id") or "Landslide scan")
    areas = landslides["area_m2"].to_numpy(dtype=float)
    text = environment.get_template("report.html.j2").render(
        scan=scan,
        title=title,
        picture=base64.b64encode(Path(quicklook).read_bytes()).decode("ascii"),
        summary=summary,
        count=len(landslides),
        total=float(landslides["area_m2"].sum()),
        confidence=_by_confidence(landslides),
        bars=_sizes(areas),
        sizes=size_report(areas, least_m2=parameters.get("min_area_m2")),
        largest=_largest(landslides),
        has_dem=bool(landslides["slope_mean_deg"].notna().any()),
        has_change=bool(landslides["change_score"].notna().any()),
        seen=visibility_rows(summary),
        seen_map=None if visibility is None else visibility_map(visibility),
        doubt=_doubt(scan, landslides, probability),
        told={key: (parameters[key], why) for key, why in _TOLD.items() if key in parameters},
        manifest=manifest,
        card=_card(scan.get("model") or {}),
        citation=citation(scan, title),
        inputs=input_rows(scan),
        place=place(scan.get("grid")),
    )
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8")


def _template(name: str) -> str:
    return (resources.files("landslide_geo.report") / "templates" / name).read_text(encoding="utf-8")


def _doubt(scan: dict[str, Any], landslides: gpd.GeoDataFrame, probability: Path | None) -> dict[str, Any]:
    """All that the section on uncertainty tells."""
    threshold = (scan.get("parameters") or {}).get("threshold")
    spread = landslides["uncertainty_mean"].to_numpy(dtype=float, na_value=np.nan)
    spread = spread[np.isfinite(spread)]
    found: dict[str, Any] = {
        "threshold": threshold,
        "close": None,
        "rows": [],
        "plot": "",
        "part": None,
        "step": CLOSE,
        "spread": np.percentile(spread, [25, 50, 75]).tolist() if spread.size else None,
        "never": reservations(scan, landslides),
    }
    if threshold is None:
        return found
    ground = None if probability is None else ground_by_probability(probability)
    return found | {
        "close": close_calls(landslides, threshold),
        "rows": threshold_rows(landslides, threshold=threshold, ground=ground),
        "plot": "" if ground is None else threshold_plot(ground, threshold),
        "part": None if ground is None else ground.part,
    }


def _card(model: dict[str, Any]) -> dict[str, Any]:
    """What a reader asks of a model first; the annex has the rest of its manifest."""
    manifest = model.get("manifest") or {}
    card = {key: value for key, value in model.items() if key != "manifest"}
    training = manifest.get("training")
    if isinstance(training, dict):
        card["trained_on"] = {key: training[key] for key in _TAUGHT if training.get(key) not in (None, "", [])}
    card |= {key: manifest[key] for key in CARD if manifest.get(key) not in (None, "", [], {})}
    return {key: value for key, value in card.items() if value not in ({}, [])}


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
        {"from": round_area(float(a)), "to": round_area(float(b)), "count": int(n), "height": 100 * n / top}
        for a, b, n in zip(edges[:-1], edges[1:], counts, strict=True)
    ]


def _largest(landslides: gpd.GeoDataFrame) -> list[dict[str, Any]]:
    table = pd.DataFrame(landslides.drop(columns=landslides.geometry.name))
    rows = table.sort_values(["area_m2", "landslide_id"], ascending=[False, True]).head(LARGEST)
    return [{str(key): None if pd.isna(item) else item for key, item in row.items()} for row in rows.to_dict("records")]
