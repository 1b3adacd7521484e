"""What the page asks a scan for, and what that comes to once every name is looked up."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date as Day  # noqa: N812 — fields are called date
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from landslide_geo.app.folder import AppFolder
from landslide_geo.app.kinds import Kind, area_in
from landslide_geo.app.texts import PlainText
from landslide_geo.app.uploads import Upload, Uploads
from landslide_geo.bands import PRE, canonical_name
from landslide_geo.errors import ParameterError
from landslide_geo.scene.heights import HeightUnit


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Sample(_Strict):
    """A sample scene, fetched where it is not there yet."""

    kind: Literal["sample"]
    name: str


class Folder(_Strict):
    """A scene in the work folder."""

    kind: Literal["scene"]
    name: str


class Files(_Strict):
    """Uploads: those that name their bands themselves under any key that begins with "file", others by band."""

    kind: Literal["files"]
    bands: dict[str, str] = Field(min_length=1, max_length=64)
    dem: str | None = None
    dem_unit: HeightUnit | None = None


class Catalogue(_Strict):
    """An area and the day of an event, from the catalogue that the page was started with."""

    kind: Literal["catalogue"]
    event: Day
    max_cloud: float | None = Field(default=None, ge=0, le=1)


class Order(_Strict):
    """A scan that was asked for.

    Attributes:
        source: of the scene.
        model: name, as `AppFolder.models` lists it.
        threshold: on calibrated probability; none: the model's.
        min_area_m2: of a landslide; none: the default.
        aoi: GeoJSON in longitude and latitude that was drawn.
        outline: upload that holds it instead.
        date: of the image, and ``date_pre`` of the earlier one.
        event_date: day of what happened, and ``event`` its name.
        name: of the scene.
    """

    source: Annotated[Sample | Folder | Files | Catalogue, Field(discriminator="kind")]
    model: str = "default"
    threshold: float | None = Field(default=None, gt=0, lt=1)
    min_area_m2: float | None = Field(default=None, ge=0, le=1e9)
    aoi: dict[str, Any] | None = None
    outline: str | None = None
    date: Day | None = None
    date_pre: Day | None = None
    event: PlainText | None = Field(default=None, max_length=120)
    event_date: Day | None = None
    name: PlainText | None = Field(default=None, max_length=120)

    @property
    def title(self) -> str:
        """What people call the scan."""
        if self.name:
            return self.name
        return (
            getattr(self.source, "name", None)
            or {"files": "uploaded files", "catalogue": "new scene"}[self.source.kind]
        )


class Task(_Strict):
    """An order with names looked up: what the worker process is told.

    Attributes:
        fetch: sample scene to get first.
        ingest: event's day, of a scene to make first.
        max_cloud: share of its images that may be hidden; none: the default.
        scenes: folder to put either in.
        stac: address of the catalogue; none: the default one.
        mirror: folder with copies of sample scenes.
        uploaded: whether all it reads came through the browser.
        sources: as `landslide_geo.scan` takes them; of a sample or new scene they follow from it.
        aoi: GeoJSON file.
        out: folder of the result.
    """

    fetch: str | None = None
    ingest: Day | None = None
    max_cloud: float | None = None
    scenes: str
    stac: str | None = None
    mirror: str | None = None
    uploaded: bool = False
    sources: list[str] = []
    dem: str | None = None
    dem_unit: HeightUnit | None = None
    aoi: str | None = None
    params: dict[str, Any]
    date: Day | None = None
    date_pre: Day | None = None
    event: tuple[str, Day] | None = None
    name: str | None = None
    out: str

    @property
    def reaches_out(self) -> bool:
        """Whether it may need a network: files from the browser never do."""
        return not self.uploaded


def area_of(order: Order, uploads: Uploads) -> dict[str, Any] | None:
    """GeoJSON of the area of interest that was drawn or uploaded.

    Raises:
        SourceNotFoundError: the upload is not there.
        ParameterError: it is no GeoJSON with polygons.
    """
    if order.outline is not None:
        return uploads.outline(order.outline)
    return None if order.aoi is None else area_in(order.aoi, "the area")


def task_of(
    order: Order, *, folder: AppFolder, uploads: Uploads, out: Path, aoi: Path | None, stac: str | None,
    mirror: Path | None,
) -> Task:  # fmt: skip
    """Look up what an order names.

    Args:
        order: what was asked for.
        folder: where scenes and models are.
        uploads: where files are.
        out: folder of the result.
        aoi: file that holds `area_of` the order.
        stac: address of the catalogue; none: the default one.
        mirror: folder with copies of sample scenes.

    Raises:
        SourceNotFoundError: something it names is not there.
        ParameterError: it asks for what does not go together.
        UnknownBandError: a file is given for a band that has no such name.
    """
    params = {"model": folder.model(order.model), "threshold": order.threshold, "min_area_m2": order.min_area_m2}
    source = order.source
    if (order.event is None) != (order.event_date is None):
        raise ParameterError("an event needs a name and a day; give both, or neither")
    event = None if order.event is None or order.event_date is None else (order.event, order.event_date)
    task = Task(
        scenes=str(folder.scenes), stac=stac, mirror=None if mirror is None else str(mirror),
        aoi=None if aoi is None else str(aoi), event=event,
        params={key: value for key, value in params.items() if value is not None},
        date=order.date, date_pre=order.date_pre, name=order.name, out=str(out),
    )  # fmt: skip
    if isinstance(source, Sample):
        if source.name not in folder.samples():
            raise ParameterError(f"no sample scene is called {source.name!r}; reload the page")
        return task.model_copy(update={"fetch": source.name})
    if isinstance(source, Folder):
        return task.model_copy(update={"sources": [str(folder.scene(source.name))]})
    if isinstance(source, Catalogue):
        if aoi is None:
            raise ParameterError("a new scene needs an area: draw one on the map, or give a GeoJSON file")
        return task.model_copy(update={"ingest": source.event, "max_cloud": source.max_cloud})
    dem = None if source.dem is None else str(_raster(uploads, source.dem).path)
    sources = _sources(source.bands, uploads)
    return task.model_copy(update={"uploaded": True, "sources": sources, "dem": dem, "dem_unit": source.dem_unit})


def _sources(bands: Mapping[str, str], uploads: Uploads) -> list[str]:
    """``NAME=PATH`` of files by band, and paths of those that name their bands."""
    found = []
    for name, id in bands.items():
        upload = _raster(uploads, id)
        path = upload.path
        if name.startswith(("file", "pre-file")):
            earlier = name.startswith("pre-")
            named = upload.bands()
            if all(named):
                found.append(f"pre={path}" if earlier else str(path))
            else:  # some of them are not needed
                found.extend(f"{PRE * earlier}{band}={path}" for band in named if band)
            if not any(named):
                raise ParameterError(f"{upload.name}: does not name its bands; say on the page which they are")
        else:
            found.append(f"{canonical_name(name)}={path}")
    return found


def _raster(uploads: Uploads, id: str) -> Upload:
    upload = uploads.get(id)
    if upload.kind is not Kind.TIFF:
        raise ParameterError(f"{upload.name}: bands and elevations come as GeoTIFF, this is {upload.kind.value}")
    return upload
