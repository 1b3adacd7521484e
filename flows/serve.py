"""A Prefect server, a worker and all deployments on this machine, until Ctrl-C."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Final

import psutil
import requests
import yaml

from flows.deployments import FILE, POOL, write_deployments
from landslide_geo.errors import LandslideError, OutputError, ParameterError
from landslide_geo.files import make_parent
from landslide_geo.regions.region import FILES

#: Seconds that a server may take to start: it makes its database the first time.
_START_S: Final = 120
#: And to end: a worker ends the runs at work first.
_STOP_S: Final = 30
_SETTINGS: Final = {
    # Nothing is told to Prefect's makers.
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "PREFECT_CLI_COLORS": "false",
    # Which run has a deployment's only place. In memory, as Prefect has it, that is forgotten when the server ends, and
    # the place of a run that died with it is never free again: every later night is cancelled.
    "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
}
#: Seconds that the server may take to answer, and how many deployments it tells at a time.
_ANSWER_S: Final = 60
_PAGE: Final = 200
#: Signals that end it: Ctrl-C, that of `kill` and service managers, and that of a terminal which is closed. A shell
#: lets what it starts in the background ignore the first; Prefect's worker would inherit that, and end by none of them.
_ENDING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def environment(home: Path, url: str, *, database: str | None = None) -> dict[str, str]:
    """Settings of all Prefect processes.

    Args:
        home: folder of its database and logs.
        url: of the server.
        database: address of a PostgreSQL database; none keeps SQLite in ``home``.
    """
    found = os.environ | _SETTINGS | {"PREFECT_HOME": str(home.absolute()), "PREFECT_API_URL": f"{url}/api"}
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
        """End it, and what it started; at once where Ctrl-C is pressed again."""
        started: list[psutil.Process] = []
        # Runs are in process groups of their own.
        with contextlib.suppress(psutil.NoSuchProcess):
            started = psutil.Process(self.process.pid).children(recursive=True)
        try:
            if self.process.poll() is None:
                self.process.send_signal(signal.SIGINT)
                self.process.wait(_STOP_S)
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            self.process.kill()
            self.process.wait()
        finally:
            for process in started:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()

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
    """Make the work pool and all deployments of a file, and remove those of regions that it does not have any more.

    Raises:
        OutputError: the server refuses them.
    """
    _call(["work-pool", "create", POOL, "--type", "process", "--overwrite"], env)
    _call(["--no-prompt", "deploy", "--all", "--prefect-file", str(file)], env)
    _retire(env["PREFECT_API_URL"], {one["name"] for one in yaml.safe_load(file.read_text("utf-8"))["deployments"]})


def _retire(api: str, kept: set[str]) -> None:
    """Remove nightly deployments of this folder whose region is gone or has no schedule now: Prefect would keep them.

    Raises:
        OutputError: the server refuses.
    """
    here = {"prefect.deployments.steps.set_working_directory": {"directory": str(Path.cwd())}}
    asked: dict[str, Any] = {"deployments": {"tags": {"all_": ["nightly"]}}, "limit": _PAGE, "offset": 0}
    gone: list[str] = []
    try:
        while found := _answer(requests.post(f"{api}/deployments/filter", json=asked, timeout=_ANSWER_S)).json():
            gone += [one["id"] for one in found if one["name"] not in kept and here in (one["pull_steps"] or [])]
            asked["offset"] += len(found)
        for name in gone:
            _answer(requests.delete(f"{api}/deployments/{name}", timeout=_ANSWER_S))
    except requests.RequestException as error:
        raise OutputError(f"{api}: old deployments cannot be removed ({error}); run it again") from None


def _answer(answer: requests.Response) -> requests.Response:
    answer.raise_for_status()
    return answer


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
    for number in _ENDING:
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:  # as nohup has it
            signal.signal(number, signal.default_int_handler)
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
    make_parent(given.home / "prefect.db", option="--home")
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
