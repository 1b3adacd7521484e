"""Patches of an optical sensor and two passes of a SAR, told by a small feature pyramid."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import torch
from segmentation_models_pytorch.base.initialization import initialize_decoder
from segmentation_models_pytorch.base.modules import Conv2dReLU
from torch import nn
from torch.nn import functional

from landslide_geo.models.branches import Sensor

#: Channels of a branch's two convolutions, and of the levels after the branches are joined.
BRANCH: Final = (16, 32)
LEVELS: Final = (64, 128, 256)
#: Channels of the pyramid, and of the layer before the logit.
PYRAMID: Final = 64
HIDDEN: Final = 128


class MultimodalFPN(nn.Module):
    """See `landslide_geo.models.multimodal.multimodal_fpn`, which checks the arguments.

    Args:
        optical: its channels; none: there is no such branch.
        passes: channels of each pass of the SAR.
        shared: passes go through the same weights.
        pyramid: levels are joined from the deepest; else the deepest level decides alone.
        dropout: share of channels that are dropped after each level while training, and of features before the logit.
    """

    def __init__(
        self, *, optical: Sensor | None, passes: tuple[Sensor, ...], shared: bool, pyramid: bool, dropout: float
    ) -> None:
        super().__init__()
        sensors = (() if optical is None else (optical,)) + passes
        self.sensors = nn.ModuleList(sensors)
        #: Which branch each sensor goes through.
        self.which = tuple(range(len(sensors))) if not shared else (0,) * len(passes)
        if shared and optical is not None:
            self.which = (0, *(1 for _ in passes))
        bands = {branch: sensor.bands for branch, sensor in zip(self.which, sensors, strict=True)}
        self.branches = nn.ModuleList(_branch(bands[one], dropout) for one in sorted(bands))
        widths = (BRANCH[-1] * len(sensors), *LEVELS)
        self.levels = nn.ModuleList(_level(before, after, dropout) for before, after in pairwise(widths))
        self.lateral = nn.ModuleList(nn.Conv2d(width, PYRAMID, kernel_size=1) for width in widths if pyramid)
        self.smooth = nn.ModuleList(nn.Conv2d(PYRAMID, PYRAMID, kernel_size=3, padding=1) for _ in self.lateral)
        features = PYRAMID * len(widths) if pyramid else widths[-1]
        self.head = nn.Sequential(nn.Linear(features, HIDDEN), nn.ReLU(), nn.Dropout(dropout), nn.Linear(HIDDEN, 1))
        initialize_decoder(self)

    def encoded(self, batch: torch.Tensor) -> list[torch.Tensor]:
        """(N, 32, H / 2, W / 2) of each sensor, 0 where it is absent."""
        found = []
        for sensor, branch in zip(self.sensors, self.which, strict=True):
            values, there = sensor(batch)
            found.append(self.branches[branch](values) * there[..., None, None])
        return found

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        """(N, bands, H, W) float32, H and W multiples of 16 → (N, 1) logits."""
        levels = [torch.cat(self.encoded(batch), dim=1)]
        for level in self.levels:
            levels.append(level(levels[-1]))
        if not len(self.lateral):
            logits: torch.Tensor = self.head(levels[-1].mean(dim=(2, 3)))
            return logits
        pooled: list[torch.Tensor] = []
        above: torch.Tensor | None = None
        for features, lateral, smooth in zip(levels[::-1], self.lateral[::-1], self.smooth[::-1], strict=True):  # type: ignore[arg-type]
            joined = lateral(features)
            if above is not None:
                joined = joined + functional.interpolate(above, scale_factor=2.0, mode="nearest")
            pooled.append(smooth(joined).mean(dim=(2, 3)))
            above = joined
        logits = self.head(torch.cat(pooled, dim=1))
        return logits


def _branch(bands: int, dropout: float) -> nn.Module:
    """(N, bands, H, W) → (N, 32, H / 2, W / 2)."""
    return nn.Sequential(
        Conv2dReLU(bands, BRANCH[0], kernel_size=3, padding=1),
        Conv2dReLU(BRANCH[0], BRANCH[1], kernel_size=3, padding=1),
        nn.MaxPool2d(2),
        nn.Dropout2d(dropout),
    )


def _level(before: int, after: int, dropout: float) -> nn.Module:
    """Half the size."""
    return nn.Sequential(Conv2dReLU(before, after, kernel_size=3, padding=1), nn.MaxPool2d(2), nn.Dropout2d(dropout))
