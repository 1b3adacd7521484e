"""ResNet of bottlenecks with efficient channel attention, and a head that is one interpolation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

import timm
import torch
from timm.layers import EcaModule
from timm.models.resnet import Bottleneck, ResNet
from torch import nn
from torch.nn import functional

from landslide_geo.errors import ParameterError

POSITIONS: Final = ("after_sum", "before_sum")
#: Bottlenecks of a ResNet50, and the width of its first stage.
LAYERS: Final = (3, 4, 6, 3)
WIDTH: Final = 64


class AfterSum(Bottleneck):
    """A bottleneck whose attention weighs the sum of residual and shortcut, before the activation."""

    def __init__(self, *args: Any, attention: Callable[[int], nn.Module], **options: Any) -> None:
        super().__init__(*args, **options)
        # The library's own step applies this to the sum.
        self.act3 = nn.Sequential(attention(self.conv3.out_channels), self.act3)


class EcaResNet(nn.Module):
    """See `landslide_geo.models.registry.eca_resnet50`, which checks the arguments.

    The head is bilinear enlargement by 32 and a 1 × 1 convolution to two classes. Either may come first: the weights
    of the interpolation add up to one, and it treats each channel alike. The convolution does here, which is the same
    function at a thousandth of the cost.

    Softmax over two classes is the logistic of the difference of their logits, so two-class cross-entropy is binary
    cross-entropy on it: −log(eᵇ / (eᵃ + eᵇ)) = −log σ(b − a). The network returns that difference.
    """

    def __init__(self, *, bands: int, position: str, kernel: int | None, layers: Sequence[int], width: int) -> None:
        super().__init__()
        attention = partial(_attention, kernel=kernel)
        after = position == "after_sum"
        self.features = ResNet(
            block=AfterSum if after else Bottleneck,  # type: ignore[arg-type]  # the class is meant, as timm itself does
            layers=tuple(layers),
            in_chans=bands,
            num_classes=0,
            global_pool="",
            channels=tuple(width * factor for factor in (1, 2, 4, 8)),
            zero_init_last=False,  # He initialisation of all convolutions, and nothing else
            block_args={"attention" if after else "attn_layer": attention},
        )
        self.head = nn.Conv2d(self.features.num_features, 2, kernel_size=1)
        nn.init.kaiming_normal_(self.head.weight, mode="fan_in", nonlinearity="relu")  # by its two outputs: 32 × larger
        nn.init.zeros_(self.head.bias)  # type: ignore[arg-type]

    def class_logits(self, batch: torch.Tensor) -> torch.Tensor:
        """(N, bands, H, W) float32 → (N, 2, H, W): logits of background and landslide."""
        deep = self.head(self.features.forward_features(batch))
        return functional.interpolate(deep, scale_factor=32.0, mode="bilinear", align_corners=False)

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        """(N, bands, H, W) float32, H and W multiples of 32 → (N, 1, H, W) logits of landslide against background."""
        background, landslide = self.class_logits(batch).split(1, dim=1)
        return landslide - background


def load_imagenet(network: EcaResNet, *, bands: int) -> None:
    """Take over timm's ResNet50, whose first layer it adapts to the number of bands; attention and head stay random.

    Raises:
        ParameterError: the network is not a ResNet50.
        OSError: the weights could not be downloaded.
    """
    given = timm.create_model("resnet50", pretrained=True, in_chans=bands, num_classes=0).state_dict()
    take_over(network, given)


def take_over(network: EcaResNet, given: dict[str, torch.Tensor]) -> None:
    """Load a ResNet's weights into the features.

    Raises:
        ParameterError: they are not of the same depth and width.
    """
    own = network.features.state_dict()
    wrong = [name for name in own if ".conv.weight" not in name and own[name].shape != given.get(name, own[name]).shape]
    missing = {name for name in own if name not in given and not name.endswith(".conv.weight")}
    if wrong or missing or set(given) - set(own):
        raise ParameterError("weights 'imagenet' are those of a ResNet50; leave layers and width as they are")
    network.features.load_state_dict(given, strict=False)


def _attention(channels: int, kernel: int | None, **placed: Any) -> nn.Module:
    """Wang et al. (2020, arXiv:1910.03151): k = |log₂(C) / 2 + 1 / 2|, made odd, unless one is given."""
    if kernel is None:
        return EcaModule(channels, gamma=2, beta=1, **placed)
    return EcaModule(kernel_size=kernel, **placed)
