"""``landslide fetch``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from landslide_geo.cli.options import Mirror
from landslide_geo.errors import ParameterError

#: Downloads from this size on are asked about, in bytes.
LARGE: Final = 100_000_000
#: The scene that is made rather than fetched.
SIMULATED: Final = "simulated"

if TYPE_CHECKING:
    from landslide_geo.chips.fetch import Plan


def fetch(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="Sample scene: hokkaido, or simulated, which is made here. Dataset: landslide4sense, "
            "landslide4sense-rgb, bijie, hrgldd, sen12landslides, zindi, negatives. Weights to start training from: "
            "efficientnet-lite0.",
        ),
    ],
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="Folder to keep it in.")] = Path("data/raw"),
    mirror: Mirror = None,
    part: Annotated[
        list[str] | None,
        typer.Option("--part", metavar="PART", help="s2, s1asc or s1dsc of sen12landslides; may be repeated."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before a large download.")] = False,
) -> None:
    """Get a sample scene or a dataset, checked by checksums where there are any, and by what is in it.

    Files that are there already are kept, so an interrupted fetch goes on where it was.

    Example: landslide fetch hokkaido --to data/raw

    Example: landslide fetch landslide4sense --yes

    Example: landslide fetch sen12landslides --part s2 --part s1dsc

    Example: landslide fetch bijie --mirror /data/mirror
    """
    from landslide_geo.models.packaged import PACKAGED
    from landslide_geo.scene.fetch import SAMPLES

    if name == SIMULATED:
        _simulated(to)
    elif name in PACKAGED:
        _encoder(name, to)
    elif name in SAMPLES:
        if part:
            raise ParameterError(f"{name} has no parts; leave out --part")
        _scene(name, to, mirror)
    else:
        _dataset(name, to, mirror, tuple(part or ()), yes=yes)


def _simulated(to: Path) -> None:
    from landslide_geo.simulate import write_scene

    made = write_scene(to / SIMULATED)
    typer.echo("A simulated scene of two dates with a surface model: of no real ground.")
    typer.echo("Scan it with:")
    typer.echo(f"  landslide scan {' '.join(made.sources)} --dem {made.dem} --out out/{SIMULATED}")


def _encoder(name: str, to: Path) -> None:
    from landslide_geo.models.packaged import PACKAGED, write_encoder

    packaged = PACKAGED[name]
    path = write_encoder(name, to)
    typer.echo(packaged.title)
    typer.echo(f"Licence: {packaged.licence}.")
    typer.echo(f"Start from it with encoder {packaged.encoder} (tu-{packaged.encoder} of networks that outline):")
    typer.echo(f"  landslide train --data DIR --start {path} --out DIR --params params.yaml --model NAME")


def _scene(name: str, to: Path, mirror: Path | None) -> None:
    from landslide_geo.scene.fetch import fetch_scene

    got = fetch_scene(name, to, mirror=mirror, progress=lambda file: typer.echo(f"  {file}", err=True))
    typer.echo(f"{got.sample.title}")
    typer.echo(f"Licence: {got.sample.licence}. {got.sample.credits}.")
    typer.echo("Scan it with:")
    typer.echo(f"  landslide scan {' '.join(got.sources)} --dem {got.dem} --out out/{name}")


def _dataset(name: str, to: Path, mirror: Path | None, parts: tuple[str, ...], *, yes: bool) -> None:
    from landslide_geo.chips.catalogue import DATASETS
    from landslide_geo.chips.fetch import fetch_dataset, outstanding, plan_dataset
    from landslide_geo.models.packaged import PACKAGED
    from landslide_geo.scene.fetch import SAMPLES

    if name not in DATASETS:
        known = ", ".join((SIMULATED, *SAMPLES, *DATASETS, *PACKAGED))
        raise ParameterError(f"nothing is called {name!r}; there are: {known}")
    dataset = DATASETS[name]
    for line in (
        dataset.title, f"Size: {dataset.size}", f"Licence: {dataset.licence}", f"Cite: {dataset.citation}"
    ):  # fmt: skip
        typer.echo(line)
    plan = plan_dataset(name, mirror=mirror, parts=parts)
    if not _agreed(plan, outstanding(plan, to), yes=yes):
        typer.echo("Nothing was fetched.")
        return
    told = -1

    def progress(done: int, total: int) -> None:
        nonlocal told
        step = 10 * done // total if total else done // 100_000_000
        if step > told:
            told = step
            typer.echo(f"  {_size(done)}" + (f" of {_size(total)}" if total else ""), err=True)

    got = fetch_dataset(plan, to, progress=progress)
    for split, count in ((s, n) for counts in got.counts.values() for s, n in counts.items()):
        typer.echo(f"{split}: {count:,} patches (as {name} is read here)")
    typer.echo(f"Structure {'not ' if got.problem else ''}verified; {got.checked}.")
    if got.problem:
        typer.echo(f"warning: the copy is not whole: {got.problem}", err=True)
    typer.echo("Make chips of it with:")
    for label, root in got.roots.items():
        out = f"data/chips/{name}" + (f"-{label}" if label else "")
        typer.echo(f"  landslide prepare {name} --root {root} --out {out}")


def _agreed(plan: Plan, size: int | None, *, yes: bool) -> bool:
    """Whether to go on; asked where a download is large."""
    if yes or (size is not None and size < LARGE):
        return True
    what = f"{_size(size) if size is not None else 'an unknown size'} of {len(plan.files):,} files"
    if not sys.stdin.isatty():
        raise ParameterError(f"{plan.dataset.name} is a large download ({what}); agree to it with --yes")
    return typer.confirm(f"Download {what}?")


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"
