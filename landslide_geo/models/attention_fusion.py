"""Patches of an optical sensor and a SAR, told by features of both that are weighed by a gate."""

from __future__ import annotations

import torch
from segmentation_models_pytorch.base.initialization import initialize_decoder
from segmentation_models_pytorch.base.modules import Conv2dReLU
from torch import nn

from landslide_geo.errors import ParameterError
from landslide_geo.models.branches import Channels, PooledEncoder, Sensor, presence

#: Channels of the three convolutions for SAR.
SAR_WIDTHS = (32, 64, 64)


class AttentionFusion(nn.Module):
    """See `landslide_geo.models.multimodal.attention_fusion`, which checks the arguments.

    The gate is a perceptron on all features and the cloud score, hidden layer of ``hidden``, a weight from 0 to 1 for
    each feature. Features of a sensor that is absent are set to 0 after encoding. So the gate sees that it is: the
    encoders' own features are not 0 throughout.

    Args:
        encoder: for the optical sensor; none: there is no such branch.
        optical: its channels.
        sar: channels of the SAR; none: there is no such branch.
        brightness: whose mean is the cloud score; none: features are only put side by side.
        hidden: width of the gate.
        dropout: share of the features that are dropped while training.
    """

    def __init__(
        self,
        *,
        encoder: PooledEncoder | None,
        optical: Sensor | None,
        sar: Sensor | None,
        brightness: Channels | None,
        hidden: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.optical, self.encoder, self.sar, self.brightness = optical, encoder, sar, brightness
        self.sar_encoder = None if sar is None else sar_encoder(sar.bands)
        self.optical_features = 0 if encoder is None else encoder.features
        features = self.optical_features + (0 if sar is None else SAR_WIDTHS[-1])
        self.gate = None
        if brightness is not None:
            self.gate = nn.Sequential(
                nn.Linear(features + 1, hidden), nn.ReLU(), nn.Linear(hidden, features), nn.Sigmoid()
            )
            initialize_decoder(self.gate)
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(features, 1))
        initialize_decoder(self.head)

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        """(N, bands, H, W) float32 → (N, 1) logits."""
        features, _ = self.encoded(batch)
        if self.gate is not None:
            features = features * self.gate(torch.cat([features, self.cloud_score(batch)[:, None]], dim=1))
        logits: torch.Tensor = self.head(features)
        return logits

    def encoded(self, batch: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(N, features) before the gate, optical first, 0 for a sensor that is absent; (N, 1 or 2) which are there."""
        parts, there = [], []
        for sensor, encoder in ((self.optical, self.encoder), (self.sar, self.sar_encoder)):
            if sensor is not None and encoder is not None:
                values, present = sensor(batch)
                parts.append(encoder(values) * present)
                there.append(present)
        return torch.cat(parts, dim=1), torch.cat(there, dim=1)

    def cloud_score(self, batch: torch.Tensor) -> torch.Tensor:
        """(N,) mean of the visible bands, normalised: bright windows are cloudy. 0 where the sensor is absent."""
        assert self.brightness is not None
        values = self.brightness(batch)
        # The mean of what is absent is 0 already; this takes its gradient away too.
        return values.mean(dim=(1, 2, 3)) * presence(values)[:, 0]

    @torch.no_grad()
    def gate_weights(self, batch: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """What the gate does, for read-out.

        Args:
            batch: (N, bands, H, W) float32, normalised.

        Returns:
            (N, 2) mean weight of optical and of SAR features, 0 where absent; (N,) cloud score.

        Raises:
            ParameterError: the network has no gate.
        """
        if self.gate is None:
            raise ParameterError("this network weighs nothing: it was made with fusion concat, or of one sensor")
        features, there = self.encoded(batch)
        score = self.cloud_score(batch)
        weights = self.gate(torch.cat([features, score[:, None]], dim=1))
        parts = weights.tensor_split([self.optical_features], dim=1)
        return torch.stack([part.mean(dim=1) for part in parts], dim=1) * there, score


def sar_encoder(bands: int) -> nn.Module:
    """Three convolutions of 3 × 3, pooled after the first two, and the mean: (N, bands, H, W) → (N, 64)."""
    first, second, third = SAR_WIDTHS
    network = nn.Sequential(
        Conv2dReLU(bands, first, kernel_size=3, padding=1),
        nn.MaxPool2d(2),
        Conv2dReLU(first, second, kernel_size=3, padding=1),
        nn.MaxPool2d(2),
        Conv2dReLU(second, third, kernel_size=3, padding=1),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    )
    initialize_decoder(network)
    return network
