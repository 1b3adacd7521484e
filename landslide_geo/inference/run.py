"""All parts of a scan that are not finished yet, in this process or on a Dask cluster."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from landslide_geo.errors import ParameterError
from landslide_geo.inference.budget import gdal_memory
from landslide_geo.inference.cluster import Parcel, connected
from landslide_geo.inference.engine import Predict, Tally, scan_columns
from landslide_geo.inference.skipping import Screen, Skips
from landslide_geo.inference.sources import WindowSource
from landslide_geo.inference.store import StripStore
from landslide_geo.inference.windows import Part, WindowGrid
from landslide_geo.memory import release, share_heap

if TYPE_CHECKING:
    from distributed import Client

#: Threads that read in one process: enough to keep tiles coming from a slow disk, few enough that open files stay few.
_READERS = 4


@dataclass(frozen=True)
class Work:
    """What is to be computed. It travels to other processes, so it holds paths and numbers, no pixels.

    Attributes:
        source: what to read.
        predict: the network.
        grid: windows over the scene.
        batch_size: windows per call of the network that suit it (`WindowGrid.batch` has the last word).
        skips: windows known not to need it.
        screen: a cheap filter asked before it.
        callers: threads that call the network at once.
    """

    source: WindowSource
    predict: Predict
    grid: WindowGrid
    batch_size: int
    skips: Skips = field(default_factory=Skips)
    screen: Screen | None = None
    callers: int = 1


@dataclass(frozen=True)
class Cluster:
    """Who computes: this process where both are None.

    Attributes:
        workers: processes of a local Dask cluster that lives as long as the scan.
        scheduler: address of a Dask scheduler that runs already.
    """

    workers: int | None = None
    scheduler: str | None = None

    def __post_init__(self) -> None:
        if self.workers is not None and self.scheduler is not None:
            raise ParameterError("workers and scheduler were both given; choose a local cluster or one that runs")
        if self.workers is not None and self.workers < 1:
            raise ParameterError(f"workers {self.workers}: must be at least 1")


def compute(work: Work, store: StripStore, cluster: Cluster, *, memory_mb: int, report: Callable[[int], None]) -> Tally:
    """Compute every strip that the store lacks.

    Returns:
        What became of all windows, those of strips that earlier runs finished included.

    Raises:
        LandslideError: something the user can mend.
    """
    if cluster.workers is None and cluster.scheduler is None:
        _run(work, store, work.grid.whole(), report, _READERS)
    else:
        parts = list(work.grid.parts())
        parcel = Parcel(work)
        # A process without a part would only take memory and time to start.
        workers = None if cluster.workers is None else min(cluster.workers, len(parts))
        with connected(workers, cluster.scheduler) as client:
            _distributed(parcel, parts, work.grid, store, client, memory_mb, report)
    return store.tally()


def _run(work: Work, store: StripStore, part: Part, report: Callable[[int], None], readers: int) -> None:
    """One part, column block after column block, so that each finds what its left neighbour left for it."""
    share_heap()
    release()
    for index in part.blocks:
        columns = work.grid.column_blocks[index]
        scan_columns(
            work.source, work.predict, work.grid, columns, part.rows,
            batch=work.grid.batch(work.batch_size), save=store.save, done=partial(store.done, columns), rims=store,
            inherit=index > part.blocks.start, skips=work.skips, screen=work.screen, progress=report,
            readers=min(readers, os.cpu_count() or 1), callers=work.callers,
        )  # fmt: skip


def _part_on_worker(
    parcel: Parcel[Work], folder: Path, mark: str, part: Part, memory_mb: int, threads: int | None
) -> None:
    """One part, in a process of the cluster. What a killed worker had finished of it is not computed again."""
    work = parcel.unpacked()
    if threads is not None:
        import torch

        torch.set_num_threads(threads)
    with gdal_memory(memory_mb):
        _run(work, StripStore(folder, work.grid, mark=mark), part, lambda windows: None, 1)


def _delivered(parcel: Parcel[Work]) -> Parcel[Work]:
    return parcel


def _distributed(
    parcel: Parcel[Work],
    parts: list[Part],
    grid: WindowGrid,
    store: StripStore,
    client: Client,
    memory_mb: int,
    report: Callable[[int], None],
) -> None:
    from distributed import as_completed

    workers = client.scheduler_info()["workers"].values()
    hosts = {worker["host"] for worker in workers}
    # On this machine the workers share the cores; elsewhere they know best themselves.
    busy = min(len(workers), len(parts))
    threads = max((os.cpu_count() or 1) // max(busy, 1), 1) if hosts <= {"127.0.0.1"} else None
    # As a task, it is made anew where every worker that held it was killed; scattered data would be lost with them.
    shared = client.submit(_delivered, parcel, pure=False)
    running = {
        client.submit(
            _part_on_worker, shared, store.folder.resolve(), store.mark, part, memory_mb, threads, pure=False
        ): part
        for part in parts
    }
    try:
        for future in as_completed(running):
            part = running[future]
            future.result()
            blocks = [grid.column_blocks[index] for index in part.blocks]
            report(len(part.rows) * (blocks[-1].last - blocks[0].first))
    finally:
        if client.status == "running":
            client.cancel(list(running))
