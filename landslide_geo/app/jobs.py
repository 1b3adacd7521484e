"""Scans in the background: one at a time, each in a process that can be cancelled at any moment and taken up again."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Final

from landslide_geo.app.closed import environment
from landslide_geo.app.folder import AppFolder, safe_name
from landslide_geo.app.job import RESUMABLE, Job, State
from landslide_geo.app.orders import Order, Task, area_of, task_of
from landslide_geo.app.uploads import Uploads
from landslide_geo.errors import LandslideError, OutputError, ParameterError, SourceNotFoundError
from landslide_geo.files import remove_folder, write_json
from landslide_geo.pipeline.workspace import RECORD

#: Seconds that a process has to end by itself.
_PATIENCE: Final = 5.0
#: Jobs that may wait.
_QUEUE: Final = 20


class Jobs:
    """The jobs of a work folder, which survive the page: what was running when it ended can be taken up.

    Args:
        folder: the work folder.
        uploads: of it.
        stac: address of the catalogue for new scenes; none: the default one.
        mirror: folder with copies of sample scenes.
        before: environment of the processes of scans; none: that of this one.
    """

    def __init__(
        self, folder: AppFolder, uploads: Uploads, *, stac: str | None = None, mirror: Path | None = None,
        before: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        self._folder, self._uploads, self._stac, self._mirror = folder, uploads, stac, mirror
        self._before = os.environ if before is None else before
        self._jobs = {job.id: job for job in self._read()}
        self._waiting: deque[Job] = deque()
        self._process: subprocess.Popen[str] | None = None
        self._current: Job | None = None
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
            job.forget()
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
                self._stop()
                self._settle(job, State.CANCELLED)
        return job

    def remove(self, id: str) -> None:
        """Forget a job, and what it left unfinished; the folder of a finished scan stays.

        Raises:
            SourceNotFoundError: there is none of this name.
            ParameterError: it is under way.
        """
        with self._changed:
            job = self.get(id)
            if job.state in (State.QUEUED, State.RUNNING) or job is self._current:
                raise ParameterError(f"{id}: is under way; cancel it first")
            del self._jobs[id]
            for path in (self._area(id), self._folder.jobs / f"{id}.json"):
                path.unlink(missing_ok=True)
            left = self._folder.scans / id
            if not (left / RECORD).exists():
                remove_folder(left)

    def close(self) -> None:
        """Stop what runs, as a kill would."""
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._stop()
            self._changed.notify_all()
        self._thread.join(timeout=2 * _PATIENCE)

    def _enqueue(self, job: Job) -> None:
        before = job.state
        try:
            self._settle(job, State.QUEUED)
        except OutputError:
            job.state = before
            raise
        self._jobs[job.id] = job
        self._waiting.append(job)
        self._changed.notify_all()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed)
                if self._closed:
                    return
                self._current = job = self._waiting.popleft()
                job.state = State.RUNNING
            try:
                with self._changed:
                    self._keep(job)
                state, error = self._run(job)
            except LandslideError as problem:
                state, error = State.FAILED, " ".join(str(problem).split())
            except Exception as problem:  # whatever it was, the next scan must not wait for ever
                state, error = State.FAILED, f"the scan could not be started ({type(problem).__name__}: {problem})"
            with self._changed:
                self._process = self._current = None
                if job.state is State.RUNNING:  # nobody cancelled it
                    job.state, job.error = (State.INTERRUPTED, None) if self._closed else (state, error)
                    with contextlib.suppress(OutputError):  # a full disk: the page still tells
                        self._keep(job)

    def _run(self, job: Job) -> tuple[State, str | None]:
        task = self._task(job)
        with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as said:
            process = subprocess.Popen(
                [sys.executable, "-m", "landslide_geo.app.worker"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=said, text=True, encoding="utf-8", errors="replace", cwd=self._folder.root,
                env=environment(network=task.reaches_out, before=self._before),
                start_new_session=True,  # Ctrl-C is for the page, which ends it in good order
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
            if job.state is State.RUNNING:  # and not cancelled, or waiting to be taken up
                job.hear(last)
        return last

    def _stop(self) -> None:
        """End the process, whatever it is at; its folder is made for that."""
        if self._process is not None and self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)  # and what it started

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
        self._keep(job)

    def _keep(self, job: Job) -> None:
        """Write down how a job is.

        Raises:
            OutputError: the disk is full.
        """
        record = {
            "order": job.order.model_dump(mode="json"), "state": job.state.value, "error": job.error,
            "began": job.began,
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
