"""Figures as Markdown, and the machine they were measured on."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.ingest import LIMIT_MB, OURS, THEIRS, Peaks
from benchmarks.memory import Growth
from benchmarks.polygons import Held
from benchmarks.rounds import Rounds
from benchmarks.scan import LIMIT, Steps
from landslide_geo.pipeline.record import installed
from landslide_geo.processor import cpuinfo

_BEGIN, _END = "<!-- benchmarks: begin -->", "<!-- benchmarks: end -->"
#: What decides how fast a CPU multiplies small numbers.
_FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_tile", "amx_bf16")
_PACKAGES = (
    "torch",
    "openvino",
    "onnxruntime",
    "rasterio",
    "numpy",
    "monai",
    "terratorch",
    "geo-inference",
    "geoai-py",
)


@dataclass(frozen=True)
class Goal:
    """A ratio that is to stay below a bound."""

    name: str
    against: str
    most: float


def machine() -> dict[str, Any]:
    """Processor, cores, what it can do with bfloat16, memory, accelerator, load, and versions."""
    import psutil
    import torch

    info = cpuinfo()
    found: dict[str, Any] = {
        "processor": info.get("model name", platform.processor() or platform.machine()),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "flags": [flag for flag in _FLAGS if flag in info.get("flags", "").split()],
        "memory_gb": round(psutil.virtual_memory().total / 2**30),
        "accelerators": [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())],
        "load_before": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        "gdal": _gdal(),
    }
    return found | installed(_PACKAGES)


def markdown(
    facts: dict[str, Any],
    rounds: Sequence[tuple[Rounds, Sequence[Goal]]],
    growths: Sequence[Growth],
    scans: Sequence[Steps],
    outlined: Sequence[tuple[Rounds, Sequence[Goal], Held]],
    *,
    quick: bool,
    ingested: Sequence[tuple[Rounds, Sequence[Goal], Peaks]] = (),
) -> str:
    """Everything as Markdown: a line on the machine, then a table for each kind of figure."""
    parts = [_described(facts)]
    if quick:
        parts.append("**Quick figures of small rasters: they show that everything runs, and nothing else.**")
    if rounds:
        parts.append(_speed_table(rounds))
    if growths:
        parts.append(_memory_table(growths))
    if scans:
        parts += [_scan_table(steps) for steps in scans]
    for timed, goals, held in outlined:
        parts.append(_speed_table([(timed, goals)]))
        parts.append(
            f"Polygons of a {held.size}² raster: {held.objects:,} objects in {held.seconds:.1f} s, "
            f"{held.growth_mb:.0f} MB."
        )
    for timed, goals, peaks in ingested:
        parts.append(_speed_table([(timed, goals)]))
        ours, theirs = (peaks.megabytes[name] for name in (OURS, THEIRS))
        parts.append(
            f"Largest memory of the whole process for a {peaks.size}² tile of six bands, classes and elevation: {OURS} "
            f"{ours:.0f} MB, {_judged(ours, LIMIT_MB)} {LIMIT_MB}; {THEIRS} {theirs:.0f} MB."
        )
    return "\n\n".join(parts) + "\n"


def write_between_marks(path: Path, text: str) -> None:
    """Put a table into a document, in place of the last one."""
    document = path.read_text(encoding="utf-8")
    before, _, rest = document.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    if not rest:
        raise ValueError(f"{path}: has no {_BEGIN}")
    path.write_text(f"{before}{_BEGIN}\n\n{text}\n{_END}{after}", encoding="utf-8")


def _described(facts: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {facts[name]}" for name in (*_PACKAGES, "gdal") if name in facts)
    accelerators = ", ".join(facts["accelerators"]) or "no accelerator"
    return (
        f"{facts['processor']}, {facts['cores']} cores ({', '.join(facts['flags']) or 'no vector flags known'}), "
        f"{facts['memory_gb']} GB, {accelerators}; Python {facts['python']}, {versions}. "
        f"Load before: {facts['load_before']}."
    )


def _speed_table(rounds: Sequence[tuple[Rounds, Sequence[Goal]]]) -> str:
    rows = []
    for timed, goals in rounds:
        for name, seconds in timed.seconds.items():
            median = timed.median(name)
            own = [goal for goal in goals if goal.name == name]
            ratios = "<br>".join(_ratio(timed, goal) for goal in own) or "–"
            spread = f"{min(seconds):.2f}–{max(seconds):.2f}"
            rows.append([timed.title, name, f"{median:.2f}", spread, f"{timed.pixels / 1e6 / median:.2f}", ratios])
    head = ["raster", "who", "median s", "least–most s", "Mpx/s", "ratio of pairs: median (least–most), goal"]
    count = len(next(iter(rounds[0][0].seconds.values())))
    return f"{count} rounds, everybody once in each:\n\n" + _table(head, rows)


def _ratio(timed: Rounds, goal: Goal) -> str:
    median, low, high = timed.ratio(goal.name, goal.against)
    return f"{median:.3f} × {goal.against} ({low:.3f}–{high:.3f}), {_judged(median, goal.most)} {goal.most:.2f}"


def _judged(value: float, most: float) -> str:
    return "≤" if value <= most else "**not** ≤"


def _memory_table(growths: Sequence[Growth]) -> str:
    first = growths[0]
    rows = []
    for growth in growths:
        ratio = growth.growth_mb / first.growth_mb
        rows.append(
            [
                f"{growth.height} × {growth.width}",
                f"{growth.before_mb:.0f}",
                f"{growth.growth_mb:.0f}",
                f"{_judged(growth.growth_mb, growth.budget_mb)} {growth.budget_mb}",
                f"{ratio:.2f}, {_judged(ratio, 1.1)} 1.10",
                f"{growth.seconds:.1f}",
            ]
        )
    head = ["height × width", "before MB", "growth MB", "budget MB", f"against {first.height} × {first.width}", "s"]
    return "Memory that a scan adds, 4 bands uint16 in, a network that costs next to nothing:\n\n" + _table(head, rows)


def _scan_table(steps: Steps) -> str:
    rows = [["start, checksums, end", f"{steps.start:.1f}"]]
    rows += [[name, f"{seconds:.1f}"] for name, seconds in steps.steps.items()]
    limit = LIMIT.get(steps.what)
    judged = "" if limit is None else f", {_judged(steps.rest, limit)} {limit:g}"
    rows += [["**all but the network**", f"**{steps.rest:.1f}**{judged}"]]
    title = (
        f"`landslide scan` of a simulated {steps.size} × {steps.size} scene, {steps.what}, {steps.landslides} "
        f"landslides; the median of {steps.rounds} by all but the network:"
    )
    return f"{title}\n\n" + _table(["step", "s"], rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _gdal() -> str:
    import rasterio

    return str(rasterio.__gdal_version__)
