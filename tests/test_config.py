from __future__ import annotations

from pathlib import Path

import pytest

from landslide_geo.config import PipelineParams, ScanParams, load_params, validated
from landslide_geo.errors import ParameterError, SourceNotFoundError

ROOT = Path(__file__).resolve().parents[1]


def test_the_committed_params_file_is_valid():
    params = load_params(ROOT / "params.yaml")
    assert params.profile == "smoke"
    assert params.scan.min_slope_deg == PipelineParams().scan.min_slope_deg, "the file repeats the defaults"


def test_a_missing_section_takes_its_defaults(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text("")
    assert load_params(path) == PipelineParams()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("scan: {threshold: 2}", "scan.threshold: Input should be less than 1"),
        ("scan: {treshold: 0.5}", "scan.treshold: Extra inputs are not permitted"),
        ("scan: {tta: 3}", "params.yaml: scan.tta: should be 1, 2, 4 or 8"),
        ("scan: [", "not valid YAML"),
        ("train: {lr: -1}", "train: lr: Input should be greater than 0"),
        ("models: {mine: {loss: {kind: magic}}}", "models.mine, train: loss.kind"),
        ("runs: [{name: a, model: mine, data: chips}]", "runs: a is of model 'mine', which `models` lacks"),
    ],
)
def test_a_wrong_value_is_one_line_that_names_it(tmp_path, text, words):
    path = tmp_path / "params.yaml"
    path.write_text(text)
    with pytest.raises(ParameterError, match=words) as raised:
        load_params(path)
    assert "\n" not in str(raised.value)
    assert "params.yaml" in str(raised.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(SourceNotFoundError, match="nowhere"):
        load_params(tmp_path / "nowhere.yaml")


def test_validated_names_the_caller():
    with pytest.raises(ParameterError, match="landslide scan: min_area_m2"):
        validated(ScanParams, {"min_area_m2": -1}, where="landslide scan")
