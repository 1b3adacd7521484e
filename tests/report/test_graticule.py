from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from map_places import PLACES, box
from odc.geo.geom import BoundingBox
from pyproj import Geod, Transformer

from landslide_geo.report.graticule import graticule, label, north, true_length


def check(where: BoundingBox) -> None:
    back = Transformer.from_crs(where.crs.proj, "EPSG:4326", always_xy=True)
    size = max(where.right - where.left, where.top - where.bottom)
    lines = graticule(where)
    for line in lines:
        known = line.points[np.isfinite(line.points).all(axis=1)]
        assert (known >= [where.left - 1e-3, where.bottom - 1e-3]).all()
        assert (known <= [where.right + 1e-3, where.top + 1e-3]).all()
        longitude, latitude = back.transform(*known.T)
        # A line is cut between its points, so its ends lie on a chord: far less than a pixel of any picture off.
        off = np.abs(np.asarray(latitude) - line.degrees) * 111_000
        if line.meridian:
            turned = (np.asarray(longitude) - line.degrees + 180) % 360 - 180
            off = np.abs(turned) * 111_000 * np.cos(np.radians(latitude))
        assert off.max() < size / 2000
        assert line.side is not None or "3031" in str(where.crs)
    names = [(line.meridian, line.label) for line in lines]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("name", PLACES)
def test_lines_are_where_their_labels_say(name: str) -> None:
    check(PLACES[name])
    kinds = [line.meridian for line in graticule(PLACES[name])]
    assert 2 <= kinds.count(True) <= 9
    assert 2 <= kinds.count(False) <= 9


@settings(max_examples=40)
@given(st.floats(-180, 180), st.floats(-83, 83), st.floats(300, 110_000), st.floats(300, 110_000))
def test_so_they_are_anywhere(longitude: float, latitude: float, width: float, height: float) -> None:
    zone = min(int((longitude + 180) // 6) + 1, 60)
    check(box(f"EPSG:{(32600 if latitude >= 0 else 32700) + zone}", longitude, latitude, width, height))


def test_labels() -> None:
    assert label(141.5, meridian=True, step=1800) == "141°30′E"
    assert label(-0.5, meridian=False, step=60) == "0°30′S"
    assert label(-12.0, meridian=True, step=3600) == "12°W"
    assert label(34 + 5 / 3600, meridian=False, step=5) == "34°00′05″N"
    assert label(0, meridian=True, step=3600) == "0°"
    assert label(180, meridian=True, step=60) == label(-180, meridian=True, step=60) == "180°00′"


def test_the_antimeridian_has_a_name_and_both_sides_have_theirs() -> None:
    names = {line.label for line in graticule(PLACES["Fiji, across the antimeridian"]) if line.meridian}
    assert "180°00′" in names
    assert {name[-1] for name in names} == {"E", "W", "′"}


@pytest.mark.parametrize("name", [name for name in PLACES if "pole" not in name])
def test_north_and_lengths_are_those_of_the_ellipsoid(name: str) -> None:
    where = PLACES[name]
    x, y = (where.left + where.right) / 2, (where.bottom + where.top) / 2
    back = Transformer.from_crs(where.crs.proj, "EPSG:4326", always_xy=True)
    angle = np.radians(north(where))
    here, there = back.transform(x, y), back.transform(x + 10 * np.sin(angle), y + 10 * np.cos(angle))
    assert there[0] == pytest.approx(here[0], abs=1e-6)
    assert there[1] > here[1]
    geod = Geod(ellps="WGS84")
    a, b = back.transform(x - 5, y), back.transform(x + 5, y)
    assert true_length(where) == pytest.approx(geod.inv(*a, *b)[2] / 10, rel=1e-3)


def test_a_map_of_no_place_has_no_degrees() -> None:
    with pytest.raises(ValueError, match="without a CRS"):
        graticule(BoundingBox(0, 0, 1, 1))
