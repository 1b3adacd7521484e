"""Bars of measured speeds, with how far they vary."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from matplotlib.ticker import MaxNLocator

from landslide_geo.report.house import BLUE, FAINT, GRID, INK, ORANGE, TICK, drawing
from landslide_geo.report.sheet import About, Sheet, shortened

#: Inches of a bar with the gap after it, of the space between groups, and room for names.
_BAR, _GAP, _NAMES = 0.28, 0.55, 2.35
_WIDTH: Final = 7.5


@drawing()
def draw_bars(
    path: Path,
    groups: Mapping[str, tuple[int, Mapping[str, Sequence[float]]]],
    *,
    ours: str | tuple[str, ...],
    about: About,
    title: str,
) -> None:
    """Write million pixels a second of everybody, by what they did; a line from the slowest to the fastest run.

    Args:
        path: PNG to write.
        groups: by what was done: pixels, and seconds of each run by who did it.
        ours: how names of this program's begin; their bars stand out.
        about: for the head.
        title: of the sheet.

    Raises:
        OutputError: it cannot be written.
    """
    heights = [_BAR * len(who) for _, who in groups.values()]
    body = sum(heights) + _GAP * len(groups) + 0.3
    sheet = Sheet(_WIDTH, body, title=title, about=about)
    top = body + 0.15
    for number, (height, (name, (pixels, who))) in enumerate(zip(heights, groups.items(), strict=True)):
        top -= _GAP
        sheet.text(0.25, top + 0.1, name, fontsize=10, fontweight="bold")
        axes = sheet.axes(_NAMES, top - height, _WIDTH - _NAMES - 0.95, height)
        top -= height
        speeds = {key: [pixels / 1e6 / seconds for seconds in runs] for key, runs in who.items()}
        most = max((max(each) for each in speeds.values()), default=1.0)
        for place, (key, each) in enumerate(speeds.items()):
            middle = statistics.median(each)
            axes.barh(place, middle, height=0.7, color=ORANGE if key.startswith(ours) else BLUE)
            axes.plot((min(each), max(each)), (place, place), color=INK, linewidth=1.1)
            axes.text(1.02, place, f"{middle:.3g} Mpx/s", fontsize=TICK, color=FAINT, va="center",
                      transform=axes.get_yaxis_transform())  # fmt: skip
        axes.set_yticks(range(len(speeds)), [shortened(key, 34) for key in speeds], fontsize=TICK)
        axes.tick_params(axis="y", length=0)
        axes.set(xlim=(0, 1.03 * most), ylim=(len(speeds) - 0.5, -0.5))
        axes.grid(axis="x", color=GRID)
        axes.set_axisbelow(True)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=5))
        if number == len(groups) - 1:
            axes.set_xlabel("million pixels a second: median, and least to most")
    sheet.write(path)
