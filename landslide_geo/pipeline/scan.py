"""`scan`: bands and a DEM in, a folder with a styled GeoPackage and everything behind it out."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from odc.geo.geobox import GeoBox

from landslide_geo.bands import is_radar
from landslide_geo.config import ScanParams
from landslide_geo.errors import ClusterError, EmptyAOIError, LandslideError
from landslide_geo.inference.budget import gdal_memory
from landslide_geo.inference.run import Cluster
from landslide_geo.inference.screening import raw_bands
from landslide_geo.inference.sight import Sight
from landslide_geo.inference.skipping import Screen
from landslide_geo.inference.symmetries import symmetries
from landslide_geo.inventory import Inventory, Layers, Provenance, vectorize, write_geopackage
from landslide_geo.inventory.inherit import inherit, without_rejected
from landslide_geo.models import Ensemble, open_ensemble
from landslide_geo.models.prefilter import Prefilter, prefilter_files, require_bands
from landslide_geo.pipeline import layers as rasters
from landslide_geo.pipeline.decisions import Decisions, read_decisions, refuse_to_lose_decisions
from landslide_geo.pipeline.predictor import prepare
from landslide_geo.pipeline.probability import (
    Question,
    any_inside,
    statistics_of,
    unit_factors,
    write_probability,
)
from landslide_geo.pipeline.record import Timings, describe_inputs, machine, peak_memory_mb, scan_key, versions
from landslide_geo.pipeline.windows import choose_windows
from landslide_geo.pipeline.workspace import FILES, RECORD, REVIEW, Workspace
from landslide_geo.progress import showing
from landslide_geo.report import (
    quicklook,
    scan_item,
    write_item,
    write_probability_style,
    write_report,
    write_review_project,
)
from landslide_geo.scene.cloudless import MEND
from landslide_geo.scene.cog import write_view
from landslide_geo.scene.grid import crs_name, geographic_footprint, ground_sample_distance
from landslide_geo.scene.heights import HeightUnit
from landslide_geo.scene.open import asks_cloudless, doubts_of, open_scene
from landslide_geo.scene.sar import require_speckle
from landslide_geo.scene.scene import Scene
from landslide_geo.scene.stage import despeckled_once, seen_once, staged
from landslide_geo.scene.told import Level
from landslide_geo.version import __version__

Progress = bool | Callable[[int, int], None]


@dataclass(frozen=True)
class ScanResult:
    """A finished scan.

    Attributes:
        out: the folder it was written to.
        record: content of ``scan.json``.
        fresh: False where the same scan was finished before and nothing had to be done.
    """

    out: Path
    record: dict[str, Any]
    fresh: bool

    @property
    def summary(self) -> dict[str, Any]:
        """Number of landslides, total and largest area in m², seconds."""
        return dict(self.record["summary"])

    @property
    def outputs(self) -> list[Path]:
        """The files written."""
        return [self.out / name for name in self.record["outputs"]]


def scan(
    sources: Sequence[str | Path] | str | Path,
    out: str | Path,
    *,
    dem: str | Path | None = None,
    dem_unit: HeightUnit | None = None,
    aoi: str | Path | None = None,
    params: ScanParams | None = None,
    crs: str | None = None,
    resolution: float | None = None,
    date: date | None = None,
    date_pre: date | None = None,
    event: tuple[str, date] | None = None,
    name: str | None = None,
    credits: str = "",
    resume: bool = False,
    overwrite: bool = False,
    progress: Progress = False,
    screen: Screen | None = None,
    workers: int | None = None,
    scheduler: str | None = None,
    reviewed: str | Path | None = None,
) -> ScanResult:
    """Map the landslides of a scene.

    The result appears in ``out`` only when all of it is finished. A kill leaves finished parts for ``resume``; an error
    of the user's leaves nothing. The same inputs, model and parameters again do nothing.

    Args:
        sources: as `landslide_geo.open_scene` takes them.
        out: folder to write to.
        dem: elevation model, on any grid; without one slopes do not screen objects.
        dem_unit: of its values, whatever its file tells; none takes what that tells, or metres.
        aoi: vector file; only inside its polygons landslides are mapped.
        params: model, threshold, window size and so on; none takes the defaults.
        crs: of the scene's grid, instead of the one its first band suggests.
        resolution: of the scene's grid in metres, likewise.
        date: acquisition day of the scene.
        date_pre: acquisition day of its earlier bands.
        event: name and day of what triggered the landslides, written to each of them.
        name: of the scene in outputs; none takes it from the files.
        credits: what must stand on a map made from the data.
        resume: take up what an interrupted scan left.
        overwrite: replace another scan in ``out``; the same scan is kept all the same.
        progress: show a bar, or be called with (windows done, windows in all).
        screen: a cheap filter asked before the network instead of the bundle's own; it sees windows as the network
            does, normalised.
        workers: spread the windows over that many processes of a local Dask cluster.
        scheduler: address of a Dask scheduler (``tcp://…``) whose workers see the same files, instead.
        reviewed: what `landslide_geo.pipeline.review.import_review` wrote, whose decisions the result takes over.

    Raises:
        LandslideError: something the user can mend; nothing is left behind.
    """
    params = params or ScanParams()
    cluster = Cluster(workers, scheduler)
    decisions = None if reviewed is None else read_decisions(reviewed)
    model = open_ensemble(params.model)
    scene = open_scene(
        sources, dem=dem, dem_unit=dem_unit, aoi=aoi, crs=crs, resolution=resolution, date=date, date_pre=date_pre,
        gsd=model.gsd_native_m, name=name,
    )  # fmt: skip
    sight = Sight.of(scene, model.bands, model.sensors, by=f"model {model.name}")
    unit_factors(model, scene, sight)  # whether the model knows the scene's units
    if (speckle := model.speckle) is not None and any(map(is_radar, sight.bands)):
        require_speckle(speckle.kind, speckle.size, image=min(scene.height, scene.width))
    prefilter = None
    left_out: tuple[str, ...] = ()
    if params.filter and screen is None and prefilter_files(model.directory):
        bands = [band for member, _ in model.models for band in member.manifest.bands]
        prefilter = require_bands(model.directory, bands, gsd_m=model.gsd_m, of=model.name, speckle=model.speckle)
        left_out = tuple(name for name in prefilter.bands if name in sight.missing)
        if left_out:
            prefilter = None
        else:
            raw_bands(prefilter, scene)
    job = _Job(
        scene, model, params, aoi=None if aoi is None else Path(aoi), event=event, credits=credits, screen=screen,
        prefilter=prefilter, cluster=cluster, decisions=decisions, sight=sight, unfiltered=left_out,
        elevation_doubts=doubts_of(scene, told_by_user=dem_unit is not None),
    )  # fmt: skip
    space = Workspace(Path(out), job.key, partial(refuse_to_lose_decisions, given=decisions))
    if (record := space.finished()) is not None:
        return ScanResult(space.out, record, fresh=False)
    space.open(resume=resume, overwrite=overwrite)
    try:
        with gdal_memory(params.memory_mb), showing() if progress is True else nullcontext():
            record = job.run(space.partial, progress)
        space.commit(record)
    except ClusterError:
        raise  # no mistake of the user's: what was finished stays for `resume`
    except LandslideError:
        space.discard()
        raise
    finally:
        scene.close()
        space.close()
    return ScanResult(space.out, record, fresh=True)


class _Job:
    """The steps of one scan. Each writes files into the partial folder by rename, and is skipped where they are."""

    def __init__(
        self,
        scene: Scene,
        model: Ensemble,
        params: ScanParams,
        *,
        aoi: Path | None,
        event: tuple[str, date] | None,
        credits: str,
        screen: Screen | None,
        prefilter: Prefilter | None,
        cluster: Cluster,
        sight: Sight,
        unfiltered: tuple[str, ...],
        elevation_doubts: list[str],
        decisions: Decisions | None = None,
    ) -> None:
        self.sight, self.unfiltered, self.elevation_doubts = sight, unfiltered, elevation_doubts
        self.scene, self.model, self.params, self.event, self.credits = scene, model, params, event, credits
        self.screen, self.prefilter, self.cluster, self.decisions = screen, prefilter, cluster, decisions
        asked = screen or prefilter
        windows = choose_windows(model, params, scene.height, scene.width)
        self.grid, self.batch_size = windows.grid, windows.batch_size
        self.tta = model.tta if params.tta is None else params.tta
        self.symmetries = symmetries(self.tta)
        self.threshold = model.threshold if params.threshold is None else params.threshold
        self.inputs = describe_inputs(scene, aoi)
        if decisions is not None:
            # The checksum of what analysts decided: a program that only opens the file changes its bytes.
            told = {"role": "reviewed", "path": str(decisions.path), "band": None, "sha256": decisions.content}
            self.inputs.append(told)
        self.settings = params.model_dump() | {
            "window": self.grid.window,
            "overlap": self.grid.overlap,
            "batch_size": self.batch_size,
            "tta": self.tta,
            "threshold": self.threshold,
            "date": scene.date,
            "date_pre": scene.date_pre,
            "event": event,
            "name": scene.scene_id,
            "credits": credits,
            "screen": None if asked is None else {"name": asked.name, "threshold": asked.threshold},
        }
        # Whose clouds s2cloudless tells: with the extra installed or not, results differ.
        self.cloudless = [when for when, used in (("post", scene.cloudless), ("pre", scene.pre_cloudless)) if used]
        # Memory and the folder a bundle lies in do not decide the result; the bundle's checksum stands for it, and
        # what is asked before the network for whether its filter may be.
        self.key = scan_key(
            {
                "version": __version__,
                "inputs": [
                    (
                        *(entry[name] for name in ("role", "band", "sha256")),
                        *(entry[name] for name in ("scaling", "codes", "unit") if name in entry),
                    )
                    for entry in self.inputs
                ],
                "model": model.sha256,
                "parameters": {k: v for k, v in self.settings.items() if k not in ("memory_mb", "model", "filter")},
                "grid": _grid_facts(scene.geobox),
                "cloudless": self.cloudless,
                "sun": scene.sun,  # where a product or an item tells it, no file of bands does
            }
        )
        self.timings = Timings()
        self.inherited: dict[str, int] | None = None  # how many landslides came from where

    def run(self, folder: Path, progress: Progress) -> dict[str, Any]:
        """All steps; returns the record."""
        started = datetime.now(UTC)
        if self.scene.aoi is not None and not any_inside(self.scene):
            raise EmptyAOIError("the area of interest holds no pixel centre of the scene; draw a larger one")
        with ThreadPoolExecutor(1) as beside:
            # It takes seconds where PyTorch must be imported; whoever asks for a network meets the errors.
            batch = self.grid.batch(self.batch_size)
            beside.submit(prepare, self.model, window=self.grid.window, batch_size=batch, params=self.params)
            with self.timings.step("warp", shown=False):
                self.scene = staged(self.scene, folder / "bands")
            if (speckle := self.model.speckle) is not None:
                with self.timings.step("speckle"):
                    self.scene = despeckled_once(self.scene, folder / "bands", speckle)
            with self.timings.step("visibility"):
                self.scene = seen_once(self.scene, folder / "bands", needed=self.sight.needed)
            asked = Question(
                self.model, self.grid, self.batch_size, self.symmetries, self.params, self.threshold, self.screen,
                self.prefilter, self.cluster, self.sight,
            )  # fmt: skip
            answered = write_probability(folder, self.scene, asked, timings=self.timings, progress=progress)
        with self.timings.step("layers"):
            rasters.write_measured(self.scene, folder, folder / REVIEW, needed=self.sight.needed)
        with self.timings.step("polygons"), ThreadPoolExecutor(1) as beside:
            # Polygons keep one core busy, mostly in Python; GDAL and NumPy make the pictures on another.
            pictures = beside.submit(rasters.write_pictures, self.scene, folder / REVIEW)
            inventory = without_rejected(self._inventory(folder, started))
            pictures.result()
        record = self._record(folder, started, answered, inventory)
        with self.timings.step("report"):
            self._report(folder, record, inventory)
        record["outputs"] = [name for name in FILES if (folder / name).exists() or name == RECORD]
        record["timings_s"] = dict(self.timings)
        record["summary"]["seconds"] = round(sum(self.timings.values()), 1)
        record["peak_memory_mb"] = round(peak_memory_mb())
        return record

    def _inventory(self, folder: Path, detected_at: datetime) -> Inventory:
        change = folder / REVIEW / "change.tif"
        inventory = vectorize(
            Layers(
                probability=self._on_grid(folder, "probability"),
                visibility=folder / REVIEW / "visibility.tif",
                uncertainty=self._on_grid(folder, "uncertainty"),
                change=change if change.exists() else None,
                dem=self.scene.dem,
                dem_band=self.scene.dem_band,
                dem_unit=self.scene.dem_unit,
            ),
            Provenance(
                scene_id=self.scene.scene_id,
                scene_ids=(self.scene.scene_id,),
                detected_at=detected_at,
                date_post=self.scene.date,
                date_pre=self.scene.date_pre,
                dem_source=None if self.scene.dem is None else self.scene.dem.name,
                model_id=self.model.name,
                model_sha256=self.model.sha256,
                threshold=self.threshold,
                event_id=None if self.event is None else self.event[0],
                event_date=None if self.event is None else self.event[1],
            ),
            threshold=self.threshold,
            grow=self.params.grow,
            min_area_m2=self.params.min_area_m2,
            min_slope_deg=self.params.min_slope_deg,
            simplify_m=self.params.simplify_m,
            smooth=self.params.smooth,
        )
        if self.decisions is None:
            write_geopackage(folder / "landslides.gpkg", inventory)
            return inventory
        inherited = inherit(inventory, self.decisions.inventory)
        write_geopackage(folder / "landslides.gpkg", inherited.inventory, sources=self.decisions.lineage)
        self.inherited = inherited.counts
        return inherited.inventory

    def _on_grid(self, folder: Path, name: str) -> Path:
        """A raster of the result on the scene's own grid, where it is not."""
        raster = folder / f"{name}.tif"
        if self.model.task == "segmentation":
            return raster
        view = folder / f"{name}.vrt"  # no output: it goes with the folder
        if not view.exists():
            write_view(view, raster, self.scene.geobox)
        return view

    def _record(
        self, folder: Path, started: datetime, answered: dict[str, Any], inventory: Inventory
    ) -> dict[str, Any]:
        return {
            "key": self.key,
            "scene_id": self.scene.scene_id,
            "date_post": None if self.scene.date is None else self.scene.date.isoformat(),
            "date_pre": None if self.scene.date_pre is None else self.scene.date_pre.isoformat(),
            "started_at": started.isoformat(timespec="seconds"),
            "grid": _grid_facts(self.scene.geobox),
            "inputs": self.inputs,
            "model": {
                "name": self.model.name,
                "sha256": self.model.sha256,
                "manifest": self.model.manifest,
            },
            "parameters": json.loads(json.dumps(self.settings, default=str)),
            "normalisation": statistics_of(folder),
            "speckle": self._speckle(),
            "reflectance_scale": self.scene.reflectance_scale,
            "cloudless": self.cloudless,
            "warnings": self.warnings(),
            "windows": answered["windows"],
            "backend": answered["backend"],
            "summary": inventory.summary() | ({} if self.inherited is None else {"reviewed": self.inherited}),
            "credits": self.credits,
            "versions": versions(),
            "machine": machine(),
        }

    def _speckle(self) -> dict[str, Any] | None:
        """How which bands of the scene were filtered before the network saw them; none: none was."""
        bands, how = [name for name in self.scene.names if is_radar(name)], self.model.speckle
        return None if how is None or not bands else how.model_dump() | {"bands": bands}

    def warnings(self) -> list[str]:
        """What a reader of the result must know about how model and scene fit."""
        found = []
        low, high = self.model.gsd_m
        size = float(np.mean(ground_sample_distance(self.scene.geobox)))
        if not low * 0.99 <= size <= high * 1.01:
            found.append(
                f"pixels of {size:.1f} m lie outside the {low:g}–{high:g} m that model {self.model.name} was "
                "made for; consider --resolution"
            )
        if self.model.task == "classification":
            side = self.grid.stride * self.scene.resolution[0]
            found.append(
                f"model {self.model.name} answers for windows, not for pixels: outlines follow squares of {side:.0f} m"
            )
        if self.sight.missing:
            found.append(
                f"the scene lacks {', '.join(self.sight.missing)}: model {self.model.name} went without, and is less "
                "certain than its figures say"
            )
        if self.unfiltered:
            found.append(
                f"the model's filter was not asked: it takes {', '.join(self.unfiltered)}, which the scene lacks"
            )
        if self.scene.dem is not None:
            found += self.elevation_doubts
        else:
            found.append("no elevation model: slopes did not screen objects, terrain attributes are empty")
        levels = {level for level in (self.scene.level, self.scene.pre_level) if level is not None}
        for wanted in {Level.wanted(member.manifest.reflectance) for member, _ in self.model.models} - {None}:
            if levels - {wanted}:
                found.append(
                    f"the scene holds {' and '.join(sorted(levels))}, and model {self.model.name} was trained on "
                    f"{wanted}: its figures do not hold here"
                )
        if len(levels) > 1:
            found.append(f"the dates are of two levels, {self.scene.level} after and {self.scene.pre_level} before")
        for pre, when in enumerate(("post", "pre")):
            if asks_cloudless(self.scene, pre=bool(pre)) and when not in self.cloudless:
                which = "of the earlier date " if pre else ""
                found.append(f"clouds {which}were told by red, green and blue alone; {MEND}")
        if self.scene.reflectance_scale is None:
            found.append("8-bit images: clouds, snow and water could not be told from clear ground")
        return found

    def _report(self, folder: Path, record: dict[str, Any], inventory: Inventory) -> None:
        review = folder / REVIEW
        optional = {name: review / f"{name}.tif" for name in ("pre", "hillshade") if (review / f"{name}.tif").exists()}
        quicklook(
            folder / "quicklook.png",
            post=review / "post.tif",
            probability=self._on_grid(folder, "probability"),
            landslides=inventory.landslides,
            pre=optional.get("pre"),
            hillshade=optional.get("hillshade"),
            title=self.scene.scene_id,
            credits=self.credits,
        )
        write_probability_style(folder / "probability.qml")
        write_review_project(folder / "review.qgz", title=self.scene.scene_id, folder=folder)
        write_report(
            folder / "report.html",
            scan=record,
            landslides=inventory.landslides,
            quicklook=folder / "quicklook.png",
            probability=self._on_grid(folder, "probability"),
            visibility=review / "visibility.tif",
        )
        outline, bbox = geographic_footprint(self.scene.geobox)
        item = scan_item(
            record,
            geometry_wgs84=outline,
            bbox=bbox,
            assets={name: folder / name for name in FILES if (folder / name).exists() and name != RECORD},
            datetime=_item_datetime(self.scene),
        )
        write_item(folder / "item.json", item)


def _grid_facts(geobox: GeoBox) -> dict[str, Any]:
    return {
        "crs": crs_name(geobox),
        "transform": list(geobox.transform)[:6],
        "height": int(geobox.shape.y),
        "width": int(geobox.shape.x),
    }


def _item_datetime(scene: Scene) -> datetime | None:
    return None if scene.date is None else datetime.combine(scene.date, datetime.min.time(), tzinfo=UTC)
