"""Every architecture by one contract, and what each is in particular."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import segmentation_models_pytorch as smp
import torch
from torch import nn

from landslide_geo.errors import ParameterError
from landslide_geo.inference.backends import candidates, open_backend
from landslide_geo.models import ARCHITECTURES, build, load_model
from landslide_geo.models.receptive_field import window_facts
from landslide_geo.models.registry import CLASSIFIERS, task

NARROW = {"encoder": "tu-resnet10t", "decoder_channels": [16, 8, 8, 8, 8]}
#: Of any two bands at least.
SENSORS = {"optical": [0], "sar": [1], "brightness": [0]}
#: One small network at least of each architecture, and one for each of its choices.
TINY: dict[str, tuple[str, dict[str, Any]]] = {
    "unet": ("unet", NARROW),
    "unet bilinear": ("unet", NARROW | {"upsampling": "bilinear", "dropout": 0.2}),
    "unet transposed": ("unet", NARROW | {"upsampling": "transposed"}),
    "unet attention": (
        "unet",
        {"encoder": "tu-resnet10t", "decoder_channels": [32] * 5, "upsampling": "transposed", "attention": "scse"},
    ),
    "unet transformer": ("unet", {"encoder": "mit_b0", "decoder_channels": [16, 8, 8, 8, 8]}),
    "unet transformer transposed": (
        "unet",
        {"encoder": "mit_b0", "decoder_channels": [16, 8, 8, 8, 8], "upsampling": "transposed"},
    ),
    "plain": ("unet", {"encoder": None, "width": 4}),
    "plain bilinear": ("unet", {"encoder": None, "width": 4, "upsampling": "bilinear"}),
    "plain transposed": ("unet", {"encoder": None, "width": 4, "upsampling": "transposed", "dropout": 0.5}),
    "resnet_unet": ("resnet_unet", NARROW | {"upsampling": "transposed", "dropout": 0.5}),
    "unetplusplus": ("unetplusplus", NARROW),
    "deeplabv3plus": ("deeplabv3plus", {"encoder": "tu-resnet10t", "decoder_channels": 16}),
    "fpn": ("fpn", {"encoder": "tu-resnet10t", "decoder_channels": 64}),
    "segformer": ("segformer", {"encoder": "mit_b0", "decoder_channels": 16}),
    "eca_resnet50": ("eca_resnet50", {"layers": [1, 1, 1, 1], "width": 8}),
    "eca_resnet50 before": ("eca_resnet50", {"layers": [1, 2, 1, 1], "width": 8, "attention_position": "before_sum"}),
    "fusion_unet": ("fusion_unet", NARROW | SENSORS),
    "fusion_unet transformers": (
        "fusion_unet",
        SENSORS | {"encoder": "mit_b0", "decoder_channels": [8] * 5, "upsampling": "bilinear", "dropout": 0.2},
    ),
    "attention_fusion": ("attention_fusion", SENSORS | {"encoder": "resnet10t", "size": None, "hidden": 8}),
    "attention_fusion resized": ("attention_fusion", SENSORS | {"encoder": "tf_efficientnetv2_b0", "size": 96}),
    "attention_fusion concat": ("attention_fusion", SENSORS | {"encoder": "resnet10t", "fusion": "concat"}),
    "attention_fusion sar": ("attention_fusion", {"sar": [1, 0], "modality": "sar"}),
    "multimodal_fpn": ("multimodal_fpn", {"optical": [0], "sar_desc": [1], "sar_asc": []}),
    "multimodal_fpn shared": (
        "multimodal_fpn",
        {"sar_desc": [0], "sar_asc": [1], "shared": True, "pyramid": False, "modality": "sar"},
    ),
    "classifier": ("classifier", {"encoder": "mobilenetv3_small_050", "size": 64}),
    "red_minus_green": ("red_minus_green", {}),
    # Of any two bands: what they are called is the bundle's affair.
    "rdndvi": ("rdndvi", {"pre_red": 0, "pre_nir": 1, "red": 0, "nir": 0}),
}
RULES = ("red_minus_green", "rdndvi")
#: One of each architecture, and of each way of upsampling, for what takes seconds.
FEW = [
    name
    for name in TINY
    if name
    not in (
        *("unet attention", "plain", "plain bilinear", "unet transformer transposed", "fusion_unet transformers"),
        *("attention_fusion concat", "attention_fusion sar", "multimodal_fpn shared"),
    )
]


def tiny(name: str, bands: int = 4) -> nn.Module:
    torch.manual_seed(0)
    architecture, arguments = TINY[name]
    return build(architecture, bands=bands, arguments=arguments).eval()


def lively(name: str, bands: int = 4) -> nn.Module:
    """With statistics of batch norms such as training leaves: fresh ones make deep networks nearly constant."""
    network = tiny(name, bands).train()
    for _ in range(20):
        with torch.no_grad():
            network(torch.randn(4, bands, 64, 64))
    return network.eval()


def size_of(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_every_architecture_is_tested_here() -> None:
    assert {architecture for architecture, _ in TINY.values()} == set(ARCHITECTURES) > CLASSIFIERS


@pytest.mark.parametrize("bands", [2, 14])
@pytest.mark.parametrize("name", TINY)
def test_any_number_of_bands_becomes_one_logit_for_each_pixel_or_window(name: str, bands: int) -> None:
    with torch.no_grad():
        logits = tiny(name, bands)(torch.randn(2, bands, 64, 96))
    classifies = task(TINY[name][0]) == "classification"
    assert logits.shape == ((2, 1) if classifies else (2, 1, 64, 96))
    assert logits.dtype == torch.float32
    assert torch.isfinite(logits).all()
    assert logits.std() > 0


@pytest.mark.parametrize("name", [name for name in TINY if name not in RULES])
def test_every_weight_learns(name: str) -> None:
    network = tiny(name).train()
    network(torch.randn(2, 4, 64, 64)).square().sum().backward()
    idle = [key for key, parameter in network.named_parameters() if parameter.grad is None]
    # In the library's last step, which joins nothing, the attention on what is joined has nothing to do.
    assert not [key for key in idle if not key.startswith("decoder.blocks.4.attention1.")]


# rdNDVI does not depend on half of all random pixels.
@pytest.mark.parametrize("name", [name for name in FEW if name != "rdndvi"])
def test_windows_follow_from_how_far_it_looks(name: str) -> None:
    facts = window_facts(lively(name), bands=4, samples=1)
    assert 0 <= facts["receptive_field"].radius_95_px <= 256
    assert set(facts["windows"]) == {"cpu", "cuda", "mps"}


@pytest.mark.parametrize("name", FEW)
def test_it_runs_in_every_library(name: str) -> None:
    network = lively(name)
    batch = np.random.default_rng(0).normal(size=(2, 4, 64, 64)).astype(np.float32)
    with torch.no_grad():
        expected = network(torch.from_numpy(batch)).numpy()
    offered = {one.name for one in candidates(precision="float32") if one.device == "cpu"}
    assert {"torch", "openvino"} <= offered
    for name_of_library in offered:
        opened = open_backend(
            network, backend=name_of_library, precision="float32", bands=4, window=64, batch_size=2, threads=2
        )
        np.testing.assert_allclose(opened(batch), expected, rtol=1e-3, atol=1e-3 * float(np.abs(expected).max()))


def test_names_of_weights_are_the_library_s() -> None:
    """So that bundles from before there was a choice are read: what is not asked for is not there."""
    network = build("unet", bands=3, arguments=NARROW)
    library = smp.Unet(
        "tu-resnet10t", encoder_weights=None, in_channels=3, classes=1, decoder_channels=NARROW["decoder_channels"]
    )
    assert [(name, tensor.shape) for name, tensor in network.state_dict().items()] == [
        (name, tensor.shape) for name, tensor in library.state_dict().items()
    ]
    assert load_model("default").bundle.network(torch.zeros(1, 3, 32, 32)).shape == (1, 1, 32, 32)


def test_dropout_adds_no_weights() -> None:
    without, with_dropout = (
        build("unet", bands=3, arguments=NARROW),
        build("unet", bands=3, arguments=NARROW | {"dropout": 0.3}),
    )
    assert list(without.state_dict()) == list(with_dropout.state_dict())


def test_the_plain_network_is_that_of_2015_with_norms() -> None:
    """Written down layer by layer: two convolutions a level, halving transposed ones, a 1 × 1 at the end."""
    widths = [64, 128, 256, 512, 1024]
    convolution = lambda before, after: 9 * before * after + 2 * after  # noqa: E731
    down = sum(convolution(a, b) + convolution(b, b) for a, b in pairwise([3, *widths]))
    up = sum(4 * a * b + b + convolution(2 * b, b) + convolution(b, b) for b, a in pairwise(widths))
    network = build("unet", bands=3, arguments={"encoder": None, "upsampling": "transposed"})
    assert size_of(network) == down + up + 64 + 1 == 31_037_633


def test_transposed_convolutions_stand_for_interpolation_only() -> None:
    """With kernels of ones that pass on each channel, the new step is the old one on half the channels."""
    from landslide_geo.models.unet import decoder_block

    torch.manual_seed(0)
    learned, plain = (decoder_block(8, 3, 5, upsampling=how) for how in ("transposed", "nearest"))
    assert [name for name, _ in learned.named_parameters() if not name.startswith("up.")] == [
        name for name, _ in plain.named_parameters()
    ]
    repeat = decoder_block(4, 3, 5, upsampling="nearest")
    repeat.load_state_dict({k: v for k, v in learned.state_dict().items() if not k.startswith("up.")})
    with torch.no_grad():
        learned.up.weight.zero_()
        learned.up.bias.zero_()
        for channel in range(4):
            learned.up.weight[channel, channel] = 1
    deep, skip = torch.randn(2, 8, 4, 6), torch.randn(2, 3, 8, 12)
    torch.testing.assert_close(learned.eval()(deep, 8, 12, skip), repeat.eval()(deep[:, :4], 8, 12, skip))


def test_resnet_unet_is_the_same_network_as_unet() -> None:
    torch.manual_seed(0)
    one = build("resnet_unet", bands=3, arguments=NARROW)
    torch.manual_seed(0)
    other = build("unet", bands=3, arguments=NARROW)
    for (name, tensor), (same, equal) in zip(one.state_dict().items(), other.state_dict().items(), strict=True):
        assert name == same
        assert torch.equal(tensor, equal)


@pytest.mark.parametrize(
    "encoder",
    ["resnet18", "resnet34", "resnet50", "resnet101", "resnext50_32x4d", "tu-resnet18d", "tu-resnet50d.ra2_in1k"],
)
def test_resnets_are_taken(encoder: str) -> None:
    from landslide_geo.models.registry import RESNETS

    assert RESNETS.fullmatch(encoder)


@pytest.mark.parametrize(
    ("architecture", "arguments", "words"),
    [
        ("unat", {}, "'unat' is not known; use one of unet"),
        ("unet", {"encoder": "resnet19"}, "Wrong encoder name"),
        ("unet", {"encoder": "tu-nothing"}, r"Unknown model \(nothing\)"),
        ("unet", {"encoder": 7}, "do not fit"),
        ("unet", {"upsampling": "cubic"}, "use one of nearest, bilinear, transposed"),
        ("unet", {"encoder": None, "upsampling": "cubic"}, "use one of nearest, bilinear, transposed"),
        ("unet", {"encoder": None, "weights": "imagenet"}, "weights 'imagenet' needs an encoder"),
        ("unet", {"encoder": None, "decoder_channels": [8] * 5}, "decoder_channels .* needs an encoder"),
        ("unet", {"encoder": None, "width": 0}, "width 0"),
        ("unet", {"width": 32}, "width 32 is for the plain U-Net"),
        ("unet", {"dropout": 1.0}, "dropout 1.0: use a share"),
        ("unet", {"decoder_channels": [8, 8]}, "do not fit"),
        ("unet", {"encoder": "tu-resnet10t", "weights": "mine"}, "weights 'mine' of encoder tu-resnet10t"),
        ("resnet_unet", {"encoder": "mit_b0"}, "needs a ResNet or ResNeXt, 'mit_b0' is none"),
        ("resnet_unet", {"encoder": "tu-efficientnet_b0"}, "needs a ResNet"),
        ("eca_resnet50", {"attention_position": "nowhere"}, "use one of after_sum, before_sum"),
        ("eca_resnet50", {"kernel": 4}, "kernel 4: use an odd number"),
        ("eca_resnet50", {"layers": [3, 4, 6]}, "give four numbers"),
        ("eca_resnet50", {"weights": "imagenet", "width": 32}, "those of a ResNet50"),
        ("segformer", {"size": 3}, "unexpected keyword"),
        ("attention_fusion", {}, r"optical is not told; give the indices of its bands.* Training fills them in"),
        ("attention_fusion", SENSORS | {"sar": [3]}, r"sar \[3\] must be 1 or more different indices of the 3 bands"),
        ("attention_fusion", SENSORS | {"optical": [0, 0]}, r"optical \[0, 0\] must be"),
        ("attention_fusion", SENSORS | {"optical": "red"}, "optical 'red' is no list of indices"),
        ("attention_fusion", SENSORS | {"fusion": "sum"}, "fusion 'sum' is not known; use one of gate, concat"),
        ("attention_fusion", SENSORS | {"size": 8}, "size 8: use 32 pixels or more"),
        ("attention_fusion", SENSORS | {"encoder": "resnet18d", "weights": "mine"}, "weights 'mine' of encoder"),
        ("attention_fusion", SENSORS | {"encoder": "nothing"}, r"Unknown model \(nothing\)"),
        ("attention_fusion", SENSORS | {"hidden": 0}, "hidden 0: the gate needs a unit"),
        ("multimodal_fpn", {"optical": [0], "sar_desc": [1]}, "sar_asc is not told"),
        ("multimodal_fpn", {"optical": [0], "sar_desc": [], "sar_asc": []}, "give one, or modality optical"),
        ("multimodal_fpn", {"modality": "radar"}, "use one of both, optical, sar"),
        (
            "multimodal_fpn",
            {"modality": "sar", "shared": True, "sar_desc": [0], "sar_asc": [1, 2]},
            "passes that share weights need the same bands; sar_desc has 1 and sar_asc 2",
        ),
        ("fusion_unet", {"optical": [0], "sar": [1]}, "brightness is not told"),
        ("fusion_unet", SENSORS | {"upsampling": "transposed"}, "use one of nearest, bilinear"),
        ("fusion_unet", SENSORS | {"encoder": "mit_b0", "sar_encoder": "resnet18"}, "take two of a kind"),
        ("classifier", {"encoder": "resnet10t", "dropout": 1}, "dropout 1: use a share"),
    ],
)
def test_what_cannot_be_built_is_one_line(architecture: str, arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ParameterError, match=words) as caught:
        build(architecture, bands=3, arguments=arguments)
    assert "\n" not in str(caught.value)


def test_weights_that_cannot_be_downloaded_are_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    for architecture, more in (
        ("unet", {}),
        ("eca_resnet50", {}),
        ("classifier", {"encoder": "resnet18d"}),
        ("attention_fusion", SENSORS | {"encoder": "resnet18d"}),
        ("fusion_unet", SENSORS),
    ):
        with pytest.raises(ParameterError, match=r"weights 'imagenet' cannot be downloaded .* use weights null"):
            build(architecture, bands=3, arguments={"weights": "imagenet"} | more)


def test_naming_the_architectures_loads_no_library() -> None:
    code = (
        "import sys, landslide_geo.models.modalities, landslide_geo.models.registry, landslide_geo.models.summary; "
        "sys.exit(any(name in sys.modules for name in ('torch', 'timm', 'segmentation_models_pytorch')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
