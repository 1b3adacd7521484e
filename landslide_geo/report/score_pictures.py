"""Pictures of a model's scores: precision and recall, reliability, confusion, the search for a threshold."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes

from landslide_geo.report.house import BLUE, FAINT, GRID, INK, ORANGE, SHARES, drawing
from landslide_geo.report.scores import GROUPS, NO, YES, curve, thresholds
from landslide_geo.report.sheet import About, Sheet
from landslide_geo.training.calibration import Reliability
from landslide_geo.training.metrics import Counts, Histogram

#: F1 of the lines that stand in the diagram of precision and recall.
_ISOLINES: Final = (0.2, 0.4, 0.6, 0.8)
#: A frequency among fewer is not drawn as one of the others.
_FEW: Final = 30
_COLOURS: Final = (ORANGE, BLUE)


@drawing()
def draw_precision_recall(path: Path, histogram: Histogram, *, threshold: float, about: About) -> None:
    """Write the curve of precision over recall with lines of equal F1 and the threshold in use.

    Args:
        path: PNG to write.
        histogram: of calibrated probabilities, with landslides.
        threshold: that decides.
        about: for the head.
    """
    points, counts = curve(histogram), histogram.at(threshold)
    sheet = Sheet(6, 5.2, title=f"Average precision {histogram.average_precision():.3f}", about=about)
    axes = sheet.axes(0.75, 0.55, 4.7, 4.5)
    _isolines(axes)
    share = counts.prevalence
    axes.axhline(share, color=FAINT, linewidth=0.9, linestyle=(0, (4, 3)))
    axes.text(0.01, share + 0.012, "by chance", fontsize=7.5, color=FAINT, ha="left")
    axes.plot(points["recall"], points["precision"], color=BLUE, linewidth=2, clip_on=False, zorder=3)
    if counts.tp + counts.fp:
        axes.plot(counts.recall, counts.precision, "o", color=ORANGE, markersize=9, markeredgecolor="white", zorder=4)
        told = (
            f"threshold {threshold:g}\nprecision {counts.precision:.3f}\nrecall {counts.recall:.3f}\nF1 {counts.f1:.3f}"
        )
        _beside(axes, told, counts.recall, counts.precision)
    axes.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="recall", ylabel="precision")
    sheet.write(path)


def _isolines(axes: Axes) -> None:
    """Lines of equal F1, p = F r / (2 r − F), each named at its right end."""
    for value in _ISOLINES:
        recall = np.linspace(value / (2 - value), 1, 200)
        axes.plot(recall, value * recall / (2 * recall - value), color=GRID, linewidth=1, zorder=1)
        axes.text(1.012, value / (2 - value), f"F1 {value:g}", fontsize=7.5, color=FAINT, va="center")


def _beside(axes: Axes, text: str, x: float, y: float) -> None:
    """Words beside a point: under the curve, which lies higher on the left; or over it where there is no room."""
    under = x > 0.35 and y > 0.3
    axes.annotate(
        text, (x, y), xytext=(-10, -10) if under else (12, 12), textcoords="offset points", fontsize=8.5, color=INK,
        ha="right" if under or x > 0.7 else "left", va="top" if under else "bottom", zorder=5,
        bbox={"facecolor": "white", "edgecolor": GRID, "alpha": 0.9, "boxstyle": "round,pad=0.35"},
    )  # fmt: skip


@drawing()
def draw_reliability(path: Path, histograms: Mapping[str, Histogram], *, about: About, unit: str = "pixel") -> None:
    """Write how often there is a landslide at each probability, with the counts below.

    Args:
        path: PNG to write.
        histograms: of probabilities by what they are called, two at most: before and after calibration, or one.
        about: for the head.
        unit: that is counted.
    """
    found = {name: Reliability.of(histogram) for name, histogram in histograms.items()}
    errors = " → ".join(f"{one.error:.4f}" for one in found.values())
    sheet = Sheet(6, 6.5, title=f"Expected calibration error {errors}", about=about)
    axes = sheet.axes(0.8, 2.05, 4.95, 4.35)
    below = sheet.axes(0.8, 0.55, 4.95, 1.25)
    axes.plot((0, 1), (0, 1), color=FAINT, linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)
    axes.text(0.985, 0.945, "perfectly calibrated", fontsize=7.5, color=FAINT, ha="right", va="top", rotation=41,
              rotation_mode="anchor")  # fmt: skip
    edges = np.linspace(0, 1, GROUPS + 1)
    few = False
    colours = _COLOURS[-len(found) :]
    for (name, one), colour, marker in zip(found.items(), colours, "so"[-len(found) :], strict=True):
        many = one.count >= _FEW
        few |= not many.all()
        style: dict[str, Any] = {"color": colour, "zorder": 3, "clip_on": False, "marker": marker}
        style["markerfacecolor"] = "white" if marker == "s" else colour
        axes.plot(one.probability[many], one.frequency[many], linewidth=1.6, markersize=6, label=name, **style)
        axes.plot(one.probability[~many], one.frequency[~many], linestyle="none", markersize=2.5, **style)
        counts = np.zeros(GROUPS)
        counts[np.minimum((one.probability * GROUPS).astype(int), GROUPS - 1)] = one.count
        filled = marker == "o"
        below.stairs(counts, edges, fill=filled, color=colour, alpha=0.55 if filled else 1, linewidth=1.4,
                     zorder=2 if filled else 3)  # fmt: skip
    if len(found) > 1:
        axes.legend(loc="upper left", fontsize=8.5, frameon=False)
    if few:
        told = f"small marks: fewer than {_FEW} {unit}s"
        axes.text(0.985, 0.02, told, fontsize=7.5, color=FAINT, ha="right", transform=axes.transAxes)
    axes.set(xlim=(0, 1), ylim=(0, 1), ylabel="frequency of landslides", xticklabels=[])
    axes.grid(color=GRID, linewidth=0.6)
    below.set(xlim=(0, 1), xlabel="probability of landslide", ylabel=f"{unit}s", yscale="log")
    below.set_ylim(bottom=0.8)
    sheet.write(path)


@drawing()
def draw_confusion(path: Path, counts: Counts, *, threshold: float, about: About, unit: str = "pixel") -> None:
    """Write how many pixels there are of each kind, and what share of their row and of all.

    Args:
        path: PNG to write.
        counts: at the threshold.
        threshold: that decides.
        about: for the head.
        unit: that is counted.
    """
    sheet = Sheet(6, 4.3, title=f"Confusion at threshold {threshold:g}, {counts.n:,} {unit}s", about=about)
    axes = sheet.axes(1.35, 0.65, 4.4, 3.55)
    cells = np.array([[counts.tp, counts.fn], [counts.fp, counts.tn]])
    rows = cells.sum(axis=1, keepdims=True)
    shares = np.divide(cells, rows, out=np.zeros(cells.shape), where=rows > 0)
    axes.imshow(shares, cmap=SHARES, vmin=0, vmax=1.15, aspect="auto")
    for row, col in np.ndindex(2, 2):
        ink = "white" if shares[row, col] > 0.75 else INK
        of_row = f"{shares[row, col]:.1%} of the row" if rows[row, 0] else "no such ground"
        of_all = f"{_share(int(cells[row, col]), counts.n)} of all"
        axes.text(col, row - 0.14, f"{cells[row, col]:,}", ha="center", va="center", fontsize=15, color=ink)
        axes.text(col, row + 0.16, f"{of_row}\n{of_all}", ha="center", va="center", fontsize=8.5, color=ink)
    names = (YES, NO.replace(" ", "\n"))
    axes.set(xticks=(0, 1), yticks=(0, 1), xlabel="predicted", ylabel="truth")
    axes.set_xticklabels((YES, NO), fontsize=9)
    axes.set_yticklabels(names, fontsize=9)
    axes.tick_params(length=0)
    axes.axhline(0.5, color="white", linewidth=3)
    axes.axvline(0.5, color="white", linewidth=3)
    for spine in axes.spines.values():
        spine.set_visible(False)
    sheet.write(path)


def _share(part: int, whole: int) -> str:
    """A share that is not called zero where it is not."""
    share = part / max(whole, 1)
    return f"{share:.2%}" if share == 0 or share >= 0.0001 else "under 0.01%"


@drawing()
def draw_thresholds(path: Path, histogram: Histogram, *, threshold: float, about: About) -> None:
    """Write F1, precision, recall and IoU over the threshold, with the one that was chosen.

    Args:
        path: PNG to write.
        histogram: of calibrated probabilities.
        threshold: that was chosen.
        about: for the head.
    """
    rows, counts = thresholds(histogram), histogram.at(threshold)
    sheet = Sheet(7, 4.4, title=f"F1 {counts.f1:.3f} at threshold {threshold:g}", about=about)
    axes = sheet.axes(0.75, 0.55, 4.85, 3.75)
    styles: dict[str, tuple[str, str, float, object]] = {
        "f1": ("F1", BLUE, 2.2, "solid"), "iou": ("IoU", BLUE, 1.3, (0, (4, 2))),
        "precision": ("precision", ORANGE, 1.5, "solid"), "recall": ("recall", INK, 1.5, (0, (1, 1.2))),
    }  # fmt: skip
    for name, (label, colour, width, line) in styles.items():
        axes.plot(rows["threshold"], rows[name], color=colour, linewidth=width, linestyle=line, label=label)
    axes.axvline(threshold, color=FAINT, linewidth=0.9)
    axes.plot(threshold, counts.f1, "o", color=BLUE, markersize=8, markeredgecolor="white", zorder=4)
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="threshold on calibrated probability")
    axes.grid(color=GRID, linewidth=0.6)
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=8.5, frameon=False, handlelength=2.4)
    sheet.write(path)
