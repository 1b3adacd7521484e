"""The application: interface, pages and the patch page under one roof, with the rules that keep it to one machine."""

from __future__ import annotations

import errno
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from importlib import resources
from pathlib import Path
from typing import Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect

from landslide_geo.app.folder import AppFolder
from landslide_geo.app.guard import PATCH, Guard
from landslide_geo.app.jobs import Jobs
from landslide_geo.app.routes import router
from landslide_geo.app.uploads import Uploads, UploadTooLargeError
from landslide_geo.errors import LandslideError, SourceNotFoundError
from landslide_geo.version import __version__

LOOPBACK: Final = ("localhost", "127.0.0.1", "[::1]", "::1")
#: Bytes of a small image.
_MOST_PATCH: Final = 100 * 10**6


def create_app(
    work: Path,
    *,
    max_upload_mb: int = 1024,
    hosts: tuple[str, ...] = LOOPBACK,
    stac: str | None = None,
    mirror: Path | None = None,
    patch: bool = True,
    before: Mapping[str, str] | None = None,
) -> FastAPI:
    """The web page of a work folder.

    Args:
        work: the folder that is read and written; made where it is missing.
        max_upload_mb: of one file, in megabytes (10⁶ bytes).
        hosts: names by which browsers may call it; another site's name that was made to point here is refused.
        stac: address of the catalogue that new scenes come from; none: the default one.
        mirror: folder with copies of sample scenes.
        patch: with the page to try a patch on, which takes seconds to build.
        before: environment of the processes of scans; none: that of this one.

    Raises:
        OutputError: the folder cannot be written.
    """
    folder = AppFolder(work)
    uploads = Uploads(folder.uploads, most_bytes=max_upload_mb * 10**6)
    jobs = Jobs(folder, uploads, stac=stac, mirror=mirror, before=before)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        jobs.close()

    app = FastAPI(title="landslide-geo", version=__version__, lifespan=lifespan, docs_url=None, redoc_url=None)
    app.add_exception_handler(LandslideError, _mendable)
    app.add_exception_handler(OSError, _unreadable)
    app.add_exception_handler(ClientDisconnect, _gone)
    app.add_exception_handler(Exception, _unexpected)
    app.add_exception_handler(RequestValidationError, _misunderstood)
    app.add_exception_handler(HTTPException, _plain_error)
    app.add_middleware(Guard, most_patch_bytes=_most_patch(max_upload_mb), make_room=folder.clear_patches)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(hosts))
    app.include_router(router(folder, uploads, jobs))

    @app.get("/", include_in_schema=False)
    def home() -> RedirectResponse:
        return RedirectResponse("/map/")

    pages = str(resources.files("landslide_geo.app") / "static")

    @app.get("/favicon.ico", include_in_schema=False)
    def icon() -> FileResponse:
        return FileResponse(f"{pages}/icon.svg", media_type="image/svg+xml")

    app.mount("/map", StaticFiles(directory=pages, html=True), name="pages")
    if patch:
        _mount_patch(app, folder, max_upload_mb=max_upload_mb, mirror=mirror)
    return app


def _most_patch(max_upload_mb: int) -> int:
    return min(max_upload_mb * 10**6, _MOST_PATCH)


def _mount_patch(app: FastAPI, folder: AppFolder, *, max_upload_mb: int, mirror: Path | None) -> None:
    # Both are read when the library is imported: it must tell nobody of its use, and keep files in the work folder.
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["GRADIO_TEMP_DIR"] = str(folder.patches)
    import gradio

    from landslide_geo.app.patch_page import HEAD, STYLE, THEME, build

    gradio.mount_gradio_app(
        app, build(folder, mirror=mirror), path=PATCH, max_file_size=_most_patch(max_upload_mb), show_error=True,
        footer_links=[], theme=THEME(), css=STYLE, head=HEAD, enable_monitoring=False, pwa=False,
        run_history=False,
    )  # fmt: skip


async def _mendable(request: Request, error: Exception) -> JSONResponse:
    status = 413 if isinstance(error, UploadTooLargeError) else 404 if isinstance(error, SourceNotFoundError) else 422
    headers = {"Connection": "close"} if status == 413 else None  # the rest of the file is not read
    return JSONResponse({"error": " ".join(str(error).split())}, status_code=status, headers=headers)


async def _unreadable(request: Request, error: Exception) -> JSONResponse:
    full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    told = str(getattr(error, "strerror", None) or error or type(error).__name__).splitlines()[0]
    mend = "make room in the work folder" if full else "was something of it removed? Reload the page"
    return JSONResponse(
        {"error": f"a file of the work folder cannot be read or written ({told}); {mend}"},
        status_code=507 if full else 404,
    )


async def _gone(request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"error": "the browser went away"}, status_code=400)


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    told = f"unexpected {type(error).__name__}; the terminal in which landslide app runs says more"
    return JSONResponse({"error": told}, status_code=500)


async def _misunderstood(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    told = "; ".join(
        f"{'.'.join(str(part) for part in one['loc'][1:]) or one['loc'][0]}: {one['msg']}" for one in error.errors()
    )
    return JSONResponse({"error": told}, status_code=422)


async def _plain_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": str(error.detail)}, status_code=error.status_code)
