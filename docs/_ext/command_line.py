"""The page of all commands, from the program that the console script runs."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

import typer.main

from landslide_geo.cli.main import app

#: Where examples begin in a command's help.
_EXAMPLES: Final = re.compile(r"^Examples?:[ ]*", re.MULTILINE)
#: A remark after an example, in brackets.
_REMARK: Final = re.compile(r"[ ]{2,}\((.*)\)$")
#: Typer's marks of bold, colour and the like, which a page has no use for; [path] is none of them.
_MARKUP: Final = re.compile(r"\[/?(?:bold|dim|italic|red|green|yellow|blue|cyan|magenta|/)?(?: [a-z ]+)?\](?!\()")


def commands() -> Iterator[tuple[tuple[str, ...], Any]]:
    """Names and commands, groups before what is in them, as `landslide --help` lists them."""

    def walk(names: tuple[str, ...], command: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
        if command.hidden:
            return
        yield names, command
        for name, below in getattr(command, "commands", {}).items():
            yield from walk((*names, name), below)

    yield from walk(("landslide",), typer.main.get_command(app))


def told(command: Any) -> tuple[str, list[str]]:
    """A command's help: what it does, and its examples, command lines of one or more lines each."""
    text = inspect.cleandoc(command.help or "").replace("\f", "")
    about, *parts = _EXAMPLES.split(text)
    examples: list[str] = []
    for line in (line.strip() for line in "\n".join(parts).splitlines()):
        if line.startswith("landslide ") or not examples:
            examples += [_REMARK.sub(r"    # \1", line)] if line else []
        elif line:
            examples[-1] += f" \\\n    {line}"
    return _MARKUP.sub("", about).strip(), examples


def page() -> str:
    """All commands in Markdown, a heading each."""
    parts = []
    for names, command in commands():
        about, examples = told(command)
        # A command with what it does, some spaces behind, is a row of a list.
        about = re.sub(r"^[ ]+(`landslide [^`]*`)[ ]{2,}", r"- \1: ", _safe(about), flags=re.MULTILINE)
        parts.append(f"{'#' * min(len(names) + 1, 4)} `{' '.join(names)}`\n\n{about}")
        parts.append(f"```text\n{' '.join(names)} {_usage(command)}\n```")
        if examples:
            parts.append("```bash\n{}\n```".format("\n".join(examples)))
        parts += [part for part in (_arguments(command), _options(command)) if part]
    return "\n\n".join(parts)


def _usage(command: Any) -> str:
    context = command.make_context(command.name or "landslide", [], resilient_parsing=True)
    return " ".join(piece for piece in command.collect_usage_pieces(context))


def _arguments(command: Any) -> str:
    rows = [
        (f"`{_metavar(parameter)}`", _about(parameter))
        for parameter in command.params
        if parameter.param_type_name == "argument"
    ]
    return _table(("argument", "what it is"), rows)


def _options(command: Any) -> str:
    rows = [
        (_names(parameter), _default(parameter), _about(parameter))
        for parameter in command.params
        if parameter.param_type_name == "option" and not parameter.hidden and parameter.name not in _COMPLETION
    ]
    return _table(("option", "default", "what it does"), rows)


#: Options that Typer adds to every program.
_COMPLETION: Final = ("install_completion", "show_completion")


def _names(option: Any) -> str:
    names = ", ".join(f"`{name}`" for name in option.opts)
    if option.secondary_opts:
        names += " or " + ", ".join(f"`{name}`" for name in option.secondary_opts)
    return names if option.is_flag else f"{names} `{_metavar(option)}`"


def _metavar(parameter: Any) -> str:
    return str(parameter.metavar or parameter.name.upper())


def _default(option: Any) -> str:
    if option.required:
        return "needed"
    value = option.default() if callable(option.default) else option.default
    if value is None or value is False or value in ((), [], ""):
        return ""
    if isinstance(value, Path):
        value = value.as_posix()
    return "on" if value is True else f"`{', '.join(map(str, value)) if isinstance(value, (list, tuple)) else value}`"


def _about(parameter: Any) -> str:
    text = _safe(_MARKUP.sub("", parameter.help or ""))
    variable = getattr(parameter, "envvar", None)
    return f"{text} Also the environment variable `{variable}`." if variable else text


def _safe(text: str) -> str:
    """Help is no Markdown: what would be taken for it is taken as it is written; commands and options are code."""
    parts = re.split(rf"(`[^`]*`|\b(?:{_names_of_commands()})(?: --[a-z][a-z-]*)?\b|--[a-z][a-z-]*)", text)
    return "".join(
        part
        if part.startswith("`")
        else f"`{part}`"
        if part.startswith(("--", "landslide "))
        else re.sub(r"([*_<>\[\]])", r"\\\1", part)
        for part in parts
    )


@cache
def _names_of_commands() -> str:
    """Of all commands, as a pattern, the longest first."""
    return "|".join(sorted((" ".join(names) for names, _ in commands() if len(names) > 1), key=len, reverse=True))


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    if not rows:
        return ""
    lines = [head, tuple("---" for _ in head), *rows]
    cells = [[cell.replace("\n", " ").replace("|", "\\|") for cell in line] for line in lines]
    return "\n".join("| " + " | ".join(line) + " |" for line in cells)
