"""What a national scan is made of: a tile from catalogue to polygons, and the limits of what schedules it.

    python -m benchmarks.scale --data build/bench [--only tile,prefect,dask,region] [--size 10980]

Every part prints a line of JSON. The tile is simulated ground, the network is the shipped one; Prefect is a server of
its own on this machine, Dask a local cluster, and the region many small simulated acquisitions of a real STAC API.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from benchmarks import ingest as tiles
from benchmarks.stac_server import free_port

#: Tasks of a flow, and of a Dask graph.
_TASKS: Final = 300
_GRAPHS: Final = (1_000, 10_000, 50_000)
_LANDSLIDE: Final = "from landslide_geo.cli.main import main; main()"


def tile(folder: Path, size: int) -> dict[str, Any]:
    """One Sentinel-2 tile: `landslide ingest`, then `landslide scan` with the shipped network."""
    found: dict[str, Any] = {"size": size}
    scene, out = folder / "scale-scene", folder / "scale-scan"
    for path in (scene, out):
        shutil.rmtree(path, ignore_errors=True)
    with tiles.served(folder, size) as url:
        found["ingest"] = _timed(["ingest", "--aoi", str(folder / f"area-{size}.gpkg"), "--datetime", "2023-05-20",
                                  "--stac", url, "--out", str(scene), "--quiet"])  # fmt: skip
    found["scan"] = _timed(["scan", str(scene), "--out", str(out), "--quiet"])
    record = json.loads((out / "scan.json").read_text(encoding="utf-8"))
    found["landslides"] = record["summary"]["landslides"]
    found["gigabytes"] = {"scene": _gigabytes(scene), "scan": _gigabytes(out)}
    return found


def prefect(folder: Path) -> dict[str, Any]:
    """Tasks in a second of one flow, and seconds from asking for a run to its end, on SQLite."""
    from flows.serve import environment, server

    home = folder / "scale-prefect"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    port = free_port()
    env = environment(home, f"http://127.0.0.1:{port}")
    code = (
        "import time\nfrom prefect import flow, task\n@task\ndef nothing(i): return i\n@flow\ndef many(n):\n"
        "    for i in range(n): nothing(i)\nmany(10)\n"
        f"begun = time.perf_counter(); many({_TASKS}); print({_TASKS} / (time.perf_counter() - begun))"
    )
    with server(env, host="127.0.0.1", port=port):
        done = subprocess.run([sys.executable, "-c", code], env=env, check=True, capture_output=True, text=True)
    return {"tasks": _TASKS, "tasks_per_second": round(float(done.stdout.splitlines()[-1]), 1)}


def dask(folder: Path) -> list[dict[str, Any]]:
    """Tasks in a second of a local cluster of two workers, and what the graph adds to the process, by its size."""
    from distributed import Client, LocalCluster

    found = []
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, memory_limit=0) as cluster,
        Client(cluster) as client,
    ):
        for count in _GRAPHS:
            before, begun = _resident(), time.perf_counter()
            futures = client.map(_nothing, range(count), pure=False)
            client.gather(futures)
            spent = time.perf_counter() - begun
            found.append(
                {"tasks": count, "tasks_per_second": round(count / spent), "mb": round((_resident() - before) / 2**20)}
            )
            del futures
    return found


def region(folder: Path, *, acquisitions: int = 20) -> dict[str, Any]:
    """Seconds for each acquisition of a region that shows next to nothing: what a night costs beside its pixels."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    from catalogue import catalogue
    from region_world import acquire, region_on

    from landslide_geo.regions.run import run_region

    place = folder / "scale-region"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    with catalogue(place / "world") as made:
        acquire(made, 0, [])
        for day in range(acquisitions):
            acquire(made, 5 + day, [(20, 20, 12)])
        with made.served() as url:
            watched = region_on(place, url, look_back_days=3650)
            begun = time.perf_counter()
            done = run_region(watched)["done"]
            spent = time.perf_counter() - begun
    return {"acquisitions": len(done), "seconds_each": round(spent / len(done), 2)}


def _nothing(number: int) -> int:
    return number


def _timed(words: list[str]) -> dict[str, float]:
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([sys.executable, "-W", "ignore", "-c", _LANDSLIDE, *words], check=True, stdout=subprocess.DEVNULL)
    spent, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {
        "seconds": round(spent, 1),
        "processor_seconds": round(processor, 1),
        "largest_mb": round(after.ru_maxrss / 1024),
    }


def _gigabytes(folder: Path) -> float:
    return round(sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e9, 3)


def _resident() -> int:
    import psutil

    return int(psutil.Process().memory_info().rss)


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, default=Path("build/bench"))
    parser.add_argument("--only", default="tile,prefect,dask,region")
    parser.add_argument("--size", type=int, default=10980)
    given = parser.parse_args()
    given.data.mkdir(parents=True, exist_ok=True)
    parts: dict[str, Callable[[Path], Any]] = {
        "tile": lambda folder: tile(folder, given.size), "prefect": prefect, "dask": dask, "region": region
    }  # fmt: skip
    for name in given.only.split(","):
        print(json.dumps({name: parts[name](given.data), "cores": os.cpu_count()}), flush=True)


if __name__ == "__main__":
    main()
