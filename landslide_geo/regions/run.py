"""The steps of a region's night, each a function of its own that does nothing where its outputs are there.

Whoever runs them: `run_region` in one process, or a workflow engine, with paths and keys between the steps. What is
finished is known by files and by the running inventory, so a night that was killed is gone on with by starting it anew.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from landslide_geo.errors import (
    BrokenScanError,
    LandslideError,
    LockLostError,
    NoAcquisitionError,
    NoAnswerError,
    OutputError,
    ParameterError,
    RegionBusyError,
    SourceNotFoundError,
)
from landslide_geo.files import clear_removed, remove_folder
from landslide_geo.models import open_ensemble
from landslide_geo.pipeline.ingest import ingest
from landslide_geo.pipeline.scan import scan
from landslide_geo.pipeline.workspace import RECORD
from landslide_geo.regions.acquisitions import find_new
from landslide_geo.regions.blame import is_full, is_held
from landslide_geo.regions.history import Entry, History
from landslide_geo.regions.inventory import applied_scans, apply_scan, fence
from landslide_geo.regions.lock import TERM_S, Lease, holding
from landslide_geo.regions.promotion import in_service
from landslide_geo.regions.publishing import publish
from landslide_geo.regions.region import Region

Tell = Callable[[str], None]


@contextmanager
def region_lease(region: Region, *, wait_s: float = 0.0, term_s: float = TERM_S) -> Iterator[Lease]:
    """Hold a region while the block runs; the lease may be handed to other processes.

    Raises:
        RegionBusyError: another run holds it.
    """
    with holding(region.history, floor=fence(region.inventory), wait_s=wait_s, term_s=term_s) as lease:
        yield lease


def pending(region: Region) -> list[str]:
    """Keys of acquisitions that are to be scanned, oldest first."""
    return [entry.key for entry in History(region.history).entries("new")]


def prepare_scene(region: Region, key: str, *, tell: Tell | None = None) -> Path:
    """Load an acquisition and the best earlier one; returns the scene's folder.

    Raises:
        NoAcquisitionError: it hides or misses too much, or there is no earlier one.
        LandslideError: anything else that went wrong.
    """
    entry = History(region.history).entry(key)
    first, last = (dt.datetime.fromisoformat(when) for when in (entry.first, entry.last))
    second = dt.timedelta(seconds=1)
    since, until = _earlier(region, first)
    if until >= first - second:
        raise NoAcquisitionError(
            f"{key}: is not later than the earlier image is to be ({until:%Y-%m-%d}); see reference"
        )
    target = region.scenes / key
    ingest(
        target, **region.area, datetime=f"{(first - second).isoformat()}/{(last + 2 * second).isoformat()}",
        pre_datetime=f"{since.isoformat()}/{until.isoformat()}", params=region.params.ingest,
        overwrite=True, progress=tell,
    )  # fmt: skip
    return target


def scan_scene(
    region: Region, key: str, *, workers: int | None = None, scheduler: str | None = None, progress: bool = False
) -> Path:
    """Scan a prepared scene with the model in service; returns the scan's folder.

    Args:
        region: of the scene.
        key: of its acquisition.
        workers: as `landslide_geo.scan` takes it.
        scheduler: likewise.
        progress: show a bar.

    Raises:
        LandslideError: the scene or the model cannot be used.
    """
    params, event = region.params, region.params.event
    result = scan(
        region.scenes / key, region.scans / key, dem=region.beside(params.dem), aoi=region.beside(params.aoi),
        params=params.scan.model_copy(update={"model": in_service(region)}), name=key, resume=True, overwrite=True,
        event=None if event is None else (event.name, event.day), progress=progress, workers=workers,
        scheduler=scheduler,
    )  # fmt: skip
    return result.out


def apply(region: Region, key: str, lease: Lease) -> dict[str, Any]:
    """Enter a finished scan into the running inventory; returns what that did.

    Raises:
        LockLostError: another run has taken the region over.
        BrokenScanError: the scan cannot be used.
        OutputError: another program holds the inventory, or it cannot be written.
        InventoryError: the inventory cannot be used.
    """
    when = _day(region, key)
    done = apply_scan(
        region.inventory, region.scans / key / "landslides.gpkg", scan_id=key, when=when,
        after_detections=region.params.after_detections, token=lease.token, guard=lease.check,
    )  # fmt: skip
    History(region.history).mark(key, "done", detail=dict(done.counts))
    if not region.params.keep_scenes:
        remove_folder(region.scenes / key)
    return done.counts | {"fresh": done.fresh}


def settle(region: Region, key: str, error: Exception) -> Entry:
    """Note that an acquisition could not be prepared or scanned: it is skipped, tried again, or parked.

    Raises:
        LandslideError: the error itself, where the acquisition is not to blame: a catalogue that does not answer, a
            region held by another run, a history held by another program.
        OutputError: the disk is full.
    """
    history = History(region.history)
    if isinstance(error, NoAcquisitionError):
        history.mark(key, "skipped", reason=str(error))
        return history.entry(key)
    if isinstance(error, (LockLostError, RegionBusyError, NoAnswerError)) or is_held(error):
        raise error
    if is_full(error, region.folder):
        said = " ".join(str(error).split())
        raise OutputError(f"{region.folder}: the disk is full ({said}); free some space and run again") from error
    told = str(error) if isinstance(error, LandslideError) else f"unexpected {type(error).__name__}: {error}"
    return history.failed(key, " ".join(told.split()), attempts=region.params.attempts)


def retry(region: Region, key: str) -> Entry:
    """Put an acquisition that was parked or skipped among those to be scanned again.

    Raises:
        ParameterError: there is no such acquisition, or it is done.
    """
    history = History(region.history)
    entry = history.entry(key)
    if entry.state == "done":
        raise ParameterError(f"{key}: is done; landslide region status lists what was parked or skipped")
    history.mark(key, "new")
    return history.entry(key)


@dataclass(frozen=True)
class Steps:
    """The steps of a night, which a workflow engine may wrap: each is called with keywords, and does what it says.

    Attributes:
        find: as `find_new`.
        prepare: as `prepare_scene`.
        scan: as `scan_scene`.
        enter: as `apply`.
        publish: as `landslide_geo.regions.publishing.publish`.
        done: is told the summary so far, after each acquisition.
    """

    find: Callable[..., list[str]] = find_new
    prepare: Callable[..., Path] = prepare_scene
    scan: Callable[..., Path] = scan_scene
    enter: Callable[..., dict[str, Any]] = apply
    publish: Callable[..., dict[str, Any]] = publish
    done: Callable[[dict[str, Any]], None] = lambda summary: None


def run_region(
    region: Region,
    *,
    until: dt.datetime | None = None,
    wait_s: float = 0.0,
    workers: int | None = None,
    scheduler: str | None = None,
    tell: Tell | None = None,
    steps: Steps | None = None,
) -> dict[str, Any]:
    """A whole night of a region in this process; the same again takes up what is left.

    Args:
        region: to look after.
        until: as `find_new` takes it.
        wait_s: how long another run of the region is waited for.
        workers: as `landslide_geo.scan` takes it.
        scheduler: likewise.
        tell: is told in a few words what is done.
        steps: what does it, in place of the functions themselves.

    Returns:
        ``found`` keys, ``done`` with their counts, ``skipped``, ``failed`` and ``parked`` with reasons, and what was
        published, by sink.

    Raises:
        RegionBusyError: another run holds the region.
        FetchError: the catalogue does not answer.
        LandslideError: what no acquisition is to blame for.
    """
    say, do = tell or (lambda text: None), steps or Steps()
    summary: dict[str, Any] = {"found": [], "done": {}, "skipped": {}, "failed": {}, "parked": {}}
    with region_lease(region, wait_s=wait_s) as lease:
        _require_model(region)
        say(f"searching for acquisitions of {region.name}")
        summary["found"] = do.find(region=region, until=until)
        _clear(region)
        waiting = pending(region)
        for number, key in enumerate(waiting, start=1):
            error = _entered(region, key, lease, do, summary, say, workers=workers, scheduler=scheduler)
            if error is not None:
                entry = settle(region, key, error)
                state = "failed" if entry.state == "new" else entry.state
                summary[state][key] = entry.reason
                say(f"{key}: {state}: {entry.reason}")
                do.done(summary | {"share": number / len(waiting)})
                continue
            if region.params.event is not None and number < len(waiting):
                # After an event the first results count: others need not wait for the last image.
                say(f"publishing {key}")
                summary["published"] = do.publish(region=region, lease=lease)
            do.done(summary | {"share": number / len(waiting)})
        say("publishing")
        summary["published"] = do.publish(region=region, lease=lease)
    return summary


def _entered(
    region: Region, key: str, lease: Lease, do: Steps, summary: dict[str, Any], say: Tell, **cluster: Any
) -> Exception | None:
    """Load, scan and enter an acquisition; returns what went wrong with it, raises what is wrong with the inventory."""
    if key not in applied_scans(region.inventory):
        try:
            say(f"loading {key}")
            do.prepare(region=region, key=key, tell=say)
            say(f"scanning {key}")
            do.scan(region=region, key=key, **cluster)
        except Exception as error:
            return error
    try:
        summary["done"][key] = do.enter(region=region, key=key, lease=lease)
    except BrokenScanError as error:
        return error
    return None


def _earlier(region: Region, first: dt.datetime) -> tuple[dt.datetime, dt.datetime]:
    """From when the earlier image of an acquisition may be: the reference, before the event, or some days before."""
    params = region.params
    if params.reference is not None:
        begin, end = (dt.datetime.combine(day, dt.time(), dt.UTC) for day in params.reference)
        return begin, end + dt.timedelta(days=1)
    back = dt.timedelta(days=params.ingest.before_days)
    if params.event is not None:
        until = dt.datetime.combine(params.event.day, dt.time(), dt.UTC)
        return until - back, until
    return first - back, first - max(dt.timedelta(days=params.gap_days), dt.timedelta(seconds=2))


def _day(region: Region, key: str) -> dt.date:
    """The later date of a scan: what it tells, or else when its acquisition was."""
    try:
        told = json.loads((region.scans / key / RECORD).read_text(encoding="utf-8"))["date_post"]
    except (OSError, ValueError, KeyError, TypeError):
        told = None
    return dt.date.fromisoformat(told or History(region.history).entry(key).first[:10])


def _require_model(region: Region) -> None:
    """Look at what every scan takes: were it missing, each acquisition would fail for it, and be parked.

    Raises:
        BundleError: the model in service is gone or broken.
        SourceNotFoundError: the elevation model is gone.
    """
    open_ensemble(in_service(region))
    if (dem := region.beside(region.params.dem)) is not None and not dem.exists():
        raise SourceNotFoundError(f"{dem}: no such elevation model; check dem in {region.file}")


def _clear(region: Region) -> None:
    """Remove scenes of acquisitions that are done: a kill may have come before that."""
    if region.params.keep_scenes or not region.scenes.is_dir():
        return
    clear_removed(region.scenes)
    done = {entry.key for entry in History(region.history).entries("done")}
    for folder in region.scenes.iterdir():
        if folder.name in done:
            remove_folder(folder)
