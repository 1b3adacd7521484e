"""How far a scan is: a bar, or a function to call."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from threading import Lock

from landslide_geo.progress import showing, stage


class reporting:  # noqa: N801 — used like a function
    """A context that turns ``progress`` into a function to call with newly finished windows, from any thread.

    Args:
        progress: show a bar; or be called with (windows done, windows in all); or neither, unless whoever started the
            work shows its stages.
        total: windows in all.
        label: of the bar.
    """

    def __init__(self, progress: bool | Callable[[int, int], None], total: int, label: str = "windows") -> None:
        self._total, self._done, self._label = total, 0, label
        self._lock = Lock()
        self._callback = progress if callable(progress) else None
        self._shown = progress is True
        self._open = ExitStack()

    def __enter__(self) -> Callable[[int], None]:
        if self._shown:
            self._open.enter_context(showing())
        self._bar = self._open.enter_context(stage(self._label, self._total, "window"))
        return self._advance

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def _advance(self, windows: int) -> None:
        with self._lock:
            self._done += windows
            self._bar(windows)
            if self._callback is not None:
                self._callback(self._done, self._total)
