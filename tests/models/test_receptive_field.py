"""How far networks in closed form look, and the windows that follow."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import nn

from landslide_geo.errors import ParameterError
from landslide_geo.models import load_model, read_manifest
from landslide_geo.models.manifest import BundleManifest, ReceptiveField, WindowChoice
from landslide_geo.models.receptive_field import SIDES, choose_windows, measure_receptive_field, window_facts


def box(side: int, dilation: int = 1, bands: int = 1) -> nn.Conv2d:
    """A mean over (side × side) pixels."""
    layer = nn.Conv2d(bands, 1, side, padding="same", dilation=dilation, bias=False)
    nn.init.constant_(layer.weight, 1.0)
    return layer


def radii(network: nn.Module, **options: Any) -> tuple[int, int]:
    given: dict[str, Any] = {"bands": 1, "size": 128, "samples": 4} | options
    found = measure_receptive_field(network, **given)
    return found.radius_95_px, found.radius_99_px


@pytest.mark.parametrize("bands", [1, 4])
def test_a_network_of_single_pixels_looks_nowhere_else(bands: int) -> None:
    assert radii(box(1, bands=bands), bands=bands) == (0, 0)


@pytest.mark.parametrize(("side", "dilation"), [(3, 1), (5, 1), (11, 1), (3, 4), (3, 13), (5, 3)])
def test_a_convolution_looks_as_far_as_its_outermost_weight(side: int, dilation: int) -> None:
    far = (side // 2) * dilation
    assert radii(box(side, dilation)) == (far, far)


def test_the_radii_are_quantiles_of_the_gradient() -> None:
    """Of a box of 41 × 41 the square of 39 × 39 holds 90.5 %, of 101 × 101 the one of 99 × 99 holds 96.1 %."""
    assert radii(box(41)) == (20, 20)
    assert radii(box(101)) == (49, 50)


def test_convolutions_one_after_another_look_less_far_than_their_sum() -> None:
    deep = nn.Sequential(*[box(3) for _ in range(16)])
    found = radii(deep)
    assert 6 <= found[0] < found[1] < 16  # sums of 16 steps of −1, 0, 1: standard deviation 3.3 in each direction


def test_negative_weights_count_as_much() -> None:
    layer = box(9)
    layer.weight.data[..., 0] = -1.0
    assert radii(layer) == (4, 4)


def test_inside_a_block_of_pooling_a_pixel_looks_to_its_far_rim() -> None:
    network = nn.Sequential(nn.AvgPool2d(32), nn.Upsample(scale_factor=32))
    near, far = radii(network, samples=32)
    assert 15 < near <= far <= 31


def test_a_classification_looks_at_the_whole_window() -> None:
    network = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    assert radii(network, size=64) == (31, 32)


def test_real_windows_are_taken_where_given() -> None:
    network = nn.Sequential(box(1), nn.ReLU(), box(7))
    windows = [np.ones((1, 64, 96), dtype=np.float32), np.full((1, 64, 64), -1.0, dtype=np.float32)]
    found = measure_receptive_field(network, bands=1, inputs=windows, samples=4)
    assert (found.radius_95_px, found.radius_99_px) == (3, 3)  # the dark window has no gradient and does not count
    assert "2 real windows of 64 × 64" in found.how
    assert (windows[0] == 1).all()


def test_it_can_be_measured_again() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(1, 4, 5, padding=2), nn.ReLU(), nn.Conv2d(4, 1, 5, padding=2))
    assert radii(network, seed=3) == radii(network, seed=3)


def test_a_network_that_ignores_its_input_has_no_field() -> None:
    layer = box(3)
    nn.init.zeros_(layer.weight)
    with pytest.raises(ParameterError, match="does not depend"):
        radii(layer)


def test_the_network_stays_as_it_was() -> None:
    model = load_model("default")
    before = {name: tensor.clone() for name, tensor in model.bundle.network.state_dict().items()}
    found = measure_receptive_field(model.bundle.network, bands=3, size=320, samples=2)
    assert 60 < found.radius_95_px < found.radius_99_px <= 160
    for name, tensor in model.bundle.network.state_dict().items():
        assert torch.equal(tensor, before[name])
    assert not any(parameter.requires_grad for parameter in model.bundle.network.parameters())


@pytest.mark.parametrize(
    ("radius", "kind", "expected"),
    [
        (0, "cpu", (256, 0, 1.0)),
        (1, "cpu", (256, 32, 1.306)),
        (32, "cpu", (256, 32, 1.306)),
        (33, "cpu", (384, 64, 1.44)),
        (33, "cuda", (512, 64, 1.306)),
        (116, "cpu", (768, 128, 1.44)),
        (116, "cuda", (1024, 128, 1.306)),
        (116, "mps", (768, 128, 1.44)),
        (200, "cpu", (1024, 224, 1.638)),  # none is cheap: the largest
        (5000, "cpu", (1024, 512, 4.0)),  # no field fits: at most half
    ],
)
def test_overlap_follows_from_the_radius_and_the_window_from_the_overlap(
    radius: int, kind: Any, expected: tuple[int, int, float]
) -> None:
    found = choose_windows(radius, device_kind=kind, bands=3, memory_mb=2048)
    assert (found.window, found.overlap, found.cost) == expected


@pytest.mark.parametrize("radius", [0, 20, 116, 150, 400])
@pytest.mark.parametrize("kind", ["cpu", "cuda"])
def test_windows_stay_on_the_grid_of_the_network_and_in_memory(radius: int, kind: Any) -> None:
    sides = []
    for memory in (70, 128, 256, 512, 1024, 4096):
        found = choose_windows(radius, device_kind=kind, bands=4, memory_mb=memory)
        assert found.window % 32 == found.overlap % 32 == 0
        assert found.window in SIDES
        assert found.overlap <= found.window / 2
        assert found.window**2 * 528 <= memory / 2 * 2**20
        sides.append(found.window)
    assert sides == sorted(sides)


def test_too_little_memory_is_one_line_that_says_how_much() -> None:
    with pytest.raises(ParameterError, match=r"memory of 60 MB .* at least 66 MB"):
        choose_windows(10, device_kind="cpu", bands=4, memory_mb=60)
    choose_windows(10, device_kind="cpu", bands=4, memory_mb=66)


def test_the_fields_of_a_manifest_are_filled_and_checked() -> None:
    facts = window_facts(box(3, dilation=33), bands=1, samples=1)
    assert facts["receptive_field"].radius_95_px == 33
    assert {kind: one.window for kind, one in facts["windows"].items()} == {"cpu": 384, "cuda": 512, "mps": 384}
    manifest = read_manifest("default").model_copy(update=facts)
    again = BundleManifest.model_validate_json(manifest.model_dump_json())
    assert again.receptive_field == facts["receptive_field"]
    assert again.windows == facts["windows"]
    with pytest.raises(ValidationError, match="radius_99_px 1 is less"):
        ReceptiveField(radius_95_px=2, radius_99_px=1, how="")
    with pytest.raises(ValidationError, match="overlap 64 must be smaller"):
        WindowChoice(window=64, overlap=64, cost=1.0)
    with pytest.raises(ValidationError, match="gpu"):
        BundleManifest.model_validate(manifest.model_dump() | {"windows": {"gpu": facts["windows"]["cuda"]}})


def test_bundles_without_these_fields_are_read() -> None:
    """As bundles before them were written."""
    values = read_manifest("default").model_dump(exclude={"receptive_field", "windows"})
    old = BundleManifest.model_validate(values)
    assert (old.receptive_field, old.windows) == (None, None)
