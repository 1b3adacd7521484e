"""A Prefect server, a worker and all deployments on this machine, until Ctrl-C."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Final

import requests

from flows.deployments import FILE, POOL, write_deployments
from landslide_geo.errors import LandslideError, OutputError, ParameterError
from landslide_geo.regions.region import FILES

#: Seconds that a server may take to start: it makes its database the first time.
_START_S: Final = 120
#: And to end: a worker ends the runs at work first.
_STOP_S: Final = 30
#: Nothing is told to Prefect's makers.
_QUIET: Final = {"PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1", "PREFECT_CLI_COLORS": "false"}


def environment(home: Path, url: str, *, database: str | None = None) -> dict[str, str]:
    """Settings of all Prefect processes.

    Args:
        home: folder of its database and logs.
        url: of the server.
        database: address of a PostgreSQL database; none keeps SQLite in ``home``.
    """
    found = os.environ | _QUIET | {"PREFECT_HOME": str(home.absolute()), "PREFECT_API_URL": f"{url}/api"}
    if database is not None:
        found["PREFECT_SERVER_DATABASE_CONNECTION_URL"] = database
    return found


class Service:
    """A Prefect process, which is started again where it ended by itself.

    Args:
        words: of the command after ``prefect``.
        env: as `environment` gives it.
    """

    def __init__(self, words: Sequence[str], env: dict[str, str]) -> None:
        self._words, self._env = tuple(words), env
        self.process = self._started()

    def tend(self) -> None:
        """Start it again where it ended."""
        if self.process.poll() is not None:
            self.process = self._started()

    def stop(self) -> None:
        """End it, and what it started."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()

    def _started(self) -> subprocess.Popen[bytes]:
        # Of a group of its own: Ctrl-C in a terminal reaches this process alone, which ends them in order.
        return subprocess.Popen([sys.executable, "-m", "prefect", *self._words], env=self._env, start_new_session=True)


@contextmanager
def server(env: dict[str, str], *, host: str, port: int) -> Iterator[Service]:
    """A server that answers, while the block runs.

    Raises:
        OutputError: it does not start.
    """
    with _ended(Service(["server", "start", "--host", host, "--port", str(port)], env)) as running:
        wait_for_server(running, env)
        yield running


def wait_for_server(running: Service, env: dict[str, str]) -> None:
    """Wait until it answers.

    Raises:
        OutputError: it does not.
    """
    end = time.monotonic() + _START_S
    while not _healthy(f"{env['PREFECT_API_URL']}/health"):
        if running.process.poll() is not None or time.monotonic() > end:
            raise OutputError(f"the Prefect server at {env['PREFECT_API_URL']} does not start; is its port taken?")
        time.sleep(0.3)


def worker(env: dict[str, str]) -> AbstractContextManager[Service]:
    """A worker of the pool while the block runs."""
    return _ended(Service(["worker", "start", "--pool", POOL, "--type", "process"], env))


def deploy(env: dict[str, str], *, file: Path = FILE) -> None:
    """Make the work pool and all deployments of a file.

    Raises:
        OutputError: the server refuses them.
    """
    _call(["work-pool", "create", POOL, "--type", "process", "--overwrite"], env)
    _call(["--no-prompt", "deploy", "--all", "--prefect-file", str(file)], env)


@contextmanager
def _ended(service: Service) -> Iterator[Service]:
    try:
        yield service
    finally:
        service.stop()


def _call(words: Sequence[str], env: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "prefect", *words], env=env, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        told = " ".join((done.stderr or done.stdout).split())[-300:]
        raise OutputError(f"prefect {' '.join(words)} failed: {told}")


def _healthy(url: str) -> bool:
    try:
        return requests.get(url, timeout=2).ok
    except requests.RequestException:
        return False


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=4200)
    parser.add_argument("--home", type=Path, default=Path("data/prefect"), help="of Prefect's database")
    parser.add_argument("--regions", type=Path, default=FILES)
    given = parser.parse_args(arguments)
    try:
        _serve(given)
    except KeyboardInterrupt:
        return 0
    except LandslideError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _serve(given: Any) -> None:
    url = f"http://{given.host}:{given.port}"
    if _healthy(f"{url}/api/health"):
        raise ParameterError(f"{url}: a server runs there already; end it, or choose another --port")
    given.home.mkdir(parents=True, exist_ok=True)
    env = environment(given.home, url, database=os.environ.get("LANDSLIDE_PREFECT_DATABASE"))
    file = write_deployments(regions=given.regions)
    with server(env, host=given.host, port=given.port) as running:
        deploy(env, file=file)
        print(f"regions are scanned by their schedules; see {url} (Ctrl-C ends it)", flush=True)
        with worker(env) as working:
            while True:
                time.sleep(1)
                running.tend()
                working.tend()


if __name__ == "__main__":
    sys.exit(main())
