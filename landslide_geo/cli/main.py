"""The console script: commands, and one line for whatever goes wrong."""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
import traceback
import warnings
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from typer.core import TyperGroup

from landslide_geo.cli import (
    ablate,
    chips,
    compare,
    demo,
    doctor,
    ensemble,
    evaluate,
    explain,
    export,
    fetch,
    ingest,
    models,
    predict_chips,
    prefilter,
    prepare,
    profile,
    region,
    review,
    scan,
    score,
    study,
    train,
    vectorize,
)
from landslide_geo.cli import app as page
from landslide_geo.errors import LandslideError
from landslide_geo.version import __version__


class _InOrder(TyperGroup):
    """Commands in the order of `PANELS`: Typer would put groups of commands behind all others."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Names in that order."""
        return [name for commands in PANELS.values() for name, _ in commands]


app = typer.Typer(
    name="landslide",
    cls=_InOrder,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


#: Typer carries its own copy of click and exports only some of click's exceptions; this is the root of usage errors.
_USAGE_ERROR: Any = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")


#: Exit code after Ctrl-C, as shells have it.
_CTRL_C: Final = 130


def _version(show: bool) -> None:
    if show:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _root(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Map landslides: bands and a DEM in, a GeoPackage that opens styled in QGIS out.

    [bold]Start here[/bold]

      landslide doctor        what works on this machine

      landslide demo          a scan of real images, in a minute

      landslide scan --help   a scan of your own

    Every command has examples in its --help. Long ones show how far they are.

    With --json they print one JSON document, with --quiet nothing but errors.

    A shell completes names after landslide --install-completion.
    """


#: Commands by what they are for, in the order in which a newcomer meets them.
PANELS: Final[dict[str, tuple[tuple[str, Any], ...]]] = {
    "Get data": (("fetch", fetch.fetch), ("ingest", ingest.ingest)),
    "Map": (("demo", demo.demo), ("scan", scan.scan), ("vectorize", vectorize.vectorize)),
    "Review and compare": (
        ("app", page.app),
        ("review", review.app),
        ("compare", compare.compare),
        ("score", score.score),
        ("export", export.export),
    ),
    "Run every night": (("region", region.app),),
    "Prepare and train": (
        ("profile", profile.profile),
        ("prepare", prepare.prepare),
        ("chips", chips.chips),
        ("train", train.train),
        ("calibrate", train.calibrate),
        ("bundle", train.bundle),
        ("ensemble", ensemble.ensemble),
        ("prefilter", prefilter.prefilter),
    ),
    "Judge models": (
        ("models", models.app),
        ("evaluate", evaluate.evaluate),
        ("explain", explain.explain),
        ("predict-chips", predict_chips.predict_chips),
        ("study", study.study),
        ("ablate", ablate.ablate),
    ),
    "Help": (("doctor", doctor.doctor),),
}
for panel, commands in PANELS.items():
    for name, command in commands:
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name, rich_help_panel=panel)
        else:
            app.command(name, rich_help_panel=panel)(command)


#: How warnings begin that tell a user nothing: masks in memory need no place. Blocks that silence them where they arise
#: undo each other when they run in several threads.
_IDLE: Final = ("Dataset has no geotransform", "The given matrix is equal to Affine.identity")


def main() -> None:
    """Run the command line; exit code 0, 2 for what the user can mend, 130 for Ctrl-C, 1 for anything else."""
    for text in _IDLE:
        warnings.filterwarnings("ignore", message=text)
    code = run(sys.argv[1:])
    atexit._run_exitfuncs()
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.flush()
        sys.stderr.flush()
    # All files are closed by now. Taking libraries down module by module would take another second of each command.
    os._exit(code)


def run(arguments: list[str]) -> int:
    """Run one command line and return its exit code; errors are one line on standard error."""
    debug = "--debug" in arguments
    try:
        # --debug is understood at any place of the line.
        arguments = arguments or ["--help"]
        result = app(
            ["--debug"] * debug + [a for a in arguments if a != "--debug"], standalone_mode=False, prog_name="landslide"
        )
    except LandslideError as error:
        return _fail(str(error), 2, debug)
    except (typer.Abort, KeyboardInterrupt):
        return _fail(_interrupted(arguments), _CTRL_C, debug)
    except _USAGE_ERROR as error:
        context = getattr(error, "ctx", None)
        hint = f" See: {context.command_path} --help" if context is not None else ""
        return _fail(error.format_message() + hint, error.exit_code, debug)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        return _fail(f"unexpected {type(error).__name__}: {error} (--debug shows where)", 1, debug)
    if result == _CTRL_C:  # that is how Typer hands on a KeyboardInterrupt
        return _fail(_interrupted(arguments), _CTRL_C, debug)
    return result if isinstance(result, int) else 0


def _interrupted(arguments: list[str]) -> str:
    """What to say after Ctrl-C: how to go on, where the command can."""
    command = next((argument for argument in arguments if not argument.startswith("-")), "")
    how = {
        "scan": "run the same command with --resume to go on",
        **dict.fromkeys(("fetch", "ingest", "train", "demo"), "run the same command again to go on"),
    }.get(command)
    return f"interrupted; {how}" if how else "interrupted"


def _fail(message: str, code: int, debug: bool) -> int:
    if debug:
        traceback.print_exc()
    line = " ".join(message.split())
    Console(stderr=True, highlight=False, soft_wrap=True).print(f"[bold red]error:[/] {line}", markup=True) if (
        sys.stderr.isatty() and "[" not in line
    ) else print(f"error: {line}", file=sys.stderr)
    return code
