"""``samples.png`` of a model that classifies: chips it found, missed and called wrongly, and some it left alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from landslide_geo.chips.split import Split
from landslide_geo.report.house import FAINT, INK, ORANGE, SKY, YELLOW, drawing
from landslide_geo.report.samples import picture_of, spread
from landslide_geo.report.sheet import About, Sheet, shortened
from landslide_geo.training.metrics import Counts

#: Rows of the sheet: what it did, and the colour around its chips.
_KINDS: Final = (
    ("tp", "found", SKY),
    ("fn", "missed", ORANGE),
    ("fp", "false alarm", YELLOW),
    ("tn", "left alone", INK),
)
#: Chips in a row.
ACROSS: Final = 7
#: Inches: side of a picture, gap, lines above it, room for the names of rows.
_SIDE, _GAP, _ABOVE, _NAMES = 1.45, 0.12, 0.2, 1.05


@dataclass(frozen=True, eq=False)
class LabelledSample:
    """A chip, and what a model says of it.

    Attributes:
        picture: (y, x, 3) uint8.
        shows: what the picture is, in a few words.
        kind: ``tp``, ``fn``, ``fp`` or ``tn``.
        probability: calibrated.
        name: of the chip.
    """

    picture: NDArray[np.uint8]
    shows: str
    kind: str
    probability: float
    name: str

    @classmethod
    def of(cls, chips: Split, index: int, probability: float, *, counts: Counts) -> LabelledSample:
        """A chip of a split, with all its bands, and its one count."""
        picture, shows = picture_of(chips, index)
        return cls(picture, shows, kind_of(counts), probability, str(chips.ids[index]))


def kind_of(counts: Counts) -> str:
    """What became of a chip that was counted as one."""
    return next(name for name, _, _ in _KINDS if getattr(counts, name))


def chosen(counts: Sequence[Counts]) -> list[int]:
    """Which chips to show: of each kind some, evenly over their order. The same counts give the same chips."""
    kinds = [kind_of(one) for one in counts]
    return [i for kind, _, _ in _KINDS for i in spread([j for j, own in enumerate(kinds) if own == kind], ACROSS)]


@drawing()
def draw_labelled(
    path: Path, samples: Sequence[LabelledSample], *, totals: Counts, threshold: float, about: About
) -> None:
    """Write a sheet of chips, a row for each kind that occurs.

    Args:
        path: PNG to write.
        samples: at least one.
        totals: of all chips, for the names of rows.
        threshold: that decides.
        about: for the head.
    """
    rows = [(kind, name, colour) for kind, name, colour in _KINDS if any(s.kind == kind for s in samples)]
    shows = ", ".join(dict.fromkeys(sample.shows for sample in samples))
    width = 0.5 + _NAMES + ACROSS * (_SIDE + _GAP)
    body = 0.15 + len(rows) * (_SIDE + _ABOVE + _GAP)
    title = f"Chips ({shows}) with their probability of a landslide, threshold {threshold:g}"
    sheet = Sheet(width, body, title=title, about=about)
    for number, (kind, name, colour) in enumerate(rows):
        y = body - (number + 1) * (_SIDE + _ABOVE + _GAP) + _GAP
        sheet.text(
            0.25, y + _SIDE / 2, f"{name}\n{getattr(totals, kind):,}", fontsize=9.5, fontweight="bold", va="center"
        )
        for col, sample in enumerate([s for s in samples if s.kind == kind]):
            x = 0.25 + _NAMES + col * (_SIDE + _GAP)
            ax = sheet.axes(x, y, _SIDE, _SIDE)
            ax.imshow(sample.picture, interpolation="nearest")
            ax.set(xticks=[], yticks=[])
            for spine in ax.spines.values():
                spine.set(visible=True, edgecolor=colour, linewidth=2.5)
            sheet.text(x, y + _SIDE + 0.05, f"{sample.probability:.2f}", fontsize=8.5, fontweight="bold")
            sheet.text(x + 0.35, y + _SIDE + 0.05, shortened(sample.name, 18), fontsize=7.5, color=FAINT)
    sheet.write(path)
