"""The commands of README.md and docs/, as they stand there: what is run, and what is only parsed and why.

Every command of a fenced ``bash`` block is run for real, unless a remark before the block says otherwise:

    <!-- test: parse landslide train | dvc repro because it trains for hours -->

names how such commands begin; ``parse all`` means all of the block. Several remarks may stand before one block.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).parents[2]
#: What is no command in a block of commands: loops around commands.
_AROUND = re.compile(r"^(for .*; do|done)$")
_REMARK = re.compile(r"^<!-- test: parse (?P<which>.+?) because (?P<why>.+) -->$")
_FENCE = re.compile(r"^(?P<marks>`{3,})(?P<language>[^`]*)$")
_COMMENT = re.compile(r"(^|\s+)#( .*)?$")


@dataclass(frozen=True)
class Command:
    """One command line of a page.

    Attributes:
        page: its file, relative to the project.
        line: where it begins.
        text: without comments, in one line.
        why: the reason why it is only parsed; none: it is run.
    """

    page: str
    line: int
    text: str
    why: str | None

    def __str__(self) -> str:
        return f"{self.page}:{self.line}: {self.text[:60]}"


@dataclass(frozen=True)
class Block:
    """A fenced block of a page.

    Attributes:
        page: its file, relative to the project.
        line: of its first line.
        language: that it is in.
        text: all of it.
        remarks: what its commands begin with that are only parsed, and why.
    """

    page: str
    line: int
    language: str
    text: str
    remarks: tuple[tuple[str, str], ...]

    def commands(self) -> list[Command]:
        """Its commands in order, those of ``&&`` one by one."""
        found = []
        for number, line in _joined(self.text):
            bare = _COMMENT.sub("", line).strip()
            for part in re.split(r"\s+&&\s+", bare):
                if part and not _AROUND.match(part):
                    found.append(Command(self.page, self.line + number, part, self._why(part)))
        return found

    def runs(self) -> bool:
        """Whether anything in it is run."""
        if self.language == "python":
            return not self.remarks
        return self.language == "bash" and any(command.why is None for command in self.commands())

    def _why(self, command: str) -> str | None:
        return next((why for start, why in self.remarks if start == "all" or command.startswith(start)), None)


def pages() -> list[Path]:
    """README.md, then docs/ in the order of its contents."""
    index = (PROJECT / "docs/index.md").read_text(encoding="utf-8")
    trees = re.findall(r"```\{toctree\}\n(.*?)```", index, re.DOTALL)
    names = [line for tree in trees for line in tree.splitlines() if re.fullmatch(r"[a-z_]+", line)]
    return [PROJECT / "README.md", PROJECT / "docs/index.md", *(PROJECT / f"docs/{name}.md" for name in names)]


def blocks(page: Path) -> Iterator[Block]:
    """The fenced blocks of a page."""
    remarks: list[tuple[str, str]] = []
    lines = page.read_text(encoding="utf-8").splitlines()
    name = page.relative_to(PROJECT).as_posix()
    number = 0
    while number < len(lines):
        if told := _REMARK.match(lines[number]):
            remarks += [(start.strip(), told["why"]) for start in told["which"].split(" | ")]
        elif opened := _FENCE.match(lines[number]):
            end = next(i for i in range(number + 1, len(lines)) if lines[i] == opened["marks"])
            inside = "\n".join(lines[number + 1 : end])
            yield Block(name, number + 2, opened["language"].strip(), inside, tuple(remarks))
            remarks, number = [], end
        elif lines[number].strip() and remarks:
            raise AssertionError(f"{name}:{number + 1}: a remark about a test stands before no block")
        number += 1


def _joined(text: str) -> Iterator[tuple[int, str]]:
    r"""Lines and where they begin, those that end in ``\`` joined with the next."""
    started, so_far = 0, ""
    for number, line in enumerate(text.splitlines()):
        if not so_far:
            started = number
        so_far += line
        if so_far.endswith("\\"):
            so_far = so_far[:-1]
            continue
        yield started, so_far
        so_far = ""
