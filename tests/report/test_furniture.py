from __future__ import annotations

import numpy as np
import pytest
from map_places import PLACES
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Polygon, Rectangle
from odc.geo.geom import BoundingBox

from landslide_geo.report.furniture import draw_graticule, framed, north_arrow, round_length, scale_bar
from landslide_geo.report.graticule import north, true_length


def map_of(box: BoundingBox):
    figure = Figure((4, 4 * (box.top - box.bottom) / (box.right - box.left)), dpi=100)
    ax = figure.add_axes((0, 0, 1, 1))
    ax.set(xlim=(box.left, box.right), ylim=(box.bottom, box.top))
    return ax


@pytest.mark.parametrize("name", ["Hokkaido", "Web Mercator", "Svalbard"])
def test_a_bar_is_as_long_on_the_ground_as_it_says(name: str) -> None:
    box = PLACES[name]
    ax = map_of(box)
    scale_bar(ax, box)
    halves = [patch for patch in ax.patches if isinstance(patch, Rectangle) and patch.get_linewidth() > 0]
    metres = sum(half.get_width() for half in halves) * (box.right - box.left) * true_length(box)
    number, unit = ax.texts[0].get_text().split()
    assert metres == pytest.approx(float(number) * {"m": 1, "km": 1000}[unit])
    assert 0.1 < metres / ((box.right - box.left) * true_length(box)) <= 0.25


def test_the_arrow_points_to_the_pole() -> None:
    for box in PLACES.values():
        ax = map_of(box)
        north_arrow(ax, box)
        arrow = next(patch for patch in ax.patches if isinstance(patch, Polygon))
        tip, _, foot, _ = arrow.get_transform().transform(arrow.get_xy())[:4]
        assert np.degrees(np.arctan2(*(tip - foot))) == pytest.approx(north(box), abs=0.01)
    assert abs(north(PLACES["Greenland, turned by polar stereographic"])) == pytest.approx(25, abs=0.5)


@pytest.mark.parametrize("name", PLACES)
def test_lines_are_named_where_they_meet_the_frame(name: str) -> None:
    box = PLACES[name]
    ax = map_of(box)
    draw_graticule(ax, box, dark=True, named_left=True)
    FigureCanvasAgg(ax.get_figure()).draw()
    named = [tick.get_text() for tick in (*ax.get_xticklabels(), *ax.get_yticklabels())]
    named += [text.get_text() for text in ax.texts]
    assert 3 <= len(named) <= 18
    assert all("°" in text for text in named)
    assert ax.get_xlim() == (box.left, box.right)


def test_frames_have_room_for_strips() -> None:
    strip = BoundingBox(0, 0, 1000, 10, crs="EPSG:32654")
    wide = framed(strip, least=0.4, most=1.6)
    assert (wide.left, wide.bottom, wide.right, wide.top) == (0, -195, 1000, 205)
    tall = framed(BoundingBox(0, 0, 10, 1600, crs="EPSG:32654"), least=0.4, most=1.6)
    assert (tall.left, tall.right, tall.top) == (-495, 505, 1600)
    assert framed(BoundingBox(0, 0, 10, 10), least=0.4, most=1.6) == BoundingBox(0, 0, 10, 10)


def test_round_lengths() -> None:
    assert [round_length(value) for value in (1, 1.9, 2, 4.99, 5, 9999, 0.03)] == pytest.approx(
        [1, 1, 2, 2, 5, 5000, 0.02]
    )
