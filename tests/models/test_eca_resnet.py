"""The network with channel attention, against formulas."""

from __future__ import annotations

from typing import Any

import pytest
import timm
import torch
from timm.layers import EcaModule
from torch import nn
from torch.nn import functional

from landslide_geo.errors import ParameterError
from landslide_geo.models import build
from landslide_geo.models.eca_resnet import AfterSum, EcaResNet, take_over


def network(**arguments: Any) -> EcaResNet:
    torch.manual_seed(0)
    built = build("eca_resnet50", bands=arguments.pop("bands", 4), arguments=arguments)
    assert isinstance(built, EcaResNet)
    return built


def attentions(of: nn.Module) -> list[EcaModule]:
    return [module for module in of.modules() if isinstance(module, EcaModule)]


def test_it_has_23_5_million_parameters() -> None:
    """ResNet50 without its classifier, 9408 weights for each three bands, two classes, and a kernel in each block."""
    kernels = 3 * 5 + 4 * 5 + 6 * 5 + 3 * 7
    own = sum(parameter.numel() for parameter in network(bands=3).parameters())
    resnet50 = sum(parameter.numel() for parameter in timm.create_model("resnet50", num_classes=0).parameters())
    assert resnet50 == 23_508_032
    assert own == resnet50 + kernels + 2048 * 2 + 2
    assert own == pytest.approx(23.5e6, rel=1e-3)


@pytest.mark.parametrize("position", ["after_sum", "before_sum"])
def test_every_bottleneck_has_an_attention_whose_kernel_grows_with_the_channels(position: str) -> None:
    """k is the odd number at or next above |log₂ C + 1| / 2: 4.5, 5, 5.5, 6 for 256 to 2048 channels."""
    kernels = [module.conv.kernel_size[0] for module in attentions(network(attention_position=position))]
    assert kernels == [5] * 3 + [5] * 4 + [5] * 6 + [7] * 3


def test_a_kernel_can_be_given() -> None:
    found = attentions(network(kernel=3, layers=[1, 1, 1, 1], width=8))
    assert [sum(p.numel() for p in module.parameters()) for module in found] == [3] * 4


def test_attention_weighs_the_sum_or_the_residual() -> None:
    """With a kernel of zeros the weight of every channel is σ(0) = ½."""
    for position in ("after_sum", "before_sum"):
        built = network(attention_position=position, layers=[1, 2, 1, 1], width=8).eval()
        for module in attentions(built):
            nn.init.zeros_(module.conv.weight)
        block = built.features.layer2[1]
        image = torch.randn(2, 64, 8, 8)
        residual = block.bn2(block.conv2(functional.relu(block.bn1(block.conv1(image)))))
        residual = block.bn3(block.conv3(functional.relu(residual)))
        half = (residual + image) / 2 if position == "after_sum" else residual / 2 + image
        torch.testing.assert_close(block(image.clone()), functional.relu(half))
        assert isinstance(block, AfterSum) == (position == "after_sum")


def test_attention_is_that_of_the_paper() -> None:
    """Mean over the pixels, a convolution over the channels, the logistic, a weight for each channel."""
    (module, *_) = attentions(network(layers=[1, 1, 1, 1], width=8))
    image = torch.randn(2, 32, 5, 7)
    kernel = module.conv.weight.flatten()
    far = len(kernel) // 2
    padded = functional.pad(image.mean(dim=(2, 3)), (far, far))
    moved = torch.stack([padded[:, channel : channel + len(kernel)] @ kernel for channel in range(32)], dim=1)
    torch.testing.assert_close(module(image), image * torch.sigmoid(moved)[:, :, None, None])


def test_binary_cross_entropy_of_the_difference_is_cross_entropy_of_two_classes() -> None:
    built = network(layers=[1, 1, 1, 1], width=8)
    image, mask = torch.randn(2, 4, 64, 64), (torch.rand(2, 64, 64) < 0.3).long()
    two = functional.cross_entropy(built.class_logits(image), mask)
    one = functional.binary_cross_entropy_with_logits(built(image)[:, 0], mask.float())
    torch.testing.assert_close(one, two)
    gradients = [torch.autograd.grad(loss, built.head.weight)[0] for loss in (one, two)]
    torch.testing.assert_close(*gradients)


def test_two_classes_may_come_before_the_interpolation() -> None:
    built = network(layers=[1, 1, 1, 1], width=8).eval()
    image = torch.randn(1, 4, 224, 224)
    deep = built.features.forward_features(image)
    assert deep.shape == (1, 256, 7, 7)
    large = functional.interpolate(deep, size=(224, 224), mode="bilinear", align_corners=False)
    torch.testing.assert_close(built.class_logits(image), built.head(large), rtol=1e-4, atol=1e-5)


def test_convolutions_start_as_he_proposed() -> None:
    """Variance 2 / fan out; the norms at the end of a residual are not set to zero."""
    built = network()
    for module in built.features.modules():
        if isinstance(module, nn.Conv2d) and module.weight.numel() > 1e5:
            fan = module.out_channels * module.kernel_size[0] ** 2
            assert float(module.weight.detach().var()) == pytest.approx(2 / fan, rel=0.05)
    assert all(bool((module.weight == 1).all()) for module in built.modules() if isinstance(module, nn.BatchNorm2d))


@pytest.mark.parametrize("position", ["after_sum", "before_sum"])
def test_the_weights_of_a_resnet50_are_taken_over(position: str) -> None:
    built = network(attention_position=position)
    before = [module.conv.weight.clone() for module in attentions(built)]
    given = timm.create_model("resnet50", in_chans=4, num_classes=0).state_dict()
    take_over(built, given)
    own = built.features.state_dict()
    for name, tensor in given.items():
        assert torch.equal(own[name], tensor)
    for kept, module in zip(before, attentions(built), strict=True):
        assert torch.equal(kept, module.conv.weight)


def test_weights_of_another_network_are_refused() -> None:
    small = timm.create_model("resnet26", in_chans=4, num_classes=0).state_dict()
    with pytest.raises(ParameterError, match="those of a ResNet50"):
        take_over(network(), small)
    with pytest.raises(ParameterError, match="those of a ResNet50"):
        take_over(network(layers=[2, 2, 2, 2], width=32), small)
