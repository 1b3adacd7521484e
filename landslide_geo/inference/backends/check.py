"""Whether a network bears a reduced precision: it is compared with float32 on windows of the scene itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from landslide_geo.errors import ParameterError
from landslide_geo.inference.backends.base import (
    Backend,
    BackendName,
    Candidate,
    Deferred,
    FloatArray,
    Network,
    Precision,
    Shape,
)
from landslide_geo.inference.backends.opening import candidates, open_candidate, open_first

BoolArray = NDArray[np.bool_]
#: What the network returned → the class of each pixel, (N, K, h, w) or (N, h, w), or of each window, (N, K).
Decide = Callable[[FloatArray], BoolArray]
#: Windows to check with, (N, C, h, w) float32 each, and which of their pixels count, (N, h, w).
Sample = tuple[Sequence[FloatArray], Sequence[BoolArray]]

#: Largest share of valid pixels that may change class.
LIMIT: Final = 0.001


@dataclass(frozen=True)
class PrecisionCheck:
    """What a reduced precision did to the classes of some windows.

    Attributes:
        reference, candidate: what was compared.
        windows: with at least one valid pixel.
        pixels: valid ones; windows, where the network has one answer for a window.
        changed: how many of them change class.
        share: changed / pixels; 0 where there are none.
        limit: largest share that passes.
        passed: whether the candidate may be used. Nothing valid proves nothing, and does not pass.
    """

    reference: Candidate
    candidate: Candidate
    windows: int
    pixels: int
    changed: int
    share: float
    limit: float
    passed: bool

    def to_json(self) -> dict[str, Any]:
        """For ``scan.json``."""
        return asdict(self)


@dataclass(frozen=True)
class Settled:
    """A back end that was chosen, and the checks that led to it; none where float32 or a precision was asked for."""

    backend: Backend
    checks: tuple[PrecisionCheck, ...]


def check_precision(
    reference: Backend,
    candidate: Backend,
    batches: Sequence[FloatArray],
    valid: Sequence[BoolArray],
    decide: Decide,
    *,
    limit: float = LIMIT,
) -> PrecisionCheck:
    """Count the pixels whose class depends on which of two back ends computes it.

    Args:
        reference: float32.
        candidate: the one to judge.
        batches: windows, (N, C, h, w) float32 each, without NaN.
        valid: the pixels that count, (N, h, w) for each batch.
        decide: from what the network returns to classes; a pixel changes where any of its K classes does.
        limit: largest share of valid pixels that may change.
    """
    windows = pixels = changed = 0
    for batch, mask in zip(batches, valid, strict=True):
        differs: BoolArray = np.asarray(decide(reference(batch)) != decide(candidate(batch)))
        counted = np.asarray(mask, dtype=bool)
        seen: BoolArray = np.asarray(counted.any(axis=(1, 2)))
        if differs.ndim == 2:
            counted = seen
        if differs.ndim != 3:  # over the classes
            differs = np.asarray(differs.any(axis=1))
        windows += int(seen.sum())
        pixels += int(counted.sum())
        changed += int((differs & counted).sum())
    return PrecisionCheck(
        reference=_described(reference),
        candidate=_described(candidate),
        windows=windows,
        pixels=pixels,
        changed=changed,
        share=changed / pixels if pixels else 0.0,
        limit=limit,
        passed=bool(pixels) and changed <= limit * pixels,
    )


def settle(
    network: Network,
    *,
    sample: Callable[[], Sample],
    decide: Decide,
    backend: Literal["auto"] | BackendName = "auto",
    precision: Literal["auto"] | Precision = "auto",
    bands: int,
    window: int,
    batch_size: int,
    threads: int | None = None,
    limit: float = LIMIT,
) -> Settled:
    """The fastest back end that keeps the result: a reduced precision only while it changes hardly any class.

    Args:
        network: as for `open_backend`.
        sample: gives check windows and which pixels count; asked only where there is a reduced precision to check.
        decide: from what the network returns to classes, for example calibrated probability ≥ threshold.
        backend: a library, or ``auto``.
        precision: ``auto`` to check; one by name is taken without a check.
        bands: of the input.
        window: side of the windows in pixels.
        batch_size: most windows in a call.
        threads: of the processor; none leaves the choice to the library.
        limit: largest share of valid pixels that may change class.

    Raises:
        ParameterError: as for `open_backend`.
    """
    shape = Shape(bands, window, batch_size, threads)
    if precision != "auto":
        return Settled(open_first(network, candidates(backend, precision), shape), ())
    checks: list[PrecisionCheck] = []
    reasons: list[str] = []
    drawn: Sample | None = None
    for candidate in candidates(backend):
        # What one library's bfloat16 does to a network, another's does too.
        if any(candidate.precision == check.candidate.precision for check in checks):
            continue
        try:
            opened = open_candidate(network, candidate, shape)
        except ParameterError as error:
            reasons.append(str(error))
            continue
        if candidate.precision == "float32":
            return Settled(opened, tuple(checks))
        drawn = sample() if drawn is None else drawn
        # A network that is built already is run as it is: no third copy of its weights for the sake of a check.
        translated = candidate.name == "openvino" and isinstance(network, Deferred)
        reference: BackendName = "openvino" if translated else "torch"
        plain = open_candidate(network, Candidate(reference, "float32", candidate.device), shape)
        checks.append(check_precision(plain, opened, *drawn, decide, limit=limit))
        if checks[-1].passed:
            return Settled(opened, tuple(checks))
    raise ParameterError("; ".join(reasons))


def _described(backend: Backend) -> Candidate:
    return Candidate(backend.name, backend.precision, backend.device)
