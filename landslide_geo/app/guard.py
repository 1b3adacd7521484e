"""The rules that keep the page to one machine: who may ask, for what, how much may be sent, what a browser may load."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: Nothing is loaded from elsewhere. MapLibre makes pictures of tiles (blob:), the library of the patch page builds
#: styles and small functions while it runs.
_POLICY: Final = (
    "default-src 'self'; img-src 'self' blob: data:; worker-src 'self' blob:; connect-src 'self'; "
    "style-src 'self' 'unsafe-inline'; frame-ancestors 'self'; form-action 'self'; base-uri 'self'; object-src 'none'"
)
_PATCH_POLICY: Final = (
    _POLICY + "; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; font-src 'self' data:; media-src 'self' blob:"
)
PATCH: Final = "/patch"
#: What the patch page asks for. Its library also answers to what reads files, calls other hosts and runs programs.
_PATCH_READS: Final = re.compile(
    rf"{PATCH}(/?|/(assets|static|svelte)/.*|/theme\.css|/config|/favicon\.ico|/manifest\.json"
    r"|/gradio_api/(queue/(data|status)|heartbeat/[\w-]+|upload_progress|startup-events|app_id))"
)
_PATCH_UPLOAD: Final = f"{PATCH}/gradio_api/upload"
_PATCH_WRITES: Final = (f"{PATCH}/gradio_api/queue/join", f"{PATCH}/gradio_api/cancel", f"{PATCH}/gradio_api/reset")
_SCENE_UPLOAD: Final = "/api/uploads"
_CHANGING: Final = ("POST", "PUT", "PATCH", "DELETE")
#: Bytes of a request that is no upload; an area of interest may have 20 MB.
MOST_BODY: Final = 32 * 10**6
#: Seconds without a byte of what was announced.
_PATIENCE: Final = 60.0


class Guard:
    """Refuses what another site's page makes a browser send, what the patch page never asks for, and endless bodies.

    Args:
        app: behind it.
        most_patch_bytes: of an upload to the patch page.
        make_room: called before one; raises nothing.
    """

    def __init__(self, app: ASGIApp, *, most_patch_bytes: int = MOST_BODY, make_room: Callable[[], None] | None = None):
        self._app, self._most_patch_bytes, self._make_room = app, most_patch_bytes, make_room

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or hand it on."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # no page uses web sockets
            await send({"type": "websocket.close", "code": 1008})
            return
        sent, path, changing = Headers(scope=scope), scope["path"], scope["method"] in _CHANGING
        patch = path == PATCH or path.startswith(f"{PATCH}/")
        origin = sent.get("origin")
        if changing and origin is not None and origin != f"{scope['scheme']}://{sent.get('host')}":
            await _refusal(403, "refused: the request comes from another site")(scope, receive, send)
            return
        if patch and not _of_patch_page(path, changing=changing):
            await _refusal(404, "not found")(scope, receive, send)
            return
        if path == _PATCH_UPLOAD and self._make_room is not None:
            await asyncio.to_thread(self._make_room)
        guarded = _with_headers(send, path=path, patch=patch)
        # Files of scenes are counted by what keeps them, which knows their names.
        most = self._most_patch_bytes if path == _PATCH_UPLOAD else None if path == _SCENE_UPLOAD else MOST_BODY
        if changing:
            await _Body(receive, guarded, most=most).serve(self._app, scope)
        else:
            await self._app(scope, receive, guarded)


class _Body:
    """A request's body, counted while it comes; of one that is too long or never ends no more is read."""

    def __init__(self, receive: Receive, send: Send, *, most: int | None) -> None:
        self._receive, self._send, self._most = receive, send, most
        self._taken, self._whole, self._answered, self._refused = 0, False, False, False

    async def serve(self, app: ASGIApp, scope: Scope) -> None:
        declared = Headers(scope=scope).get("content-length", "")
        if self._most is not None and declared.isdecimal() and int(declared) > self._most:
            await self._refuse(413, self._too_long(int(declared)), scope)
            return
        self._scope = scope
        await app(scope, self.receive, self.send)

    async def receive(self) -> Message:
        if self._refused:
            return {"type": "http.disconnect"}
        try:
            message = await asyncio.wait_for(self._receive(), None if self._whole else _PATIENCE)
        except TimeoutError:
            await self._refuse(408, f"nothing came for {_PATIENCE:.0f} seconds; send it again", self._scope)
            return {"type": "http.disconnect"}
        if message["type"] == "http.request":
            self._taken += len(message.get("body", b""))
            self._whole = not message.get("more_body", False)
            if self._most is not None and self._taken > self._most:
                await self._refuse(413, self._too_long(self._taken), self._scope)
                return {"type": "http.disconnect"}
        return message

    async def send(self, message: Message) -> None:
        self._answered = True
        if not self._refused:
            await self._send(message)

    def _too_long(self, size: int) -> str:
        return f"{size / 1e6:,.0f} MB were sent, and at most {(self._most or 0) / 1e6:,.0f} MB are taken here"

    async def _refuse(self, status: int, told: str, scope: Scope) -> None:
        self._refused = True
        if not self._answered:
            await _refusal(status, told, close=True)(scope, self._receive, self._send)


def _of_patch_page(path: str, *, changing: bool) -> bool:
    if changing:
        return path == _PATCH_UPLOAD or path in _PATCH_WRITES
    return _PATCH_READS.fullmatch(path) is not None


def _with_headers(send: Send, *, path: str, patch: bool) -> Send:
    async def guarded(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers.setdefault("Content-Security-Policy", _PATCH_POLICY if patch else _POLICY)
            headers.setdefault("X-Content-Type-Options", "nosniff")
            headers.setdefault("Referrer-Policy", "no-referrer")
            if not patch and not path.startswith("/map/vendor/"):
                headers.setdefault("Cache-Control", "no-cache")
        await send(message)

    return guarded


def _refusal(status: int, told: str, *, close: bool = False) -> JSONResponse:
    return JSONResponse({"error": told}, status_code=status, headers={"Connection": "close"} if close else None)
