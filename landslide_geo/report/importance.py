"""A picture of what a filter looks at."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from landslide_geo.report.house import BLUE, FAINT, INK, drawing
from landslide_geo.report.sheet import About, Sheet, shortened

#: Bars at most, and inches for each.
_MOST: Final = 20
_BAR: Final = 0.21


@drawing()
def draw_importance(path: Path, shares: Mapping[str, float], *, about: About) -> None:
    """Write bars of the features with the largest shares.

    Args:
        path: PNG to write.
        shares: by feature, the largest first.
        about: for the head.
    """
    shown = [(name, share) for name, share in shares.items() if share > 0][:_MOST]
    body = 0.75 + _BAR * max(len(shown), 1)
    told = f"{len(shown)} of {len(shares)} features" if len(shown) < len(shares) else f"{len(shown)} features"
    sheet = Sheet(6, body, title=f"What the filter looks at: {told}", about=about)
    axes = sheet.axes(2.0, 0.5, 3.5, body - 0.65)
    places = range(len(shown))
    axes.barh(places, [share for _, share in shown], color=BLUE, height=0.7)
    for place, (_, share) in zip(places, shown, strict=True):
        axes.text(share, place, f" {share:.1%}", va="center", fontsize=7.5, color=FAINT)
    axes.set_yticks(list(places), [shortened(name, 28) for name, _ in shown], fontsize=8, color=INK)
    axes.invert_yaxis()
    axes.set(xlim=(0, max((share for _, share in shown), default=1.0) * 1.12), xlabel="share of the gain of all splits")
    sheet.write(path)
