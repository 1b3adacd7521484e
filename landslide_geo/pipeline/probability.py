"""The first half of a scan: probability and uncertainty rasters from a scene and models."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landslide_geo.config import FixedParams, ScanParams
from landslide_geo.files import write_json
from landslide_geo.inference.budget import check_budget
from landslide_geo.inference.coarse import coarse_geobox, coarsened
from landslide_geo.inference.members import entropy
from landslide_geo.inference.normalise import Normalised, NormalisedSource, scene_statistics
from landslide_geo.inference.progress import reporting
from landslide_geo.inference.run import Cluster, Work, compute
from landslide_geo.inference.screening import raw_bands, screen_of
from landslide_geo.inference.sight import Sight
from landslide_geo.inference.skipping import Screen, Skips, flat_windows, outside_aoi
from landslide_geo.inference.store import StripStore
from landslide_geo.inference.symmetries import Symmetry
from landslide_geo.inference.units import factor
from landslide_geo.inference.windows import WindowGrid
from landslide_geo.models import Ensemble
from landslide_geo.models.prefilter import Prefilter
from landslide_geo.pipeline.predictor import groups, settled
from landslide_geo.pipeline.record import Timings
from landslide_geo.scene.cog import tile_blocks, write_cog
from landslide_geo.scene.grid import Block
from landslide_geo.scene.scene import Scene
from landslide_geo.units import RATIO

FloatArray = NDArray[np.float32]

PROBABILITY = "probability.tif"
UNCERTAINTY = "uncertainty.tif"


@dataclass(frozen=True)
class Question:
    """What is asked of a scene.

    Attributes:
        model: a model or an ensemble.
        grid: windows over the scene.
        batch_size: windows in a call that suit the network (`WindowGrid.batch` has the last word).
        symmetries: that every member is averaged over.
        params: of the scan.
        threshold: decision threshold, written to the rasters.
        screen: a cheap filter asked before the network, which sees windows as it does.
        prefilter: that of a bundle, which sees raw bands, instead.
        cluster: who computes.
        sight: which of the model's bands the scene has.
    """

    model: Ensemble
    grid: WindowGrid
    batch_size: int
    symmetries: Sequence[Symmetry]
    params: ScanParams
    threshold: float
    screen: Screen | None
    prefilter: Prefilter | None
    cluster: Cluster
    sight: Sight


def write_probability(
    folder: Path, scene: Scene, question: Question, *, timings: Timings, progress: bool | Callable[[int, int], None]
) -> dict[str, Any]:
    """Write ``probability.tif`` and ``uncertainty.tif`` into a folder, where they are not there yet.

    Finished strips that an interrupted run left in the folder are taken up.

    Returns:
        What became of the windows, and what ran the networks: ``windows`` and ``backend`` of ``scan.json``.

    Raises:
        LandslideError: something the user can mend.
    """
    finished = folder / "windows.json"
    if all(path.exists() for path in (finished, folder / PROBABILITY, folder / UNCERTAINTY)):
        return dict(json.loads(finished.read_text(encoding="utf-8")))
    grid, params = question.grid, question.params
    batch = grid.batch(question.batch_size)
    with timings.step("statistics"):
        statistics = _statistics(folder.absolute(), scene, question)
        raw = None if question.prefilter is None else raw_bands(question.prefilter, scene)
        source = NormalisedSource(scene.absolute(), statistics, raw, sight=question.sight)
        screen = question.screen
        if question.prefilter is not None:
            screen = screen_of(question.prefilter, source.raw_channels)
        skips = Skips(
            outside_aoi(scene, grid),
            flat_windows(scene, grid, min(params.flat_slope_deg, params.min_slope_deg / 2)),
        )
    answers = len(question.symmetries) * len(question.model.models)
    check_budget(grid, source.count, batch, params.memory_mb, answers=answers)
    store = StripStore(folder / "strips", grid)
    with timings.step("back end"):
        predictor, told = settled(
            question.model, source, grid, skips, batch_size=batch, over=question.symmetries, params=params,
            threshold=question.threshold, memory=folder / "backend.json",
        )  # fmt: skip
        if told["fresh"]:
            # What another back end computed is never mixed with what this one will: first away with it, then the note.
            store.remove()
            store = StripStore(store.folder, grid)
            write_json(folder / "backend.json", told)
    resumed = store.finished()
    work = Work(source, predictor, grid, question.batch_size, skips, screen, predictor.callers)
    with timings.step("network", shown=False), reporting(progress, len(grid), "windows") as report:
        tally = compute(work, store, question.cluster, memory_mb=params.memory_mb, report=report)
    with timings.step("rasters"):
        _write_rasters(folder, scene, store, question)
    result = {
        "windows": {
            "total": tally.total,
            "run": tally.run,
            "repeated": tally.repeated,
            "skipped": tally.skipped,
            "forward_passes_saved": round(sum(tally.skipped.values()) / tally.total, 4),
            "strips_resumed": resumed,
            "size": grid.window,
            "overlap": grid.overlap,
            "overlap_cost": round(grid.overlap_cost, 3),
        },
        "backend": {key: value for key, value in told.items() if key != "fresh"},
    }
    write_json(finished, result)
    store.remove()
    return result


def statistics_of(folder: Path) -> list[dict[str, Any]]:
    """The statistics that the scene was normalised with, for ``scan.json``: one entry for each way of normalising."""
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("statistics-*.json"))]


def unit_factors(model: Ensemble, scene: Scene, sight: Sight) -> list[tuple[float, ...] | None]:
    """For each way that the members' bands are normalised, what turns the scene's values into their units.

    None where any linear unit will do that the bands share. The factor of a band that the scene lacks is 1.

    Raises:
        ParameterError: a member takes a unit that the scene's values cannot be turned into.
    """
    remedy = "take a model for such scenes, or bands in its unit"
    found: list[tuple[float, ...] | None] = []
    for group in groups(model):
        if not isinstance(group.params, FixedParams) and RATIO not in group.units:
            found.append(None)
            continue
        found.append(
            tuple(
                factor(band, unit, scene, who=f"model {model.name}", remedy=remedy)
                if band in (*sight.bands, *sight.made)
                else 1.0
                for band, unit in zip(group.bands, group.units, strict=True)
            )
        )
    return found


def _statistics(folder: Path, scene: Scene, question: Question) -> list[Normalised]:
    found = []
    factors = unit_factors(question.model, scene, question.sight)
    for index, group in enumerate(groups(question.model)):
        path = folder / f"statistics-{index:02d}.json"
        if not path.exists():
            statistics = scene_statistics(scene, group.bands, group.params, factors=factors[index])
            write_json(path, {"bands": group.bands} | statistics.to_json())
        found.append(Normalised(group.bands, group.params, path, factors[index]))
    return found


def _write_rasters(folder: Path, scene: Scene, store: StripStore, question: Question) -> None:
    spread = store.count > 1
    answers = len(question.symmetries) * len(question.model.models)
    geobox = scene.geobox
    stored: Callable[[Block], FloatArray] = store.read
    if question.model.task == "classification":  # one value for a window says nothing of its pixels
        geobox, stored = coarse_geobox(scene.geobox, question.grid), coarsened(store.read, question.grid)
    for name, read, what in (
        (PROBABILITY, lambda block: stored(block)[:1], "probability of landslide"),
        (
            UNCERTAINTY,
            lambda block: stored(block)[1:2] if spread else entropy(stored(block)[:1]),
            f"standard deviation over {answers} answers" if spread else "entropy (bits)",
        ),
    ):
        write_cog(
            folder / name, geobox, read, count=1, dtype="float32", nodata=np.nan, descriptions=[what],
            tags={"MODEL": question.model.name, "THRESHOLD": f"{question.threshold:.4f}"},
        )  # fmt: skip


def any_inside(scene: Scene) -> bool:
    """Whether the area of interest holds a pixel centre of the scene."""
    return any(scene.inside_aoi(block).any() for block in tile_blocks(scene.height, scene.width))
