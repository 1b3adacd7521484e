"""Getting published datasets, from a mirror folder or the network.

Whatever comes is checked by the checksums of its host, where that publishes some, and by the listing of its own reader.
"""

from __future__ import annotations

import filecmp
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from threading import Lock, local
from typing import Any, Final

import requests

from landslide_geo.chips.catalogue import DATASETS, Dataset
from landslide_geo.chips.download import ARCHIVES, MIRROR_HINT, Remote, confined, download, matches, unpack
from landslide_geo.errors import (
    DatasetError,
    FetchError,
    LandslideError,
    OutputError,
    ParameterError,
    SourceNotFoundError,
)
from landslide_geo.files import replacing
from landslide_geo.parallel import in_order

_THREADS: Final = 8
_DEPTH: Final = 4


@dataclass(frozen=True)
class Plan:
    """What is to be had, before any of it is.

    Attributes:
        dataset: that it belongs to.
        parts: of it.
        files: of its host; none from a mirror.
        copies: paths in a mirror by where they go, below the dataset's folder.
        size: of all in bytes; none where the host does not tell.
    """

    dataset: Dataset
    parts: tuple[str, ...]
    files: tuple[Remote, ...] = ()
    copies: dict[str, Path] = field(default_factory=dict)
    size: int | None = None


@dataclass(frozen=True)
class Fetched:
    """A dataset on this machine.

    Attributes:
        dataset: that was fetched.
        roots: what its reader takes, by part.
        counts: patches of each split, by part.
        checked: how it was.
        problem: what its reader says of a copy that is not whole; empty where it is.
    """

    dataset: Dataset
    roots: dict[str, Path]
    counts: dict[str, dict[str, int]]
    checked: str
    problem: str = ""


def plan_dataset(
    name: str, *, mirror: Path | None = None, parts: tuple[str, ...] = (), base: str | None = None
) -> Plan:
    """Find out what is to be had; nothing is written.

    Args:
        name: one of `DATASETS`.
        mirror: folder that holds copies of datasets, or the dataset itself; then the network is not asked.
        parts: of the dataset; none takes the usual ones.
        base: beginning of the host's addresses instead of its own.

    Raises:
        ParameterError: no dataset or part has that name.
        SourceNotFoundError: the mirror does not hold it.
        FetchError: the host does not answer, or wants credentials that are missing; or only people can have it.
    """
    if name not in DATASETS:
        raise ParameterError(f"no dataset is called {name!r}; there are: {', '.join(DATASETS)}")
    dataset = DATASETS[name]
    if unknown := next((part for part in parts if part not in dataset.parts), None):
        known = ", ".join(part for part in dataset.parts if part) or "none"
        raise ParameterError(f"{name} has no part {unknown!r}; its parts are: {known}")
    chosen = parts or dataset.usual
    if mirror is not None:
        copies = _mirrored(dataset, chosen, mirror)
        return Plan(dataset, chosen, copies=copies, size=sum(path.stat().st_size for path in copies.values()))
    if dataset.host is None:
        raise FetchError(f"{name} cannot be had by a program: {dataset.by_hand}; unpack it, {MIRROR_HINT}")
    host = dataset.host if base is None else replace(dataset.host, base=base)  # type: ignore[type-var]
    with requests.Session() as session:
        files = tuple(
            file for part in chosen for file in host.files(dataset.parts[part], session) if not _is_hidden(file)
        )
    if not files:
        raise FetchError(f"{host.address}: holds none of the files of {name}; the source may have moved, {MIRROR_HINT}")
    sizes = [file.size for file in files]
    size = None if None in sizes else sum(size for size in sizes if size is not None)
    return Plan(dataset, chosen, files=files, size=size)


def _is_hidden(file: Remote) -> bool:
    return file.path.rpartition("/")[2].startswith(".")


def fetch_dataset(plan: Plan, to: Path, *, progress: Callable[[int, int], None] = lambda done, total: None) -> Fetched:
    """Have what was planned; what is there already is kept, so that an interrupted fetch goes on where it was.

    Args:
        plan: of `plan_dataset`.
        to: folder the dataset's folder is made in.
        progress: called with the number of bytes that have come, and of all; 0 where that is not known.

    Raises:
        FetchError: the network failed.
        ChecksumError: a file is damaged, or not what its host tells of.
        DatasetError: an archive would write outside of the folder, or what came is not what the reader expects.
        OutputError: ``to`` cannot be written, or has no room.
    """
    folder = to / plan.dataset.name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise OutputError(f"{folder}: cannot be made ({error.strerror}); choose a folder you can write") from None
    wanted = _targets(plan, folder)
    if (lacking := outstanding(plan, to) or 0) > free:
        raise OutputError(
            f"{folder}: {lacking:,} bytes are to come, but there is room for {free:,} only; name another --to"
        )
    tell = _Progress(progress, plan.size or 0)
    if plan.copies:
        for path, source in plan.copies.items():
            _copy(source, folder / path)
            tell(source.stat().st_size)
    for _ in in_order(partial(_have, tell=tell, sessions=local()), wanted, threads=_THREADS):
        pass
    return _checked(plan, folder)


def outstanding(plan: Plan, to: Path) -> int | None:
    """Bytes that are still to come by the network; none where the host does not tell."""
    lacking = [
        (target, file)
        for target, file in _targets(plan, to / plan.dataset.name)
        if not target.exists() and not _mark(target).exists()
    ]
    if any(file.size is None for _, file in lacking):
        return None
    return sum(file.size or 0 for _, file in lacking)


def _targets(plan: Plan, folder: Path) -> list[tuple[Path, Remote]]:
    return [(confined(folder, file.path, of=plan.dataset.name), file) for file in plan.files]


class _Progress:
    """Bytes so far; threads tell of theirs."""

    def __init__(self, progress: Callable[[int, int], None], total: int) -> None:
        self._progress, self._total, self._done, self._lock = progress, total, 0, Lock()

    def __call__(self, count: int) -> None:
        with self._lock:
            self._done += count
            self._progress(self._done, self._total)


def _have(wanted: tuple[Path, Remote], *, tell: _Progress, sessions: Any) -> None:
    target, remote = wanted
    mark, is_archive = _mark(target), target.name.endswith(ARCHIVES)
    stamp = f"{remote.size} {remote.checksum}"
    if is_archive and mark.exists() and mark.read_text(encoding="utf-8") == stamp:
        tell(remote.size or 0)
        return
    if target.exists() and matches(target, remote) and (remote.size is not None or is_archive):
        tell(remote.size or 0)
    else:
        if not hasattr(sessions, "own"):
            sessions.own = requests.Session()  # one for each thread
        download(remote, target, sessions.own, received=tell)
    if not is_archive:
        return
    try:
        unpack(target, target.parent)
    except OutputError:
        raise
    except LandslideError:
        target.unlink()  # or the next run would take it for whole
        raise
    with replacing(mark) as part:
        part.write_text(stamp, encoding="utf-8")
    target.unlink()


def _mark(archive: Path) -> Path:
    """A file that stands beside what was in an archive once that is all unpacked."""
    return archive.with_name(f".{archive.name}.unpacked")


def _mirrored(dataset: Dataset, parts: tuple[str, ...], mirror: Path) -> dict[str, Path]:
    """Files of a mirror by where they go."""
    if not mirror.is_dir():
        raise SourceNotFoundError(f"{mirror}: no such mirror; name a folder with copies of datasets")
    folder = next((mirror / name for name in dataset.mirrors if (mirror / name).is_dir()), mirror)
    # The mirror may be the dataset itself; then it is not searched, for it may be a folder of anything.
    depth = 0 if folder is mirror and "" in dataset.parts else _DEPTH
    roots = {root for part in parts if (root := _root(dataset, folder, part, depth=depth)) is not None}
    if not roots:
        raise SourceNotFoundError(
            f"{mirror}: this mirror does not hold {dataset.name} (looked for {', '.join(dataset.mirrors)}); leave out "
            "--mirror to use the network"
        )
    return {
        str(path.relative_to(folder)): path
        for root in sorted(roots)
        for path in sorted(root.rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    }


def _root(dataset: Dataset, folder: Path, part: str, *, depth: int = _DEPTH) -> Path | None:
    """What the reader takes, at or below a folder; the highest."""
    level = [folder]
    for _ in range(depth + 1):
        if found := next((each for each in level if dataset.is_root(each, part)), None):
            return found
        level = list(_folders(level))
    return None


def _folders(level: list[Path]) -> Iterator[Path]:
    for folder in level:
        yield from sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def _copy(source: Path, target: Path) -> None:
    if target.exists() and filecmp.cmp(source, target, shallow=False):
        return
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"{target.parent}: cannot be made ({error.strerror}); choose a folder you can write"
        ) from None
    with replacing(target) as part:
        shutil.copyfile(source, part)


def _checked(plan: Plan, folder: Path) -> Fetched:
    dataset = plan.dataset
    roots: dict[str, Path] = {}
    counts: dict[str, dict[str, int]] = {}
    problem = ""
    for part in plan.parts:
        root = _root(dataset, folder, part)
        try:
            if root is None:
                raise DatasetError(
                    f"{folder}: what came is not {dataset.name} as its reader knows it; the source may have changed"
                )
            if root in roots.values():
                continue
            listed = dataset.reader(root, seed=0).splits
        except DatasetError as error:
            if not plan.copies:
                raise
            problem = str(error)
        else:
            counts[part] = {split: len(entries) for split, entries in listed.items() if entries}
        if root is not None:
            roots[part] = root
    told = [file for file in plan.files if file.checksum is not None]
    if plan.copies:
        checked = "copied from a mirror, byte for byte"
    elif len(told) == len(plan.files):
        checked = "checksums of its host agree"
    else:
        checked = f"no checksum published for {len(plan.files) - len(told):,} of {len(plan.files):,} files"
    return Fetched(dataset, roots, counts, checked, problem)
