"""The models of a scan behind the engine's interface, and the choice of what runs them."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landslide_geo.config import Normalisation, ScanParams
from landslide_geo.inference.backends import Backend, Candidate, candidates
from landslide_geo.inference.backends.base import Deferred, Shape
from landslide_geo.inference.backends.check import Sample, Settled, settle
from landslide_geo.inference.backends.opening import open_candidate
from landslide_geo.inference.backends.opening import prepare as prepare_network
from landslide_geo.inference.engine import Predict
from landslide_geo.inference.members import Member, averaged
from landslide_geo.inference.skipping import Skips
from landslide_geo.inference.sources import WindowSource
from landslide_geo.inference.symmetries import Symmetry
from landslide_geo.inference.windows import WindowGrid
from landslide_geo.models import Ensemble, Model, open_ensemble
from landslide_geo.models.voting import Settle
from landslide_geo.scene.grid import Block

FloatArray = NDArray[np.float32]
BoolArray = NDArray[np.bool_]

#: Places looked at for what precision is judged by, and how many pixels are enough: of half a million five hundred may
#: change class.
_TRIED, _PIXELS = 64, 2**19
#: Shares of a scene's height and width from one place to the next: powers of the inverse plastic number, multiples of
#: which fill a square evenly (Roberts 2018, "The unreasonable effectiveness of quasirandom sequences").
_STEPS = (0.7548776662466927, 0.5698402909980532)
#: Side of the tiles that large windows are made of: one of them would see little of a scene.
_TILE = 256


@dataclass(frozen=True)
class Group:
    """Bands normalised in one way; members that agree in both share them.

    Attributes:
        bands: by name.
        units: of each, before normalisation.
        params: of the normalisation.
        channels: where they are among the channels of a window.
    """

    bands: tuple[str, ...]
    units: tuple[str, ...]
    params: Normalisation
    channels: slice


def groups(ensemble: Ensemble) -> list[Group]:
    """What the members of an ensemble see, each different thing once."""
    found, start = [], 0
    for bands, units, params in dict.fromkeys(_seen(model) for model, _ in ensemble.models):
        found.append(Group(bands, units, params, slice(start, start + len(bands))))
        start += len(bands)
    return found


_Seen = tuple[tuple[str, ...], tuple[str, ...], Normalisation]


def _seen(model: Model) -> _Seen:
    return model.bands, tuple(band.unit for band in model.manifest.bands), model.manifest.normalisation


def _channels(ensemble: Ensemble) -> dict[_Seen, slice]:
    """Where each way of normalising bands is among the channels of a window."""
    return {(group.bands, group.units, group.params): group.channels for group in groups(ensemble)}


class Predictor:
    """Normalised windows in, calibrated probabilities out: members, symmetries and back ends of one scan.

    It travels to other processes as the path of its bundle and settings, and opens its networks when first called.
    """

    def __init__(
        self,
        ensemble: Ensemble,
        chosen: Sequence[Candidate],
        *,
        over: Sequence[Symmetry],
        prior: float | None,
        window: int,
        batch_size: int,
    ) -> None:
        """Use a back end for each member.

        Args:
            ensemble: the models.
            chosen: what runs them, in their order.
            over: symmetries that every member is averaged over.
            prior: expected share of landslide pixels; none keeps that of the calibration.
            window: side of the windows in pixels.
            batch_size: windows in a call.
        """
        self._ensemble: Ensemble | None = ensemble
        self._directory = ensemble.directory.absolute()
        self._chosen, self._symmetries, self._prior = tuple(chosen), tuple(over), prior
        self._window, self._batch_size = window, batch_size
        self._predict: Predict | None = None
        self._lock = threading.Lock()
        self._elsewhere = False

    @property
    def callers(self) -> int:
        """Threads that may call it at once: two keep a GPU busy, one copying while the other computes."""
        return 2 if any(candidate.device.startswith("cuda") for candidate in self._chosen) else 1

    def __getstate__(self) -> dict[str, Any]:
        """Networks stay behind."""
        state = self.__dict__ | {"_ensemble": None, "_predict": None}
        del state["_lock"]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore, in a process that may have been given a share of the processor's cores only."""
        self.__dict__.update(state)
        self._lock = threading.Lock()
        self._elsewhere = True

    def __call__(self, batch: FloatArray) -> FloatArray:
        """(N, C, h, w) → (N, 1, h, w), or (N, 2, h, w) with the spread over members and symmetries.

        Raises:
            ParameterError: a back end is not there or cannot take a network, or a device is too small for a window.
        """
        with self._lock:
            if self._predict is None:
                self.use([])
        assert self._predict is not None
        return self._predict(batch)

    def use(self, opened: Sequence[Backend]) -> None:
        """Run the members with back ends that are open already; those that are missing are opened.

        Raises:
            ParameterError: a back end is not there or cannot take a network.
        """
        if self._ensemble is None:
            self._ensemble = open_ensemble(self._directory)
        threads = _told_threads() if self._elsewhere else None
        channels = _channels(self._ensemble)
        members: list[Member] = []
        for index, ((model, weight), candidate) in enumerate(zip(self._ensemble.models, self._chosen, strict=True)):
            if index < len(opened):
                network = opened[index]
            else:
                shape = Shape(len(model.bands), self._window, self._batch_size, threads)
                network = open_candidate(_network(model), candidate, shape)
            calibrate = partial(model.calibrate, prior=self._prior)
            anchor = self._ensemble.anchor(index)
            members.append(Member(network, calibrate, channels[_seen(model)], weight, anchor))
        self._predict = averaged(members, self._symmetries, abstain=self._ensemble.abstain)


def prepare(ensemble: Ensemble, *, window: int, batch_size: int, params: ScanParams) -> None:
    """Do what takes longest of `settled`, beside something else; arguments as there."""
    fastest = candidates(params.backend, params.precision)[0]
    for model, _ in ensemble.models:
        prepare_network(_network(model), fastest, Shape(len(model.bands), window, batch_size))


def _network(model: Model) -> Deferred:
    """A member's network for any back end: raw probabilities."""
    return Deferred(lambda: model.probability_network, f"probability {model.sha256}")


def _told_threads() -> int:
    """What a worker may use: PyTorch has been told its share of the cores by now."""
    import torch

    return torch.get_num_threads()


def settled(
    ensemble: Ensemble,
    source: WindowSource,
    grid: WindowGrid,
    skips: Skips,
    *,
    batch_size: int,
    over: Sequence[Symmetry],
    params: ScanParams,
    threshold: float,
    memory: Path,
) -> tuple[Predictor, dict[str, Any]]:
    """The fastest back ends of this machine that keep the classes of the scene's pixels.

    With precision ``auto`` a reduced one is taken only while at most 0.1 % of valid pixels change class against float32
    on windows of the scene itself.

    Args:
        ensemble: what to run.
        source: of its windows.
        grid: windows over the scene.
        skips: windows that will not be run.
        batch_size: windows in a call.
        over: symmetries that every member is averaged over.
        params: of the scan.
        threshold: where probability becomes a class.
        memory: file in which the caller keeps the choice: a resumed scan goes on with it without judging anew.

    Returns:
        The predictor, and ``backend`` of ``scan.json`` with one more key: ``fresh``, whether nothing computed earlier
        may be taken up.

    Raises:
        ParameterError: no back end takes the networks, or the one asked for is not there.
    """
    settings: dict[str, Any] = {
        "over": over, "prior": params.prior, "window": grid.window, "batch_size": batch_size,
    }  # fmt: skip
    if memory.exists():
        told = json.loads(memory.read_text(encoding="utf-8"))
        remembered = [Candidate(**member) for member in told["chosen"]]
        if set(remembered) <= set(candidates(params.backend, params.precision)):
            return Predictor(ensemble, remembered, **settings), told | {"fresh": False}

    @cache
    def sample() -> Sample:
        return sample_windows(source, grid, skips, batch_size)

    opened: list[Backend] = []
    checks: list[dict[str, Any]] = []
    channels = _channels(ensemble)
    for index, (model, _) in enumerate(ensemble.models):
        own, settle = channels[_seen(model)], ensemble.settle(index, params.prior)
        found = _settled_member(model, own, settle, sample, grid.window, batch_size, params, threshold)
        opened.append(found.backend)
        checks.extend(check.to_json() for check in found.checks)
    chosen = [Candidate(backend.name, backend.precision, backend.device) for backend in opened]
    predictor = Predictor(ensemble, chosen, **settings)
    predictor.use(opened)
    return predictor, {"chosen": [candidate.to_json() for candidate in chosen], "checks": checks, "fresh": True}


def _settled_member(
    model: Model,
    channels: slice,
    settle_member: Settle,
    sample: Callable[[], Sample],
    window: int,
    batch_size: int,
    params: ScanParams,
    threshold: float,
) -> Settled:
    """The back end of one member."""

    def own_sample() -> Sample:
        batches, valid = sample()
        return [values[:, channels] for values in batches], valid

    def decide(raw: FloatArray) -> BoolArray:
        landslide: BoolArray = settle_member(raw) >= threshold
        return landslide

    return settle(
        _network(model),
        sample=own_sample,
        decide=decide,
        backend=params.backend,
        precision=params.precision,
        bands=len(model.bands),
        window=window,
        batch_size=batch_size,
    )


def sample_windows(
    source: WindowSource, grid: WindowGrid, skips: Skips, batch_size: int
) -> tuple[list[FloatArray], list[BoolArray]]:
    """Windows made of tiles that are spread evenly over a scene, by which reduced precision is judged.

    A network computes the same with either precision whatever lies beside a tile, and many tiles see more of a scene
    than few large windows do.

    Returns:
        Full batches (N, C, window, window) without NaN, and for each the pixels (N, window, window) that are valid.
    """
    side = grid.window if grid.window < 2 * _TILE else _TILE
    across = grid.window // side
    count = max(ceil(_PIXELS / grid.window**2), 1)
    whole = ceil(count / batch_size) * batch_size  # full batches
    images = np.zeros((whole, source.count, grid.window, grid.window), dtype=np.float32)
    valid = np.zeros((whole, grid.window, grid.window), dtype=bool)
    found = 0
    size = len(grid.row_starts), len(grid.col_starts)
    # However many places it takes, they are spread evenly.
    for row, col in dict.fromkeys(
        tuple(int(i * step % 1 * length) for step, length in zip(_STEPS, size, strict=True))
        for i in range(1, _TRIED + 1)
    ):
        if skips.reason(row, col) is not None:
            continue
        middle = (grid.window - side) // 2  # of the window, unless the scene is smaller than that
        top = max(min(grid.row_starts[row] + middle, grid.height - side), 0)
        left = max(min(grid.col_starts[col] + middle, grid.width - side), 0)
        inside = Block(top, left, side, side).clipped(grid.height, grid.width)
        values, known = source.read(inside)
        if not known.any():
            continue
        number, tile = divmod(found, across**2)
        top, left = (part * side for part in divmod(tile, across))
        here = slice(top, top + side), slice(left, left + side)
        padding = (0, side - inside.height), (0, side - inside.width)
        images[(number, slice(None), *here)] = np.pad(np.nan_to_num(values), ((0, 0), *padding), mode="symmetric")
        valid[(number, *here)] = np.pad(known, padding)
        found += 1
        if found == count * across**2:
            break
    source.close()
    used = ceil(found / across**2)
    starts = range(0, used, batch_size)
    return [images[i : i + batch_size] for i in starts], [valid[i : i + batch_size] for i in starts]
