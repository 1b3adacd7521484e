"""``landslide models``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from landslide_geo.cli import complete
from landslide_geo.cli.speech import Json, Quiet, Speech
from landslide_geo.errors import ParameterError

app = typer.Typer(help="The models that come with the package, and any bundle.")


@app.command("list")
def list_models() -> None:
    """List the shipped models.

    Example: landslide models list
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from landslide_geo.models import list_bundles
    from landslide_geo.models.ensemble import open_ensemble

    table = Table("name", "architecture", "bands", "test F1", "description", box=box.SIMPLE)
    for name in list_bundles():
        model = open_ensemble(name)
        stated = model.manifest
        test = stated["metrics"].get("test", {})
        f1 = f"{test['f1']:.3f}" + " (simulated)" * bool(test.get("simulated")) if "f1" in test else ""
        members = ", ".join(member.manifest.name for member, _ in model.models)
        architecture = stated.get("architecture") or f"ensemble of {members}"
        table.add_row(name, architecture, " ".join(model.bands), f1, stated["description"])
    Console().print(table)


@app.command("show")
def show(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME|DIR", autocompletion=complete.models, help="Shipped model, or folder of a bundle or ensemble."
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print bundle.json as it is.")] = False,
) -> None:
    """Show what a model needs, how it decides, where it comes from, and its figures.

    Example: landslide models show default
    """
    from landslide_geo.models.ensemble import card, load_ensemble
    from landslide_geo.models.manifest import MANIFEST

    model = load_ensemble(name)
    if as_json:
        typer.echo((model.directory / MANIFEST).read_text(encoding="utf-8").rstrip())
        return
    typer.echo(card(model))
    typer.echo(f"\nSHA-256 of manifest and weights: {model.sha256}")


@app.command("export")
def export(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME|DIR", help="Shipped model, or folder of a bundle or ensemble.", autocompletion=complete.models
        ),
    ],
    to: Annotated[
        str, typer.Option("--to", metavar="FORMAT", autocompletion=complete.networks, help="onnx or openvino.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder to make.")],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what is in DIR.")] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write a model's network for other programs, beside its bundle.json, and check it against PyTorch.

    It takes bands normalised as bundle.json says and gives probabilities before calibration, which is told there too.

    Example: landslide models export default --to onnx --out exported/
    """
    from landslide_geo.pipeline.model_export import export_model

    speech = Speech(as_json=as_json, quiet=quiet)
    with speech.working("export"):
        told = export_model(name, to=to, out=out, overwrite=overwrite)
    lines = [f"{out / one['file']}: at most {one['difference']:.1e} off PyTorch" for one in told["networks"]]
    speech.done(told, lines)


@app.command("summary")
def summary(
    architecture: Annotated[
        str,
        typer.Argument(
            metavar="ARCHITECTURE", autocompletion=complete.architectures, help="As in params.yaml, e.g. unet."
        ),
    ],
    bands: Annotated[
        int | None, typer.Option("--bands", metavar="N", help="Bands of the input; 3, or as many as have names.")
    ] = None,
    names: Annotated[
        str | None,
        typer.Option(
            "--names",
            metavar="LIST",
            help="Names of the bands with commas, for networks with a branch for each sensor; Zindi's.",
        ),
    ] = None,
    size: Annotated[int, typer.Option("--size", metavar="PX", help="Side of the window, a multiple of 32.")] = 128,
    depth: Annotated[int, typer.Option("--depth", metavar="N", help="Blocks inside one another to tell apart.")] = 3,
    argument: Annotated[
        list[str] | None,
        typer.Option("--argument", metavar="NAME=VALUE", help="Of the architecture, in YAML; may be repeated."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the table as JSON.")] = False,
) -> None:
    """Count parameters and floating-point operations of a network, block by block.

    Example: landslide models summary unet --bands 14 --argument encoder=tu-resnet18d --argument upsampling=transposed
    landslide models summary fusion_unet --names red,green,blue,nir,vv_asc,vh_asc,elevation,slope
    """
    import json
    from dataclasses import asdict

    from rich import box
    from rich.console import Console
    from rich.table import Table

    from landslide_geo.models import build
    from landslide_geo.models.summary import summarise

    arguments, count = _channels(architecture, bands, names, _arguments(argument or ()))
    network = build(architecture, bands=count, arguments=arguments)
    rows = summarise(network, bands=count, size=size, depth=depth)
    if as_json:
        typer.echo(json.dumps([asdict(row) for row in rows]))
        return
    table = Table("block", "kind", box=box.SIMPLE, title=f"{architecture}, {count} × {size} × {size}")
    table.add_column("parameters", justify="right")
    table.add_column("MFLOPs", justify="right")
    for row in [*rows[1:], rows[0]]:
        name = "  " * (row.depth - 1) + row.name.rpartition(".")[2] if row.depth else "all"
        table.add_row(name, row.kind, f"{row.parameters:,}", f"{row.flops / 1e6:,.2f}", end_section=row is rows[-1])
    Console(highlight=False).print(table)
    typer.echo("FLOPs of convolutions and matrix products; a multiplication with its addition is two.")


@app.command("curves")
def curves(
    model: Annotated[
        str,
        typer.Argument(
            metavar="NAME|DIR", autocompletion=complete.models, help="Shipped model, or folder of a bundle."
        ),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="PNG to write.")],
) -> None:
    """Draw loss, F1 on validation and learning rate over the epochs of a model's training.

    Example: landslide models curves models/mine --out history.png
    """
    from landslide_geo.pipeline.figures import write_curves

    write_curves(model, out)
    typer.echo(str(out))


@app.command("compare")
def compare(
    models: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME|DIR...",
            autocompletion=complete.models,
            help="Shipped models, or folders of bundles or ensembles.",
        ),
    ],
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write the table there too.")] = None,
) -> None:
    """Print a Markdown table of the figures in several models, by F1 on the test.

    Example: landslide models compare default red_minus_green bundles/mine --out models.md
    """
    from landslide_geo.files import write_text
    from landslide_geo.pipeline.figures import compare_bundles

    table = compare_bundles(models)
    if out is not None:
        write_text(out, table)
    typer.echo(table)


@app.command("cross")
def cross(
    models: Annotated[
        list[str],
        typer.Option(
            "--model",
            metavar="NAME|DIR",
            autocompletion=complete.models,
            help="A row: shipped model, or a bundle's folder.",
        ),
    ],
    chips: Annotated[
        list[Path], typer.Option("--chips", metavar="DIR", help="A column: folder of chips, or a store in it.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Markdown to write, and JSON beside it.")],
    split: Annotated[
        str, typer.Option("--split", metavar="NAME", autocompletion=complete.splits, help="Of the folders of chips.")
    ] = "test",
    no_filter: Annotated[
        bool, typer.Option("--no-filter", help="Do not ask the models' filters before their networks.")
    ] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Score several models on several datasets: a Markdown table of F1, IoU and AUC.

    Bands are taken by name. Marks tell which models knew a dataset before.

    Example: landslide models cross --model default --model bundles/mine --chips chips/l4s --chips
    chips/bijie/validation.zarr --out cross.md
    """
    from landslide_geo.pipeline.cross import cross_evaluate, cross_table, figures_path, write_cross

    figures_path(out)
    speech = Speech(as_json=as_json, quiet=quiet)
    with speech.working():
        found = cross_evaluate(
            models, chips, split=split, report=lambda *pair: speech.note(" on ".join(pair)), filter=not no_filter
        )
    beside = write_cross(out, found)
    speech.done(found, [cross_table(found) + "\n", f"{out}\n{beside}"])


def _channels(
    architecture: str, bands: int | None, names: str | None, arguments: dict[str, Any]
) -> tuple[dict[str, Any], int]:
    """Arguments and number of bands; networks of several sensors are told which bands are what."""
    from landslide_geo.chips.zindi import BANDS, CLOUD_MASK
    from landslide_geo.models.modalities import NEED_CHANNELS, arguments_of

    named = tuple(names.split(",")) if names is not None else ()
    if not named and architecture in NEED_CHANNELS and not {"optical", "sar", "sar_desc", "sar_asc"} & set(arguments):
        count = len(BANDS) if bands is None else bands
        named = (*BANDS, CLOUD_MASK)[:count]
        if not len(BANDS) <= count == len(named):
            raise ParameterError(
                f"--bands {bands}: {architecture} must know which bands these are; name them, e.g. --names "
                f"red,green,blue,vv_desc, or use --bands {len(BANDS)} for Zindi's patches, {len(BANDS) + 1} with clouds"
            )
    if named and bands is not None and bands != len(named):
        raise ParameterError(f"--bands {bands} and {len(named)} --names do not agree; leave --bands")
    if named:
        return arguments_of(architecture, named, arguments), len(named)
    return arguments, 3 if bands is None else bands


def _arguments(given: Sequence[str]) -> dict[str, Any]:
    """``NAME=VALUE`` with values in YAML, so that numbers, lists and null are what they look like."""
    import yaml

    found = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not (name and equals):
            raise ParameterError(f"--argument {text}: write it as NAME=VALUE, e.g. encoder=resnet18")
        try:
            found[name] = yaml.safe_load(value)
        except yaml.YAMLError:
            raise ParameterError(f"--argument {text}: the value is not YAML; write e.g. [64, 32] or null") from None
    return found
