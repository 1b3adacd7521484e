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
def stac_server(listed: Path) -> Iterator[str]:
    """The address of a STAC API that has the items of a feature collection while the block runs.

    Raises:
        FileNotFoundError: rustac is not installed.
        RuntimeError: it does not answer.
    """
    if (program := rustac()) is None:
        raise FileNotFoundError("rustac is not installed; pip install rustac")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    command = [program, "serve", "--create-collections", "--addr", address, str(listed)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            _wait(f"http://{address}/", server)
            yield f"http://{address}/"
        finally:
            server.terminate()


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
