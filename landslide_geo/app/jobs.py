"""Scans in the background: one at a time, each in a process that can be cancelled at any moment and taken up again."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import IO, Any, Final

from landslide_geo.app.folder import AppFolder, safe_name
from landslide_geo.app.orders import Order, Task, area_of, task_of
from landslide_geo.app.uploads import Uploads
from landslide_geo.errors import LandslideError, ParameterError, SourceNotFoundError
from landslide_geo.files import write_json

#: Seconds that a process has to end by itself.
_PATIENCE: Final = 5.0
#: Jobs that may wait.
_QUEUE: Final = 20


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
        }  # fmt: skip

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


class Jobs:
    """The jobs of a work folder, which survive the page: what was running when it ended can be taken up.

    Args:
        folder: the work folder.
        uploads: of it.
        stac: address of the catalogue for new scenes; none: the default one.
        mirror: folder with copies of sample scenes.
    """

    def __init__(
        self, folder: AppFolder, uploads: Uploads, *, stac: str | None = None, mirror: Path | None = None
    ) -> None:
        self._folder, self._uploads, self._stac, self._mirror = folder, uploads, stac, mirror
        self._jobs = {job.id: job for job in self._read()}
        self._waiting: deque[Job] = deque()
        self._process: subprocess.Popen[str] | None = None
        self._closed = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="scans", daemon=True)
        self._thread.start()

    def all(self) -> list[Job]:
        """All jobs, the newest first."""
        return sorted(self._jobs.values(), key=lambda job: job.began, reverse=True)

    def get(self, id: str) -> Job:
        """A job.

        Raises:
            SourceNotFoundError: there is none of this name.
        """
        if id not in self._jobs:
            raise SourceNotFoundError(f"job {id!r}: there is none; reload the page")
        return self._jobs[id]

    def start(self, order: Order) -> Job:
        """Order a scan.

        Raises:
            LandslideError: it asks for what is not there, or too many wait.
        """
        with self._changed:
            if len(self._waiting) >= _QUEUE:
                raise ParameterError(f"{_QUEUE} scans are waiting; let some finish or cancel them")
            stem = f"{safe_name(order.title, instead='scan').lower()}-{datetime.now(UTC):%Y%m%d-%H%M%S}"
            taken = self._jobs.keys() | {path.name for path in self._folder.scans.iterdir()}
            id = next(name for n in range(len(taken) + 1) if (name := f"{stem}-{n}" if n else stem) not in taken)
            job = Job(id, order)
            area = area_of(order, self._uploads)
            if area is not None:
                write_json(self._area(id), area)
            try:
                self._task(job)  # tells at once what is wrong with it
            except LandslideError:
                self._area(id).unlink(missing_ok=True)
                raise
            self._enqueue(job)
        return job

    def resume(self, id: str) -> Job:
        """Take up a job that did not finish.

        Raises:
            SourceNotFoundError: there is none of this name.
            ParameterError: it is under way or finished.
        """
        with self._changed:
            job = self.get(id)
            if job.state not in RESUMABLE:
                raise ParameterError(f"{id}: is {job.state.value}; only what was stopped can go on")
            job.stage, job.error, job.seconds_left, job.done, job.total = "waiting", None, None, 0, 0
            job._first = None
            self._enqueue(job)
        return job

    def cancel(self, id: str) -> Job:
        """Stop a job; what it had finished stays for `resume`.

        Raises:
            SourceNotFoundError: there is none of this name.
        """
        with self._changed:
            job = self.get(id)
            if job.state is State.QUEUED and job in self._waiting:
                self._waiting.remove(job)
                self._settle(job, State.CANCELLED)
            elif job.state is State.RUNNING:
                self._settle(job, State.CANCELLED)
                self._stop()
        return job

    def close(self) -> None:
        """Stop what runs, as a kill would."""
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._stop()
            self._changed.notify_all()
        self._thread.join(timeout=2 * _PATIENCE)

    def _enqueue(self, job: Job) -> None:
        self._jobs[job.id] = job
        self._settle(job, State.QUEUED)
        self._waiting.append(job)
        self._changed.notify_all()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed)
                if self._closed:
                    return
                job = self._waiting.popleft()
                self._settle(job, State.RUNNING)
            try:
                state, error = self._run(job)
            except LandslideError as problem:
                state, error = State.FAILED, " ".join(str(problem).split())
            except OSError as problem:
                state, error = State.FAILED, f"the scan could not be started: {problem}"
            with self._changed:
                self._process = None
                if job.state is State.RUNNING:  # nobody cancelled it
                    job.error = error
                    self._settle(job, State.INTERRUPTED if self._closed else state)

    def _run(self, job: Job) -> tuple[State, str | None]:
        task = self._task(job)
        with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as said:
            process = subprocess.Popen(
                [sys.executable, "-m", "landslide_geo.app.worker"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=said, text=True, cwd=self._folder.root,
            )  # fmt: skip
            with self._changed:
                self._process = process
                if job.state is not State.RUNNING or self._closed:  # cancelled before it began
                    self._stop()
            with process:
                assert process.stdin is not None and process.stdout is not None
                with contextlib.suppress(BrokenPipeError):
                    process.stdin.write(task.model_dump_json() + "\n")
                    process.stdin.flush()
                last = self._listen(job, process.stdout)
            if "result" in last:
                return State.FINISHED, None
            if "error" in last:
                return State.FAILED, self._in_their_words(job, str(last["error"]))
            said.seek(0)
            lines = said.read().strip().splitlines()
            return State.FAILED, f"the scan's process ended ({lines[-1] if lines else process.returncode})"

    def _in_their_words(self, job: Job, text: str) -> str:
        """Files as the user named them, instead of where they lie."""
        text = text.replace(str(self._area(job.id)), "the area")
        for upload in self._uploads.all():
            text = text.replace(str(upload.path), upload.name)
        return text

    @staticmethod
    def _listen(job: Job, answers: IO[str]) -> dict[str, Any]:
        last: dict[str, Any] = {}
        for line in answers:
            try:
                last = json.loads(line)
            except ValueError:
                break  # ended in the middle of a line
            job.hear(last)
        return last

    def _stop(self) -> None:
        """End the process, whatever it is at; its folder is made for that."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()

    def _task(self, job: Job) -> Task:
        area = self._area(job.id)
        return task_of(
            job.order, folder=self._folder, uploads=self._uploads, out=self._folder.scans / job.id,
            aoi=area if area.exists() else None, stac=self._stac, mirror=self._mirror,
        )  # fmt: skip

    def _area(self, id: str) -> Path:
        return self._folder.jobs / f"{id}.geojson"

    def _settle(self, job: Job, state: State) -> None:
        job.state = state
        record = {
            "order": job.order.model_dump(mode="json"), "state": state.value, "error": job.error, "began": job.began,
        }  # fmt: skip
        write_json(self._folder.jobs / f"{job.id}.json", record)

    def _read(self) -> list[Job]:
        """What an earlier page left; what was under way then is interrupted now."""
        found = []
        for path in self._folder.jobs.glob("*.json"):
            try:
                told = json.loads(path.read_text(encoding="utf-8"))
                state = State(told["state"])
                if state in (State.QUEUED, State.RUNNING):
                    state = State.INTERRUPTED
                order = Order.model_validate(told["order"])
                found.append(Job(path.stem, order, state, "", error=told["error"], began=told["began"]))
            except (OSError, ValueError, KeyError):
                continue  # another version's, or broken: the scan itself is in its folder
        return found
