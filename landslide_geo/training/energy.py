"""Energy and CO₂ of a training, estimated by codecarbon without its network services."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from codecarbon import OfflineEmissionsTracker
from codecarbon.output import BaseOutput, EmissionsData

_Result = TypeVar("_Result")

#: Seconds between measurements of power.
_INTERVAL = 15


@dataclass(frozen=True)
class Spent:
    """What was used since the meter was last read.

    Attributes:
        energy_kwh: of processor, memory and graphics cards; estimated from their load where they have no meter.
        co2_kg: of the electricity mix of the country.
    """

    energy_kwh: float
    co2_kg: float


class Meter:
    """Measures this machine from its start to its end.

    Args:
        country: ISO 3166-1, three letters.
    """

    def __init__(self, country: str) -> None:
        # It tells at every start that it has started, whatever level it is told to log at.
        logging.getLogger("codecarbon").setLevel(logging.ERROR)
        self._reading = _Reading()
        self._tracker = OfflineEmissionsTracker(
            country_iso_code=country, save_to_file=False, log_level="error", allow_multiple_runs=True,
            measure_power_secs=_INTERVAL, output_handlers=[self._reading],
        )  # fmt: skip
        self._tracker.start()
        self._before = (0.0, 0.0)

    def read(self) -> Spent:
        """What was used since the last reading."""
        self._tracker.flush()
        now, before = self._reading.total, self._before
        self._before = now
        return Spent(now[0] - before[0], now[1] - before[1])

    def stop(self) -> None:
        """End measuring."""
        self._tracker.stop()


def measured(meter: Meter, work: Callable[[], _Result]) -> tuple[_Result, dict[str, float]]:
    """What some work gives, and what it took.

    Returns:
        The result, and ``seconds`` and ``energy_wh``.
    """
    meter.read()
    started = time.monotonic()
    result = work()
    seconds = time.monotonic() - started
    return result, {"seconds": round(seconds, 3), "energy_wh": round(1000 * meter.read().energy_kwh, 6)}


class _Reading(BaseOutput):
    """Keeps the totals that the tracker would write to a file."""

    def __init__(self) -> None:
        self.total = (0.0, 0.0)

    def out(self, total: EmissionsData, delta: EmissionsData) -> Any:
        """Called when the tracker is flushed."""
        self.total = (total.energy_consumed, total.emissions)
