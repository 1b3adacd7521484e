"""The page in the foreground until Ctrl-C."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

from landslide_geo.app.closed import closed
from landslide_geo.errors import MissingExtraError, OutputError, ParameterError
from landslide_geo.files import WorkFolder


def serve(
    work: Path,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    max_upload_mb: int = 1024,
    stac: str | None = None,
    mirror: Path | None = None,
    say: Callable[[str], None] = print,
) -> None:
    """Serve the page until the process is told to end.

    Args:
        work: the work folder.
        host: name or address to listen on.
        port: to listen on; 0 takes a free one.
        max_upload_mb: of one file.
        stac: address of the catalogue for new scenes.
        mirror: folder with copies of sample data.
        say: told the address, and a warning where it is not of this machine.

    Raises:
        MissingExtraError: the extra ``app`` is not installed.
        ParameterError: there is no such address here.
        OutputError: the port is taken, the folder cannot be written, or another page works in it.
    """
    try:
        import gradio  # noqa: F401
        import rio_tiler  # noqa: F401
        import uvicorn
    except ImportError as error:
        raise MissingExtraError(
            f"the web page needs {error.name}; install it with: pip install 'landslide-geo[app]'"
        ) from None
    from landslide_geo.app.server import LOOPBACK, create_app

    here = _is_loopback(host)
    listening = _bound(host, port)
    with contextlib.closing(listening), _alone(work), closed() as before:
        address = listening.getsockname()
        hosts = LOOPBACK if here else (*LOOPBACK, host) if host not in ("0.0.0.0", "::") else ("*",)
        app = create_app(work, max_upload_mb=max_upload_mb, hosts=hosts, stac=stac, mirror=mirror, before=before)
        shown = f"[{host}]" if ":" in host else host
        if not here:
            say(
                f"warning: {host} can be reached from other machines, and the page has no passwords: whoever reaches "
                "it can scan, review and download. Put a proxy with a login before it"
            )
        say(f"http://{shown}:{address[1]}/ (work folder {Path(work).absolute()}; Ctrl-C ends it)")
        config = uvicorn.Config(app, log_level="warning", access_log=False, lifespan="on", timeout_graceful_shutdown=3)
        with contextlib.suppress(KeyboardInterrupt):  # that is how it is ended
            uvicorn.Server(config).run(sockets=[listening])


@contextlib.contextmanager
def _alone(work: Path) -> Iterator[None]:
    """Keep a second page from the folder: it would take this one's scans for interrupted ones."""
    kept = WorkFolder(Path(work).absolute() / ".app")
    try:
        kept.open(keep=True)
    except BlockingIOError:
        raise OutputError(
            f"{work}: another landslide app works in this folder; use its page, or choose another folder with --work"
        ) from None
    except OSError as error:
        raise OutputError(f"{work}: cannot be written ({error.strerror}); choose another folder with --work") from None
    try:
        yield
    finally:
        kept.close()


def _bound(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen()  # a browser that comes early waits
    except socket.gaierror:
        raise ParameterError(f"host {host!r}: no such address here; leave out --host for this machine alone") from None
    except OSError as error:
        raise OutputError(
            f"port {port} of {host}: cannot be listened on ({error.strerror}); choose another with --port"
        ) from None
    return listening


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
