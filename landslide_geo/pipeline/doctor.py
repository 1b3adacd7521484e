"""What works on this machine: each check really tries the thing."""

from __future__ import annotations

import shutil
import socket
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Final
from urllib.parse import urlparse

import numpy as np
import rasterio

from landslide_geo.inference.backends import candidates
from landslide_geo.inference.backends.base import BackendName, Shape
from landslide_geo.inference.backends.opening import OFFERS, open_candidate
from landslide_geo.pipeline.record import versions
from landslide_geo.scene.fetch import SAMPLES


@dataclass(frozen=True)
class Check:
    """One thing examined.

    Attributes:
        name: of the thing.
        works: whether it does.
        found: version, device, or the reason why not.
        needed: whether a scan cannot run without it.
    """

    name: str
    works: bool
    found: str
    needed: bool = True


#: Commands of the extras, and a module that tells whether each is installed.
_EXTRAS: Final = {
    "train": "lightning",
    "flows": "prefect",
    "onnx": "onnxruntime",
    "app": "gradio",
    "l1c": "s2cloudless",
}


def examine(*, network: bool = True) -> list[Check]:
    """Try everything; nothing is changed, and nothing is sent but a connection attempt."""
    checks = [Check("versions", True, ", ".join(f"{name} {version}" for name, version in versions().items()))]
    checks += [
        _tried("raster drivers", _drivers),
        _tried("coordinate systems", _projections),
        _tried("GeoPackage", _geopackage),
        _tried("network on CPU", _torch_cpu),
        _tried("GPU", _torch_gpu, needed=False),
        *(_tried(f"back end {name}", partial(_backend, name), needed=name == "torch") for name in OFFERS),
        _tried("default model", _default_model),
        _tried("temporary space", _disk),
    ]
    for extra, module in _EXTRAS.items():
        present = find_spec(module) is not None
        found = "installed" if present else f"not installed; pip install 'landslide-geo[{extra}]'"
        checks.append(Check(f"extra {extra}", present, found, needed=False))
    qgis = shutil.which("qgis")
    checks.append(Check("QGIS", qgis is not None, qgis or "not on the path; only needed to look at results", False))
    if network:
        checks.append(_tried("internet", _internet, needed=False))
    return checks


def _tried(name: str, attempt: Callable[[], str], *, needed: bool = True) -> Check:
    try:
        return Check(name, True, attempt(), needed)
    except Exception as error:  # whatever it is, it is what the user wants to know
        return Check(name, False, " ".join(str(error).split()) or type(error).__name__, needed)


def _drivers() -> str:
    with tempfile.TemporaryDirectory() as folder, rasterio.Env() as env:
        missing = [driver for driver in ("GTiff", "COG", "VRT", "GPKG") if driver not in env.drivers()]
        if missing:
            raise RuntimeError(f"GDAL lacks {', '.join(missing)}")
        path = Path(folder) / "probe.tif"
        values = np.arange(16, dtype="uint8").reshape(1, 4, 4)
        profile = {"driver": "GTiff", "width": 4, "height": 4, "count": 1, "dtype": "uint8"}
        transform = rasterio.transform.from_origin(500_000, 4_700_000, 1, 1)
        with rasterio.open(path, "w", crs="EPSG:32654", transform=transform, **profile) as dataset:
            dataset.write(values)
        with rasterio.open(path) as dataset:
            if not (dataset.read() == values).all():
                raise RuntimeError("GDAL reads back other values than it wrote")
    return f"GDAL {rasterio.__gdal_version__}"


def _projections() -> str:
    from pyproj import Transformer, proj_version_str

    x, y = Transformer.from_crs("EPSG:4326", "EPSG:32654", always_xy=True).transform(141.0, 0.0)
    if abs(x - 500_000) > 1e-3 or abs(y) > 1e-3:
        raise RuntimeError(f"PROJ puts 141°E 0°N at {x}, {y}; its data files may be missing (PROJ_LIB)")
    return f"PROJ {proj_version_str}"


def _geopackage() -> str:
    import geopandas as gpd
    import pyogrio
    from shapely import box

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "probe.gpkg"
        gpd.GeoDataFrame(geometry=[box(0, 0, 1, 1)], crs="EPSG:32654").to_file(path)
        if len(gpd.read_file(path)) != 1:
            raise RuntimeError("a GeoPackage cannot be read back")
    return f"pyogrio {pyogrio.__version__}"


def _torch_cpu() -> str:
    import torch
    import torchvision  # noqa: F401 — a torch of another build fails here

    result = torch.nn.functional.conv2d(torch.ones(1, 1, 8, 8), torch.ones(1, 1, 3, 3))
    if float(result.mean()) != 9:
        raise RuntimeError("a convolution on the CPU gives a wrong result")
    return f"torch {torch.__version__}, {torch.get_num_threads()} threads"


def _torch_gpu() -> str:
    import torch

    if not torch.cuda.is_available():
        raise RuntimeError("none that torch can use; scans run on the CPU")
    torch.ones(8, 8, device="cuda").sum().item()
    return ", ".join(torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count()))


def _backend(name: BackendName) -> str:
    """Run a 1 × 1 convolution in every precision that the library offers on each device."""
    import torch

    network = torch.nn.Conv2d(2, 1, 1)
    batch = np.random.default_rng(0).normal(size=(1, 2, 32, 32)).astype(np.float32)
    expected = network(torch.from_numpy(batch)).detach().numpy()
    found: dict[str, list[str]] = {}
    for candidate in candidates(name):
        result = open_candidate(network, candidate, Shape(bands=2, window=32, batch_size=1))(batch)
        if np.abs(result - expected).max() > (1e-4 if candidate.precision == "float32" else 0.1):
            raise RuntimeError(f"{candidate} gives a wrong result; take another --backend or --precision")
        found.setdefault(candidate.device, []).append(candidate.precision)
    return "; ".join(f"{' and '.join(precisions)} on {device}" for device, precisions in found.items())


def _default_model() -> str:
    from landslide_geo.models import load_model

    model = load_model("default")
    window = model.manifest.window
    result = model.probabilities(np.zeros((1, len(model.bands), window, window), dtype=np.float32))
    if result.shape != (1, 1, window, window):
        raise RuntimeError(f"the default model answers with shape {result.shape}")
    return f"{model.manifest.name}: {model.manifest.architecture}, bands {', '.join(model.bands)}"


def _disk() -> str:
    free = shutil.disk_usage(tempfile.gettempdir()).free / 2**30
    if free < 1:
        raise RuntimeError(f"{free:.1f} GiB free in {tempfile.gettempdir()}; scans need room for their parts")
    return f"{free:.0f} GiB free in {tempfile.gettempdir()}"


def _internet() -> str:
    host = str(urlparse(SAMPLES["hokkaido"].base_url).hostname)
    with socket.create_connection((host, 443), timeout=5):
        return f"{host} answers"
