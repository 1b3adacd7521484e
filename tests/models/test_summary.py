"""Counts of networks whose counts are known."""

from __future__ import annotations

import json

import pytest
import torch
from torch import nn

from landslide_geo.cli.main import run
from landslide_geo.errors import ParameterError
from landslide_geo.models import build
from landslide_geo.models.summary import summarise


def test_a_convolution_is_two_operations_for_each_weight_and_pixel() -> None:
    (whole,) = summarise(nn.Conv2d(3, 5, kernel_size=7, padding=3), bands=3, size=32)
    assert whole.parameters == 3 * 5 * 49 + 5
    assert whole.flops == 2 * 3 * 5 * 49 * 32 * 32


def test_strided_and_transposed_convolutions_count_where_they_compute() -> None:
    network = nn.Sequential(nn.Conv2d(4, 8, kernel_size=2, stride=2), nn.ReLU(), nn.ConvTranspose2d(8, 2, 2, stride=2))
    whole, down, up = summarise(network, bands=4, size=32)
    assert down.flops == 2 * 4 * 8 * 4 * 16 * 16
    assert up.flops == 2 * 8 * 2 * 4 * 16 * 16
    assert whole.flops == down.flops + up.flops
    assert [row.name for row in (whole, down, up)] == ["", "0", "2"]


def test_resnet50_takes_4_1_billion_multiplications() -> None:
    """torchvision gives 4.09 for its ResNet50, which like this one halves the size in the convolution of 3 × 3."""
    rows = summarise(build("eca_resnet50", bands=3, arguments={}), bands=3, size=224, depth=1)
    assert rows[0].flops == pytest.approx(2 * 4.09e9, rel=2e-3)


@pytest.mark.parametrize("architecture", ["unet", "segformer", "eca_resnet50"])
def test_blocks_add_up(architecture: str) -> None:
    network = build(architecture, bands=4, arguments={})
    rows = summarise(network, bands=4, size=64, depth=4)
    assert rows[0].parameters == sum(parameter.numel() for parameter in network.parameters())
    for row in rows:
        inside = [
            other
            for other in rows
            if other.depth == row.depth + 1 and other.name.startswith(f"{row.name}." * bool(row.name))
        ]
        if inside:
            assert sum(other.parameters for other in inside) <= row.parameters
            assert sum(other.flops for other in inside) <= row.flops
    top = [row for row in rows if row.depth == 1]
    assert sum(row.flops for row in top) == rows[0].flops > 0
    assert sum(row.parameters for row in top) == rows[0].parameters


def test_efficient_channel_attention_on_512_channels() -> None:
    """Five parameters; the convolution over channels alone is counted: 2 · 5 · 512."""
    from timm.layers import EcaModule

    (whole, *_) = summarise(EcaModule(512), bands=512, size=7)
    assert (whole.parameters, whole.flops) == (5, 5120)


def test_the_network_stays_as_it_was() -> None:
    network = nn.Conv2d(1, 1, 3).train()
    weight = network.weight
    summarise(network, bands=1, size=32)
    assert network.weight is weight
    assert network.weight.device == torch.device("cpu")
    assert network.training


def test_windows_that_do_not_fit_are_one_line() -> None:
    with pytest.raises(ParameterError, match="windows of 32 × 32 pixels do not fit"):
        summarise(nn.Conv2d(3, 1, 1), bands=4, size=32)
    with pytest.raises(ParameterError, match="depth"):
        summarise(nn.Conv2d(3, 1, 1), bands=3, depth=-1)


def test_the_command_prints_what_was_counted(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--bands", "4", "--size", "64", "--argument", "encoder=null", "--argument", "width=4"]
    assert run(["models", "summary", "unet", *arguments]) == 0
    printed = capsys.readouterr().out
    rows = summarise(build("unet", bands=4, arguments={"encoder": None, "width": 4}), bands=4, size=64)
    assert f"{rows[0].parameters:,}" in printed
    assert f"{rows[0].flops / 1e6:,.2f}" in printed
    assert run(["models", "summary", "unet", *arguments, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["flops"] == rows[0].flops


@pytest.mark.parametrize(
    ("arguments", "bands"),
    [
        ([], 12),
        (["--bands", "13"], 13),
        (["--names", "red,vv_asc,vh_asc"], 3),
        (["--bands", "4", *(f"--argument={one}=[{i}]" for i, one in enumerate(("optical", "sar_desc", "sar_asc")))], 4),
    ],
)
def test_bands_of_networks_of_several_sensors_have_names(
    arguments: list[str], bands: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["models", "summary", "multimodal_fpn", "--size", "64", *arguments]) == 0
    assert f"multimodal_fpn, {bands} × 64 × 64" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["unot"], "'unot' is not known"),
        (["unet", "--argument", "encoder"], "write it as NAME=VALUE"),
        (["unet", "--argument", "encoder=[1"], "not YAML"),
        (["unet", "--argument", "colour=red"], "colour"),
        (["unet", "--bands", "0"], "bands 0"),
        (["unet", "--size", "0"], "size 0"),
        (["unet", "--names", "red,green", "--bands", "3"], "--bands 3 and 2 --names do not agree"),
        (["multimodal_fpn", "--bands", "5"], "must know which bands these are; name them"),
        (["multimodal_fpn", "--bands", "14"], "must know which bands these are; name them"),
        (["multimodal_fpn", "--names", "red,clay"], "'clay' is not known"),
        (["multimodal_fpn", "--names", "red"], "needs SAR bands"),
    ],
)
def test_bad_input_is_one_line(arguments: list[str], words: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["models", "summary", *arguments]) == 2
    captured = capfd.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert words in captured.err
