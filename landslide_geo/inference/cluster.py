"""Processes that share a scan, with errors a user can act on."""

from __future__ import annotations

import logging
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from landslide_geo.errors import ClusterError, ParameterError

if TYPE_CHECKING:
    from distributed import Client, LocalCluster

_T = TypeVar("_T")
_PACKAGE: Final = "landslide-geo"


class Parcel(Generic[_T]):
    """Work on its way to other processes. Each unpacks it once, and says in words what stands in the way."""

    def __init__(self, work: _T) -> None:
        """Pack the work.

        Raises:
            ParameterError: a part of it cannot be pickled.
        """
        import cloudpickle

        try:
            self._packed: bytes = cloudpickle.dumps(work)
        except Exception as error:
            raise ParameterError(
                f"{_culprit(work)} cannot be sent to other processes ({_reason(error)}); let it hold nothing that is "
                "open or locked, or compute without workers and scheduler"
            ) from None
        self._work: _T | None = None

    def __getstate__(self) -> dict[str, Any]:
        """The bytes alone."""
        return self.__dict__ | {"_work": None}

    def unpacked(self) -> _T:
        """The work.

        Raises:
            ParameterError: this process lacks something that it needs.
        """
        import cloudpickle

        if self._work is None:
            try:
                self._work = cloudpickle.loads(self._packed)
            except Exception as error:
                raise ParameterError(
                    f"a worker on {socket.gethostname()} cannot take up the work ({_reason(error)}); install there "
                    "what predict and source need, in the same versions"
                ) from None
        assert self._work is not None
        return self._work


@contextmanager
def connected(workers: int | None, scheduler: str | None) -> Iterator[Client]:
    """A client of a local cluster of ``workers`` processes that lives as long as the block, or of one that runs.

    Raises:
        ParameterError: the scheduler cannot be reached, or has no workers, or one with another version of the package;
            processes cannot be started.
        ClusterError: the scheduler or too many workers were lost.
    """
    from concurrent.futures import CancelledError

    from distributed import Client, KilledWorker
    from distributed.comm import CommClosedError

    # What it has to say about a lost scheduler is said below.
    log = logging.getLogger("distributed.client")
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        if scheduler is not None:
            with _client(scheduler) as client:
                yield client
            return
        with _local(workers) as local, Client(local) as client:
            client.run(_ignore_interrupts)
            yield client
    except KilledWorker as error:
        raise ClusterError(
            f"a part of the scan killed every worker that tried it ({_reason(error)}); give the workers more memory, "
            "or choose smaller batches, and go on with resume"
        ) from None
    except (CancelledError, CommClosedError) as error:
        raise ClusterError(
            f"{f'scheduler {scheduler}' if scheduler else 'the local cluster'} was lost ({_reason(error)}); start it "
            "again and go on with resume"
        ) from None
    finally:
        log.setLevel(level)


def _local(workers: int | None) -> LocalCluster:
    from distributed import LocalCluster

    try:
        return LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            memory_limit=0,  # the engine keeps its own budget
            dashboard_address="127.0.0.1:0",
            silence_logs=logging.CRITICAL,  # what matters becomes an error here, of one line
        )
    except (RuntimeError, OSError) as error:
        raise ParameterError(
            f"workers {workers}: their processes cannot be started ({_reason(error)}); in a script, call from under "
            '`if __name__ == "__main__":`, since each of them imports the script'
        ) from None


def _ignore_interrupts() -> None:
    """Ctrl-C in a terminal reaches all processes; this one ends its workers itself."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _client(scheduler: str) -> Client:
    from distributed import Client

    try:
        client = Client(scheduler, timeout="5s")
    except (OSError, ValueError, TypeError) as error:
        raise ParameterError(
            f"scheduler {scheduler}: cannot be reached ({_reason(error)}); give the address that dask-scheduler "
            "prints, e.g. tcp://127.0.0.1:8786"
        ) from None
    try:
        if not client.scheduler_info()["workers"]:
            raise ParameterError(f"scheduler {scheduler}: it has no workers; start some with dask worker")
        _check_versions(client, scheduler)
    except BaseException:
        client.close()
        raise
    return client


def _check_versions(client: Client, scheduler: str) -> None:
    """Workers run the same code as this process, or what they give is anybody's guess.

    Raises:
        ParameterError: one lacks the package, or has another version of it or of Python.
    """
    versions: Any = client.get_versions(packages=[_PACKAGE])
    for address, told in versions["workers"].items():
        for name, key, digits in ((_PACKAGE, _PACKAGE, None), ("Python", "python", 2)):
            here, there = (_version(one["packages"].get(key), digits) for one in (versions["client"], told))
            if here is not None and there != here:
                raise ParameterError(
                    f"scheduler {scheduler}: worker {address} has {name} {there or 'not installed'}, this process "
                    f"{here}; install {name} {here} there"
                )


def _version(version: str | None, digits: int | None) -> str | None:
    return None if version is None else ".".join(version.split(".")[:digits])


def _culprit(work: object) -> str:
    """Which attribute of the work cannot be pickled."""
    import cloudpickle

    for name, part in vars(work).items():
        try:
            cloudpickle.dumps(part)
        except Exception:
            return name
    return "the work"


def _reason(error: BaseException) -> str:
    """An error of a library in one line."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
