"""What networks of several branches share: their channels, whether a sensor is there, encoders, initialisation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import timm
import torch
from segmentation_models_pytorch.base.initialization import initialize_decoder
from torch import nn
from torch.nn import functional


class Channels(nn.Module):
    """Some channels of a batch: (N, C, H, W) → (N, K, H, W), in the order given. No weights."""

    def __init__(self, places: Sequence[int]) -> None:
        super().__init__()
        # Of the network, not of its weights: it moves to devices, and no bundle holds it.
        self.register_buffer("places", torch.tensor(list(places), dtype=torch.long), persistent=False)
        self._many = len(places)

    def __len__(self) -> int:
        return self._many

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        """See the class."""
        assert isinstance(self.places, torch.Tensor)
        return batch.index_select(1, self.places)


class Sensor(nn.Module):
    """The channels of a sensor, what goes with them, and whether the sensor is there.

    A sensor that is wholly absent is 0 in all of its bands. What goes along (masks) may hold something else then; it is
    set to 0 too, so that the branch sees the same whatever it holds.
    """

    def __init__(self, own: Sequence[int], along: Sequence[int] = ()) -> None:
        super().__init__()
        self.own = Channels(own)
        self.along = Channels(along) if along else None
        self.bands = len(own) + len(along)

    def forward(self, batch: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(N, C, H, W) → (N, K, H, W) of the sensor, and (N, 1) which is 1 where it is there, else 0."""
        values = self.own(batch)
        there = presence(values)
        if self.along is not None:
            values = torch.cat([values, self.along(batch) * there[..., None, None]], dim=1)
        return values, there


def presence(values: torch.Tensor) -> torch.Tensor:
    """(N, C, H, W) → (N, 1): 1 for samples that are not 0 everywhere, else 0. Without a gradient."""
    return (values.detach().abs().amax(dim=(1, 2, 3)) > 0).to(values.dtype)[:, None]


class PooledEncoder(nn.Module):
    """An encoder of timm without its head, averaged over the window: (N, bands, H, W) → (N, features).

    Args:
        name: in timm, e.g. ``tf_efficientnetv2_l``.
        bands: of the input; timm repeats the first layer's weights over them.
        pretrained: download weights.
        size: to which windows are resized bilinearly, as encoders know their size from pretraining; none: as they come.
    """

    def __init__(self, name: str, *, bands: int, pretrained: bool, size: int | None) -> None:
        super().__init__()
        self.size = size
        self.body = timm.create_model(name, pretrained=pretrained, in_chans=bands, num_classes=0, global_pool="avg")
        # Some widen their features once more after the average.
        features: Any = getattr(self.body, "head_hidden_size", self.body.num_features)
        self.features = int(features)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """See the class."""
        if self.size is not None:
            values = functional.interpolate(values, size=(self.size, self.size), mode="bilinear", align_corners=False)
        features: torch.Tensor = self.body(values)
        return features


class Classifier(nn.Module):
    """All bands into one encoder of timm, dropout, and one logit: (N, bands, H, W) → (N, 1)."""

    def __init__(self, encoder: PooledEncoder, *, dropout: float) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(encoder.features, 1))
        initialize_decoder(self.head)

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        """See the class."""
        logits: torch.Tensor = self.head(self.encoder(batch))
        return logits
