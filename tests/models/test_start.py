"""What training starts from: what fits comes over, nothing else changes, and another network is refused."""

from __future__ import annotations

import pytest
import timm
import torch
from safetensors.torch import save_file

from landslide_geo.errors import ParameterError, SourceNotFoundError
from landslide_geo.models import build
from landslide_geo.models.start import find_start

ENCODER = "resnet10t"


@pytest.fixture
def encoder(tmp_path):
    """An encoder's file, with its head, and the tensors in it."""
    torch.manual_seed(1)
    tensors = timm.create_model(ENCODER, num_classes=7).state_dict()
    save_file(tensors, tmp_path / "encoder.safetensors")
    return tmp_path / "encoder.safetensors", tensors


@pytest.mark.parametrize(
    ("architecture", "arguments", "prefix"),
    [
        ("unet", {"encoder": f"tu-{ENCODER}", "decoder_channels": [16, 8, 8, 8, 8]}, "encoder.model."),
        ("classifier", {"encoder": ENCODER}, "encoder.body."),
        (
            "attention_fusion",
            {"encoder": ENCODER, "size": None, "modality": "optical", "optical": [0, 1, 2]},
            "encoder.body.",
        ),
    ],
)
def test_an_encoder_comes_over_whole_and_the_rest_stays(architecture, arguments, prefix, encoder):
    path, tensors = encoder
    network = build(architecture, bands=3, arguments=arguments)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    share = find_start(path).into(network)
    taken = 0
    for name, tensor in network.state_dict().items():
        ending = name.removeprefix(prefix) if name.startswith(prefix) else None
        if ending in tensors and tensors[ending].shape == tensor.shape:
            torch.testing.assert_close(tensor, tensors[ending])
            taken += tensor.numel()
        else:
            torch.testing.assert_close(tensor, before[name])
    assert taken > 1e6
    assert share == pytest.approx(taken / sum(tensor.numel() for tensor in before.values()))


@pytest.mark.parametrize("bands", [1, 2, 4, 14])
def test_the_first_layer_answers_a_grey_picture_alike_whatever_the_bands(bands, encoder):
    """Repeated and scaled, so that equal values in all bands give what they give in three; one band is their sum."""
    path, tensors = encoder
    network = build("classifier", bands=bands, arguments={"encoder": ENCODER})
    find_start(path).into(network)
    first = dict(network.named_parameters())["encoder.body.conv1.0.weight"]
    wanted = tensors["conv1.0.weight"].sum(dim=1)
    if bands % 3 in (0, 1) and bands == 1:
        torch.testing.assert_close(first.sum(dim=1), wanted)
    else:
        repeated = torch.cat([tensors["conv1.0.weight"]] * 5, dim=1)[:, :bands] * (3 / bands)
        torch.testing.assert_close(first, repeated)


def test_a_model_starts_from_a_model(tmp_path):
    shipped = build("unet", bands=3, arguments={"encoder": "tu-resnet18d", "decoder_channels": [192, 96, 64, 32, 16]})
    start = find_start("default")
    assert start.into(shipped) == 1.0
    tensors = start.tensors()
    for name, tensor in shipped.state_dict().items():
        torch.testing.assert_close(tensor, tensors[name].to(tensor.dtype))
    assert str(start).startswith("default (sha256 ")


@pytest.mark.parametrize("given", ["encoder", "default"])
def test_weights_of_another_network_are_refused(given, encoder):
    network = build("unet", bands=3, arguments={"encoder": None, "width": 4})
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    with pytest.raises(ParameterError, match=r"no encoder of this network|another architecture"):
        find_start(encoder[0] if given == "encoder" else "default").into(network)
    for name, tensor in network.state_dict().items():
        torch.testing.assert_close(tensor, before[name])


def test_what_is_not_there_or_broken_or_without_weights_is_said(tmp_path, encoder):
    with pytest.raises(SourceNotFoundError, match="no such file"):
        find_start(tmp_path / "none.safetensors")
    (tmp_path / "broken.safetensors").write_bytes(encoder[0].read_bytes()[:1000])
    with pytest.raises(ParameterError, match="broken weights"):
        find_start(tmp_path / "broken.safetensors").tensors()
    with pytest.raises(ParameterError, match="rule without weights"):
        find_start("red_minus_green")
