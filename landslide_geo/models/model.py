"""A model ready for use: normalised windows in, probabilities out, and their calibration."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from landslide_geo.errors import ParameterError
from landslide_geo.models.bundle import Bundle, load_bundle, open_bundle
from landslide_geo.models.manifest import BundleManifest, Calibration, Task, Threshold

if TYPE_CHECKING:
    from torch import nn

Float32 = npt.NDArray[np.float32]

#: Probabilities are kept this far from 0 and 1 before their logit is taken.
EPSILON = 1e-6


class Model:
    """A bundle's network behind arrays."""

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle

    @property
    def manifest(self) -> BundleManifest:
        """What ``bundle.json`` says."""
        return self.bundle.manifest

    @property
    def sha256(self) -> str:
        """Checksum of manifest and weights."""
        return self.bundle.sha256

    def decided(self, calibration: Calibration, threshold: Threshold, tta: int) -> Model:
        """The same network with another calibration, decision threshold and number of symmetries."""
        changes = {"calibration": calibration, "threshold": threshold, "tta": tta}
        changed = self.manifest.model_copy(update=changes)
        return Model(replace(self.bundle, manifest=changed))

    @property
    def name(self) -> str:
        """Of the bundle."""
        return self.manifest.name

    @property
    def task(self) -> Task:
        """What it answers: a probability for each pixel, or one for a window."""
        return self.manifest.task

    @property
    def tta(self) -> int:
        """Symmetries averaged by default."""
        return self.manifest.tta

    @property
    def bands(self) -> tuple[str, ...]:
        """Names of the input bands, in order."""
        return tuple(band.name for band in self.manifest.bands)

    @property
    def sensors(self) -> tuple[tuple[str, ...], ...]:
        """Bands of each sensor, of which any but one may be missing; none where all bands are needed."""
        return self.manifest.sensors

    @property
    def threshold(self) -> float:
        """Decision threshold on calibrated probability."""
        return self.manifest.threshold.value

    @property
    def probability_network(self) -> nn.Module:
        """(N, C, H, W) float32 without NaN → (N, 1, H, W) raw probabilities, for any back end."""
        from torch import nn

        return nn.Sequential(self.bundle.network, nn.Sigmoid()).eval()

    def probabilities(self, batch: Float32) -> Float32:
        """Raw probabilities, before calibration.

        Args:
            batch: (N, C, H, W) float32, normalised by :func:`landslide_geo.scene.stretch.stretch` with
                ``manifest.normalisation``; NaN counts as zero, an average pixel. H and W are multiples of 32.

        Returns:
            (N, 1, H, W) float32 in [0, 1]. Equal input in a batch of equal shape gives equal output.

        Raises:
            ParameterError: another number of bands.
        """
        if batch.ndim != 4 or batch.shape[1] != len(self.bands):
            raise ParameterError(
                f"model {self.manifest.name!r} takes (N, {len(self.bands)}, H, W) for the bands "
                f"{', '.join(self.bands)}; got an array of shape {batch.shape}"
            )
        import torch

        filled = np.nan_to_num(batch.astype(np.float32, copy=False), nan=0.0)
        with torch.inference_mode():
            tensor = torch.from_numpy(filled).contiguous(memory_format=torch.channels_last)
            probability = torch.sigmoid(self.bundle.network(tensor).float())
        result: Float32 = probability.contiguous().numpy()
        return result

    def calibrate(self, probability: Float32, prior: float | None = None) -> Float32:
        """Calibrated probabilities; never reverses an order.

        Args:
            probability: raw, any shape, float32 in [0, 1]; NaN stays NaN.
            prior: expected share of landslide pixels; none keeps that of the calibration data.

        Returns:
            Same shape, float32 in [0, 1].

        Raises:
            ParameterError: the prior is not between 0 and 1.
        """
        return calibrated(probability, self.manifest.calibration, prior)


def calibrated(probability: Float32, calibration: Calibration, prior: float | None = None) -> Float32:
    """Calibration, then a shift of the log odds from its prevalence to ``prior`` (Saerens et al. 2002).

    See :meth:`Model.calibrate`.
    """
    shift = calibration.intercept
    if prior is not None:
        if not 0 < prior < 1:
            raise ParameterError(f"prior {prior} is not a share; give a number between 0 and 1")
        shift += float(_logit(np.float64(prior)) - _logit(np.float64(calibration.prevalence)))
    raw = np.asarray(probability, np.float64)
    if calibration.knots:
        raw = np.interp(raw, *np.array(calibration.knots).T)
    raw = np.clip(raw, EPSILON, 1 - EPSILON)
    logit = calibration.slope * _logit(raw) + shift
    result: Float32 = expit(logit).astype(np.float32)
    return result


def _logit(probability: npt.NDArray[np.float64] | np.float64) -> npt.NDArray[np.float64]:
    value: npt.NDArray[np.float64] = np.asarray(np.log(probability / (1 - probability)))
    return value


def load_model(name_or_dir: str | os.PathLike[str] = "default") -> Model:
    """The model of a shipped bundle's name, or of a bundle's folder.

    Raises:
        BundleError: there is no such bundle, or it is broken.
    """
    return Model(load_bundle(name_or_dir))


def open_model(name_or_dir: str | os.PathLike[str] = "default") -> Model:
    """The same, with its network built when it is asked for.

    Raises:
        BundleError: there is no such bundle, or its manifest is broken.
    """
    return Model(open_bundle(name_or_dir))
