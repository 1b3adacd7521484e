"""Networks of several sensors: what is absent, what the gate weighs, what branches share."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from landslide_geo.chips.zindi import BANDS
from landslide_geo.errors import ParameterError
from landslide_geo.models import build
from landslide_geo.models.attention_fusion import AttentionFusion
from landslide_geo.models.fusion_unet import FusionUNet, PixelGate
from landslide_geo.models.modalities import arguments_of, modalities
from landslide_geo.models.multimodal_fpn import MultimodalFPN
from landslide_geo.simulate.chips import ChipMaker

WITH_MASK = (*BANDS, "cloud_mask")
SMALL: dict[str, dict[str, Any]] = {
    "attention_fusion": {"encoder": "resnet10t", "size": None, "hidden": 16},
    "multimodal_fpn": {},
    "fusion_unet": {"encoder": "tu-resnet10t", "decoder_channels": [16, 8, 8, 8, 8]},
}


def made(architecture: str, bands: tuple[str, ...] = WITH_MASK, **arguments: Any) -> Any:
    torch.manual_seed(0)
    completed = arguments_of(architecture, bands, SMALL[architecture] | arguments)
    return build(architecture, bands=len(bands), arguments=completed).eval()


def windows(count: int = 4, bands: tuple[str, ...] = WITH_MASK, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, len(bands), 64, 64, generator=torch.Generator().manual_seed(seed))


def without(batch: torch.Tensor, *sensors: str, bands: tuple[str, ...] = WITH_MASK) -> torch.Tensor:
    """Absent sensors are 0 in their own bands; masks keep what they hold."""
    batch = batch.clone()
    own = modalities(bands)
    for sensor in sensors:
        batch[:, list(own[sensor])] = 0
    return batch


def size_of(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


SAR = ("sar_desc", "sar_asc")


@pytest.mark.parametrize("architecture", SMALL)
def test_it_answers_with_either_sensor_both_or_none(architecture: str) -> None:
    network, batch = made(architecture), windows()
    with torch.no_grad():
        answers = [network(without(batch, *gone)) for gone in ((), ("optical",), SAR, ("optical", *SAR))]
    assert all(torch.isfinite(one).all() for one in answers)
    assert all((one - other).abs().max() > 1e-6 for one in answers for other in answers if one is not other)


@pytest.mark.parametrize("architecture", SMALL)
def test_each_sample_is_looked_at_by_itself(architecture: str) -> None:
    network, batch = made(architecture), windows()
    mixed = torch.cat([batch[:1], without(batch[1:2], "optical"), without(batch[2:3], *SAR), batch[3:]])
    with torch.no_grad():
        together = network(mixed)
        alone = torch.cat([network(mixed[i : i + 1]) for i in range(4)])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("architecture", SMALL)
def test_masks_say_nothing_where_their_sensor_is_absent(architecture: str) -> None:
    network = made(architecture)
    batch = without(windows(), "optical")
    other = batch.clone()
    other[:, 12] += 1
    with torch.no_grad():
        assert torch.equal(network(batch), network(other))
        assert not torch.equal(network(windows()), network(windows() + (other - batch)))


@pytest.mark.parametrize("architecture", SMALL)
def test_gradients_reach_the_sensors_that_are_there_and_no_others(architecture: str) -> None:
    own = modalities(WITH_MASK)
    places = {"optical": [*own["optical"], *own["masks"]], "sar": [*own["sar_desc"], *own["sar_asc"]]}
    for gone in ((), ("optical",), SAR):
        network, batch = made(architecture).train(), without(windows(), *gone).requires_grad_()
        network(batch).square().sum().backward()
        for sensor, channels in places.items():
            reached = bool(batch.grad[:, channels].abs().sum() > 0)
            assert reached == (sensor not in {name[:3] if name != "optical" else name for name in gone}), (gone, sensor)


@pytest.mark.parametrize("architecture", SMALL)
def test_one_seed_one_network(architecture: str) -> None:
    for one, other in zip(made(architecture).parameters(), made(architecture).parameters(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("architecture", SMALL)
def test_eight_simulated_patches_can_be_learnt_by_heart(architecture: str) -> None:
    """With a sensor taken away from every other one, as training does."""
    chips = [ChipMaker(seed=5, size=64, share=0.5).make(index) for index in range(8)]
    images = np.stack([chip.bands(BANDS) for chip in chips])
    images -= images.mean(axis=(0, 2, 3), keepdims=True)
    batch = torch.from_numpy(images / images.std(axis=(0, 2, 3), keepdims=True))
    batch[1::4] = without(batch[1::4], "optical", bands=BANDS)
    batch[3::4] = without(batch[3::4], *SAR, bands=BANDS)
    masks = torch.from_numpy(np.stack([chip.mask for chip in chips])[:, None]).float()
    target = masks if architecture == "fusion_unet" else masks.amax(dim=(2, 3))
    assert 2 <= masks.amax(dim=(1, 2, 3)).sum() <= 6
    network = made(architecture, BANDS, dropout=0.0).train()
    optimizer = torch.optim.Adam(network.parameters(), lr=3e-3)
    losses = []
    for _ in range(40):
        optimizer.zero_grad()
        loss = nn.functional.binary_cross_entropy_with_logits(network(batch), target)
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.25 * losses[0]


# Gated fusion of patches


def test_the_gate_of_the_full_network_is_1345_to_256_to_1344() -> None:
    with torch.device("meta"):  # shapes alone: 117 million weights need no memory
        network = build("attention_fusion", bands=12, arguments=arguments_of("attention_fusion", BANDS, {}))
    first, _, second, last = network.gate
    assert (first.in_features, first.out_features) == (1280 + 64 + 1, 256)
    assert (second.in_features, second.out_features) == (256, 1280 + 64)
    assert isinstance(last, nn.Sigmoid)
    assert size_of(network.gate) == 1345 * 256 + 256 + 256 * 1344 + 1344
    assert network.sar_encoder[0][0].in_channels == 8


def test_sizes_of_the_small_network() -> None:
    """SAR: three convolutions without bias and their norms. Gate: h (F + 1) + h + F h + F."""
    network = made("attention_fusion", BANDS)
    features = 512 + 64
    sar = 9 * (8 * 32 + 32 * 64 + 64 * 64) + 2 * (32 + 64 + 64)
    gate = 16 * (features + 1) + 16 + features * 16 + features
    assert size_of(network.sar_encoder) == sar
    assert size_of(network.gate) == gate
    assert size_of(network) == size_of(network.encoder) + sar + gate + features + 1


def test_features_of_what_is_absent_are_zero() -> None:
    network, batch = made("attention_fusion"), windows()
    with torch.no_grad():
        features, there = network.encoded(batch)
        assert (features[:, :512].abs().sum(dim=1) > 0).all()
        assert (features[:, 512:].abs().sum(dim=1) > 0).all()
        for gone, part in ((("optical",), slice(0, 512)), (SAR, slice(512, None))):
            found, present = network.encoded(without(batch, *gone))
            assert (found[:, part] == 0).all()
            assert present.sum() == 4
        assert (there == 1).all()


def test_weights_of_the_gate_and_the_cloud_score_can_be_read() -> None:
    network, batch = made("attention_fusion"), windows(5)
    batch[3], batch[4] = without(batch[3:4], "optical")[0], without(batch[4:5], *SAR)[0]
    weights, score = network.gate_weights(batch)
    assert weights.shape == (5, 2)
    assert ((weights[:3] > 0) & (weights[:3] < 1)).all()
    assert (weights[3, 0], weights[4, 1]) == (0, 0)
    torch.testing.assert_close(score, batch[:, :3].mean(dim=(1, 2, 3)))
    assert score[3] == 0


def test_the_gate_weighs_each_feature() -> None:
    """Of a gate that is open everywhere and shut for one feature, the logit lacks that feature's part."""
    network, batch = made("attention_fusion"), windows()
    with torch.no_grad():
        for layer in (network.gate[0], network.gate[2]):
            layer.weight.zero_()
            layer.bias.fill_(100)
        network.gate[2].bias[7] = -100
        features, _ = network.encoded(batch)
        weight, bias = network.head[1].weight[0], network.head[1].bias
        expected = features @ weight - features[:, 7] * weight[7] + bias
        torch.testing.assert_close(network(batch)[:, 0], expected)


def test_plain_concatenation_has_no_gate() -> None:
    network, batch = made("attention_fusion", fusion="concat"), windows()
    assert network.gate is None
    assert isinstance(network, AttentionFusion)
    with torch.no_grad():
        torch.testing.assert_close(network(batch), network.head(network.encoded(batch)[0]))
    with pytest.raises(ParameterError, match="weighs nothing"):
        network.gate_weights(batch)


@pytest.mark.parametrize(("modality", "features"), [("optical", 512), ("sar", 64)])
def test_of_one_sensor_the_other_branch_is_not_built(modality: str, features: int) -> None:
    network = made("attention_fusion", modality=modality)
    assert network.head[1].in_features == features
    assert network.gate is None
    assert (network.encoder is None, network.sar_encoder is None) == (modality == "sar", modality == "optical")


def test_windows_are_resized_for_the_encoder_alone() -> None:
    network, sizes = made("attention_fusion", size=96), []
    network.encoder.body.register_forward_pre_hook(lambda _, given: sizes.append(given[0].shape[2:]))
    network.sar_encoder.register_forward_pre_hook(lambda _, given: sizes.append(given[0].shape[2:]))
    with torch.no_grad():
        network(windows())
    assert sizes == [(96, 96), (64, 64)]


# Feature pyramid


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("pyramid", [False, True])
def test_the_pyramid_has_under_a_million_weights(shared: bool, pyramid: bool) -> None:
    """Written down: convolutions have norms instead of biases, but for those of the pyramid."""
    convolution = lambda before, after: 9 * before * after + 2 * after  # noqa: E731
    branch = lambda bands: convolution(bands, 16) + convolution(16, 32)  # noqa: E731
    widths = (96, 64, 128, 256)
    expected = branch(5) + (1 if shared else 2) * branch(4)
    expected += sum(convolution(a, b) for a, b in pairwise(widths))
    if pyramid:
        expected += sum(64 * width + 64 for width in widths) + 4 * (9 * 64 * 64 + 64)
    expected += 256 * 128 + 128 + 128 + 1  # both heads take 256 features: four levels of 64, or the deepest alone
    network = made("multimodal_fpn", shared=shared, pyramid=pyramid)
    assert size_of(network) == expected < 1_000_000


def swapped(batch: torch.Tensor) -> torch.Tensor:
    own = modalities(WITH_MASK)
    other = batch.clone()
    other[:, list(own["sar_desc"])], other[:, list(own["sar_asc"])] = (
        batch[:, list(own["sar_asc"])],
        batch[:, list(own["sar_desc"])],
    )
    return other


def test_passes_that_share_weights_can_change_places() -> None:
    batch = windows()
    with torch.no_grad():
        for shared in (True, False):
            network = made("multimodal_fpn", shared=shared)
            (_, first, second), (_, other, another) = network.encoded(batch), network.encoded(swapped(batch))
            assert torch.equal(first, another) == shared
            assert torch.equal(second, other) == shared
        # The levels tell passes apart, unless they treat both alike.
        network = made("multimodal_fpn", shared=True)
        assert not torch.allclose(network(batch), network(swapped(batch)), atol=1e-4)
        for weight in (network.levels[0][0][0].weight, network.lateral[0].weight):
            weight[:, 64:] = weight[:, 32:64]
        torch.testing.assert_close(network(batch), network(swapped(batch)), rtol=1e-4, atol=1e-5)


def test_a_pass_that_is_absent_is_zero_behind_its_branch() -> None:
    network = made("multimodal_fpn")
    with torch.no_grad():
        optical, first, second = network.encoded(without(windows(), "sar_asc"))
    assert (second == 0).all()
    assert (first != 0).any()
    assert optical.shape == (4, 32, 32, 32)


def test_the_pyramid_pools_four_levels() -> None:
    network = made("multimodal_fpn")
    assert isinstance(network, MultimodalFPN)
    seen: list[tuple[int, ...]] = []
    for smooth in network.smooth:
        smooth.register_forward_hook(lambda _, __, out: seen.append(tuple(out.shape[1:])))
    with torch.no_grad():
        network(windows())
    assert sorted(seen) == [(64, 4, 4), (64, 8, 8), (64, 16, 16), (64, 32, 32)]


# Gated fusion of pixels


@pytest.mark.parametrize(("optical", "sar", "expected"), [(1, 1, 0.5), (1, 0, 1), (0, 1, 0), (0, 0, 0)])
def test_shares_of_a_gate_that_knows_nothing(optical: int, sar: int, expected: float) -> None:
    """All weights 0: both sensors count half, one alone all, and none nothing."""
    gate = PixelGate(3, 2, facts=1)
    with torch.no_grad():
        for parameter in gate.gate.parameters():
            parameter.zero_()
        one, other, facts = torch.randn(2, 3, 4, 4), torch.randn(2, 2, 4, 4), torch.zeros(2, 1, 4, 4)
        there = torch.tensor([[optical, sar]] * 2, dtype=torch.float32)
        fused, share = gate(one, other, facts, there)
        projected = gate.project(other)
    torch.testing.assert_close(share, torch.full((2, 1, 4, 4), float(expected)))
    rest = (1 - expected) * (sar if expected < 1 else 0)
    torch.testing.assert_close(fused, expected * one + rest * projected)


SCENE = ("red", "green", "blue", "nir", "pre_red", "pre_nir", "vv_asc", "vh_asc", "pre_vv_asc", "elevation", "slope")


def test_without_sar_it_is_the_u_net_of_the_optical_half() -> None:
    network = made("fusion_unet", SCENE)
    assert isinstance(network, FusionUNet)
    batch = windows(2, SCENE)
    batch[:, 6:9] = 0
    with torch.no_grad():
        features = network.encoder(batch[:, [0, 1, 2, 3, 4, 5, 9, 10]])
        torch.testing.assert_close(network(batch), network.head(network.decoder(features)))
        shares = network.gate_maps(batch)
    assert all((share == 1).all() for share in shares)


def test_terrain_goes_into_both_encoders() -> None:
    network, batch = made("fusion_unet", SCENE), windows(2, SCENE)
    assert network.encoder.out_channels[0] == 6 + 2
    assert network.sar_encoder.out_channels[0] == 3 + 2
    other = batch.clone()
    other[:, 10] += 1
    for gone in (slice(0, 6), slice(6, 9)):
        one, two = batch.clone(), other.clone()
        one[:, gone], two[:, gone] = 0, 0
        with torch.no_grad():
            assert not torch.allclose(network(one), network(two))


def test_the_optical_share_can_be_read_at_each_level() -> None:
    network, batch = made("fusion_unet", SCENE), windows(3, SCENE)
    batch[1, :6], batch[2, :9] = 0, 0
    shares = network.gate_maps(batch)
    assert [tuple(share.shape) for share in shares] == [(3, 1, side, side) for side in (32, 16, 8, 4, 2)]
    for share in shares:
        assert ((share[0] > 0) & (share[0] < 1)).all()
        assert (share[1:] == 0).all()


def test_a_cloud_is_seen_where_it_is() -> None:
    """A gate that looks at the cloud score alone gives bright pixels to the SAR, and only those."""
    network = made("fusion_unet", SCENE)
    batch = 0.1 * windows(1, SCENE)
    batch[:, :3, :, :32] += 4
    with torch.no_grad():
        for gate in network.gates:
            for parameter in gate.gate.parameters():
                parameter.zero_()
            gate.gate[0].weight[0, -3] = 1  # the score; after it what is known to either sensor
            gate.gate[2].weight[0, 0], gate.gate[2].bias[:] = -10, 10
    for share in network.gate_maps(batch)[:3]:
        middle = share.shape[-1] // 2
        assert (share[..., :middle] < 0.01).all()
        assert (share[..., middle:] > 0.99).all()
