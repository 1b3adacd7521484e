"""`ingest`: an area and dates in, a scene on disk out, which `landslide_geo.open_scene` and `scan` take as a source."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import shapely.geometry

from landslide_geo.bands import OPTICAL, canonical_name
from landslide_geo.config.ingesting import IngestParams
from landslide_geo.errors import FetchError, LandslideError, NoAcquisitionError, OutputError, ParameterError
from landslide_geo.files import WorkFolder, clear_replacing, remove_folder, write_text
from landslide_geo.parallel import in_order
from landslide_geo.pipeline.record import installed
from landslide_geo.progress import stage, tracked
from landslide_geo.scene import cloudless
from landslide_geo.scene.earlier import EarlierDate, alignment_told
from landslide_geo.scene.folder import RECORD, SceneFacts, band_path, write_band, write_item
from landslide_geo.scene.grid import crs_name
from landslide_geo.scene.item import ITEM
from landslide_geo.scene.sar import require_speckle
from landslide_geo.scene.stac.access import Access
from landslide_geo.scene.stac.catalogues import L1C, PRODUCTS, SENSORS, Product, catalogue_of, collection_of
from landslide_geo.scene.stac.elevation import elevation_layers, plan_elevation
from landslide_geo.scene.stac.layers import Layer, Layers, optical_layers
from landslide_geo.scene.stac.optical import BANDS_AT_A_TIME
from landslide_geo.scene.stac.plan import Dates, Plan, Searcher, plan_sensor
from landslide_geo.scene.stac.radar import plan_radar, radar_layers
from landslide_geo.scene.stac.region import Region, region_of
from landslide_geo.scene.stac.search import collections_of, open_catalogue
from landslide_geo.version import __version__

#: Of the folder in which a scene's work lies, beside it.
_WORK: Final = "work"
_PACKAGES: Final = ("odc-stac", "odc-geo", "pystac-client", "rasterio", "numpy")
#: Sensors of which one gives the optical bands.
_OPTICAL: Final = ("s2", "landsat")
#: Levels that their products have.
_LEVELS: Final = {"s2": "L2A", L1C: "L1C", "landsat": "L2SP"}

Progress = Callable[[str], None]


@dataclass(frozen=True)
class IngestResult:
    """What an ingest did.

    Attributes:
        out: the scene's folder, or where it would be.
        record: content of ``ingest.json``.
        fresh: False where the same scene lay there finished.
        planned: whether the choice was made only.
    """

    out: Path
    record: dict[str, Any]
    fresh: bool
    planned: bool = False


def ingest(
    out: str | Path,
    *,
    aoi: str | Path | None = None,
    bbox: str | Sequence[float] | None = None,
    datetime: str | None = None,
    event: str | None = None,
    pre_datetime: str | None = None,
    params: IngestParams | None = None,
    overwrite: bool = False,
    plan_only: bool = False,
    progress: Progress | None = None,
) -> IngestResult:
    """Search a STAC catalogue for what shows an area at some dates, and write it as a scene.

    The scene appears in ``out`` when all of it is there. A kill or a failure of the network leaves finished bands
    beside it, which the same call takes up; the same call after the end does nothing.

    Args:
        out: folder to make.
        aoi: vector file with the area's polygons, in any CRS.
        bbox: or its ``W,S,E,N`` in degrees.
        datetime: days of one date, ``2018-09-07/2018-09-30``.
        event: or the day, or moment, of an event: then a date before and one after it are loaded.
        pre_datetime: days of an earlier date beside those of ``datetime``; the nearer to these, the better.
        params: which catalogue, sensors, bands, limits.
        overwrite: replace what is in ``out``.
        plan_only: choose acquisitions, and load none.
        progress: is told in a few words what is done.

    Raises:
        LandslideError: something the user can mend; ``out`` is as it was.
    """
    params, target = params or IngestParams(), Path(out).absolute()
    tell = progress or (lambda text: None)
    dates = _dates(datetime, event, pre_datetime, params)
    region = region_of(aoi=None if aoi is None else Path(aoi).expanduser(), bbox=bbox, resolution=params.resolution)
    request = _request(region, dates, params)
    if (done := _finished(target, request)) is not None and not plan_only:
        return IngestResult(target, done, fresh=False)
    if not plan_only:
        refuse_occupied(target, overwrite=overwrite)
    job = _Job(region, dates, params, request, tell)
    with stage("search"):
        plans = job.plans()
    if plan_only:
        return IngestResult(target, job.record(plans, Layers()), fresh=True, planned=True)
    work = WorkFolder(target.parent / f".{target.name}.partial-{_key(request, plans)}")
    try:
        work.open(keep=True)
        record = job.write(work.path, plans)
        _move(work, target, overwrite=overwrite)
    except BlockingIOError:
        raise OutputError(f"{target}: the same scene is being written by another process; wait for it") from None
    except FetchError:
        # The network may be better later: bands that are finished wait for it.
        if not any(work.path.glob("*.tif")):
            work.discard()
        raise
    except LandslideError:
        work.discard()
        raise
    except OSError as error:
        raise OutputError(f"{target}: cannot be written ({error.strerror or error}); name another --out") from None
    finally:
        work.close()
    return IngestResult(target, record, fresh=True)


def refuse_occupied(target: Path, *, overwrite: bool) -> None:
    """Check that a scene can be put into a folder.

    Raises:
        OutputError: it is a file, or holds something that is no scene, or a scene that is not to be overwritten.
    """
    if not target.exists():
        return
    if not target.is_dir():
        raise OutputError(f"{target}: is a file; name a folder with --out")
    if not any(target.iterdir()):
        return
    if not (target / RECORD).is_file():
        raise OutputError(f"{target}: holds something else than a scene; name a new folder with --out")
    if not overwrite:
        raise OutputError(
            f"{target}: holds another scene; name a new folder with --out, or replace it with --overwrite"
        )


class _Job:
    """One ingest: choosing, then writing what is not written yet."""

    def __init__(
        self, region: Region, dates: Dates, params: IngestParams, request: dict[str, Any], tell: Progress
    ) -> None:
        self.region, self.dates, self.params, self.request, self.tell = region, dates, params, request, tell
        self.bands, self.sensors = _optical(params.bands), _sensors(params)
        self.catalogue = catalogue_of(params.stac)
        self.access = Access(self.catalogue)
        self.notes = list(region.notes)
        if params.level == "1c" and "s2" not in self.sensors:
            raise ParameterError("--level 1c: is of Sentinel-2; name s2 in --sensors")
        if params.level == "1c" and not cloudless.available():
            self.notes.append(f"clouds were told by red, green and blue alone; {cloudless.MEND}")
        if "s1" in self.sensors:
            require_speckle(params.speckle, params.speckle_window, image=min(region.geobox.shape))

    def plans(self) -> dict[str, Plan]:
        """What is to be loaded, by sensor."""
        self.tell(f"searching {self.catalogue.name}")
        client = open_catalogue(self.catalogue)
        there = collections_of(client, self.catalogue)
        searcher = Searcher(client, self.access, self.region)
        found: dict[str, Plan] = {}
        for sensor in self.sensors:
            product = self._product(sensor)
            if sensor == "dem" and self.params.sensors is None and not set(product.collections) & set(there):
                self.notes.append(f"{self.catalogue.name} has no elevation model: name one to the scan with --dem")
                continue
            try:
                found[sensor] = self._plan(searcher, product, collection_of(product, self.catalogue, there))
            except NoAcquisitionError as error:
                if sensor != "dem" or self.params.sensors is not None:
                    raise
                self.notes.append(str(error))
        return found

    def _product(self, sensor: str) -> Product:
        return PRODUCTS[L1C if sensor == "s2" and self.params.level == "1c" else sensor]

    def _plan(self, searcher: Searcher, product: Product, collection: str) -> Plan:
        if product.sensor == "dem":
            return plan_elevation(searcher, product, collection)
        if product.sensor == "s1":
            return plan_radar(searcher, product, collection, self.dates, min_coverage=self.params.min_coverage)
        return plan_sensor(
            searcher, product, collection, self.dates, max_cloud=self.params.cloud_limit,
            min_coverage=self.params.min_coverage, count=1 if self.params.composite == "none" else self.params.most,
        )  # fmt: skip

    def write(self, folder: Path, plans: Mapping[str, Plan]) -> dict[str, Any]:
        """Write bands that are not there yet, the record, and the item; returns the record."""
        clear_replacing(folder)
        work = folder / _WORK
        work.mkdir(exist_ok=True)
        layers = Layers()
        for sensor, plan in plans.items():
            self.tell(f"looking at the files of {plan.product.title}")
            layers += self._layers(sensor, plan, work)
        names = [layer.name for layer in layers.bands]
        earlier = EarlierDate(folder, work, self.region.geobox, names if self.params.align else ())
        write = partial(self._write_layer, earlier)
        written = in_order(write, layers.bands, threads=BANDS_AT_A_TIME)
        for _ in tracked(written, "bands", len(layers.bands), "band"):
            pass
        if earlier.comparable:
            self._align(earlier, layers)
        record = self.record(plans, layers)
        write_text(folder / RECORD, json.dumps(record, indent=2, ensure_ascii=False))
        write_item(folder, self._facts(plans, layers), names)
        remove_folder(work)
        return record

    def _layers(self, sensor: str, plan: Plan, work: Path) -> Layers:
        if sensor == "dem":
            return elevation_layers(plan, self.region, self.access, unit=self.params.dem_unit)
        if sensor == "s1":
            how, size = self.params.speckle, self.params.speckle_window
            return radar_layers(plan, self.region, self.access, speckle=how, size=size, work=work)
        how_many = self.params.composite
        return optical_layers(plan, self.bands, self.region, self.access, composite=how_many, work=work)

    def record(self, plans: Mapping[str, Plan], layers: Layers) -> dict[str, Any]:
        """What ``ingest.json`` holds."""
        grid = self.region.geobox
        return {
            "request": self.request,
            "catalogue": {"name": self.catalogue.name, "url": self.catalogue.url},
            "grid": {
                "crs": crs_name(grid),
                "transform": list(grid.transform)[:6],
                "height": int(grid.shape.y),
                "width": int(grid.shape.x),
            },
            "acquisitions": {sensor: list(plan.told) for sensor, plan in plans.items()},
            "checks": layers.checks,
            "warnings": [*self.notes, *layers.warnings],
            "bands": {layer.name: list(layer.sources) for layer in layers.bands},
            "made_at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
            "versions": {"landslide-geo": __version__} | installed(_PACKAGES),
        }

    def _write_layer(self, earlier: EarlierDate, layer: Layer) -> None:
        # Files appear by rename, finished or not at all.
        folder = earlier.place(layer.name)
        if not band_path(folder, layer.name).exists():
            self.tell(f"loading {layer.name}")
            layer.prepare()
            write_band(folder, layer.name, self.region.geobox, layer.read)

    def _align(self, earlier: EarlierDate, layers: Layers) -> None:
        """Put the earlier date in its place, and keep how far it lay off."""
        self.tell("comparing where the two dates lie")
        shift = earlier.measure()
        if shift is not None and shift.worth_applying:
            self.tell(f"moving the earlier date by {shift.pixels:.2f} pixels")
        earlier.settle(shift)
        layers.checks["alignment"], warnings = alignment_told(shift)
        layers.warnings += warnings

    def _facts(self, plans: Mapping[str, Plan], layers: Layers) -> SceneFacts:
        first = next((plans[sensor] for sensor in (*_OPTICAL, *plans) if sensor in plans), None)
        assert first is not None
        times = tuple((layer.name, layer.when) for layer in layers.bands if layer.when is not None)
        chosen = [*first.post, *first.pre]
        platforms = {one.platform for plan in plans.values() for one in (*plan.post, *plan.pre)} - {""}
        middle = sorted(one.when for one in first.post)[len(first.post) // 2]
        before = sorted(one.when for one in first.pre)[len(first.pre) // 2] if first.pre else None
        name = hashlib.sha256("|".join(one.key for one in chosen).encode()).hexdigest()[:8]
        span = f"{middle:%Y%m%d}" if before is None else f"{before:%Y%m%d}-{middle:%Y%m%d}"
        return SceneFacts(
            f"{first.product.sensor}-{span}-{name}", middle, before, layers.sun, tuple(sorted(platforms)), times,
            level=_LEVELS.get(first.product.sensor),
        )  # fmt: skip


def _optical(names: Sequence[str]) -> tuple[str, ...]:
    """Optical bands by vocabulary name, each once."""
    found = tuple(dict.fromkeys(canonical_name(name) for name in names))
    for name in found:
        if name not in OPTICAL:
            raise ParameterError(
                f"--bands {name}: is no optical band of one date; radar and elevation are asked for by --sensors s1,dem"
            )
    return found


def _sensors(params: IngestParams) -> tuple[str, ...]:
    """What is asked for, in the order it is loaded in."""
    asked = params.sensors or ("s2", "dem")
    if len([sensor for sensor in asked if sensor in _OPTICAL]) > 1:
        raise ParameterError("--sensors: s2 and landsat give bands of the same names; name one of them")
    return tuple(sensor for sensor in SENSORS if sensor in asked)


def _dates(span: str | None, event: str | None, earlier: str | None, params: IngestParams) -> Dates:
    if (span is None) == (event is None):
        raise ParameterError("name the dates by one of --datetime FIRST/LAST and --event DAY")
    if event is not None:
        if earlier is not None:
            raise ParameterError("--pre-datetime: goes with --datetime; an event has an earlier date already")
        first, last = _moments(event, "--event")
        before, after = dt.timedelta(days=params.before_days), dt.timedelta(days=params.after_days)
        # What was acquired on the day itself may show either side of it.
        return Dates((last, last + after), (first - before, first), first)
    assert span is not None
    later = _span(span, "--datetime")
    if earlier is None:
        return Dates(later)
    sooner = _span(earlier, "--pre-datetime")
    if sooner[1] >= later[0]:
        raise ParameterError(
            f"--pre-datetime {earlier}: does not end before --datetime {span} begins; name earlier days"
        )
    return Dates(later, sooner)


def _span(text: str, option: str) -> tuple[dt.datetime, dt.datetime]:
    """First and last moment of FIRST/LAST or of one day."""
    begin, slash, end = text.partition("/")
    start, stop = _moments(begin, option)[0], _moments(end if slash else begin, option)[1]
    if stop <= start:
        raise ParameterError(f"{option} {text}: ends before it begins; write it as FIRST/LAST")
    return start, stop - dt.timedelta(seconds=1)


def _moments(text: str, option: str) -> tuple[dt.datetime, dt.datetime]:
    """First moment of a day and of the next one; of a moment, itself twice."""
    try:
        when = dt.datetime.fromisoformat(text.strip())
    except ValueError:
        raise ParameterError(f"{option} {text}: not a day; write it as 2018-09-06") from None
    aware = when if when.tzinfo is not None else when.replace(tzinfo=dt.UTC)
    return aware, aware + dt.timedelta(days=1) if len(text.strip()) <= 10 else aware


def _request(region: Region, dates: Dates, params: IngestParams) -> dict[str, Any]:
    """What was asked for, as JSON takes it: the same request makes the same scene."""
    asked = {
        "area": shapely.geometry.mapping(shapely.set_precision(region.area, 1e-7)),
        "post": [when.isoformat() for when in dates.post],
        "pre": None if dates.pre is None else [when.isoformat() for when in dates.pre],
        "parameters": params.model_dump(),
        # Whose clouds they are: with the extra installed or not, visibility differs.
        "cloudless": params.level == "1c" and cloudless.available(),
    }
    return dict(json.loads(json.dumps(asked)))


def _key(request: dict[str, Any], plans: Mapping[str, Plan]) -> str:
    """What unfinished work is known by: the request, and what was chosen for it."""
    chosen = {sensor: [one.key for one in (*plan.post, *plan.pre)] for sensor, plan in plans.items()}
    return hashlib.sha256(json.dumps([__version__, request, chosen]).encode()).hexdigest()[:16]


def _finished(target: Path, request: dict[str, Any]) -> dict[str, Any] | None:
    """The record of a finished scene of the same request, or None."""
    if not (target / ITEM).is_file():
        return None
    try:
        record = json.loads((target / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    same = isinstance(record, dict) and record.get("request") == request
    return record if same and all(band_path(target, name).exists() for name in record.get("bands", {})) else None


def _move(work: WorkFolder, target: Path, *, overwrite: bool) -> None:
    """Put a finished folder in its place."""
    if overwrite and target.exists():
        remove_folder(target)
    # In place of an empty folder, or of none. Its lock is the folder's, which moves along.
    work.path.replace(target)
    (target / ".lock").unlink(missing_ok=True)
    for leftover in target.parent.glob(f".{target.name}.partial-*"):
        WorkFolder(leftover).clear()
