"""Which acquisitions to take: pure functions of what is known of each, and why the others are not taken."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

#: What one day, the far side of the year, and another orbit are worth, as a share of the area that is hidden.
PER_DAY: Final = 1 / 200
PER_HALF_YEAR: Final = 0.2
OTHER_ORBIT: Final = 0.1
#: Days of a year.
_YEAR: Final = 365.2425


@dataclass(frozen=True)
class Candidate:
    """What is known of an acquisition.

    Attributes:
        key: tells it from others.
        name: for people.
        when: aware.
        coverage: share (0–1) of the area that it covers.
        cloud: share (0–1) of what it covers that cannot be seen: cloud, shadow, snow; 0 for radar.
        orbit: track, and for radar whether it is ascending; None where it is not known.
        cloud_from: what tells the cloud.
    """

    key: str
    name: str
    when: dt.datetime
    coverage: float
    cloud: float = 0.0
    orbit: tuple[int | None, str | None] | None = None
    cloud_from: str = ""

    @property
    def hidden(self) -> float:
        """Share of the area that it does not show."""
        return 1 - self.coverage * (1 - self.cloud)


@dataclass(frozen=True)
class Wish:
    """What is wanted of one date.

    Attributes:
        target: the nearer, the better; None where all dates of the range are as good.
        max_cloud: share of the covered area that may be hidden.
        min_coverage: share of the area to be covered.
        season: day whose season is preferred.
        orbit: preferred, or with ``require_orbit`` demanded.
        require_orbit: whether no other one does.
    """

    target: dt.datetime | None = None
    max_cloud: float = 0.3
    min_coverage: float = 0.0
    season: dt.datetime | None = None
    orbit: tuple[int | None, str | None] | None = None
    require_orbit: bool = False


@dataclass(frozen=True)
class Choice:
    """What was chosen.

    Attributes:
        chosen: best first; empty where nothing may be taken.
        refused: every other candidate, and in one sentence why not.
    """

    chosen: tuple[Candidate, ...]
    refused: tuple[tuple[Candidate, str], ...]


def cost(one: Candidate, wish: Wish) -> float:
    """How far a candidate is from what is wanted: the share it hides, plus what days, season and orbit are worth."""
    total = one.hidden
    if wish.target is not None:
        total += PER_DAY * _days(one.when, wish.target)
    if wish.season is not None:
        total += PER_HALF_YEAR * season_distance(one.when, wish.season)
    if wish.orbit is not None and one.orbit is not None and one.orbit != wish.orbit:
        total += OTHER_ORBIT
    return total


def season_distance(one: dt.datetime, other: dt.datetime) -> float:
    """How far apart two days lie in the year: 0 at the same one, 1 half a year apart."""
    apart = abs(one.timetuple().tm_yday - other.timetuple().tm_yday)
    return min(apart, _YEAR - apart) / (_YEAR / 2)


def choose(candidates: Sequence[Candidate], wish: Wish, *, count: int = 1) -> Choice:
    """The best candidates for one date.

    Args:
        candidates: all there are.
        wish: what is wanted.
        count: how many to take at most.

    Returns:
        A choice that holds each candidate once. None that may be taken is worse than one that is.
    """
    barred = {one.key: reason for one in candidates if (reason := _bar(one, wish)) is not None}
    ranked = sorted((one for one in candidates if one.key not in barred), key=lambda one: _rank(one, wish))
    chosen, rest = ranked[:count], ranked[count:]
    refused = [(one, _behind(one, chosen[-1] if chosen else None, wish)) for one in rest]
    refused += [(one, barred[one.key]) for one in candidates if one.key in barred]
    return Choice(tuple(chosen), tuple(refused))


def choose_pair(
    after: Sequence[Candidate], before: Sequence[Candidate], wish_after: Wish, wish_before: Wish, *, same_orbit: bool
) -> tuple[Choice, Choice]:
    """The best candidates for two dates that are to be compared, chosen together.

    The same orbit and season are preferred for the earlier one: it shows the same slopes in the same light.

    Args:
        after: candidates of the later date.
        before: candidates of the earlier date.
        wish_after: what is wanted of the later date.
        wish_before: what is wanted of the earlier date; orbit and season follow from the later one.
        same_orbit: whether another orbit does not do at all, as for radar.

    Returns:
        Choices of the later and the earlier date. Where there is no pair, each date is chosen alone, and with
        ``same_orbit`` the later one is empty.
    """
    allowed = [one for one in after if _bar(one, wish_after) is None]
    best: tuple[tuple[float, str], Candidate, Choice] | None = None
    paired = set()
    for one in allowed:
        wish = replace(wish_before, orbit=one.orbit, season=one.when, require_orbit=same_orbit)
        partner = choose(before, wish)
        if partner.chosen:
            paired.add(one.key)
            rank = cost(one, wish_after) + cost(partner.chosen[0], wish), one.key
            if best is None or rank < best[0]:
                best = rank, one, partner
    if best is not None:
        _, chosen, earlier = best
    elif same_orbit or not allowed:
        chosen, earlier = None, choose(before, wish_before, count=0 if same_orbit else 1)
    else:
        chosen = min(allowed, key=lambda one: _rank(one, wish_after))
        earlier = choose(before, replace(wish_before, orbit=chosen.orbit, season=chosen.when))
    refused = []
    for one in after:
        if one is chosen:
            continue
        reason = _bar(one, wish_after)
        if reason is None and same_orbit and one.key not in paired:
            reason = "has no partner of the same orbit at the other date"
        refused.append((one, reason or _behind(one, chosen, wish_after)))
    return Choice(() if chosen is None else (chosen,), tuple(refused)), earlier


def _rank(one: Candidate, wish: Wish) -> tuple[float, dt.datetime, str]:
    return cost(one, wish), one.when, one.key


def _bar(one: Candidate, wish: Wish) -> str | None:
    """Why a candidate may not be taken, or None where it may."""
    if not one.coverage > 0:
        return "covers none of the area"
    if one.coverage < wish.min_coverage:
        return f"covers {one.coverage:.0%} of the area only, at least {wish.min_coverage:.0%} is asked"
    if one.cloud > wish.max_cloud:
        told = f" ({one.cloud_from})" if one.cloud_from else ""
        return f"hides {one.cloud:.0%} of what it covers{told}, more than the {wish.max_cloud:.0%} of --max-cloud"
    if wish.require_orbit and one.orbit != wish.orbit:
        return f"was acquired from another orbit ({_orbit(one)}) than its partner"
    return None


def _behind(one: Candidate, chosen: Candidate | None, wish: Wish) -> str:
    """Why a candidate that may be taken was not: the largest part of its disadvantage, in words."""
    if chosen is None:
        return "was not needed"
    parts = {f"shows {1 - one.hidden:.0%} of the area rather than {1 - chosen.hidden:.0%}": one.hidden - chosen.hidden}
    if wish.target is not None:
        own, best = _days(one.when, wish.target), _days(chosen.when, wish.target)
        parts[f"lies {own:.0f} days from the date asked for rather than {best:.0f}"] = PER_DAY * (own - best)
    if wish.season is not None:
        worse = season_distance(one.when, wish.season) - season_distance(chosen.when, wish.season)
        parts["is of another season"] = PER_HALF_YEAR * worse
    if wish.orbit is not None and one.orbit is not None and one.orbit != wish.orbit:
        parts["was acquired from another orbit"] = OTHER_ORBIT
    reason, worse = max(parts.items(), key=lambda part: part[1])
    return reason if worse > 1e-9 else "is as good as the chosen one, which has a better partner or is earlier"


def _orbit(one: Candidate) -> str:
    if one.orbit is None:
        return "not known"
    number, state = one.orbit
    return " ".join(part for part in ("?" if number is None else f"R{number:03d}", state) if part)


def _days(one: dt.datetime, other: dt.datetime) -> float:
    return abs((one - other).total_seconds()) / 86400
