"""The addresses of the page's programming interface, ``/api/…``: thin, each one calls one function."""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any, Final

from fastapi import APIRouter, Body, Header, HTTPException, Query, Request, Response
from fastapi.responses import FileResponse
from starlette.background import BackgroundTask

from landslide_geo.app import comparing, tiles
from landslide_geo.app.decide import Decision, decide
from landslide_geo.app.folder import INVENTORY, AppFolder
from landslide_geo.app.inventories import ROWS, Filter, Opened, colours, mark_of
from landslide_geo.app.jobs import Jobs
from landslide_geo.app.orders import Order
from landslide_geo.app.uploads import Uploads
from landslide_geo.bands import OPTICAL, PRE, SAR, TERRAIN
from landslide_geo.inventory import schema
from landslide_geo.inventory.traced import readable
from landslide_geo.pipeline.review import import_review
from landslide_geo.pipeline.workspace import RECORD, read_record
from landslide_geo.version import __version__

_REVIEWED: Final = "landslides_reviewed.gpkg"
#: What can be had of a scan, and as what it is sent.
DOWNLOADS: Final = {
    INVENTORY: "application/geopackage+sqlite3",
    _REVIEWED: "application/geopackage+sqlite3",
    "report.html": "text/html; charset=utf-8",
    "quicklook.png": "image/png",
    "probability.tif": "image/tiff",
    "uncertainty.tif": "image/tiff",
    RECORD: "application/json",
}
#: A report is one file: it needs no script and nothing from elsewhere.
_REPORT_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox allow-modals"

Bounds = Annotated[str, Query(pattern=r"^-?[0-9.e-]+(,-?[0-9.e-]+){3}$", max_length=200)]


def router(folder: AppFolder, uploads: Uploads, jobs: Jobs) -> APIRouter:
    """All of them, for one work folder."""
    api = APIRouter(prefix="/api")
    opened = Opened()
    _state(api, folder, uploads, jobs)
    _uploads(api, uploads)
    _jobs(api, jobs)
    _scans(api, folder)
    _landslides(api, folder, opened)
    _comparisons(api, folder)
    return api


def _state(api: APIRouter, folder: AppFolder, uploads: Uploads, jobs: Jobs) -> None:
    @api.get("/state")
    def state() -> dict[str, Any]:
        """What there is: models, scenes, scans and jobs."""
        return {
            "version": __version__,
            "folder": str(folder.root),
            "most_upload_bytes": uploads.most_bytes,
            "models": list(folder.models()),
            "samples": [{"name": name, "title": title} for name, title in folder.samples().items()],
            "scenes": list(folder.ready_scenes()),
            "uploads": uploads.told(),
            "bands": [*OPTICAL, *SAR, *TERRAIN, *(PRE + name for name in (*OPTICAL, *SAR))],
            "reject_reasons": list(schema.REJECT_REASON),
            "confidence": dict(schema.CONFIDENCE),
            "colours": colours(),
            "scans": [_brief(name, read_record(path) or {}) for name, path in folder.finished().items()],
            "jobs": [job.to_json() for job in jobs.all()],
        }


def _uploads(api: APIRouter, uploads: Uploads) -> None:
    @api.post("/uploads", status_code=201)
    async def receive(
        request: Request,
        name: Annotated[str, Query(min_length=1, max_length=200)],
        content_length: Annotated[int | None, Header()] = None,
    ) -> dict[str, Any]:
        """Take a file: the body is its content."""

        async def chunks() -> AsyncIterator[bytes]:
            async for chunk in request.stream():
                yield chunk

        upload = await uploads.receive(name, chunks(), declared=content_length)
        return await asyncio.to_thread(upload.to_json)

    @api.post("/uploads/{id}/bands")
    def name_bands(id: str, names: Annotated[list[str], Body(min_length=1, max_length=256)]) -> dict[str, Any]:
        """Say which bands a file has that does not name them itself."""
        return uploads.name_bands(id, names).to_json()

    @api.delete("/uploads/{id}", status_code=204)
    def remove(id: str) -> None:
        """Forget a file."""
        uploads.remove(id)


def _jobs(api: APIRouter, jobs: Jobs) -> None:
    @api.get("/jobs/{id}")
    def job(id: str) -> dict[str, Any]:
        """How far a scan is."""
        return jobs.get(id).to_json()

    @api.post("/jobs", status_code=201)
    def start(order: Order) -> dict[str, Any]:
        """Order a scan."""
        return jobs.start(order).to_json()

    @api.post("/jobs/{id}/cancel")
    def cancel(id: str) -> dict[str, Any]:
        """Stop a scan."""
        return jobs.cancel(id).to_json()

    @api.post("/jobs/{id}/resume")
    def resume(id: str) -> dict[str, Any]:
        """Go on with one that was stopped."""
        return jobs.resume(id).to_json()

    @api.delete("/jobs/{id}", status_code=204)
    def remove(id: str) -> None:
        """Forget one that was stopped, and what it left."""
        jobs.remove(id)


def _scans(api: APIRouter, folder: AppFolder) -> None:
    @api.get("/scans/{name}")
    def scan(name: str) -> dict[str, Any]:
        """What a scan found, which layers it has, and where it is."""
        path = folder.scan(name)
        record = read_record(path) or {}
        layers = tiles.layers_of(path)
        raster = path / "probability.tif"
        return _brief(name, record) | {
            "summary": record.get("summary", {}),
            "warnings": record.get("warnings", []),
            "credits": record.get("credits", ""),
            "threshold": record.get("parameters", {}).get("threshold"),
            "layers": [{"name": layer.name, "title": layer.title} for layer in layers],
            "files": [file for file in DOWNLOADS if (path / file).is_file()],
            **tiles.extent(raster),
        }

    @api.get("/scans/{name}/tiles/{layer}/{z}/{x}/{y}.png")
    def tile(name: str, layer: str, z: int, x: int, y: int) -> Response:
        """A tile of one of its rasters."""
        if not (0 <= z <= 24 and 0 <= x < 2**z and 0 <= y < 2**z):
            raise HTTPException(404)
        path = folder.scan(name)
        made = tiles.tile(path, tiles.layer_of(path, layer), z=z, x=x, y=y)
        keep = {"Cache-Control": "private, max-age=86400"}  # addresses hold the key of the scan
        return Response(made, media_type="image/png", headers=keep)

    @api.get("/scans/{name}/files/{file}")
    def download(name: str, file: str) -> Response:
        """One of its files."""
        path = folder.scan(name) / file
        if file not in DOWNLOADS or not path.is_file():
            raise HTTPException(404, f"{file}: this scan has no such file")
        if file == "report.html":
            return FileResponse(path, media_type=DOWNLOADS[file], headers={"Content-Security-Policy": _REPORT_POLICY})
        whole, after = _whole(path, folder.scratch)
        return FileResponse(whole, media_type=DOWNLOADS[file], filename=f"{name}-{file}", background=after)

    @api.post("/scans/{name}/import-review")
    def finish(name: str) -> dict[str, Any]:
        """Read back what was decided, as ``landslide review import`` does, into a file beside."""
        path = folder.scan(name)
        return import_review(path / INVENTORY, scan=path)


def _whole(path: Path, scratch: Path) -> tuple[Path, BackgroundTask | None]:
    """A file to send, and what is done when it was sent: of a GeoPackage with a log beside it a copy with both."""
    with readable(path) as there:
        if there == path:
            return path, None
        folder = Path(tempfile.mkdtemp(prefix="sent-", dir=scratch))
        copy = Path(shutil.move(there, folder / path.name))
    return copy, BackgroundTask(shutil.rmtree, folder, ignore_errors=True)


def _landslides(api: APIRouter, folder: AppFolder, opened: Opened) -> None:
    @api.get("/scans/{name}/landslides.geojson")
    def view(
        name: str, bounds: Bounds, zoom: float, min_area_m2: float = 0, min_confidence: int = 0,
        status: str | None = None,
    ) -> Response:  # fmt: skip
        """Outlines on a screen."""
        shown = opened.get(folder.scan(name) / INVENTORY).view(
            bounds=_box(bounds), zoom=zoom, which=Filter(min_area_m2, min_confidence, status)
        )
        return Response(json.dumps(shown, separators=(",", ":")), media_type="application/geo+json")

    @api.get("/scans/{name}/landslides")
    def table(
        name: str, order: str = "area", start: Annotated[int, Query(ge=0)] = 0,
        rows: Annotated[int, Query(ge=1, le=500)] = ROWS, min_area_m2: float = 0, min_confidence: int = 0,
        status: str | None = None,
    ) -> dict[str, Any]:  # fmt: skip
        """A page of the table."""
        which = Filter(min_area_m2, min_confidence, status)
        return opened.get(folder.scan(name) / INVENTORY).page(which=which, order=order, start=start, rows=rows)

    @api.get("/scans/{name}/landslides/{id}")
    def one(name: str, id: str) -> dict[str, Any]:
        """All that is known of a landslide."""
        return opened.get(folder.scan(name) / INVENTORY).one(id)

    @api.post("/scans/{name}/landslides/{id}/review")
    def review(name: str, id: str, decision: Decision) -> dict[str, Any]:
        """Decide about a landslide."""
        path = folder.scan(name) / INVENTORY
        with opened.deciding:
            opened.get(path).one(id)
            before = mark_of(path)
            opened.decided(path, id, decide(path, id, decision), before=before)
            return opened.get(path).one(id)


def _comparisons(api: APIRouter, folder: AppFolder) -> None:
    @api.get("/changes")
    def compared(old: str, new: str) -> dict[str, Any]:
        """What became of the landslides of one scan in another."""
        return comparing.summary(comparing.changes(folder, old, new))

    @api.get("/changes.geojson")
    def view(old: str, new: str, bounds: Bounds, zoom: float) -> Response:
        """Their outlines on a screen."""
        shown = comparing.view(comparing.changes(folder, old, new), bounds=_box(bounds), zoom=zoom)
        return Response(json.dumps(shown, separators=(",", ":")), media_type="application/geo+json")


def _brief(name: str, record: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "title": record.get("scene_id") or name,
        "key": record.get("key"),
        "date_post": record.get("date_post"),
        "date_pre": record.get("date_pre"),
        "started_at": record.get("started_at"),
        "model": (record.get("model") or {}).get("name"),
        "landslides": (record.get("summary") or {}).get("landslides"),
    }


def _box(text: str) -> tuple[float, float, float, float]:
    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError:
        raise HTTPException(422, "bounds are west,south,east,north in degrees") from None
    return west, south, east, north
