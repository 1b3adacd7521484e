"""What each part of a system is worth: tables and a picture of scores by system and seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from landslide_geo.report.house import BLUE, FAINT, GRID, INK, ORANGE, drawing
from landslide_geo.report.scores import write_table
from landslide_geo.report.sheet import About, Sheet, shortened

#: Inches: height of a row and of the space between groups, room for names and for numbers.
_ROW, _GAP, _NAMES, _NUMBERS = 0.27, 0.52, 1.75, 1.2
_WIDTH: Final = 7.5


@dataclass(frozen=True)
class Measured:
    """Score of one system, trained with one seed.

    Attributes:
        group: what it is a part of.
        name: of the system.
        whole: nothing is left out of it.
        seed: of training.
        f1: of what is counted.
        unit: that is counted.
        n: how many of them.
        data: dataset and split.
        simulated: nothing of it was measured on the ground.
    """

    group: str
    name: str
    whole: bool
    seed: int
    f1: float
    unit: str
    n: int
    data: str
    simulated: bool

    @classmethod
    def of(cls, group: str, name: str, seed: int, told: Mapping[str, Any], *, whole: bool) -> Measured:
        """From the metrics of ``landslide evaluate``; of other files what they tell."""
        data = f"{told.get('dataset', '')} {told.get('split', '')}".strip()
        return cls(
            group, name, whole, seed, float(told["f1"]), str(told.get("unit", "sample")), int(told.get("n", 0)), data,
            bool(told.get("simulated", False)),
        )  # fmt: skip


def grouped(found: Sequence[Measured]) -> dict[str, dict[str, list[Measured]]]:
    """By group and system; the whole comes first."""
    groups: dict[str, dict[str, list[Measured]]] = {}
    for one in sorted(found, key=lambda one: not one.whole):
        groups.setdefault(one.group, {}).setdefault(one.name, []).append(one)
    order = list(dict.fromkeys(one.group for one in found))
    return {group: groups[group] for group in order}


def verdict(whole: Sequence[float], part: Sequence[float]) -> str:
    """Whether a difference means anything, by the plainest of all tests: do the scores of the seeds overlap?

    >>> verdict([0.8, 0.82], [0.81, 0.9]), verdict([0.8, 0.82], [0.7, 0.79]), verdict([0.8], [0.7])
    ('within the spread of seeds', 'apart', 'one seed: not known')
    """
    if min(len(whole), len(part)) < 2:
        return "one seed: not known"
    apart = max(part) < min(whole) or min(part) > max(whole)
    return "apart" if apart else "within the spread of seeds"


def write_rows(path: Path, found: Sequence[Measured]) -> None:
    """Write all scores as CSV."""
    write_table(path, pd.DataFrame([asdict(one) for one in found]))


def table(found: Sequence[Measured]) -> str:
    """Markdown: means over seeds, and what they differ by from the whole system."""
    simulated = " (simulated)" if any(one.simulated for one in found) else ""
    lines = [
        f"| group | system | F1{simulated}: mean | each seed | difference | against the spread |",
        "|---|---|---|---|---|---|",
    ]
    for group, systems in grouped(found).items():
        whole = [one.f1 for own in systems.values() for one in own if one.whole]
        for name, own in systems.items():
            scores = [one.f1 for one in own]
            each = ", ".join(f"{one.f1:.3f}" for one in own)
            difference = float(np.mean(scores) - np.mean(whole))
            last = "| | the whole |" if own[0].whole else f"| {difference:+.3f} | {verdict(whole, scores)} |"
            lines.append(f"| `{group}` | `{name}` | {np.mean(scores):.3f} | {each} {last}")
    return "\n".join(lines)


@drawing()
def draw_ablations(path: Path, found: Sequence[Measured], *, about: About) -> None:
    """Write a plot for each group: a dot for each seed, a bar at their mean, a line through the whole system's.

    Args:
        path: PNG to write.
        found: at least one.
        about: for the head.

    Raises:
        OutputError: it cannot be written.
    """
    groups = grouped(found)
    seeds, units = sorted({one.seed for one in found}), sorted({one.unit for one in found})
    heights = [_ROW * len(systems) for systems in groups.values()]
    body = sum(heights) + _GAP * len(groups) + 0.38
    told = f"seed {seeds[0]}" if len(seeds) == 1 else f"{len(seeds)} seeds"
    title = f"What each part is worth: F1 of {' and '.join(f'{unit}s' for unit in units)}, {told}"
    sheet = Sheet(_WIDTH, body, title=title, about=about)
    least, most = _limits([one.f1 for one in found])
    top = body + 0.15  # the first group needs no space above its name
    for number, ((group, systems), height) in enumerate(zip(groups.items(), heights, strict=True)):
        top -= _GAP
        sheet.text(0.25, top + 0.1, group, fontsize=10, fontweight="bold")
        axes = sheet.axes(_NAMES, top - height, _WIDTH - _NAMES - _NUMBERS, height)
        top -= height
        mean = float(np.mean([one.f1 for own in systems.values() for one in own if one.whole]))
        axes.axvline(mean, color=FAINT, linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)
        for place, own in enumerate(systems.values()):
            colour = ORANGE if own[0].whole else BLUE
            scores = [one.f1 for one in own]
            middle = float(np.mean(scores))
            axes.plot((least, most), (place, place), color=GRID, linewidth=0.6, zorder=0)
            axes.plot((middle, middle), (place - 0.33, place + 0.33), color=colour, linewidth=2.4, zorder=3)
            axes.plot(scores, [place] * len(scores), "o", color=colour, markersize=5.5, markeredgecolor="white",
                      markeredgewidth=0.7, zorder=4, clip_on=False)  # fmt: skip
            difference = "whole" if own[0].whole else f"{middle - mean:+.3f}".replace("-", "\u2212")
            axes.text(1.03, place, f"{middle:.3f}   {difference}", fontsize=8.5, color=INK, va="center",
                      transform=axes.get_yaxis_transform())  # fmt: skip
        axes.set_yticks(range(len(systems)), [shortened(name, 24) for name in systems], fontsize=8.5, color=INK)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.set(xlim=(least, most), ylim=(len(systems) - 0.45, -0.55))
        if number < len(groups) - 1:
            axes.set_xticklabels([])
        else:
            axes.set_xlabel("F1; dots are seeds, bars their mean, the dashed line the whole system's")
    sheet.write(path)


def _limits(scores: Sequence[float]) -> tuple[float, float]:
    """An axis that has room beside the scores, within 0 to 1."""
    low, high = min(scores), max(scores)
    margin = max(0.08 * (high - low), 0.02)
    return max(low - margin, -0.005), min(high + margin, 1.005)
