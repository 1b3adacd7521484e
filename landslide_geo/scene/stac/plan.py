"""What is to be loaded of one sensor: its acquisitions searched, looked at, and chosen for one date or two."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Final

import pystac_client

from landslide_geo.errors import NoAcquisitionError
from landslide_geo.scene.stac.access import Access
from landslide_geo.scene.stac.catalogues import Product
from landslide_geo.scene.stac.choice import Candidate, Choice, Wish, choose, choose_pair, cost
from landslide_geo.scene.stac.look import Look, look
from landslide_geo.scene.stac.region import Region
from landslide_geo.scene.stac.search import Acquisition, acquisitions, search

#: Acquisitions whose clouds over the area are looked at; of the others the catalogue's figure stands.
_LOOKS: Final = 40
_THREADS: Final = 8
#: How far beside the dates it is told what there would be.
_BESIDE: Final = dt.timedelta(days=183)
_DATES: Final = ("post", "pre")


@dataclass(frozen=True)
class Dates:
    """When acquisitions may be from.

    Attributes:
        post: first and last moment of the later date, aware.
        pre: of the earlier date, or None where there is one date only.
        event: to which both are to be near, or None.
    """

    post: tuple[dt.datetime, dt.datetime]
    pre: tuple[dt.datetime, dt.datetime] | None = None
    event: dt.datetime | None = None

    @property
    def target(self) -> dt.datetime | None:
        """To which acquisitions are to be near: the event, or of two dates without one the beginning of the later."""
        return self.event if self.event is not None or self.pre is None else self.post[0]


@dataclass(frozen=True)
class Plan:
    """What is to be loaded of a sensor.

    Attributes:
        product: of the sensor.
        post, pre: acquisitions of the two dates, the best first.
        told: every acquisition that was found, with what it is taken for, or why not.
    """

    product: Product
    post: tuple[Acquisition, ...]
    pre: tuple[Acquisition, ...]
    told: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class Searcher:
    """A catalogue, ready to be searched."""

    client: pystac_client.Client
    access: Access
    region: Region

    def find(self, product: Product, collection: str, dates: tuple[dt.datetime, dt.datetime]) -> list[Acquisition]:
        """Acquisitions of a product over the region."""
        items = search(self.client, self.access.catalogue, collection, self.region, dates)
        return acquisitions(items, product.sensor, self.region)


def plan_sensor(
    searcher: Searcher,
    product: Product,
    collection: str,
    dates: Dates,
    *,
    max_cloud: float,
    min_coverage: float,
    count: int,
) -> Plan:
    """Search and choose.

    Args:
        searcher: of the catalogue.
        product: of the sensor, optical.
        collection: of the product.
        dates: one or two.
        max_cloud: share of what an acquisition covers that may be hidden.
        min_coverage: share of the area that one must cover.
        count: acquisitions for each date, at most: 1, or for a composite more.

    Raises:
        NoAcquisitionError: there is none for one of the dates; the message says what there would be otherwise.
        FetchError: the catalogue does not answer.
    """
    ranges = {"post": dates.post} | ({} if dates.pre is None else {"pre": dates.pre})
    found = {name: searcher.find(product, collection, span) for name, span in ranges.items()}
    wish = Wish(target=dates.target, max_cloud=max_cloud, min_coverage=min_coverage)
    known = {name: _candidates(some, product, searcher, wish) for name, some in found.items()}
    if dates.pre is None:
        choices = {"post": choose(known["post"], wish, count=count)}
    else:
        pair = choose_pair(known["post"], known["pre"], wish, wish, same_orbit=False)
        choices = dict(zip(_DATES, pair, strict=True))
        if count > 1 and all(choice.chosen for choice in pair):
            first = pair[0].chosen[0]
            choices["post"] = choose(known["post"], wish, count=count)
            choices["pre"] = choose(known["pre"], replace(wish, orbit=first.orbit, season=first.when), count=count)
    if count > 1:
        choices = {name: _by_time(choice, dates.event) for name, choice in choices.items()}
    for name, choice in choices.items():
        if not choice.chosen:
            where = {"post": "after the event", "pre": "before the event"}[name] if dates.event else "in these dates"
            raise NoAcquisitionError(_nothing(searcher, product, collection, where, ranges[name], known[name], wish))
    return made_plan(product, found, choices)


def made_plan(product: Product, found: Mapping[str, Sequence[Acquisition]], choices: Mapping[str, Choice]) -> Plan:
    """A plan of choices, and what is told of it."""
    by_key = {one.key: one for some in found.values() for one in some}
    told: list[dict[str, Any]] = []
    for name, choice in choices.items():
        told += [_told(one, name, None) for one in choice.chosen]
        told += [_told(one, name, reason) for one, reason in choice.refused]
    chosen = {name: tuple(by_key[one.key] for one in choice.chosen) for name, choice in choices.items()}
    return Plan(product, chosen["post"], chosen.get("pre", ()), tuple(told))


def _by_time(choice: Choice, event: dt.datetime | None) -> Choice:
    """What a composite is made of, the nearest to the event or the latest first: of equal pixels it takes the first."""
    return replace(
        choice,
        chosen=tuple(
            sorted(
                choice.chosen,
                key=lambda one: -one.when.timestamp() if event is None else abs(one.when - event).total_seconds(),
            )
        ),
    )


def _candidates(found: Sequence[Acquisition], product: Product, searcher: Searcher, wish: Wish) -> list[Candidate]:
    """What is known of acquisitions; of the most promising ones by their own pixels."""
    told = [
        _candidate(one, Look(one.coverage, 0.5 if one.cloud is None else one.cloud, "eo:cloud_cover")) for one in found
    ]
    order = sorted(range(len(found)), key=lambda index: cost(told[index], wish))[:_LOOKS]
    with ThreadPoolExecutor(_THREADS) as pool:
        looks = pool.map(lambda index: look(found[index], product, searcher.region, searcher.access), order)
        for index, seen in zip(order, looks, strict=True):
            told[index] = _candidate(found[index], seen)
    return told


def _candidate(one: Acquisition, seen: Look) -> Candidate:
    return Candidate(
        key=one.key, name=one.name, when=one.when, coverage=seen.coverage, cloud=seen.cloud,
        orbit=None if one.relative_orbit is None else (one.relative_orbit, one.orbit_state), cloud_from=seen.source,
    )  # fmt: skip


def _told(one: Candidate, date: str, reason: str | None) -> dict[str, Any]:
    return {
        "name": one.name,
        "date": date,
        "chosen": reason is None,
        "reason": reason or "the best of its date",
        "items": one.key.split("+"),
        "acquired": one.when.isoformat(timespec="seconds"),
        "coverage": round(one.coverage, 4),
        "hidden": round(one.cloud, 4),
        "hidden_from": one.cloud_from,
    }


def _nothing(
    searcher: Searcher,
    product: Product,
    collection: str,
    where: str,
    span: tuple[dt.datetime, dt.datetime],
    known: Sequence[Candidate],
    wish: Wish,
) -> str:
    """Why there is nothing for a date, and what there would be if dates or limits were relaxed."""
    what = f"no {product.title} {where} ({span[0]:%Y-%m-%d} to {span[1]:%Y-%m-%d}) may be taken"
    if known:
        clear = min(known, key=lambda one: one.hidden)
        mends = []
        if clear.cloud > wish.max_cloud:
            mends.append(f"--max-cloud {min(clear.cloud + 0.005, 1):.2f}")
        if clear.coverage < wish.min_coverage:
            mends.append(f"--min-coverage {max(clear.coverage - 0.005, 0):.2f}")
        return (
            f"{what}: {len(known)} were found, of which {clear.name} shows most of the area ({1 - clear.hidden:.0%}); "
            f"take it with {' and '.join(mends) or 'other limits'}, or choose other dates"
        )
    beside = searcher.find(product, collection, (span[0] - _BESIDE, span[1] + _BESIDE))
    if not beside:
        return (
            f"{what}: there is none within half a year either; the area may lie in the sea or outside of what "
            f"{searcher.access.catalogue.name} covers"
        )
    nearest = min(beside, key=lambda one: max(span[0] - one.when, one.when - span[1]))
    return f"{what}: none was acquired; the nearest is {nearest.name}, choose dates that hold it"
