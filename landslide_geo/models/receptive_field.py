"""How far a network looks, measured, and the windows and overlap that follow from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from landslide_geo.errors import ParameterError
from landslide_geo.models.manifest import ReceptiveField, WindowChoice

if TYPE_CHECKING:
    from torch import nn

FloatArray = NDArray[np.float32]
DeviceKind = Literal["cpu", "cuda", "mps"]

#: Networks halve their input up to five times, and compute something else for an image that is shifted by less than
#: this. Windows that start at its multiples see each pixel as one pass over the whole image would.
STRIDE: Final = 32
#: Sides of windows to choose from. The time for a pixel is the same for all of them, on a processor within 5 %.
SIDES: Final = (256, 384, 512, 640, 768, 1024)
#: Largest factor by which overlap may multiply the work, where memory allows it. Larger windows cost memory of the
#: machine on a processor, and the otherwise idle memory of the device on a GPU.
COST: Final[dict[DeviceKind, float]] = {"cpu": 1.5, "cuda": 1.35, "mps": 1.5}
#: What a forward pass takes in bytes for each pixel: the shipped network in float32, 480 measured.
PASS_BYTES: Final = 512


def measure_receptive_field(
    network: nn.Module,
    *,
    bands: int,
    size: int = 512,
    inputs: Sequence[FloatArray] = (),
    samples: int = 16,
    seed: int = 0,
) -> ReceptiveField:
    """The effective receptive field (Luo et al. 2016): the gradient of output pixels with respect to the input.

    Absolute values, summed over the bands, are averaged over inputs and over output pixels near the centre, drawn from
    all positions on the grids inside the network: two neighbours can look differently far. Each gradient counts
    equally; the paper adds them up, so that a few inputs on which the network is unsure decide. Squares, where the
    paper has circles, because the windows that the radius is for are squares.

    Args:
        network: (1, bands, h, w) → (1, K, h, w) logits, or (1, K) for a classification.
        bands: of the input.
        size: side of random inputs (pixels), a multiple of 32. A radius near half of it is a lower bound.
        inputs: real windows, (bands, h, w) float32 without NaN; none are random: normal, independent pixels.
        samples: output pixels in all, spread over the inputs.
        seed: of random inputs and of the pixels drawn.

    Raises:
        ParameterError: the output does not depend on the input.
    """
    import torch

    random = np.random.default_rng(seed)
    network.eval()
    half = min((min(image.shape[1:]) for image in inputs), default=size) // 2
    held = np.zeros(half + 1)  # gradient at each distance from the output pixel, the larger of |dy| and |dx|
    for index in range(samples):
        image = inputs[index % len(inputs)] if inputs else random.normal(size=(bands, size, size))
        tensor = torch.from_numpy(np.array(image, dtype=np.float32)[None]).requires_grad_()
        row, col = (int(middle) for middle in np.array(image.shape[1:]) // 2)
        with torch.enable_grad():
            output = network(tensor)
            if output.ndim == 4:
                down, right = random.integers(0, STRIDE, size=2) - STRIDE // 2
                row, col = int(np.clip(row + down, 0, 2 * row - 1)), int(np.clip(col + right, 0, 2 * col - 1))
                output = output[:, :, row, col]
            (gradient,) = torch.autograd.grad(output.sum(), tensor)
        weight = gradient[0].abs().sum(dim=0).double().numpy()
        if weight.sum() > 0:
            held += _by_distance(weight / weight.sum(), row, col, half)
    if not held.any():
        raise ParameterError("the network's output does not depend on its input; there is no receptive field")
    share = np.cumsum(held) / held.sum()
    what = f"{len(inputs)} real windows" if inputs else "random normal inputs"
    return ReceptiveField(
        # Rounding makes the whole a little less than one, or more.
        radius_95_px=int(np.argmax(share >= 0.95)),
        radius_99_px=int(np.argmax(share >= 0.99)),
        how=f"gradients of {samples} output pixels on {what} of {2 * half} × {2 * half} pixels, absolute values",
    )


def _by_distance(weight: NDArray[np.float64], row: int, col: int, half: int) -> NDArray[np.float64]:
    """Sums of ``weight`` over the rims of growing squares around a pixel; what lies beyond ``half`` is in the last."""
    rows, cols = np.ogrid[: weight.shape[0], : weight.shape[1]]
    distance = np.minimum(np.maximum(abs(rows - row), abs(cols - col)), half)
    sums: NDArray[np.float64] = np.bincount(distance.ravel(), weight.ravel(), minlength=half + 1).astype(np.float64)
    return sums


def choose_windows(
    radius: int, *, device_kind: DeviceKind, bands: int, memory_mb: float, pass_bytes: int = PASS_BYTES
) -> WindowChoice:
    """Windows that show each pixel most of what the network looks at, at little cost.

    The overlap is ``radius``, rounded up to a multiple of 32. In the middle of an overlap a pixel is half a radius away
    from the rims of two windows, each of which lacks the outer part of one side of its field, and the two are averaged.
    Next to one window's rim, where that window hardly counts, the other reaches a whole radius further.

    The window is the smallest at which the overlap costs little (`COST`). Where memory allows no such window, it is the
    largest that fits, and the overlap is at most half of it.

    Args:
        radius: of the square that holds 95 % of the gradient (pixels).
        device_kind: which limit of the cost holds.
        bands: of the input.
        memory_mb: what a scan may take on the processor (MB), or the memory of the device; half of it may go to the
            forward pass of one window.
        pass_bytes: what a forward pass takes for each pixel.

    Raises:
        ParameterError: not even the smallest window fits.
    """
    overlap = -(-radius // STRIDE) * STRIDE
    fitting = [side for side in SIDES if side**2 * (pass_bytes + 4 * bands) <= memory_mb / 2 * 2**20]
    if not fitting:
        raise ParameterError(
            f"memory of {memory_mb:.0f} MB is too little for a window of {SIDES[0]} pixels; allow at least "
            f"{-(-2 * SIDES[0] ** 2 * (pass_bytes + 4 * bands) // 2**20)} MB"
        )
    choices = [_choice(side, min(overlap, side // 2)) for side in fitting]
    cheap = (one for one in choices if one.overlap == overlap and one.cost <= COST[device_kind])
    return next(cheap, choices[-1])


def _choice(window: int, overlap: int) -> WindowChoice:
    return WindowChoice(window=window, overlap=overlap, cost=round((window / (window - overlap)) ** 2, 3))


def window_facts(network: nn.Module, *, bands: int, memory_mb: float = 1024, samples: int = 16) -> dict[str, Any]:
    """The manifest's fields ``receptive_field`` and ``windows`` for a network, measured on random inputs.

    Args:
        network: as for `measure_receptive_field`.
        bands: of the input.
        memory_mb: a scan's budget on the processor. GPUs are taken to have 4 GB or more.
        samples: output pixels measured.
    """
    field = measure_receptive_field(network, bands=bands, samples=samples)
    memory: dict[DeviceKind, float] = {"cpu": memory_mb, "cuda": 4096, "mps": 4096}
    windows = {
        kind: choose_windows(field.radius_95_px, device_kind=kind, bands=bands, memory_mb=most)
        for kind, most in memory.items()
    }
    return {"receptive_field": field, "windows": windows}
