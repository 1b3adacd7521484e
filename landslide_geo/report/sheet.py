"""A sheet of figures of a model: a head that says what it is of, and axes placed in inches below it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from landslide_geo.report.house import DPI, FAINT, HEAD, INK, ORANGE, PAPER, TICK, TITLE, dress, write_png

#: Inches of the head, of the band above it, and at the left.
_HEAD, _BAND, _SIDE = 0.72, 0.44, 0.25
#: Width of a letter as a share of its height, roughly, by weight.
_LETTERS: Final = {"normal": 0.55, "bold": 0.65}


@dataclass(frozen=True)
class About:
    """What figures are of, for the head of every picture.

    Attributes:
        model: name of the bundle.
        data: dataset and split.
        simulated: nothing of it was measured; the picture says so in large letters.
    """

    model: str
    data: str
    simulated: bool = False


class Sheet:
    """A figure that is filled in inches from the lower left corner, within `landslide_geo.report.house.drawing`.

    Args:
        width: in inches.
        body: height in inches of what lies below the head.
        title: what is shown.
        about: of what.
    """

    def __init__(self, width: float, body: float, *, title: str, about: About) -> None:
        height = body + _HEAD + (_BAND if about.simulated else 0)
        self.figure = Figure(figsize=(width, height), dpi=DPI, facecolor=PAPER)
        self.width, self.height = width, height
        below = f"{about.model} on {about.data}"
        for text, y, size, weight, colour in (
            (title, body + 0.46, TITLE, "bold", INK), (below, body + 0.2, HEAD, "normal", FAINT),
        ):  # fmt: skip
            text = shortened(text, int((width - 2 * _SIDE) * 72 / (size * _LETTERS[weight])))
            self.figure.text(
                _SIDE / width, y / height, text, fontsize=size, fontweight=weight, color=colour, va="center"
            )
        if about.simulated:
            foot = 1 - _BAND / height
            band = Rectangle((0, foot), 1, _BAND / height, transform=self.figure.transFigure, color=ORANGE, linewidth=0)
            self.figure.add_artist(band)
            self.figure.text(
                _SIDE / width, 1 - _BAND / 2 / height, "SIMULATED: no real landslides", fontsize=19, fontweight="bold",
                color="white", va="center_baseline",
            )  # fmt: skip

    def axes(self, left: float, bottom: float, width: float, height: float) -> Axes:
        """Axes at a place in inches."""
        box = (left / self.width, bottom / self.height, width / self.width, height / self.height)
        return dress(self.figure.add_axes(box))

    def text(self, left: float, bottom: float, text: str, **style: Any) -> None:
        """Words at a place in inches."""
        given: dict[str, Any] = {"fontsize": TICK, "color": INK} | style
        self.figure.text(left / self.width, bottom / self.height, text, **given)

    def write(self, path: Path) -> None:
        """Write a PNG, the same bytes for the same content.

        Raises:
            OutputError: it cannot be written.
        """
        write_png(path, self.figure)


def shortened(text: str, most: int) -> str:
    """Text of at most some letters; what is cut out of the middle is told by dots.

    >>> shortened("image_1234", 10), shortened("image_12345", 7)
    ('image_1234', 'ima…345')
    """
    if len(text) <= most:
        return text
    kept = max(most - 1, 2)
    return f"{text[: kept - kept // 2]}…{text[-(kept // 2) :]}"
