"""Which model is in service: each is copied into the region when it goes there, so that going back is one step."""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from landslide_geo.errors import PromotionError, SourceNotFoundError
from landslide_geo.files import clear_parts, make_parent, replacing_folder, write_json
from landslide_geo.models import open_ensemble
from landslide_geo.models.bundle import find_bundle, list_bundles
from landslide_geo.models.ensemble import is_ensemble
from landslide_geo.models.manifest import MANIFEST
from landslide_geo.regions.history import now
from landslide_geo.regions.region import Region, model_of

RECORD: Final = "models.json"


def in_service(region: Region) -> str:
    """The model that scans of a region take: the promoted one, or the one of its file.

    Raises:
        PromotionError: the record cannot be read.
    """
    current = _current(region)
    return model_of(region) if current is None else _found(region, current["model"])


def promote(
    region: Region,
    model: str,
    metrics: Mapping[str, float],
    *,
    metric: str = "f1",
    reason: str = "",
    force: bool = False,
) -> dict[str, Any]:
    """Put a model into service, if it is better than the one that is.

    Args:
        region: whose scans take it from now on.
        model: name of a shipped bundle, or a bundle's folder, of which a copy is kept.
        metrics: of the model on held-out data that the one in service was measured on as well.
        metric: that decides, the larger the better.
        reason: for the record.
        force: although it is no better, or nothing is known of the one in service.

    Returns:
        The entry of the record.

    Raises:
        PromotionError: it is no better, or the metric is missing.
        BundleError: it is no model.
    """
    value = metrics.get(metric)
    if value is None or not math.isfinite(value):
        known = ", ".join(sorted(metrics)) or "none"
        raise PromotionError(f"{model}: its metrics have no {metric} (they have: {known}); name another with --metric")
    loaded = open_ensemble(model)
    current = _current(region)
    before = None if current is None else current["metrics"].get(metric)
    if current is not None and not force and (before is None or not value > before):
        held = f"has no {metric} on record" if before is None else f"has {before:.4f}"
        raise PromotionError(
            f"{model}: {metric} {value:.4f} is not better than the model in service, which {held}; keep that one, or "
            "put this one into service all the same with --force"
        )
    entry = {
        "action": "promote",
        "model": _kept(region, model, loaded.sha256),
        "name": loaded.name,
        "sha256": loaded.sha256,
        "metrics": {name: float(number) for name, number in metrics.items()},
        "metric": metric,
        "reason": reason,
        "from": str(model),
        "at": now(),
    }
    _write(region, [*promotions(region), entry])
    return entry


def rollback(region: Region, *, reason: str = "") -> dict[str, Any]:
    """Go back to the model that was in service before; again, to the one before that.

    Returns:
        The entry of the record; its model is none where that of the region's file is in service again.

    Raises:
        PromotionError: there is none before.
    """
    stack = _stack(promotions(region))
    if not stack:
        raise PromotionError(f"{region.name}: the model of {region.file} is in service, there is none to go back to")
    left, now_on = stack[-1], stack[-2] if len(stack) > 1 else None
    entry = {
        "action": "rollback",
        "model": None if now_on is None else now_on["model"],
        "name": None if now_on is None else now_on["name"],
        "left": left["name"],
        "left_sha256": left["sha256"],
        "reason": reason,
        "at": now(),
    }
    _write(region, [*promotions(region), entry])
    return entry


def read_metrics(path: Path) -> dict[str, float]:
    """Scores of a file that ``landslide evaluate`` wrote, those that are numbers.

    Raises:
        SourceNotFoundError: there is no such file.
        PromotionError: it holds none.
    """
    if not path.is_file():
        raise SourceNotFoundError(f"{path}: no such file of scores; write it with landslide evaluate")
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        found = {name: float(value) for name, value in values.items() if isinstance(value, int | float)}
    except (ValueError, AttributeError) as error:
        raise PromotionError(f"{path}: holds no scores ({error}); write it with landslide evaluate") from None
    return found


def promotions(region: Region) -> list[dict[str, Any]]:
    """The record: every promotion and rollback, the oldest first.

    Raises:
        PromotionError: it cannot be read.
    """
    path = region.folder / RECORD
    if not path.exists():
        return []
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))["entries"]
        return [entry for entry in entries if entry["action"] in ("promote", "rollback")]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PromotionError(f"{path}: cannot be read ({error}); restore it from a copy") from None


def _stack(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Promotions that were not gone back on, the one in service last."""
    stack: list[dict[str, Any]] = []
    for entry in entries:
        if entry["action"] == "promote":
            stack.append(entry)
        elif stack:
            stack.pop()
    return stack


def _current(region: Region) -> dict[str, Any] | None:
    stack = _stack(promotions(region))
    return stack[-1] if stack else None


def _kept(region: Region, model: str, sha256: str) -> str:
    """How the record names a model: a shipped one by name, any other by the folder of its copy in the region."""
    if model in list_bundles():
        return model
    source = find_bundle(model)
    name = f"{source.name}-{sha256[:12]}"
    target = region.models / name
    if not target.exists():
        make_parent(target)
        clear_parts(target)
        with replacing_folder(target) as made:
            shutil.copytree(source, made, dirs_exist_ok=True)
            if is_ensemble(source):
                _keep_members(source, made)
    return f"models/{name}"


def _keep_members(source: Path, made: Path) -> None:
    """Copy the members of an ensemble into its copy, which names them there: training may write over their folders."""
    stated = json.loads((made / MANIFEST).read_text(encoding="utf-8"))
    for number, member in enumerate(stated["members"]):
        if member["bundle"] not in list_bundles():
            folder = Path("members") / f"{number}-{Path(member['bundle']).name}"
            shutil.copytree(Path(os.path.normpath(source / member["bundle"])), made / folder)
            member["bundle"] = folder.as_posix()
    write_json(made / MANIFEST, stated)


def _found(region: Region, told: str) -> str:
    folder = region.folder / told
    return str(folder) if folder.is_dir() else told


def _write(region: Region, entries: list[dict[str, Any]]) -> None:
    path: Path = region.folder / RECORD
    make_parent(path)
    write_json(path, {"entries": entries})
