"""One scan that was ordered on the page, and how far it is."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Final

from landslide_geo.app.orders import Order


class State(Enum):
    """How a job is; the values are kept in files and shown."""

    QUEUED = "queued"
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"


#: States from which a job can be taken up.
RESUMABLE: Final = (State.FAILED, State.CANCELLED, State.INTERRUPTED)


@dataclass
class Job:
    """A scan that was ordered.

    Attributes:
        id: name of the job and of its scan.
        order: what was asked for.
        state: how it is.
        stage: what is being done.
        done: windows finished, of ``total``; 0 of 0 before windows begin.
        seconds_left: estimate by the rate of windows so far; none before there is a rate.
        error: why it failed, in one line.
        began: when it was ordered, ISO 8601.
    """

    id: str
    order: Order
    state: State = State.QUEUED
    stage: str = "waiting"
    done: int = 0
    total: int = 0
    seconds_left: float | None = None
    error: str | None = None
    began: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    _first: tuple[float, int] | None = field(default=None, repr=False)

    def to_json(self) -> dict[str, Any]:
        """What the page shows."""
        return {
            "id": self.id, "title": self.order.title, "model": self.order.model, "state": self.state.value,
            "stage": self.stage, "done": self.done, "total": self.total, "error": self.error, "began": self.began,
            "seconds_left": None if self.seconds_left is None else round(self.seconds_left, 1),
            "resumable": self.state in RESUMABLE,
        }  # fmt: skip

    def forget(self) -> None:
        """Begin to count anew."""
        self.stage, self.error, self.seconds_left, self.done, self.total = "waiting", None, None, 0, 0
        self._first = None

    def hear(self, message: dict[str, Any]) -> None:
        """Take up what the process tells."""
        if "stage" in message:
            self.stage = message["stage"]
        elif "done" in message:
            self.done, self.total = message["done"], message["total"]
            now = time.monotonic()
            first, before = self._first = self._first or (now, self.done)
            rate = (self.done - before) / (now - first) if now > first else 0.0
            self.seconds_left = (self.total - self.done) / rate if rate > 0 else None
            finished = self.done >= self.total
            self.stage = "outlining landslides and writing the report" if finished else "scanning"
