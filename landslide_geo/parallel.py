"""Work spread over threads, with results in order and bounded memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

_In = TypeVar("_In")
_Out = TypeVar("_Out")


def in_order(call: Callable[[_In], _Out], items: Iterable[_In], *, threads: int) -> Iterator[_Out]:
    """``map(call, items)`` by several threads, which are never more than one item each ahead of who takes the results.

    `ThreadPoolExecutor.map` works through all items at once, and holds all results.

    Args:
        call: what to do with an item; its errors are raised where its result is taken, and no later item is begun.
        items: taken one by one.
        threads: that work at a time.
    """
    waiting: deque[Future[_Out]] = deque()
    left = iter(items)
    with ThreadPoolExecutor(threads) as pool:
        try:
            waiting.extend(pool.submit(call, item) for item in islice(left, threads))
            while waiting:
                result = waiting.popleft().result()
                waiting.extend(pool.submit(call, item) for item in islice(left, 1))
                yield result
                del result  # not kept while the next one is awaited
        finally:
            pool.shutdown(cancel_futures=True)
