"""Rules as networks: no weights to learn, the same use."""

from __future__ import annotations

import torch
from torch import nn


class RedMinusGreen(nn.Module):
    """The rule analysts use on RGB alone: bare soil is redder than vegetation.

    Logits are ``slope`` × (red − green) + ``intercept`` on the normalised image.
    """

    def __init__(self, *, red: int, green: int, slope: float, intercept: float) -> None:
        super().__init__()
        self.red, self.green, self.slope, self.intercept = red, green, slope, intercept

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        """(N, C, H, W) normalised → (N, 1, H, W) logits."""
        difference = batch[:, self.red : self.red + 1] - batch[:, self.green : self.green + 1]
        return self.slope * difference + self.intercept
