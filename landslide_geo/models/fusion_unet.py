"""A U-Net with an encoder for an optical sensor and one for a SAR, weighed against each other at each pixel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import segmentation_models_pytorch as smp
import torch
from segmentation_models_pytorch.base.initialization import initialize_decoder, initialize_head
from segmentation_models_pytorch.decoders.unet.decoder import UnetDecoder
from torch import nn
from torch.nn import functional

from landslide_geo.errors import ParameterError
from landslide_geo.models.branches import Channels, Sensor

#: Hidden channels of the gate.
HIDDEN = 16


class PixelGate(nn.Module):
    """Joins features of both sensors by a weight for each pixel: (N, C, h, w) and (N, S, h, w) → (N, C, h, w).

    SAR features are projected to as many channels as the optical ones by a convolution of 1 × 1. The gate σ sees both
    and the facts: cloud score, share of pixels known to either. With p = 1 for a sensor that is there, else 0, the
    optical share is p_o (1 − p_s (1 − σ)), that of SAR p_s (1 − p_o σ): σ and 1 − σ where both are there, 1 for one
    that is alone, 0 for one that is absent. So a network without SAR is the U-Net of its optical half, and vice versa.
    """

    def __init__(self, optical: int, sar: int, facts: int) -> None:
        super().__init__()
        self.project = nn.Conv2d(sar, optical, kernel_size=1, bias=False)
        self.gate = nn.Sequential(
            nn.Conv2d(2 * optical + facts, HIDDEN, kernel_size=1), nn.ReLU(), nn.Conv2d(HIDDEN, 1, kernel_size=1)
        )
        initialize_decoder(self.project)
        initialize_decoder(self.gate[0])
        initialize_head(self.gate[2])

    def forward(
        self, optical: torch.Tensor, sar: torch.Tensor, facts: torch.Tensor, there: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Fused features, and the optical share (N, 1, h, w); ``there`` (N, 2): which sensors are there."""
        first, second = (one[..., None, None] for one in there.split(1, dim=1))
        optical, sar = optical * first, self.project(sar) * second
        weight = torch.sigmoid(self.gate(torch.cat([optical, sar, facts], dim=1)))
        share = first * (1 - second * (1 - weight))
        other = second * (1 - first * weight)
        return share * optical + other * sar, share


class FusionUNet(nn.Module):
    """See `landslide_geo.models.multimodal.fusion_unet`, which checks the arguments.

    Terrain goes into both encoders. It is there whatever the sensors see, and tells each what its signal is worth:
    slopes that face a radar are bright, those that face away from the sun dark. Whichever sensor is absent, the other's
    encoder still has it.

    Args:
        optical: its channels.
        sar: channels of the SAR.
        terrain: that goes with both; none: there is none.
        brightness: whose mean is the cloud score of a pixel.
        encoder, sar_encoder: of segmentation-models-pytorch.
        weights: as the library takes them, one for each.
        decoder_channels: five, from the deepest.
        upsampling: ``nearest`` or ``bilinear``.
        dropout: share of the deepest channels that are dropped while training.

    Raises:
        ParameterError: one encoder has features of half the size, and the other has none.
    """

    def __init__(
        self,
        *,
        optical: Sensor,
        sar: Sensor,
        terrain: Channels | None,
        brightness: Channels,
        encoder: str,
        sar_encoder: str,
        weights: tuple[Any, Any],
        decoder_channels: Sequence[int],
        upsampling: str,
        dropout: float,
    ) -> None:
        super().__init__()
        self.optical, self.sar, self.terrain, self.brightness = optical, sar, terrain, brightness
        more = 0 if terrain is None else len(terrain)
        self.encoder, self.sar_encoder = (
            smp.encoders.get_encoder(name, in_channels=bands + more, depth=5, weights=given)
            for name, bands, given in ((encoder, optical.bands, weights[0]), (sar_encoder, sar.bands, weights[1]))
        )
        widths, others = self.encoder.out_channels[1:], self.sar_encoder.out_channels[1:]
        if [bool(width) for width in widths] != [bool(width) for width in others]:
            raise ParameterError(
                f"encoder {encoder} and sar_encoder {sar_encoder} have features at other scales (transformers begin at "
                "a quarter of the size); take two of a kind"
            )
        # Transformers have nothing at half the size; there is nothing to join then.
        self.gates = nn.ModuleList(
            PixelGate(width, other, facts=3) if width else nn.Identity()
            for width, other in zip(widths, others, strict=True)
        )
        self.decoder = UnetDecoder(
            encoder_channels=self.encoder.out_channels,
            decoder_channels=tuple(decoder_channels),
            interpolation_mode=upsampling,
        )
        initialize_decoder(self.decoder)
        self.dropout = nn.Dropout2d(dropout)
        self.head = nn.Conv2d(decoder_channels[-1], 1, kernel_size=3, padding=1)
        initialize_head(self.head)

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        """(N, bands, H, W) float32, H and W multiples of 32 → (N, 1, H, W) logits."""
        fused, _ = self.fused(batch)
        logits: torch.Tensor = self.head(self.decoder([batch, *fused[:-1], self.dropout(fused[-1])]))
        return logits

    def fused(self, batch: torch.Tensor) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        """Features of five levels from half the size, and the optical share of each level that has any."""
        optical, first = self.optical(batch)
        sar, second = self.sar(batch)
        facts = torch.cat([self.brightness(batch).mean(dim=1, keepdim=True), _known(optical), _known(sar)], dim=1)
        there = torch.cat([first, second], dim=1)
        if self.terrain is not None:
            ground = self.terrain(batch)
            optical, sar = torch.cat([optical, ground], dim=1), torch.cat([sar, ground], dim=1)
        features, shares = [], []
        for gate, one, other in zip(self.gates, self.encoder(optical)[1:], self.sar_encoder(sar)[1:], strict=True):
            facts = functional.avg_pool2d(facts, 2)
            if isinstance(gate, PixelGate):
                one, share = gate(one, other, facts, there)
                shares.append(share)
            features.append(one)
        return features, shares

    @torch.no_grad()
    def gate_maps(self, batch: torch.Tensor) -> list[torch.Tensor]:
        """The optical share at each level, from the finest: (N, 1, h, w) from 0 (all SAR) to 1 (all optical).

        Where no sensor is there it is 0.
        """
        return self.fused(batch)[1]

    @torch.no_grad()
    def gate_weights(self, batch: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """What the gates do on the whole, as `AttentionFusion.gate_weights` tells it.

        Args:
            batch: (N, bands, H, W) float32, normalised.

        Returns:
            (N, 2) mean share of optical and of SAR over pixels and levels, each level counting alike, 0 where absent;
            (N,) mean of the cloud score.
        """
        levels = [share.mean(dim=(1, 2, 3)) for share in self.gate_maps(batch)]
        optical = torch.stack(levels).mean(dim=0)
        any_there = torch.maximum(self.optical(batch)[1], self.sar(batch)[1])[:, 0]
        score = self.brightness(batch).mean(dim=(1, 2, 3))
        return torch.stack([optical, any_there - optical], dim=1), score


def _known(values: torch.Tensor) -> torch.Tensor:
    """(N, C, H, W) → (N, 1, H, W): 1 for pixels at which a band is not 0: something was measured there."""
    return (values.detach().abs().amax(dim=1, keepdim=True) > 0).to(values.dtype)
