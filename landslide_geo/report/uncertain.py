"""How far a result depends on the threshold, and when it should not be trusted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from rasterio.windows import Window

from landslide_geo.report.house import BLUE, FAINT, NOTE, ORANGE, drawing, dress, inline_svg
from landslide_geo.report.words import number, share
from landslide_geo.scene.raster_io import open_raster, reading

#: Steps of probability that ground is counted by.
_BINS: Final = 100
#: Pixels read at most; of larger rasters every nth tile is, which tells areas well enough.
_MOST_PIXELS: Final = 40_000_000
_TILE: Final = 512
#: How far from the threshold the table looks, and how near to it an outline is called close.
_STEPS: Final = (-0.1, -0.05, 0.0, 0.05, 0.1, 0.2)
CLOSE: Final = 0.05


@dataclass(frozen=True)
class Ground:
    """Ground by probability.

    Attributes:
        at_least_m2: (101,) area that reaches 0, 0.01, … 1, before objects are screened by size and slope.
        part: share of the raster that was read; below 1 areas are estimates.
    """

    at_least_m2: NDArray[np.float64]
    part: float

    def above(self, threshold: float) -> float:
        """Area in m² that reaches a threshold, to a hundredth."""
        return float(self.at_least_m2[min(max(round(threshold * _BINS), 0), _BINS)])


def ground_by_probability(probability: Path) -> Ground:
    """Count the ground of a raster of probabilities on a metric grid, tile by tile.

    Raises:
        SourceNotFoundError: there is no such raster; and what reading it raises.
    """
    with open_raster(probability) as source, reading(probability):
        tiles = [
            Window(x, y, min(_TILE, source.width - x), min(_TILE, source.height - y))
            for y in range(0, source.height, _TILE)
            for x in range(0, source.width, _TILE)
        ]
        step = -(-source.width * source.height // _MOST_PIXELS)
        counts, looked = np.zeros(_BINS + 1, dtype=np.int64), 0
        for tile in tiles[::step]:
            values = source.read(1, window=tile, masked=True).compressed()
            values = values[np.isfinite(values)]
            # A hundredth is reached from half of one below on no more than from a rounding error below.
            codes = np.clip(np.floor(values * _BINS + 1e-4), 0, _BINS).astype(np.int64)
            counts += np.bincount(codes, minlength=_BINS + 1)
            looked += tile.width * tile.height
        pixel = abs(source.transform.a * source.transform.e)
        part = looked / (source.width * source.height)
    return Ground(np.cumsum(counts[::-1])[::-1] * pixel / part, part)


def threshold_rows(landslides: gpd.GeoDataFrame, *, threshold: float, ground: Ground | None) -> list[dict[str, Any]]:
    """What a lower and a higher threshold would find, as far as it can be told without mapping again.

    A landslide is kept at a higher threshold where some of its pixels reach it, so that numbers of today's outlines
    that stay are exact; they would be smaller, and might fall into parts. What a lower one would add is told as ground.

    Returns:
        threshold, used (whether it is the scan's), ground_m2 (None without a raster), kept and kept_m2 (None below the
        threshold in use).
    """
    most = landslides["prob_max"].to_numpy(dtype=np.float64, na_value=np.nan)
    size = landslides["area_m2"].to_numpy(dtype=np.float64)
    rows = []
    for step in _STEPS:
        at = round(threshold + step, 4)
        if not 0.01 <= at <= 0.99:
            continue
        stays = np.isfinite(most) & (most >= at) if step > 0 else np.ones(len(most), dtype=bool)
        rows.append(
            {
                "threshold": at,
                "used": step == 0,
                "ground_m2": None if ground is None else ground.above(at),
                "kept": None if step < 0 else int(stays.sum()),
                "kept_m2": None if step < 0 else float(size[stays].sum()),
            }
        )
    return rows


def close_calls(landslides: gpd.GeoDataFrame, threshold: float) -> dict[str, float]:
    """Number and area of landslides whose mean probability lies within 0.05 of the threshold or below it."""
    mean = landslides["prob_mean"].to_numpy(dtype=np.float64, na_value=np.nan)
    near = mean < threshold + CLOSE
    size = landslides["area_m2"].to_numpy(dtype=np.float64)
    return {"count": int(near.sum()), "area_m2": float(size[near].sum()), "of": len(mean), "of_m2": float(size.sum())}


@drawing()
def threshold_plot(ground: Ground, threshold: float) -> str:
    """Ground over the threshold that it would take, with the one in use, as an ``<svg>`` element."""
    figure = Figure((6.4, 2.6))
    axes = dress(figure.add_axes((0.13, 0.19, 0.85, 0.76)))
    at = np.arange(2, _BINS) / _BINS
    hectares = ground.at_least_m2[2:_BINS] / 1e4
    axes.plot(at, hectares, color=BLUE, linewidth=2)
    axes.axvspan(threshold - CLOSE, threshold + CLOSE, color=ORANGE, alpha=0.15, linewidth=0)
    axes.axvline(threshold, color=ORANGE, linewidth=1.4)
    axes.set(xlim=(0, 1), xlabel="threshold on probability", ylabel="ground that reaches it (ha)")
    if (hectares > 0).any():
        axes.set_yscale("log")
        axes.set_ylim(max(hectares[hectares > 0].min(), 0.1) / 1.5, hectares.max() * 2)
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:,g}")
    axes.annotate(f"in use: {threshold:g}", (threshold, 0.97), xycoords=axes.get_xaxis_transform(), xytext=(14, 0),
                  textcoords="offset points", fontsize=NOTE + 1, color=FAINT, va="top")  # fmt: skip
    axes.grid()
    axes.set_axisbelow(True)
    return inline_svg(figure, name="thresholds", label="Ground that reaches each threshold on probability")


def reservations(scan: dict[str, Any], landslides: gpd.GeoDataFrame) -> list[str]:
    """When this result should not be trusted: what follows from the record, the most general first."""
    manifest = (scan.get("model") or {}).get("manifest") or {}
    metrics = manifest.get("metrics") or {}
    test = metrics.get("test") or metrics.get("out_of_fold") or metrics.get("validation") or {}
    parameters = scan.get("parameters") or {}
    summary = scan.get("summary") or {}
    whose = "what no reviewer has looked at" if summary.get("reviewed") else "outlines that nobody has looked at"
    found = [f"Do not use {whose} for warnings, insurance or liability."]
    if "precision" in test and "recall" in test:
        made_up = " These data were simulated." if test.get("simulated") else ""
        found.append(
            f"On its own test data the model is right in {share(test['precision'], 0)} of what it calls a landslide, "
            f"and finds {share(test['recall'], 0)} of what is there.{made_up} Other terrain, seasons and sensors are "
            "worse as a rule: expect less where the landscape is unlike that of its training."
        )
    if not scan.get("date_pre") and not any(
        str(one.get("role", "")).startswith("pre_") for one in scan.get("inputs") or ()
    ):
        found.append(
            "One date only: bare ground that is no landslide (river bars, quarries, fields, clear cuts, roads) and old "
            "landslides cannot be told from new ones by change."
        )
    least = parameters.get("min_area_m2")
    if least:
        found.append(f"Landslides below {number(least)} m² are not in the inventory, however many there are.")
    seen = summary.get("visible_share")
    if seen is not None and seen < 0.995:
        found.append(
            f"{share(1 - seen)} of the scene could not be seen. No landslide there means that nobody knows, not that "
            "there is none."
        )
    edge = landslides.get("touches_edge")
    if edge is not None and (count := int(edge.fillna(False).astype(bool).sum())):
        touch = "outline touches" if count == 1 else "outlines touch"
        found.append(f"{count:,} {touch} the edge of what could be seen: the true size is not known.")
    merged = landslides.get("amalgamated")
    if merged is not None and (count := int(merged.fillna(False).astype(bool).sum())):
        hold = "outline holds" if count == 1 else "outlines hold"
        found.append(f"{count:,} {hold} several landslides that could not be told apart, and no volume.")
    return found
