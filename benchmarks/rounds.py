"""Timing in rounds: everybody once, then everybody again, so that a machine's moods fall on all alike."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass
class Rounds:
    """Seconds of each contestant in each round.

    Attributes:
        title: what was timed.
        seconds: by contestant, one number per round.
        pixels: that each of them worked through.
    """

    title: str
    pixels: int
    seconds: dict[str, list[float]] = field(default_factory=dict)

    def median(self, name: str) -> float:
        """Median seconds of a contestant."""
        return statistics.median(self.seconds[name])

    def ratio(self, name: str, against: str) -> tuple[float, float, float]:
        """Median, least and greatest of the ratios of two contestants' seconds, each taken within one round."""
        pairs = zip(self.seconds[name], self.seconds[against], strict=True)
        ratios = [ours / theirs for ours, theirs in pairs]
        return statistics.median(ratios), min(ratios), max(ratios)


def timed(
    title: str,
    contestants: Mapping[str, Callable[[], object]],
    *,
    rounds: int,
    pixels: int,
    say: Callable[[str], None] = print,
) -> Rounds:
    """Run all contestants by turns; each begins one round in turn, and a first run of each does not count.

    Args:
        title: what is timed.
        contestants: by name; all of them do the same work.
        rounds: how often each runs.
        pixels: that each works through.
        say: told how it goes on.
    """
    found = Rounds(title, pixels, {name: [] for name in contestants})
    order = list(contestants)
    for number in range(rounds + 1):
        first = number % len(order)
        for name in order[first:] + order[:first]:
            gc.collect()
            start = time.perf_counter()
            contestants[name]()
            seconds = time.perf_counter() - start
            if number:
                found.seconds[name].append(seconds)
            say(f"{title}: {name} {seconds:.2f} s" + ("" if number else " (not counted)"))
    return found
