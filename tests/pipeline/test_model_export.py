"""Networks for other programs answer as they do here."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from landslide_geo.cli.main import run
from landslide_geo.errors import OutputError, ParameterError
from landslide_geo.models import load_model, read_manifest
from landslide_geo.pipeline.model_export import export_model
from tests.pipeline.test_evaluation import ensemble


def test_an_exported_network_answers_in_a_bare_runtime_for_any_number_and_size(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    assert run(["models", "export", "default", "--to", "onnx", "--out", str(tmp_path / "out"), "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)["networks"]
    assert told["file"] == "network.onnx" and told["difference"] < 1e-4
    assert read_manifest(tmp_path / "out") == read_manifest("default")
    session = onnxruntime.InferenceSession(tmp_path / "out" / "network.onnx")
    batch = np.random.default_rng(1).normal(size=(3, 3, 96, 64)).astype(np.float32)
    (answer,) = session.run(None, {"batch": batch})
    np.testing.assert_allclose(answer, load_model().probabilities(batch), atol=1e-4)


def test_openvino_gets_two_files_and_an_ensemble_a_folder_for_each_member(tmp_path: Path) -> None:
    made = ensemble(tmp_path / "both", default=1, red_minus_green=2)
    told = export_model(made, to="openvino", out=tmp_path / "out")
    assert [one["file"] for one in told["networks"]] == ["1-default/network.xml", "2-red_minus_green/network.xml"]
    assert max(one["difference"] for one in told["networks"]) < 1e-4
    for one in told["networks"]:
        assert (tmp_path / "out" / one["file"]).with_suffix(".bin").is_file()
        assert (tmp_path / "out" / one["file"]).with_name("bundle.json").is_file()
    with pytest.raises(OutputError):
        export_model("default", to="openvino", out=tmp_path / "out")


def test_other_formats_are_named(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="use one of onnx, openvino"):
        export_model("default", to="tflite", out=tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
