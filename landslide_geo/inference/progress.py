"""How far a scan is: a bar, or a function to call."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn


class reporting:  # noqa: N801 — used like a function
    """A context that turns ``progress`` into a function to call with newly finished windows."""

    def __init__(self, progress: bool | Callable[[int, int], None], total: int, label: str = "windows") -> None:
        self._total, self._done = total, 0
        self._lock = Lock()  # the engine tells from several threads
        self._callback = progress if callable(progress) else None
        self._bar: Progress | None = None
        if progress is True:
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.completed}/{task.total}"),
                TimeRemainingColumn(),
                console=Console(stderr=True),
                transient=False,
            )
            self._task = self._bar.add_task(label, total=total)

    def __enter__(self) -> Callable[[int], None]:
        if self._bar is not None:
            self._bar.start()
        return self._advance

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def _advance(self, windows: int) -> None:
        with self._lock:
            self._tell(windows)

    def _tell(self, windows: int) -> None:
        self._done += windows
        if self._bar is not None:
            self._bar.update(self._task, completed=self._done)
        if self._callback is not None:
            self._callback(self._done, self._total)
