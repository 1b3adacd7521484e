"""What a scan writes about itself: checksums, versions, machine, memory, and the key that names its inputs."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import resource
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from time import perf_counter
from typing import Any, Final

from landslide_geo.files import file_sha256
from landslide_geo.inference.sources import content_sha256
from landslide_geo.inference.store import FORMAT
from landslide_geo.progress import stage
from landslide_geo.scene.item import PRE_VISIBILITY, VISIBILITY
from landslide_geo.scene.raster_io import reading
from landslide_geo.scene.scene import Scene
from landslide_geo.scene.told import Codes
from landslide_geo.version import __version__

_PACKAGES: Final = ("torch", "segmentation-models-pytorch", "rasterio", "geopandas", "shapely", "numpy", "exactextract")


def describe_inputs(scene: Scene, aoi: Path | None) -> list[dict[str, Any]]:
    """Role, path, band index and checksum of everything a scan reads.

    The checksum is that of the file; where more than one decides the values (a VRT's sources, a mask beside it), it is
    of all of them.
    """
    files: list[dict[str, Any]] = [
        {"role": band.name, "path": str(band.path), "band": band.index}
        | ({} if band.scaling is None else {"scaling": asdict(band.scaling)})
        for band in scene.bands
    ]
    if scene.dem is not None:
        unit = {} if scene.dem_unit == "m" else {"unit": scene.dem_unit}
        files.append({"role": "dem", "path": str(scene.dem), "band": scene.dem_band} | unit)
    for role, path, codes in (
        (VISIBILITY, scene.visibility_path, scene.visibility_codes),
        (PRE_VISIBILITY, scene.pre_visibility_path, scene.pre_visibility_codes),
    ):
        if path is not None:
            own = {} if codes is Codes.VISIBILITY else {"codes": codes.value}
            files.append({"role": role, "path": str(path), "band": 1} | own)
    if aoi is not None:
        files.append({"role": "aoi", "path": str(aoi), "band": None})
    sums = {}
    for path in {entry["path"] for entry in files}:
        with reading(Path(path)):
            sums[path] = _vector_sha256(aoi) if aoi is not None and path == str(aoi) else content_sha256(Path(path))
    return [entry | {"sha256": sums[entry["path"]]} for entry in files]


def _vector_sha256(path: Path) -> str:
    """Checksum of a vector file, of all its files where it has several: a shapefile, or a folder that is a database."""
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.is_file())
    else:
        beside = (".shx", ".dbf", ".prj", ".cpg") if path.suffix.lower() == ".shp" else ()
        files = [path, *(file for suffix in beside if (file := path.with_suffix(suffix)).is_file())]
    sums = [file_sha256(file) for file in files]
    return sums[0] if len(sums) == 1 else hashlib.sha256(json.dumps(sums).encode()).hexdigest()


def scan_key(facts: Mapping[str, Any]) -> str:
    """A digest of everything that decides a scan's result."""
    told = json.dumps([FORMAT, facts], sort_keys=True, default=str)
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def versions() -> dict[str, str]:
    """Versions of the program and of the libraries that decide its numbers."""
    return {"landslide-geo": __version__, "python": platform.python_version()} | installed(_PACKAGES)


def installed(packages: Iterable[str]) -> dict[str, str]:
    """Versions of those of some packages that are installed."""
    found = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def machine() -> dict[str, Any]:
    """The machine, in words that help to compare timings."""
    return {"system": platform.system(), "machine": platform.machine(), "cpus": os.cpu_count()}


def peak_memory_mb() -> float:
    """Largest resident memory of this process so far, MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1024 if platform.system() == "Linux" else peak / 2**20


class Timings(dict[str, float]):
    """Seconds by step, in the order they were taken."""

    @contextmanager
    def step(self, name: str, *, shown: bool = True) -> Iterator[None]:
        """Add the time spent inside to ``name``, and show it as a stage of that name."""
        start = perf_counter()
        try:
            with stage(name) if shown else nullcontext():
                yield
        finally:
            self[name] = round(self.get(name, 0.0) + perf_counter() - start, 3)
