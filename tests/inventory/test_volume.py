from __future__ import annotations

import numpy as np
import pytest

from landslide_geo.inventory.volume import RELATIONS, volumes


@pytest.mark.parametrize(
    ("name", "area", "volume"),
    [
        ("guzzetti2009", 1e4, 0.074 * 10**5.8),
        ("larsen2010_all", 1e4, 10 ** (-0.836 + 1.332 * 4)),
        ("larsen2010_soil", 1e3, 10 ** (-0.649 + 1.262 * 3)),
        ("larsen2010_bedrock", 1e6, 10 ** (-0.63 + 1.41 * 6)),
    ],
)
def test_relations_give_published_volumes(name: str, area: float, volume: float) -> None:
    assert RELATIONS[name].volume(area) == pytest.approx(volume)


def test_bounds_hold_every_relation_and_the_best_is_the_named_one() -> None:
    areas = np.geomspace(1e2, 1e7, 30)
    found = volumes(areas)
    for relation in RELATIONS.values():
        assert (found.low <= relation.volume(areas)).all()
        assert (found.high >= relation.volume(areas)).all()
    assert found.best == pytest.approx(RELATIONS[found.relation].volume(areas))


def test_every_relation_says_where_it_was_published() -> None:
    assert all("doi:" in relation.source for relation in RELATIONS.values())
