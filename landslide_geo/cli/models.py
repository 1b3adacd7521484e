"""``landslide models``."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(help="The models that come with the package, and any bundle.")


@app.command("list")
def list_models() -> None:
    """List the shipped models.

    Example: landslide models list
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from landslide_geo.models import list_bundles, read_manifest

    table = Table("name", "architecture", "bands", "test F1", "description", box=box.SIMPLE)
    for name in list_bundles():
        manifest = read_manifest(name)
        f1 = manifest.metrics.get("test", {}).get("f1")
        bands = " ".join(band.name for band in manifest.bands)
        table.add_row(name, manifest.architecture, bands, "" if f1 is None else f"{f1:.3f}", manifest.description)
    Console().print(table)


@app.command("show")
def show(
    name: Annotated[str, typer.Argument(metavar="NAME|DIR", help="Shipped model or bundle folder.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print bundle.json as it is.")] = False,
) -> None:
    """Show what a model needs, how it decides, where it comes from, and its figures.

    Example: landslide models show default
    """
    from landslide_geo.models import load_bundle

    bundle = load_bundle(name)
    manifest = bundle.manifest
    if as_json:
        typer.echo(manifest.model_dump_json(indent=2))
        return
    typer.echo((bundle.directory / "README.md").read_text(encoding="utf-8").rstrip())
    typer.echo(f"\nSHA-256 of manifest and weights: {bundle.sha256}")
