"""The house style of every picture: colours, sizes of letters, a context to draw in, and one way to write.

The colours are those of Okabe and Ito (2008), which differ for any colour vision; ``tests/report/test_house.py`` tells
by how much.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
import numpy as np
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from PIL import Image

from landslide_geo.files import replacing

DPI: Final = 160
#: How hard PNG is packed: zlib's own choice (6) takes three times as long for a twentieth less.
_PACKED: Final = 2
INK: Final = "#222222"
FAINT: Final = "#666666"
GRID: Final = "#dddddd"
PAPER: Final = "#ffffff"
#: Ground of which nothing is known.
UNKNOWN: Final = "#e8e8e8"
#: Okabe and Ito (2008): told apart with any colour vision.
BLUE: Final = "#0072b2"
ORANGE: Final = "#d55e00"
SKY: Final = "#56b4e9"
YELLOW: Final = "#f0e442"
AMBER: Final = "#e69f00"
GREEN: Final = "#009e73"
PURPLE: Final = "#cc79a7"
#: For lines and bars of several kinds, the most different first; marks or lines tell them apart as well.
CATEGORIES: Final = (BLUE, ORANGE, SKY, AMBER, GREEN, PURPLE)
#: Sizes of letters in points: title, what it is of, labels of axes, ticks, notes.
TITLE, HEAD, LABEL, TICK, NOTE = 13, 9, 9, 8, 7

#: Magma from light to dark, the same colours as the probability layer in QGIS; readable with any colour vision.
PROBABILITY: Final = LinearSegmentedColormap.from_list(
    "probability",
    [(0, "#fcfdbf"), (0.1, "#feca8d"), (0.3, "#f1605d"), (0.5, "#b73779"), (0.75, "#721f81"), (1, "#2c115f")],
)
#: Shares of a whole, from white to blue.
SHARES: Final = mpl.colormaps["Blues"]

_STYLE: Final[dict[Any, Any]] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # comes with matplotlib, so every machine draws the same
    "font.size": LABEL,
    "text.color": INK,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.labelsize": LABEL,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": cycler(color=list(CATEGORIES)),
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": TICK,
    "ytick.labelsize": TICK,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "legend.fontsize": TICK,
    "legend.frameon": False,
    "figure.facecolor": PAPER,
    "svg.fonttype": "none",  # letters stay letters: they can be searched and read aloud
}
#: What an SVG says of how it was made, and addresses of its vocabulary, which HTML needs none of.
_PROLOGUE: Final = re.compile(r"^.*?(?=<svg)|<metadata>.*?</metadata>| xmlns(?::xlink)?=\"[^\"]*\"", re.DOTALL)


@contextmanager
def drawing() -> Iterator[None]:
    """A context in which figures have the house style, whatever a user's own settings of matplotlib are."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_STYLE)
        yield


def dress(axes: Axes) -> Axes:
    """Give axes the house's ticks, labels and two spines, also outside of `drawing`."""
    axes.tick_params(labelsize=TICK, colors=INK, length=3)
    axes.xaxis.label.set(fontsize=LABEL, color=INK)
    axes.yaxis.label.set(fontsize=LABEL, color=INK)
    for name, spine in axes.spines.items():
        spine.set(visible=name in ("left", "bottom"), edgecolor=FAINT, linewidth=0.7)
    return axes


def write_png(path: Path, figure: Figure) -> None:
    """Write a figure as PNG, atomically and without a date: the same bytes for the same content.

    Raises:
        OutputError: it cannot be written.
    """
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    picture = Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3])
    with replacing(path) as part:
        picture.save(part, format="PNG", dpi=(round(figure.dpi), round(figure.dpi)), compress_level=_PACKED)


def inline_svg(figure: Figure, *, name: str, label: str) -> str:
    """A figure as an ``<svg>`` element to stand in a page: no address, no date, letters as letters.

    Args:
        figure: drawn within `drawing`.
        name: told apart from those of other figures of the page, since identifiers are the page's.
        label: what the picture shows, for those who cannot see it.
    """
    out = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": name, "svg.fonttype": "none"}):
        FigureCanvasSVG(figure).print_svg(out, metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = _PROLOGUE.sub("", out.getvalue()).strip()
    # Groups are numbered alike in each figure; identifiers must be the page's only ones.
    text = re.sub(r'id="(?!m[0-9a-f]{10}|p[0-9a-f]{10})([^"]+)"', rf'id="{name}-\1"', text)
    safe = label.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
    return text.replace("<svg ", f'<svg role="img" aria-label="{safe}" ', 1)
