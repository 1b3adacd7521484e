"""Functions as tasks. What a step finished before it does not do again, so nothing is cached here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from prefect import Task
from prefect.cache_policies import NO_CACHE

from landslide_geo.errors import FetchError, PublishError

#: Pauses between attempts: services that are down for a moment, and for a while.
PAUSES_S: Final[list[float]] = [10, 60, 300]
_HOUR: Final = 3600.0
#: Faults of the network: what was asked for is right, and may be had later.
_PASSING: Final = (FetchError, PublishError)


def local_task(step: Callable[..., Any], name: str, *, each: str | None = None, hours: float) -> Callable[..., Any]:
    """A step as a task, which is tried once.

    Args:
        step: function that takes and gives paths and small values.
        name: of the task.
        each: of its runs, with parameters in braces.
        hours: that it may take.
    """
    made: Callable[..., Any] = Task(step, **_named(name, each, hours))
    return made


def remote_task(step: Callable[..., Any], name: str, *, each: str | None = None, hours: float) -> Callable[..., Any]:
    """As `local_task`, of a step over the network: it is tried again after faults that pass."""
    made: Callable[..., Any] = Task(
        step, retries=len(PAUSES_S), retry_delay_seconds=PAUSES_S, retry_condition_fn=network_fault,
        **_named(name, each, hours),
    )  # fmt: skip
    return made


def network_fault(_task: Any, _run: Any, state: Any) -> bool:
    """Only faults of the network are worth another try; bad input stays bad."""
    return isinstance(state.result(raise_on_failure=False), _PASSING)


def _named(name: str, each: str | None, hours: float) -> dict[str, Any]:
    return {"name": name, "task_run_name": each, "timeout_seconds": hours * _HOUR, "cache_policy": NO_CACHE}
