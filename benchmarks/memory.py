"""What a scan adds to the memory of a process, by the size of the raster.

Each size has a process of its own. Its network is cheap (one pixel sees itself alone), so that the engine's own memory
shows and the largest raster takes a minute. The resident set is looked at every 20 ms, and on Linux the kernel's own
record of its peak is taken too.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

_MB = 2**20
_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
#: A raster for the scan that loads what is loaded on first use: larger than a window, small enough to leave no trace.
_WARM = (300, 300)


@dataclass(frozen=True)
class Growth:
    """Memory of one scan in MB.

    Attributes:
        height, width: of the raster.
        budget_mb: ``memory_mb``.
        before_mb: resident with everything imported and the network loaded.
        peak_mb: largest resident set seen during the scan, by sampling or by the kernel.
        seconds: that the scan took.
    """

    height: int
    width: int
    budget_mb: int
    before_mb: float
    peak_mb: float
    seconds: float

    @property
    def growth_mb(self) -> float:
        """What the scan added."""
        return self.peak_mb - self.before_mb


class Watch(threading.Thread):
    """The largest resident set of this process while the block lasts."""

    def __init__(self, every_s: float = 0.02) -> None:
        import psutil

        super().__init__(daemon=True)
        self._process, self._every, self._end = psutil.Process(), every_s, threading.Event()
        self.peak = 0

    def run(self) -> None:
        """Look until told to stop."""
        while not self._end.wait(self._every):
            self.peak = max(self.peak, self._process.memory_info().rss)

    def __enter__(self) -> Watch:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self.join()


def measured(folder: Path, height: int, width: int, *, budget_mb: int = 1024) -> Growth:
    """The growth of a fresh process that scans a raster of that size."""
    from benchmarks.inputs import mosaic

    mosaic(folder, height, width)
    mosaic(folder, *_WARM)
    arguments = [str(folder), str(height), str(width), str(budget_mb)]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "benchmarks.memory", *arguments],
        check=True, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    return Growth(**json.loads(done.stdout.splitlines()[-1]))


def _scan(folder: Path, height: int, width: int, budget_mb: int) -> Growth:
    import psutil
    import torch

    from benchmarks.inputs import BANDS, mosaic
    from landslide_geo import predict_raster

    source = mosaic(folder, height, width)
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Conv2d(BANDS, 1, 1), torch.nn.Sigmoid()).eval()

    def predict(batch):  # type: ignore[no-untyped-def]
        with torch.inference_mode():
            return network(torch.from_numpy(batch) * 1e-4).numpy()

    # A scan of the smallest raster there is loads what is loaded on first use.
    predict_raster(mosaic(folder, *_WARM), predict, folder / "warm.tif", memory_mb=budget_mb, progress=False)
    with suppress(OSError):
        _CLEAR.write_text("5")  # forget the peak so far
    before, highest_before = psutil.Process().memory_info().rss, highest_resident()
    start = time.perf_counter()
    with Watch() as watch:
        predict_raster(source, predict, folder / "memory.tif", memory_mb=budget_mb, progress=False)
    seconds = time.perf_counter() - start
    highest = highest_resident()
    peak = max(watch.peak, highest if highest > highest_before else 0)
    (folder / "memory.tif").unlink()
    return Growth(height, width, budget_mb, before / _MB, peak / _MB, seconds)


def highest_resident() -> int:
    """The kernel's record of this process's largest resident set in bytes; 0 where it keeps none."""
    with suppress(OSError):
        for line in _STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


def _main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    for name in ("height", "width", "budget_mb"):
        parser.add_argument(name, type=int)
    print(json.dumps(asdict(_scan(**vars(parser.parse_args())))))


if __name__ == "__main__":
    _main()
