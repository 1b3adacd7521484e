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


class RelativeNDVILoss(nn.Module):
    """The rule analysts use with near infrared before and after: vegetation that is gone.

    Logits are ``intercept`` − ``slope`` × rdNDVI, with

        rdNDVI = 100 (NDVI_post − NDVI_pre) / sqrt(NDVI_pre + NDVI_post)

    in percent, below 0 where vegetation was lost (Scheip & Wegmann 2021, "HazMapper", Nat. Hazards Earth Syst. Sci. 21,
    1495–1511, doi:10.5194/nhess-21-1495-2021), as `landslide_geo.scene.indices.relative_ndvi_loss` writes it to
    ``rdndvi.tif``. Where the root has no real value, there was no vegetation to lose: rdNDVI counts as 0, and so does
    NDVI where red and near infrared do not sum to more than 0.

    NDVI is a ratio, so a gain that both bands of a date share cancels out: digital numbers and reflectances give the
    same answer. An offset (haze, or the 1,000 that Sentinel-2 adds to digital numbers since 2022) does not.
    """

    def __init__(self, *, pre_red: int, pre_nir: int, red: int, nir: int, slope: float, intercept: float) -> None:
        super().__init__()
        self.pre_red, self.pre_nir, self.red, self.nir = pre_red, pre_nir, red, nir
        self.slope, self.intercept = slope, intercept

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        """(N, C, H, W) of any linear unit without an offset, not normalised → (N, 1, H, W) logits."""
        before, after = _ndvi(batch, self.pre_red, self.pre_nir), _ndvi(batch, self.red, self.nir)
        total = before + after
        # A root of what is not above 0 would make gradients NaN, though its value is not taken.
        root = torch.sqrt(torch.where(total > 0, total, torch.ones_like(total)))
        relative = torch.where(total > 0, 100 * (after - before) / root, torch.zeros_like(total))
        return self.intercept - self.slope * relative


def _ndvi(batch: torch.Tensor, red: int, nir: int) -> torch.Tensor:
    first, second = batch[:, nir : nir + 1], batch[:, red : red + 1]
    total = first + second
    ratio = (first - second) / torch.where(total > 0, total, torch.ones_like(total))
    return torch.where(total > 0, ratio, torch.zeros_like(total))
