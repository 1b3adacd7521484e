"""Killing work at random moments, and taking it up again.

Each attempt runs in a process of its own, forked from a server that has imported the libraries already: a start costs
milliseconds, so that a hundred kills cost a minute.
"""

from __future__ import annotations

import multiprocessing
import random
import time
from collections.abc import Callable
from typing import Any

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(
    ["torch", "rasterio", "landslide_geo.inference.raster", "landslide_geo.pipeline.scan", "landslide_geo.cli.main"]
)


def run(work: Callable[..., Any], *arguments: object, kill_after: float | None = None) -> bool:
    """Do ``work`` in another process; SIGKILL it after some seconds. Returns whether it came to its end.

    Raises:
        AssertionError: it failed by itself.
    """
    process = _CONTEXT.Process(target=work, args=arguments)
    process.start()
    process.join(kill_after)
    if process.is_alive():
        process.kill()
        process.join()
    code = process.exitcode
    process.close()
    assert code in (0, -9), f"the work failed by itself with exit code {code}"
    return code == 0


def seconds(work: Callable[..., Any], *arguments: object) -> float:
    """How long undisturbed work takes, after a first attempt that starts the server."""
    run(_nothing)
    start = time.perf_counter()
    assert run(work, *arguments)
    return time.perf_counter() - start


def until_killed(
    times: int,
    work: Callable[..., Any],
    *arguments: object,
    lasts: float,
    seed: int,
    after_kill: Callable[[], None],
    after_end: Callable[[], None],
) -> None:
    """Do ``work`` again and again until it has been killed a number of times, and then once to its end.

    Args:
        times: how often to kill.
        work: takes up what an earlier attempt left.
        arguments: of it.
        lasts: seconds that it takes undisturbed; moments of kills are drawn from 0 to a little more than that.
        seed: of the moments.
        after_kill: checks that hold at any moment.
        after_end: checks the result, and removes it so that the next attempt starts anew.
    """
    moments = random.Random(seed)
    killed = 0
    while killed < times:
        if run(work, *arguments, kill_after=moments.uniform(0, 1.1 * lasts)):
            after_end()
        else:
            killed += 1
            after_kill()
    assert run(work, *arguments)
    after_end()


def _nothing() -> None:
    pass
