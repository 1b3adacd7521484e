"""What analysts decided, in files: for a new scan to take over, and never to be written over."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from landslide_geo.errors import InventoryError, OutputError
from landslide_geo.inventory import Inventory
from landslide_geo.inventory.geopackage import read_inventory
from landslide_geo.inventory.traced import History, read_history, snapshot


@dataclass(frozen=True)
class Decisions:
    """What analysts decided, for a new scan to take over.

    Attributes:
        path: the file.
        inventory: its layers.
        content: checksum of what analysts may change in it.
        lineage: `landslide_geo.inventory.traced.History.lineage`.
    """

    path: Path
    inventory: Inventory
    content: str
    lineage: frozenset[str]


def read_decisions(path: str | Path) -> Decisions:
    """Read a file that `import_review` or a scan wrote.

    Raises:
        InventoryError: it was edited since, so that nobody checked the edits, or it cannot be read.
        SourceNotFoundError: there is no such file.
    """
    path = Path(path)
    with snapshot(path) as copy:
        history = read_history(copy)
        if history.edited:
            raise InventoryError(f"{path}: was edited since it was written; run landslide review import {path} first")
        return Decisions(path, read_inventory(copy), history.content, history.lineage)


def refuse_to_lose_decisions(path: Path, given: Decisions | None = None) -> None:
    """Check that what analysts decided in a file that is to be written over is in the decisions that are given.

    Raises:
        OutputError: it is not.
    """
    history = _history(path)
    if history is None or not (history.decided or (history.written is not None and history.edited)):
        return
    lineage = frozenset() if given is None else given.lineage
    if history.content in lineage or (not history.edited and history.sources and history.sources <= lineage):
        return
    raise OutputError(
        f"{path}: holds what analysts decided; run landslide review import {path} and give the result to landslide "
        "scan with --reviewed, or write elsewhere with --out"
    )


def refuse_to_lose_edits(path: Path) -> None:
    """Check that a file which is to be written over holds no edits of its own.

    Raises:
        OutputError: it does.
    """
    history = _history(path)
    if history is not None and history.written is not None and history.edited:
        raise OutputError(
            f"{path}: was edited since it was written; run landslide review import {path}, or name another file with "
            "--out"
        )


def _history(path: Path) -> History | None:
    """None where there is no inventory."""
    try:
        return read_history(path) if path.exists() else None
    except InventoryError:
        return None
