"""U-Nets: the plain one, and what segmentation-models-pytorch lacks for its own.

Arguments are those of `landslide_geo.models.registry.unet`, which checks them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import segmentation_models_pytorch as smp
import torch
from segmentation_models_pytorch.base.initialization import initialize_decoder
from segmentation_models_pytorch.base.modules import Conv2dReLU
from segmentation_models_pytorch.decoders.unet.decoder import UnetDecoderBlock
from torch import nn


class TransposedBlock(UnetDecoderBlock):
    """A decoder step of segmentation-models-pytorch that doubles the size by a transposed convolution.

    As in Ronneberger et al. (2015) that convolution of 2 × 2 halves the number of channels. The library's own step
    then interpolates to a size that is there already, which changes nothing.
    """

    def __init__(self, in_channels: int, skip_channels: int, out_channels: int, **options: Any) -> None:
        halved = max(1, in_channels // 2)
        super().__init__(halved, skip_channels, out_channels, **options)
        self.up = nn.ConvTranspose2d(in_channels, halved, kernel_size=2, stride=2)

    def forward(
        self,
        feature_map: torch.Tensor,
        target_height: int,
        target_width: int,
        skip_connection: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """(N, C, h, w) and the skip (N, S, 2h, 2w) → (N, O, 2h, 2w)."""
        widened: torch.Tensor = super().forward(self.up(feature_map), target_height, target_width, skip_connection)
        return widened


def decoder_block(
    in_channels: int, skip_channels: int, out_channels: int, *, upsampling: str, attention: str | None = None
) -> nn.Module:
    """One step of a decoder: twice the size, joined with the skip, two convolutions."""
    if upsampling == "transposed":
        return TransposedBlock(in_channels, skip_channels, out_channels, attention_type=attention)
    return UnetDecoderBlock(
        in_channels, skip_channels, out_channels, attention_type=attention, interpolation_mode=upsampling
    )


class PlainUNet(nn.Module):
    """The U-Net of Ronneberger et al. (2015, arXiv:1505.04597) with batch norm and same-sized convolutions.

    Five levels of two convolutions of 3 × 3 with ``width`` · (1, 2, 4, 8, 16) channels, max-pooling between them, and
    a decoder that joins each level of the way down. With transposed convolutions it is the paper's, but for the norm
    and for borders, which are padded; (N, bands, H, W) → (N, 1, H, W) logits, H and W multiples of 16.
    """

    def __init__(self, *, bands: int, width: int, upsampling: str, dropout: float) -> None:
        super().__init__()
        widths = [width * factor for factor in (1, 2, 4, 8, 16)]
        self.down = nn.ModuleList(
            nn.Sequential(
                Conv2dReLU(before, after, kernel_size=3, padding=1), Conv2dReLU(after, after, kernel_size=3, padding=1)
            )
            for before, after in zip([bands, *widths], widths, strict=False)
        )
        self.pool = nn.MaxPool2d(2)
        self.dropout = nn.Dropout2d(dropout)
        self.up = nn.ModuleList(
            decoder_block(deep, skip, skip, upsampling=upsampling)
            for deep, skip in zip(widths[:0:-1], widths[-2::-1], strict=True)
        )
        self.head = nn.Conv2d(width, 1, kernel_size=1)
        initialize_decoder(self)  # He: 18 layers then neither swell nor quench what passes through

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        """(N, bands, H, W) float32 → (N, 1, H, W) logits."""
        levels = [self.down[0](batch)]
        for level in list(self.down)[1:]:
            levels.append(level(self.pool(levels[-1])))
        features = self.dropout(levels.pop())
        for block, skip in zip(self.up, reversed(levels), strict=True):
            features = block(features, skip.shape[2], skip.shape[3], skip)
        logits: torch.Tensor = self.head(features)
        return logits


def encoder_unet(
    *,
    bands: int,
    encoder: str,
    weights: str | None,
    decoder_channels: Sequence[int],
    attention: str | None,
    upsampling: str,
    dropout: float,
) -> nn.Module:
    """U-Net of segmentation-models-pytorch, with transposed convolutions and dropout where asked for.

    Without these two it is the library's network with the library's names of weights.
    """
    interpolated = upsampling != "transposed"
    network = smp.Unet(
        encoder_name=encoder,
        encoder_weights=weights,
        in_channels=bands,
        classes=1,
        decoder_channels=tuple(decoder_channels),
        decoder_attention_type=attention,
        **({"decoder_interpolation": upsampling} if interpolated else {}),
    )
    decoder = network.decoder
    if not interpolated:
        # From the deepest: what comes up, and what is joined to it; the last step joins nothing.
        skips = [*network.encoder.out_channels[-2:0:-1], 0]
        deep = [network.encoder.out_channels[-1], *decoder_channels[:-1]]
        decoder.blocks = nn.ModuleList(
            decoder_block(before, skip, after, upsampling=upsampling, attention=attention)
            for before, skip, after in zip(deep, skips, decoder_channels, strict=True)
        )
        initialize_decoder(decoder.blocks)
    if dropout:
        decoder.center = nn.Sequential(decoder.center, nn.Dropout2d(dropout))
    return network
