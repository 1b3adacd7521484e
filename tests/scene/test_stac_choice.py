from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from landslide_geo.scene.stac.choice import Candidate, Wish, choose, choose_pair, cost, season_distance

EVENT = datetime(2018, 9, 6, tzinfo=UTC)
SHARES = st.floats(0, 1)
ORBITS = st.sampled_from([None, (74, "descending"), (31, "descending"), (74, "ascending")])


@st.composite
def listed(draw, sign: int = 1) -> list[Candidate]:
    count = draw(st.integers(0, 8))
    return [
        Candidate(
            str(number), f"s2 {number}", EVENT + sign * timedelta(days=draw(st.integers(1, 400))),
            draw(SHARES), draw(SHARES), draw(ORBITS),
        )
        for number in range(count)
    ]  # fmt: skip


WISHES = st.builds(
    Wish, target=st.sampled_from([None, EVENT]), max_cloud=SHARES, min_coverage=SHARES,
    season=st.sampled_from([None, EVENT]), orbit=ORBITS,
)  # fmt: skip


@given(listed(), WISHES, st.integers(0, 3))
def test_each_candidate_is_chosen_or_refused_with_a_reason_and_none_is_better(candidates, wish, count):
    choice = choose(candidates, wish, count=count)
    keys = [one.key for one in choice.chosen] + [one.key for one, _ in choice.refused]
    assert sorted(keys) == sorted(one.key for one in candidates)
    assert all(reason and "\n" not in reason for _, reason in choice.refused)
    for one in choice.chosen:
        assert one.cloud <= wish.max_cloud and one.coverage >= wish.min_coverage
    costs = [cost(one, wish) for one in choice.chosen]
    assert costs == sorted(costs)
    for one, _ in choice.refused:
        allowed = one.cloud <= wish.max_cloud and one.coverage >= wish.min_coverage and one.coverage > 0
        assert len(choice.chosen) == count or not allowed
        if allowed and choice.chosen:
            assert cost(one, wish) >= costs[-1]


@given(listed(), WISHES, SHARES, st.integers(0, 5))
def test_getting_better_never_costs_a_candidate_its_place(candidates, wish, less, days):
    choice = choose(candidates, wish)
    assume(choice.chosen)
    best = choice.chosen[0]
    nearer = best.when if wish.target is None else EVENT + (best.when - EVENT) * (1 - days / 10)
    assume(wish.season is None or nearer == best.when)
    better = replace(best, cloud=best.cloud * less, coverage=best.coverage + (1 - best.coverage) * less, when=nearer)
    again = choose([better if one is best else one for one in candidates], wish)
    assert cost(again.chosen[0], wish) == cost(better, wish)


@given(listed(), listed(-1), WISHES, WISHES, st.booleans())
def test_a_pair_is_never_worse_than_any_other_and_radar_keeps_to_one_orbit(after, before, one_wish, other, same):
    first, second = choose_pair(after, before, one_wish, other, same_orbit=same)
    for choice, candidates in ((first, after), (second, before)):
        keys = [one.key for one in choice.chosen] + [one.key for one, _ in choice.refused]
        assert sorted(keys) == sorted(one.key for one in candidates)

    def together(one: Candidate, partner: Candidate) -> float:
        return cost(one, one_wish) + cost(partner, replace(other, orbit=one.orbit, season=one.when))

    def may(one: Candidate, wish: Wish) -> bool:
        return one.cloud <= wish.max_cloud and one.coverage >= max(wish.min_coverage, 1e-300)

    pairs = [
        together(a, b) for a in after for b in before
        if may(a, one_wish) and may(b, other) and (not same or a.orbit == b.orbit)
    ]  # fmt: skip
    if pairs:
        assert together(first.chosen[0], second.chosen[0]) == pytest.approx(min(pairs))
        assert not same or first.chosen[0].orbit == second.chosen[0].orbit
    elif same:
        assert not first.chosen and not second.chosen


def test_reasons_say_what_counts_most():
    best = Candidate("a", "a", EVENT + timedelta(days=3), 1.0, 0.02, (74, None))
    cloudy = Candidate("b", "b", EVENT + timedelta(days=2), 1.0, 0.63, (74, None), "SCL")
    partial = replace(best, key="c", coverage=0.4)
    late = replace(best, key="d", when=EVENT + timedelta(days=43))
    choice = choose([cloudy, partial, late, best], Wish(target=EVENT, max_cloud=0.3, min_coverage=0.5))
    assert choice.chosen == (best,)
    reasons = {one.key: reason for one, reason in choice.refused}
    assert reasons["b"] == "hides 63% of what it covers (SCL), more than the 30% of --max-cloud"
    assert reasons["c"] == "covers 40% of the area only, at least 50% is asked"
    assert reasons["d"] == "lies 43 days from the date asked for rather than 3"
    shown = choose([best, replace(best, key="e", cloud=0.2)], Wish())
    assert shown.refused[0][1] == "shows 80% of the area rather than 98%"


def test_the_earlier_date_prefers_orbit_and_season_of_the_later():
    after = [Candidate("post", "post", EVENT + timedelta(days=5), 1, 0, (74, None))]
    winter = Candidate("w", "w", EVENT - timedelta(days=180), 1, 0, (74, None))
    last_year = Candidate("y", "y", EVENT - timedelta(days=360), 1, 0, (74, None))
    other = Candidate("o", "o", EVENT - timedelta(days=9), 1, 0, (31, None))
    same = Candidate("s", "s", EVENT - timedelta(days=12), 1, 0, (74, None))
    _, earlier = choose_pair(
        after, [winter, last_year, other, same], Wish(target=EVENT), Wish(target=EVENT), same_orbit=False
    )
    assert earlier.chosen == (same,)
    assert {one.key: reason for one, reason in earlier.refused}["o"] == "was acquired from another orbit"
    _, without = choose_pair(after, [winter, last_year], Wish(), Wish(), same_orbit=False)
    assert without.chosen == (last_year,)
    assert without.refused[0][1] == "is of another season"
    none, nothing = choose_pair(after, [other], Wish(), Wish(), same_orbit=True)
    assert not none.chosen and not nothing.chosen
    assert none.refused[0][1] == "has no partner of the same orbit at the other date"


def test_seasons_go_round_the_year():
    december, january = datetime(2018, 12, 28, tzinfo=UTC), datetime(2020, 1, 4, tzinfo=UTC)
    assert season_distance(december, january) < 0.05
    assert season_distance(EVENT, EVENT - timedelta(days=183)) > 0.97
