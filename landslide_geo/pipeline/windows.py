"""The windows of a scan: the model's own for this kind of device, unless told otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from landslide_geo.config import ScanParams
from landslide_geo.errors import ParameterError
from landslide_geo.inference.backends import candidates
from landslide_geo.inference.windows import WindowGrid
from landslide_geo.models import Ensemble
from landslide_geo.models.receptive_field import STRIDE, DeviceKind

#: Pixels in a forward pass. A processor is as fast with one window as with eight; a GPU wants work for all its cores.
_PASS_PIXELS: Final[dict[DeviceKind, int]] = {"cpu": 2**18, "cuda": 2**23, "mps": 2**21}


@dataclass(frozen=True)
class Windows:
    """The windows over a scene, and how many go into a forward pass at most."""

    grid: WindowGrid
    batch_size: int


def choose_windows(model: Ensemble, params: ScanParams, height: int, width: int) -> Windows:
    """Windows for a scene of ``height`` × ``width`` pixels.

    A scene smaller than the model's window gets a smaller one: padding would only cost time.

    Raises:
        ParameterError: the window asked for is none that networks can take, or the back end asked for is not there.
    """
    device = candidates(params.backend, params.precision)[0].device.partition(":")[0]
    kind: DeviceKind = "cuda" if device == "cuda" else "mps" if device == "mps" else "cpu"
    window, overlap = model.windows(kind)
    if params.window is not None:
        window = params.window
        if window % STRIDE:
            raise ParameterError(f"window {window}: networks need a multiple of {STRIDE}, e.g. 256")
    else:
        window = min(window, -(-max(height, width) // STRIDE) * STRIDE)
    overlap = min(overlap, window // 2) if params.overlap is None else params.overlap
    batch = max(_PASS_PIXELS[kind] // window**2, 1) if params.batch_size is None else params.batch_size
    return Windows(WindowGrid(height, width, window, overlap), batch)
