"""What makes a picture a map: frames of a scene, its graticule, a scale bar, an arrow to true north."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Polygon, Rectangle
from matplotlib.transforms import Affine2D, ScaledTranslation
from odc.geo.geom import BoundingBox

from landslide_geo.report.graticule import Line, graticule, north, true_length
from landslide_geo.report.house import INK, NOTE

#: Inches: margin of what stands on the map, height of the scale bar.
_MARGIN, _THICK = 0.12, 0.05
_PLATE: Final[dict[str, Any]] = {"facecolor": "white", "alpha": 0.85, "linewidth": 0, "zorder": 6}


def framed(box: BoundingBox, *, least: float, most: float) -> BoundingBox:
    """A box with paper added on two sides until its height is within those shares of its width.

    Args:
        box: of a scene.
        least: height over width at least.
        most: and at most.
    """
    width, height = box.right - box.left, box.top - box.bottom
    more_height = max(least * width - height, 0.0) / 2
    more_width = max(height / most - width, 0.0) / 2
    return BoundingBox(
        box.left - more_width, box.bottom - more_height, box.right + more_width, box.top + more_height, crs=box.crs
    )


def view(ax: Axes) -> tuple[float, float]:
    """Width and height of axes in inches."""
    place, figure = ax.get_position(), ax.get_figure(root=True)
    assert figure is not None
    width, height = figure.get_size_inches()
    return float(place.width * width), float(place.height * height)


def draw_graticule(ax: Axes, box: BoundingBox, *, dark: bool, named_left: bool) -> None:
    """Draw meridians and parallels over a map, with their degrees along its lower and left edges.

    Lines that reach neither are named where they end.

    Args:
        ax: whose limits are the box.
        box: of the map, with its CRS; without one nothing is drawn.
        dark: on pale ground; or else bright lines.
        named_left: name parallels too; of maps side by side the first one does.
    """
    if box.crs is None:
        return
    lines = graticule(box)
    colour, opacity = ("black", 0.35) if dark else ("white", 0.55)
    for line in lines:
        ax.plot(*line.points.T, color=colour, alpha=opacity, linewidth=0.5, zorder=2, scalex=False, scaley=False)
        if line.side is not None and line.side != ("bottom" if line.meridian else "left"):
            _named_inside(ax, line)
    below = [line for line in lines if line.meridian and line.side == "bottom"]
    beside = [line for line in lines if not line.meridian and line.side == "left"] if named_left else []
    style: dict[str, Any] = {"fontsize": NOTE - 0.5, "color": INK}
    ax.set_xticks([line.at for line in below], [line.label for line in below], **style)
    ax.set_yticks([line.at for line in beside], [line.label for line in beside], rotation=90, va="center", **style)
    ax.tick_params(length=2, width=0.5, pad=1.5)


def _named_inside(ax: Axes, line: Line) -> None:
    left, right = ax.get_xlim()
    bottom, top = ax.get_ylim()
    x, y, dx, dy = {
        "left": (left, line.at, 3, 0), "right": (right, line.at, -3, 0),
        "bottom": (line.at, bottom, 0, 4), "top": (line.at, top, 0, -4),
    }[line.side or ""]  # fmt: skip
    ax.annotate(
        line.label, (x, y), xytext=(dx, dy), textcoords="offset points", fontsize=NOTE - 1, color=INK, zorder=6,
        ha={"left": "left", "right": "right"}.get(line.side or "", "center"),
        va={"bottom": "bottom", "top": "top"}.get(line.side or "", "center"),
        bbox={"facecolor": "white", "alpha": 0.75, "linewidth": 0, "boxstyle": "square,pad=0.15"},
    )  # fmt: skip


def round_length(metres: float) -> float:
    """The largest 1, 2 or 5 × 10ⁿ that is not longer.

    >>> round_length(999), round_length(1e3), round_length(0.7)
    (500.0, 1000.0, 0.5)
    """
    power = 10.0 ** np.floor(np.log10(metres) + 1e-12)
    return float(max(step * power for step in (1, 2, 5) if step * power <= metres * (1 + 1e-12)))


def scale_bar(ax: Axes, box: BoundingBox) -> None:
    """A bar of a round length on the ground, about a quarter of the map, on a plate that is readable on any ground."""
    per_unit = true_length(box) if box.crs is not None else 1.0
    length = round_length((box.right - box.left) * per_unit / 4)
    text = f"{length / 1000:g} km" if length >= 1000 else f"{length:g} m"
    width, height = view(ax)
    x, y = (_MARGIN + 0.04) / width, (_MARGIN + 0.02) / height
    across = length / per_unit / (box.right - box.left)
    plate = ((_MARGIN - 0.06) / width, (_MARGIN - 0.06) / height)
    ax.add_patch(Rectangle(plate, across + 0.2 / width, 0.36 / height, transform=ax.transAxes, **_PLATE))
    for part, colour in enumerate(("black", "white")):
        half = Rectangle((x + part * across / 2, y), across / 2, _THICK / height, transform=ax.transAxes,
                         facecolor=colour, edgecolor="black", linewidth=0.6, zorder=7)  # fmt: skip
        ax.add_patch(half)
    ax.text(x + across / 2, y + (_THICK + 0.04) / height, text, transform=ax.transAxes, ha="center", va="bottom",
            fontsize=NOTE + 0.5, color="black", zorder=7)  # fmt: skip


def north_arrow(ax: Axes, box: BoundingBox) -> None:
    """An arrow on a plate in the upper right corner, to true north at the middle of the map."""
    figure = ax.get_figure(root=True)
    assert figure is not None
    angle = north(box) if box.crs is not None else 0.0
    width, height = view(ax)
    side, middle = 0.5, 0.3
    plate = (1 - (middle + side / 2) / width, 1 - (middle + side / 2) / height)
    ax.add_patch(Rectangle(plate, side / width, side / height, transform=ax.transAxes, **_PLATE))
    turned = Affine2D().rotate_deg(-angle) + figure.dpi_scale_trans
    placed = turned + ScaledTranslation(1 - middle / width, 1 - middle / height, ax.transAxes)  # type: ignore[arg-type]
    corners = [(0, 0.21), (0.075, -0.03), (0, 0.015), (-0.075, -0.03)]
    ax.add_patch(Polygon(corners, closed=True, transform=placed, facecolor="black", linewidth=0, zorder=7))
    ax.text(0, -0.13, "N", transform=placed, ha="center", va="center", fontsize=8, fontweight="bold", zorder=7)
