"""A real STAC API on loopback, ``rustac serve``, for benchmarks and tests."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def rustac() -> str | None:
    """Path of the program, first of this environment's; None where it is not installed."""
    return shutil.which("rustac", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")


@contextmanager
def stac_server(listed: Path, *, port: int = 0) -> Iterator[str]:
    """The address of a STAC API that has the items of a feature collection while the block runs.

    Args:
        listed: file of the feature collection.
        port: to listen on; 0 takes one that is free.

    Raises:
        FileNotFoundError: rustac is not installed.
        RuntimeError: it does not answer.
    """
    if (program := rustac()) is None:
        raise FileNotFoundError("rustac is not installed; pip install rustac")
    address = f"127.0.0.1:{port or free_port()}"
    command = [program, "serve", "--create-collections", "--addr", address, str(listed)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            _wait(f"http://{address}/", server)
            yield f"http://{address}/"
        finally:
            server.terminate()


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _wait(url: str, server: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        if server.poll() is not None:
            raise RuntimeError(f"rustac ended with {server.returncode}")
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError("rustac does not answer")
