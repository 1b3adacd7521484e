"""How far long work is: named stages with a rate and the time that is left, on standard error, wherever they happen.

Whoever does the work names its stages; whoever started it decides whether they are shown. Nothing is shown unless a
block of `showing` is open in the same thread or task, so libraries, servers and tests hear nothing.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

if TYPE_CHECKING:
    from rich.progress import Task

T = TypeVar("T")
Advance = Callable[[int], None]

#: Seconds between two lines where there is no terminal to draw in.
_EVERY_S: Final = 10.0
#: Stages that are over and still shown: more of them would not fit into a terminal.
_SHOWN: Final = 12
#: Names of stages are this wide, so that bars stand below one another.
_NAME: Final = 12


class Display(Protocol):
    """What shows stages. Its methods may be called from several threads."""

    def begin(self, name: str, total: int | None, unit: str) -> Any:
        """A stage begins; what is returned stands for it."""

    def advance(self, stage: Any, count: int) -> None:
        """So much more of it is done."""

    def end(self, stage: Any) -> None:
        """It is done, or has failed."""

    def note(self, text: str) -> None:
        """A line that stays."""

    def close(self) -> None:
        """Nothing more comes."""


_display: ContextVar[Display | None] = ContextVar("display", default=None)


@contextmanager
def stage(name: str, total: int | None = None, unit: str = "") -> Iterator[Advance]:
    """A block that does one stage of some work; calling what it gives tells that so much more is done, from any thread.

    Args:
        name: in a word or two.
        total: how much there is to do; none where that is not known.
        unit: what is counted, in the singular; ``B`` for bytes.
    """
    display = _display.get()
    if display is None:
        yield lambda count: None
        return
    began = display.begin(name, total, unit)
    try:
        yield lambda count: display.advance(began, count)
    finally:
        display.end(began)


def tracked(
    items: Iterable[T], name: str, total: int | None, unit: str, *, size: Callable[[T], int] = lambda _: 1
) -> Iterator[T]:
    """The same items as a stage.

    Args:
        items: to go through.
        name: of the stage.
        total: sum of their sizes; none where that is not known.
        unit: that sizes are in.
        size: of an item; it counts when the next one is asked for.
    """
    with stage(name, total, unit) as advance:
        for item in items:
            yield item
            advance(size(item))


def note(text: str) -> bool:
    """Say something between stages where progress is shown; returns whether it is."""
    display = _display.get()
    if display is not None:
        display.note(text)
    return display is not None


@contextmanager
def showing() -> Iterator[None]:
    """Show the stages of what is done inside: bars in a terminal, else a line every ten seconds of a stage.

    Within another such block it does nothing.
    """
    if _display.get() is not None:
        yield
        return
    display = Bars() if is_drawable() else Lines()
    token = _display.set(display)
    try:
        yield
    finally:
        _display.reset(token)
        display.close()


def is_drawable() -> bool:
    """Whether standard error is a terminal that can move its cursor."""
    return sys.stderr.isatty() and os.environ.get("TERM", "").lower() not in ("", "dumb", "unknown")


class Lines:
    """Plain lines, for logs: none for short stages."""

    def __init__(self) -> None:
        self._lock = Lock()

    def begin(self, name: str, total: int | None, unit: str) -> dict[str, Any]:
        """Remember when it began."""
        now = monotonic()
        return {"name": name, "total": total, "unit": unit, "done": 0, "began": now, "told": now}

    def advance(self, stage: dict[str, Any], count: int) -> None:
        """Tell where the last line is long ago."""
        with self._lock:
            stage["done"] += count
            now = monotonic()
            if now - stage["told"] >= _EVERY_S:
                stage["told"] = now
                self._say(stage, now)

    def end(self, stage: dict[str, Any]) -> None:
        """Tell how long it took, if that was long."""
        took = monotonic() - stage["began"]
        if took >= _EVERY_S:
            self.note(f"{stage['name']}: {clock(took)}")

    def _say(self, stage: dict[str, Any], now: float) -> None:
        speed = stage["done"] / max(now - stage["began"], 1e-9)
        parts = [amount(stage["done"], stage["total"], stage["unit"]), rate(speed, stage["unit"])]
        if stage["total"] is not None and speed > 0:
            parts.append(f"{clock((stage['total'] - stage['done']) / speed)} left")
        self.note(f"{stage['name']}: {', '.join(part for part in parts if part)}")

    def note(self, text: str) -> None:
        """A line on standard error."""
        print(text, file=sys.stderr, flush=True)

    def close(self) -> None:
        """Nothing to do."""


class Bars:
    """A bar for each stage in a terminal, with how much is done, the rate, and the time that is left."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn
        from rich.text import Text

        class Told(ProgressColumn):
            """What the other columns do not say, in plain words."""

            def render(self, task: Task) -> Text:
                """Amount, rate, and time."""
                return Text(", ".join(part for part in told(task) if part))

        self._progress = Progress(
            TextColumn("{task.description}", markup=False), BarColumn(24), Told(),
            console=Console(stderr=True, highlight=False), transient=False, speed_estimate_period=600,
            # What is printed meanwhile goes where it was meant to: standard output may be a file.
            redirect_stdout=False, redirect_stderr=False,
        )  # fmt: skip
        self._progress.start()

    def begin(self, name: str, total: int | None, unit: str) -> Any:
        """Add a bar."""
        return self._progress.add_task(name.ljust(_NAME), total=total, unit=unit, began=monotonic())

    def advance(self, stage: Any, count: int) -> None:
        """Move it."""
        self._progress.advance(stage, count)

    def end(self, stage: Any) -> None:
        """Fill it, unless it stopped half way, and stop its clock."""
        task = self._progress.tasks[self._progress.task_ids.index(stage)]
        if task.total is None:
            self._progress.update(stage, total=max(task.completed, 1), completed=max(task.completed, 1))
        self._progress.stop_task(stage)
        over = [task for task in self._progress.tasks if task.stop_time is not None and task.visible]
        for old in over[:-_SHOWN]:
            self._progress.update(old.id, visible=False)

    def note(self, text: str) -> None:
        """A line above the bars."""
        self._progress.console.print(text, markup=False, soft_wrap=True)

    def close(self) -> None:
        """Leave the bars as they are."""
        self._progress.stop()


def told(task: Task) -> list[str]:
    """What stands behind a bar: amount, rate and time left; of a finished one the time it took."""
    unit, total = task.fields["unit"], None if task.total is None else int(task.total)
    counted = bool(unit)
    parts = [amount(int(task.completed), total, unit) if counted else ""]
    if task.stop_time is not None or task.finished:
        return [*parts, clock(task.elapsed or 0.0)]
    if not counted:
        return [*parts, clock(task.elapsed or 0.0)]
    # The speed of late; of slow work, which has not moved often enough for that, the one since it began.
    speed = task.speed or task.completed / max(task.elapsed or 0.0, 1e-9)
    parts.append(rate(speed, unit))
    if total is not None and speed > 0:
        parts.append(f"{clock((total - task.completed) / speed)} left")
    return parts


def amount(done: int, total: int | None, unit: str) -> str:
    """How much is done, in words: ``3/10 windows``, ``1.2/3.4 GB``.

    >>> amount(3, 10, "window"), amount(1, 1, "chip"), amount(5, None, "file")
    ('3/10 windows', '1/1 chip', '5 files')
    """
    if unit == "B":
        size, name = next(
            (s, n) for s, n in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1, "B")) if (total or done) >= s or s == 1
        )
        return f"{done / size:.1f}" + (f"/{total / size:.1f}" if total else "") + f" {name}"
    many = done if total is None else total
    return f"{done:,}" + (f"/{total:,}" if total is not None else "") + f" {unit}{'s' * (many != 1)}"


def rate(speed: float, unit: str) -> str:
    """A speed in a second, or of slow work in minutes or seconds for each.

    >>> rate(12.34, "window"), rate(0.25, "epoch"), rate(2.5e6, "B")
    ('12.3 windows/s', '4 s/epoch', '2.5 MB/s')
    """
    if speed <= 0:
        return ""
    if unit == "B":
        return f"{amount(round(speed), None, 'B')}/s"
    return f"{speed:.3g} {unit}s/s" if speed >= 1 else f"{1 / speed:.3g} s/{unit}"


def clock(seconds: float) -> str:
    """A duration: ``4.2 s``, ``1:05``, ``2:00:09``.

    >>> clock(4.21), clock(65), clock(7209)
    ('4.2 s', '1:05', '2:00:09')
    """
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    hours, minutes = whole // 3600, whole // 60 % 60
    return f"{hours}:{minutes:02d}:{whole % 60:02d}" if hours else f"{minutes}:{whole % 60:02d}"
