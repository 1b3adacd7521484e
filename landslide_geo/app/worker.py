"""The process of one scan: told its task in a line, tells how far it is in lines, ends when nobody listens any more.

A process of its own can be ended at any moment and leaves a work folder that the next one takes up. What it tells are
JSON objects: ``{"stage": …}`` when something begins, ``{"done": n, "total": n}`` of windows, and last
``{"result": …}`` or ``{"error": …, "mendable": …}``.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from landslide_geo.app.orders import Task
from landslide_geo.errors import LandslideError

Tell = Callable[[dict[str, Any]], None]


def main() -> int:
    """Read a task from standard input, do it, and tell on standard output."""
    task = Task.model_validate_json(sys.stdin.readline())
    out = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what libraries print must not look like an answer
    threading.Thread(target=_end_with, args=(sys.stdin,), daemon=True).start()

    def tell(message: dict[str, Any]) -> None:
        out.write(json.dumps(message) + "\n")

    try:
        tell({"result": run(task, tell)})
    except LandslideError as error:
        tell({"error": " ".join(str(error).split()), "mendable": True})
    except Exception as error:
        tell({"error": f"unexpected {type(error).__name__}: {error}", "mendable": False})
        return 1
    return 0


def run(task: Task, tell: Tell) -> dict[str, Any]:
    """Fetch or make the scene where it must be, and scan it.

    Returns:
        ``summary`` of ``scan.json``.

    Raises:
        LandslideError: something the user can mend.
    """
    from landslide_geo.config import ScanParams, validated
    from landslide_geo.pipeline.scan import scan

    sources: list[str] | tuple[str, ...] = task.sources
    dem, event, name, credits = task.dem, task.event, task.name, ""
    if task.fetch is not None:
        from landslide_geo.scene.fetch import fetch_scene

        tell({"stage": "fetching the scene"})
        fetched = fetch_scene(
            task.fetch, Path(task.scenes), mirror=None if task.mirror is None else Path(task.mirror),
            progress=lambda file: tell({"stage": f"fetching {file}"}),
        )  # fmt: skip
        sources, dem, credits = fetched.sources, str(fetched.dem), fetched.sample.credits
        event, name = event or fetched.sample.event, name or fetched.sample.event[0]
    if task.ingest is not None:
        sources = [str(_ingested(task, tell))]
    tell({"stage": "preparing the bands"})
    params = validated(ScanParams, task.params, where="the page")
    result = scan(
        sources, task.out, dem=dem, dem_unit=task.dem_unit, aoi=task.aoi, params=params, date=task.date,
        date_pre=task.date_pre, event=event, name=name, credits=credits, resume=True,
        progress=lambda done, total: tell({"done": done, "total": total}),
    )  # fmt: skip
    return dict(result.summary)


def _ingested(task: Task, tell: Tell) -> Path:
    """Make a scene before and after the event with the optical bands that the model looks at."""
    from landslide_geo.bands import PRE, is_optical
    from landslide_geo.config import validated
    from landslide_geo.config.ingesting import IngestParams
    from landslide_geo.models.ensemble import open_ensemble
    from landslide_geo.pipeline.ingest import ingest

    assert task.ingest is not None
    bands = dict.fromkeys(
        name.removeprefix(PRE) for name in open_ensemble(task.params["model"]).bands if is_optical(name)
    )
    given = {"stac": task.stac, "max_cloud": task.max_cloud, "bands": tuple(bands) or None}
    params = validated(
        IngestParams, {key: value for key, value in given.items() if value is not None}, where="the page"
    )
    out = Path(task.scenes) / Path(task.out).name
    ingest(out, aoi=task.aoi, event=task.ingest.isoformat(), params=params, progress=lambda text: tell({"stage": text}))
    return out


def _end_with(parent: IO[str]) -> None:
    """End this process when the other end of its standard input is closed: the page was stopped, or killed."""
    parent.read()
    if os.getpgrp() == os.getpid():  # with what it started
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
