"""Is a command one that its program takes? Each is parsed by the real program's own parser, without running it."""

from __future__ import annotations

import re
import shlex
import subprocess
import tomllib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from documented import PROJECT
from typer.main import get_command

from landslide_geo.cli.main import app


@cache
def program() -> Any:
    """The command line of the console script."""
    return get_command(app)


def understand(command: str) -> None:
    """Parse one command line.

    Raises:
        Exception: whatever its program says is wrong with it.
        AssertionError: no parser is known for such commands.
    """
    words = shlex.split(re.sub(r"\$\w+", "0", command))
    while words and re.fullmatch(r"[A-Za-z_]+=\S*", words[0]):  # for this command only
        words = words[1:]
    assert words, command
    assert words[0] in _PARSERS, f"nothing is known that checks {words[0]}: {command}"
    _PARSERS[words[0]](words[1:])


def walk(command: Any, name: str, words: list[str]) -> Any:
    """The context of the innermost command that some words name, all of them understood."""
    context = command.make_context(name, list(words))
    if not hasattr(command, "resolve_command"):
        return context
    rest = [*context._protected_args, *context.args]
    assert rest, f"{name}: names no command"
    name, inner, rest = command.resolve_command(context, rest)
    return walk(inner, name, rest)


def _landslide(words: list[str]) -> None:
    walk(program(), "landslide", words)


def _make(words: list[str]) -> None:
    said = subprocess.run(["make", "-n", *words], cwd=PROJECT, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr


def _dvc(words: list[str]) -> None:
    from dvc.cli import parse_args

    parse_args(words)


def _prefect(words: list[str]) -> None:
    import prefect.cli
    from prefect.cli._app import _app

    assert prefect.cli.app
    _app.parse_args(words, exit_on_error=False, print_error=False)


def _dask(words: list[str]) -> None:
    from dask.cli import cli
    from distributed.cli.dask_scheduler import main as scheduler
    from distributed.cli.dask_worker import main as worker

    cli.add_command(scheduler, "scheduler")
    cli.add_command(worker, "worker")
    walk(cli, "dask", words)


def _pip(words: list[str]) -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert words[0] == "install"
    for word in words[1:]:
        named = re.fullmatch(r"landslide-geo\[([a-z0-9,]+)\]", word)
        assert named is not None, f"pip install {word}: not of this project"
        assert set(named[1].split(",")) <= set(project["optional-dependencies"])


def _python(words: list[str]) -> None:
    """A module or script of this project, and options that its source knows."""
    if words[0] == "-m":
        path, rest = PROJECT / words[1].replace(".", "/"), words[2:]
        sources = [path / "__main__.py", path.with_suffix(".py")]
    else:
        sources, rest = [PROJECT / words[0]], words[1:]
    source = next(path for path in sources if path.is_file()).read_text(encoding="utf-8")
    for word in rest:
        assert not word.startswith("--") or f'"{word}"' in source, f"{word} is no option of it"


def _git(words: list[str]) -> None:
    assert words[0] in ("clone", "add", "commit")


def _any(words: list[str]) -> None:
    """Of the shell; `bash -n` has read the block."""


def _source(words: list[str]) -> None:
    assert words == [".venv/bin/activate"]


_PARSERS: dict[str, Callable[[list[str]], None]] = {
    "landslide": _landslide, "make": _make, "dvc": _dvc, "prefect": _prefect, "dask": _dask, "pip": _pip,
    "python": _python, "git": _git, "source": _source, "cp": _any, "export": _any, "cd": _any,
}  # fmt: skip


def options_of(words: list[str]) -> tuple[set[str], str]:
    """The options of a command that is only mentioned, `landslide scan --tta`, and its name."""
    command = program()
    found, name = {"--help", "--debug", *_names(command)}, "landslide"
    for word in words:
        if not hasattr(command, "commands"):
            break
        assert word in command.commands, f"{name} has no command {word}"
        command, name = command.commands[word], f"{name} {word}"
        found |= _names(command)
    return found, name


def _names(command: Any) -> set[str]:
    return {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}


def shell_reads(text: str, folder: Path) -> None:
    """`bash -n`: the quotes, loops and lists of a block are in order."""
    said = subprocess.run(["bash", "-n"], input=text, cwd=folder, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr
