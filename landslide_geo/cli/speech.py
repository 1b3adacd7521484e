"""What a command says: progress on standard error, its result on standard output, as words, as JSON, or not at all."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from landslide_geo.progress import note, showing, stage

Json = Annotated[bool, typer.Option("--json", help="Print the result as one JSON document.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]


class Speech:
    """The voice of one command.

    Args:
        as_json: one JSON document on standard output, and warnings alone on standard error.
        quiet: nothing at all; JSON that was asked for is printed all the same.
    """

    def __init__(self, *, as_json: bool, quiet: bool) -> None:
        self.as_json, self.quiet, self.silent = as_json, quiet, as_json or quiet

    @contextmanager
    def working(self, name: str | None = None) -> Iterator[None]:
        """Show the stages of what is done inside; with a name it is a stage itself."""
        if self.silent:
            yield
            return
        with showing():
            if name is None:
                yield
                return
            with stage(name):
                yield

    def note(self, text: str) -> None:
        """Tell what goes on, on standard error."""
        if not self.silent:
            note(text)

    def warn(self, text: str) -> None:
        """Tell what the user should look at, on standard error."""
        if not self.quiet:
            typer.echo(f"warning: {text}", err=True)

    def say(self, text: str) -> None:
        """Tell part of the result in words."""
        if not self.silent:
            typer.echo(text)

    def done(
        self,
        result: Mapping[str, Any],
        lines: Iterable[str] = (),
        *,
        title: str = "",
        table: Mapping[str, str] | None = None,
    ) -> None:
        """Tell the result, once.

        Args:
            result: for machines.
            lines: for people.
            title: of the table.
            table: names and values that sum it up, shown above the lines.
        """
        if self.as_json:
            typer.echo(json.dumps(dict(result), default=str))
        if self.silent:
            return
        if table:
            show_table(title, table)
        for line in lines:
            typer.echo(line)


def show_table(title: str, rows: Mapping[str, str]) -> None:
    """Print names and values as a table."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(title) if title else None, box=box.SIMPLE, show_header=False, title_justify="left")
    table.add_column(no_wrap=True)
    table.add_column(justify="right", overflow="fold")
    for name, value in rows.items():
        table.add_row(Text(name), Text(value))
    Console(highlight=False).print(table)
