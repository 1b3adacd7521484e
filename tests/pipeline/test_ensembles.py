"""What `landslide ensemble` refuses before any work."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import pytest
import yaml

from landslide_geo.cli.main import run


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--out", "Both"], "name 'Both': small letters"),
        (["--out", "both", "--name", "of both"], "name 'of both': small letters"),
        (["--out", "both", "--weight", "a=0.7", "--weight", "a=0.3"], "--weight a=0.3: a has a weight already"),
    ],
)
def test_options_are_checked_before_any_member_is_opened(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, options: list[str],
    complaint: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert run(["ensemble", "missing-0", "missing-1", *options]) == 2
    said = capsys.readouterr().err
    assert complaint in said
    assert said.strip().count("\n") == 0
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("weight", ["nan", "inf", "-1", "0"])
def test_weights_are_numbers_above_zero(weight: str) -> None:
    from landslide_geo.errors import ParameterError
    from landslide_geo.pipeline.ensembles import _given

    with pytest.raises(ParameterError, match="weights are numbers above zero"):
        _given({"a": 1.0, "b": float(weight)}, {"a": [0], "b": [1]})


def test_the_profile_zindi_averages_plain_probabilities_where_the_system_did() -> None:
    text = (resources.files("landslide_geo.config") / "profiles/zindi.yaml").read_text(encoding="utf-8")
    options = {one["name"]: one["options"].split() for one in yaml.safe_load(text)["ensembles"]}
    assert {name: "--no-anchor" in own for name, own in options.items()} == {"fusion": True, "pyramid": False}
