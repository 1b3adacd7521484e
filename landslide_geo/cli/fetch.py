"""``landslide fetch``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from landslide_geo.cli import complete
from landslide_geo.cli.options import Mirror
from landslide_geo.cli.speech import Json, Quiet, Speech
from landslide_geo.errors import ParameterError
from landslide_geo.progress import stage

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
            autocompletion=complete.fetched,
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
    as_json: Json = False,
    quiet: Quiet = False,
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

    speech = Speech(as_json=as_json, quiet=quiet)
    if name == SIMULATED:
        _simulated(to, speech)
    elif name in PACKAGED:
        _encoder(name, to, speech)
    elif name in SAMPLES:
        if part:
            raise ParameterError(f"{name} has no parts; leave out --part")
        _scene(name, to, mirror, speech)
    else:
        _dataset(name, to, mirror, tuple(part or ()), speech, yes=yes)


def _simulated(to: Path, speech: Speech) -> None:
    from landslide_geo.simulate import write_scene

    with speech.working("simulation"):
        made = write_scene(to / SIMULATED)
    lines = [
        "A simulated scene of two dates with a surface model: of no real ground.",
        "Scan it with:",
        f"  landslide scan {' '.join(made.sources)} --dem {made.dem} --out out/{SIMULATED}",
    ]
    speech.done({"name": SIMULATED, "sources": list(made.sources), "dem": str(made.dem), "simulated": True}, lines)


def _encoder(name: str, to: Path, speech: Speech) -> None:
    from landslide_geo.models.packaged import PACKAGED, write_encoder

    packaged = PACKAGED[name]
    path = write_encoder(name, to)
    lines = [
        packaged.title,
        f"Licence: {packaged.licence}.",
        f"Start from it with encoder {packaged.encoder} (tu-{packaged.encoder} of networks that outline):",
        f"  landslide train --data DIR --start {path} --out DIR --params params.yaml --model NAME",
    ]
    speech.done({"name": name, "path": str(path), "licence": packaged.licence, "encoder": packaged.encoder}, lines)


def _scene(name: str, to: Path, mirror: Path | None, speech: Speech) -> None:
    from landslide_geo.scene.fetch import fetch_scene

    with speech.working():
        got = fetch_scene(name, to, mirror=mirror, progress=lambda file: speech.note(f"  {file}"))
    lines = [
        got.sample.title,
        f"Licence: {got.sample.licence}. {got.sample.credits}.",
        "Scan it with:",
        f"  landslide scan {' '.join(got.sources)} --dem {got.dem} --out out/{name}",
    ]
    told = {"licence": got.sample.licence, "credits": got.sample.credits}
    speech.done({"name": name, "sources": list(got.sources), "dem": str(got.dem)} | told, lines)


def _dataset(name: str, to: Path, mirror: Path | None, parts: tuple[str, ...], speech: Speech, *, yes: bool) -> None:
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
        speech.say(line)
    plan = plan_dataset(name, mirror=mirror, parts=parts)
    if not _agreed(plan, outstanding(plan, to), yes=yes):
        speech.done({"name": name, "fetched": False}, ["Nothing was fetched."])
        return
    with speech.working(), stage("download", plan.size or None, "B") as advance:
        behind = 0

        def progress(done: int, total: int) -> None:
            nonlocal behind
            advance(done - behind)
            behind = done

        got = fetch_dataset(plan, to, progress=progress)
    lines = [
        f"{split}: {count:,} patches (as {name} is read here)"
        for counts in got.counts.values()
        for split, count in counts.items()
    ]
    lines.append(f"Structure {'not ' if got.problem else ''}verified; {got.checked}.")
    if got.problem:
        speech.warn(f"the copy is not whole: {got.problem}")
    lines.append("Make chips of it with:")
    for label, root in got.roots.items():
        out = f"data/chips/{name}" + (f"-{label}" if label else "")
        lines.append(f"  landslide prepare {name} --root {root} --out {out}")
    told = {"roots": {label: str(root) for label, root in got.roots.items()}, "counts": got.counts}
    speech.done({"name": name, "fetched": True, "whole": not got.problem, "checked": got.checked} | told, lines)


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
