"""What a model's answer rests on: attributions of its bands, and what its gate weighs.

Integrated gradients (Sundararajan et al. 2017, arXiv:1703.01365): the gradient of the answer, averaged on the straight
way from an average pixel (0 after normalisation) to the chip, times the way. They add up to the difference of the two
answers, so shares are shares of something.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import expit
from scipy.stats import spearmanr

from landslide_geo.chips.split import Split
from landslide_geo.errors import MissingExtraError, ParameterError
from landslide_geo.models import Model
from landslide_geo.models.modalities import MODALITIES, modality_of
from landslide_geo.models.registry import OF_ANY_GAIN
from landslide_geo.progress import tracked
from landslide_geo.training.evaluate import images, own_chips

if TYPE_CHECKING:
    import torch
    from torch import nn

Float64 = npt.NDArray[np.float64]

#: Where the way begins, as a share of the chip: as good as nothing, but networks that look whether a sensor is there
#: find it. At 0 itself it would be absent; their answer leaps there, and no gradient tells of a leap.
BASELINE: Final = 1e-6
#: Steps on the way that pass through a network at a time.
_BATCH: Final = 8


@dataclass(frozen=True)
class Gate:
    """What a gate weighed, for each chip.

    Attributes:
        weights: (N, 2) of optical and of SAR, 0 where that sensor is absent.
        score: (N,) cloud score.
    """

    weights: Float64
    score: Float64

    @property
    def both(self) -> npt.NDArray[np.bool_]:
        """(N,) both sensors are there, so that there is something to weigh."""
        return np.asarray((self.weights > 0).all(axis=1))

    def correlations(self) -> tuple[float, float] | None:
        """Spearman's, of the weight of optical and of SAR with the cloud score; none where nothing varies.

        Chips that lack a sensor do not count.
        """
        weights, score = self.weights[self.both], self.score[self.both]
        if len(score) < 3 or np.ptp(score) == 0 or (np.ptp(weights, axis=0) == 0).any():
            return None
        optical, sar = (float(spearmanr(weights[:, i], score).statistic) for i in range(2))
        return optical, sar


@dataclass(frozen=True)
class Explanation:
    """What was found on some chips.

    Attributes:
        bands: of the model.
        ids: (N,) of the chips.
        outlined: (N,) the answer is that inside of what the model outlines; else of the whole chip.
        answers: (N,) logit.
        baseline: (N,) logit of an average pixel.
        signed: (N, band) attribution in logits: summed over the pixels.
        absolute: (N, band) the same of absolute values.
        gate: of networks that have one.
    """

    bands: tuple[str, ...]
    ids: tuple[str, ...]
    outlined: npt.NDArray[np.bool_]
    answers: Float64
    baseline: Float64
    signed: Float64
    absolute: Float64
    gate: Gate | None

    def by_band(self) -> pd.DataFrame:
        """``band``, ``modality``, ``absolute_share`` of all attributions, ``signed_mean`` over the chips (logits)."""
        total = self.absolute.sum()
        return pd.DataFrame(
            {
                "band": self.bands,
                "modality": [modality_of(name) for name in self.bands],
                "absolute_share": self.absolute.sum(axis=0) / (total if total > 0 else np.nan),
                "signed_mean": self.signed.mean(axis=0),
            }
        )

    def by_modality(self) -> pd.DataFrame:
        """``modality``, ``bands`` (how many), and sums of the same over them."""
        of = self.by_band().groupby("modality")
        found = of.agg(
            bands=("band", "size"), absolute_share=("absolute_share", "sum"), signed_mean=("signed_mean", "sum")
        )
        return found.reindex([one for one in MODALITIES if one in found.index]).reset_index()

    def by_chip(self) -> pd.DataFrame:
        """``id``, ``region``, ``logit``, ``baseline``, ``attributed``: logit − baseline, but for the error of steps."""
        return pd.DataFrame(
            {
                "id": self.ids,
                "region": np.where(self.outlined, "outlined", "chip"),
                "logit": self.answers,
                "baseline": self.baseline,
                "attributed": self.signed.sum(axis=1),
            }
        )

    def by_gate(self) -> pd.DataFrame:
        """``id``, ``optical``, ``sar`` (weights), ``cloud_score``; no row where there is no gate."""
        weights = np.empty((0, 2)) if self.gate is None else self.gate.weights
        score = np.empty(0) if self.gate is None else self.gate.score
        return pd.DataFrame(
            {"id": self.ids[: len(score)], "optical": weights[:, 0], "sar": weights[:, 1], "cloud_score": score}
        )

    def error(self) -> float:
        """By how much attributions miss the difference of answers, summed over chips, as a share of it.

        More steps make it smaller.
        """
        difference = self.answers - self.baseline
        missed = np.abs(self.signed.sum(axis=1) - difference).sum()
        return float(missed / max(np.abs(difference).sum(), np.finfo(np.float64).tiny))


def explain(model: Model, chips: Split, *, steps: int = 50) -> Explanation:
    """Attributions of a model's answers on chips to its bands.

    The answer of a model that classifies is its logit. Of one that outlines it is the mean logit inside of what it
    calls a landslide, at its calibration and threshold; of the whole chip where that is nothing.

    Args:
        model: of any bundle; a GPU runs it where there is one.
        chips: with its bands.
        steps: of the way from an average pixel, by Gauss-Legendre quadrature.

    Raises:
        DatasetError: the chips lack a band.
        MissingExtraError: Captum is not installed.
        ParameterError: too few steps, chips in other units, or a rule of ratios.
    """
    if steps < 2:
        raise ParameterError(f"steps {steps}: attributions need 2 or more, and are good from 50 on")
    if model.manifest.architecture in OF_ANY_GAIN:
        raise ParameterError(
            f"model {model.manifest.name!r} is made of ratios, which are the same for a chip and for a faint copy of "
            "it: nothing changes on the way from nothing to the chip; explain a network"
        )
    try:
        from captum.attr import IntegratedGradients
    except ImportError:
        raise MissingExtraError(
            "attributions need captum; install it with: pip install 'landslide-geo[train]'"
        ) from None
    import torch

    own = own_chips(model, chips)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network = copy.deepcopy(model.bundle.network).to(device).eval()
    gradients = IntegratedGradients(lambda batch, weight: _answer(network, batch, weight))
    rows: list[dict[str, Any]] = []
    for index in tracked(range(len(own)), "attributions", len(own), "chip"):
        batch = torch.from_numpy(images(own.at([index]), model.manifest.normalisation)).to(device)
        weight, outlined = _region(model, network, batch)
        start = BASELINE * batch
        found = gradients.attribute(
            batch, baselines=start, additional_forward_args=weight, n_steps=steps, internal_batch_size=_BATCH
        )
        values = found[0].double().cpu().numpy()
        with torch.no_grad():
            answers = [float(_answer(network, one, weight)) for one in (batch, start)]
        rows.append(
            {
                "outlined": outlined,
                "answers": answers[0],
                "baseline": answers[1],
                "signed": values.sum(axis=(1, 2)),
                "absolute": np.abs(values).sum(axis=(1, 2)),
                "gate": gate_of(network, batch),
            }
        )
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    gates = columns.pop("gate")
    return Explanation(
        bands=model.bands,
        ids=tuple(own.ids.tolist()),
        gate=None if gates[0] is None else Gate(*(np.concatenate(part) for part in zip(*gates, strict=True))),
        **{name: np.array(values) for name, values in columns.items()},
    )


def gate_of(network: nn.Module, batch: torch.Tensor) -> tuple[Float64, Float64] | None:
    """(N, 2) weights and (N,) cloud score of a network with a gate; none of others."""
    if not has_gate(network):
        return None
    weights, score = network.gate_weights(batch)  # type: ignore[operator]
    return weights.double().cpu().numpy(), score.double().cpu().numpy()


def has_gate(network: nn.Module) -> bool:
    """Whether a network weighs its sensors."""
    from landslide_geo.models.attention_fusion import AttentionFusion
    from landslide_geo.models.fusion_unet import FusionUNet

    if isinstance(network, AttentionFusion):
        return network.gate is not None
    return isinstance(network, FusionUNet)


def _answer(network: nn.Module, batch: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """(N,) logits, weighed by (N, 1) or (N, 1, y, x) which adds up to 1."""
    answer: torch.Tensor = (network(batch) * weight).flatten(1).sum(dim=1)
    return answer


def _region(model: Model, network: nn.Module, batch: torch.Tensor) -> tuple[torch.Tensor, bool]:
    """The weight of each logit of one chip, and whether only those of an outline count."""
    import torch

    with torch.no_grad():
        logits = network(batch)
    raw = expit(logits.float().cpu().numpy())
    inside = torch.from_numpy(model.calibrate(raw) >= model.threshold).to(logits)
    outlined = logits.ndim == 4 and bool(inside.any())
    chosen = inside if outlined else torch.ones_like(logits)
    return chosen / chosen.sum(), outlined
