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

    from landslide_geo.models import list_bundles
    from landslide_geo.models.ensemble import open_ensemble

    table = Table("name", "architecture", "bands", "test F1", "description", box=box.SIMPLE)
    for name in list_bundles():
        model = open_ensemble(name)
        stated = model.manifest
        f1 = stated["metrics"].get("test", {}).get("f1")
        members = ", ".join(member.manifest.name for member, _ in model.models)
        architecture = stated.get("architecture") or f"ensemble of {members}"
        table.add_row(
            name, architecture, " ".join(model.bands), "" if f1 is None else f"{f1:.3f}", stated["description"]
        )
    Console().print(table)


@app.command("show")
def show(
    name: Annotated[str, typer.Argument(metavar="NAME|DIR", help="Shipped model, or folder of a bundle or ensemble.")],
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
