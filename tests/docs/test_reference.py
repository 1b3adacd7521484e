"""What the pages say of the program is what the program says."""

from __future__ import annotations

import importlib
import inspect
import json
import re
import sys
from pathlib import Path

import pytest
from documented import PROJECT
from PIL import Image

sys.path.insert(0, str(PROJECT / "docs/_ext"))
import fields
import generated
from command_line import commands
from diagrams import shown
from pydantic import BaseModel, Field

from landslide_geo.config import PipelineParams, TrainParams
from landslide_geo.inventory import schema
from landslide_geo.models import find_bundle

#: Rooms whose names are public.
ROOMS = ("landslide_geo", *(f"landslide_geo.{room}" for room in (
    "scene", "inference", "inference.backends", "models", "inventory", "report", "simulate", "config",
)))  # fmt: skip


def page(name: str) -> str:
    """A page with its parts made, as Sphinx reads it."""
    return generated.filled((PROJECT / f"docs/{name}.md").read_text(encoding="utf-8"))


def row(text: str, key: str) -> list[str]:
    """The cells of the first row of a table that begins with a key."""
    found = re.search(rf"^\| `{re.escape(key)}` \|(.*)\|$", text, re.MULTILINE)
    assert found is not None, f"no row of {key}"
    return [cell.strip() for cell in found[1].split(" | ")]


def test_every_part_is_on_one_page() -> None:
    marks = [
        mark for path in (PROJECT / "docs").glob("*.md")
        for mark in re.findall(r"^<!-- generated: ([a-z-]+) -->$", path.read_text(encoding="utf-8"), re.MULTILINE)
    ]  # fmt: skip
    assert sorted(marks) == sorted(generated.PARTS)


def test_all_commands_and_options_are_told() -> None:
    text = page("cli")
    for names, command in commands():
        section = text.split(f" `{' '.join(names)}`\n", 1)[1].split("\n## ", 1)[0].split("\n### ", 1)[0]
        for parameter in command.params:
            if parameter.param_type_name == "option" and "completion" not in parameter.name:
                assert f"`{parameter.opts[0]}`" in section, f"{names} {parameter.opts}"
    assert "[bold" not in text
    assert "[/" not in text.replace("[/]", "[/")


def test_an_option_is_told_with_its_default_and_meaning() -> None:
    text = page("cli")
    assert "| `--to` `DIR` | `data/raw` | Folder to keep it in. |" in text
    assert re.search(r"^\| `--out` `DIR` \| needed \| Folder to write to\. \|$", text, re.MULTILINE)
    assert "Also the environment variable `LANDSLIDE_MIRROR`." in text
    assert "`NAME\\|DIR`" in text


def test_every_parameter_is_told_with_its_default() -> None:
    text = page("params")
    for model in (PipelineParams, TrainParams):
        for name, field in model.model_fields.items():
            assert f"| `{field.alias or name}` |" in text, name
    training = text.split("## Training\n", 1)[1]
    assert row(training, "epochs") == ["integer ≥ 1", "`34`", "with strong augmentation"]
    assert row(training, "ema_decay")[0] == "number or null > 0 and < 1"
    assert row(training, "optimizer")[:2] == ["`adamw`, `adam`", "`adamw`"]


def test_types_of_fields_in_words() -> None:
    class Inner(BaseModel):
        """What is within."""

        size: int = 3

    class Outer(BaseModel):
        """All."""

        share: float = Field(0.5, ge=0, lt=1, description="of it")
        names: tuple[str, ...] = ()
        span: tuple[float, float] = (0.0, 1.0)
        inner: Inner = Inner()
        needed: str

    text = fields.sections(Outer, level=3)
    assert row(text, "share") == ["number ≥ 0 and < 1", "`0.5`", "of it"]
    assert row(text, "names") == ["list of texts", "empty", ""]
    assert row(text, "span")[:2] == ["2 × number", "`[0.0, 1.0]`"]
    assert row(text, "inner") == ["[Inner](#inner)", "its own defaults", "What is within."]
    assert row(text, "needed")[1] == "needed"
    assert "### Inner\n\nWhat is within." in text
    assert row(text, "size") == ["integer", "`3`", ""]


def test_every_public_name_is_told() -> None:
    text = (PROJECT / "docs/api.md").read_text(encoding="utf-8")
    for room in ROOMS:
        for name in importlib.import_module(room).__all__:
            # Constants and aliases of types have no entry of their own.
            if inspect.isclass(found := getattr(importlib.import_module(room), name)) or inspect.isfunction(found):
                assert re.search(rf"\b{name}\b", text), f"{room}.{name}"


def test_every_field_of_a_geopackage_is_told() -> None:
    text = page("files")
    for layer in (*schema.LAYERS, schema.CHANGES):
        section = text.split(f"#### `{layer.name}` ", 1)[1].split("\n#### ", 1)[0]
        for field in layer.fields:
            cells = row(section, field.name)
            assert cells[1] == field.unit
            assert cells[4] == ("analyst" if field.editable else "program")
            assert all(f"`{stored}`" in section for stored, _ in field.values)


def test_a_scan_record_holds_what_is_told_and_nothing_else(simulated, tmp_path: Path) -> None:
    from landslide_geo import scan
    from landslide_geo.config import ScanParams

    params = ScanParams(model="red_minus_green")
    made = scan(simulated.sources, tmp_path / "out", dem=simulated.dem, params=params)
    text = page("files")
    section = text.split("### `scan.json`", 1)[1].split("\n### ", 1)[0]
    told = {key for line in re.findall(r"^\| (`.*?) \|", section, re.MULTILINE) for key in re.findall(r"`(\w+)`", line)}
    assert told == set(json.loads((made.out / "scan.json").read_text(encoding="utf-8")))
    files = text.split("## A scan\n", 1)[1].split("\n### ", 1)[0]
    for name in made.record["outputs"]:
        assert f"`{name}`" in files, name


def test_the_card_has_the_figures_of_the_bundle() -> None:
    manifest = json.loads((find_bundle("default") / "bundle.json").read_text(encoding="utf-8"))
    text = page("model_card")
    for split in ("validation", "test"):
        (line,) = re.findall(rf"^\| `default` \| {split} \|.*$", text, re.MULTILINE)
        for name in ("f1", "iou", "precision", "recall", "auc"):
            assert f"{manifest['metrics'][split][name]:.3f}" in line
    assert all(line in text for line in manifest["training"]["data"])
    sections = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert sections == [
        "Model details", "Intended use", "Factors", "Metrics", "Evaluation data", "Training data",
        "Quantitative analyses", "Ethical considerations", "Caveats and recommendations",
    ], "the sections of Mitchell et al. 2019"  # fmt: skip


@pytest.mark.parametrize("picture", sorted((PROJECT / "docs/images").iterdir()), ids=lambda path: path.name)
def test_pictures_are_small_and_shown(picture: Path) -> None:
    if picture.suffix != ".svg":
        with Image.open(picture) as image:
            assert image.width <= 1600
    assert picture.stat().st_size < 400_000
    pages = [shown(path.read_text(encoding="utf-8")) for path in (PROJECT / "docs").glob("*.md")]
    assert any(f"images/{picture.name}" in page for page in pages), "no page shows it: remove it"
