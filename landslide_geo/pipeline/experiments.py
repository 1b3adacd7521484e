"""DVC's experiments, for the commands that make many of them: run one, name its parameters, read its score."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml


def dvc(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run DVC in a repository; see ``returncode``, ``stdout`` and ``stderr``."""
    # The stages call `landslide`, which is to be the one of this environment.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    command = [sys.executable, "-m", "dvc", *arguments]
    return subprocess.run(
        command, cwd=folder, env=os.environ | {"PATH": path}, capture_output=True, text=True, check=False
    )


def git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run git in a repository."""
    return subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=False)


def parameter(folder: Path, name: str) -> str:
    """What DVC calls a parameter, of a list by number: one that the file lacks is added with a plus."""
    try:
        place: Any = yaml.safe_load((folder / "params.yaml").read_text(encoding="utf-8"))
        for part in name.split("."):
            place = place[int(part)] if isinstance(place, list) else place[part]
    except (OSError, KeyError, IndexError, TypeError, ValueError, yaml.YAMLError):
        return f"+{name}"
    return name


def quoted(value: str) -> str:
    """A value as DVC reads it: what looks like another assignment is a text; numbers, lists and texts stay.

    >>> quoted("0.01"), quoted("[a, b]"), quoted("--weight a=1")
    ('0.01', '[a, b]', "'--weight a=1'")
    """
    if "=" not in value or value[0] in "[{'\"":
        return value
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def assignment(folder: Path, given: str) -> str:
    """NAME=VALUE as ``dvc exp run --set-param`` takes it; see `parameter` and `quoted`."""
    name, _, value = given.partition("=")
    return f"{parameter(folder, name)}={quoted(value)}"


def score(path: Path, key: str) -> float | None:
    """A number in a JSON file; none where it is not there."""
    try:
        return float(json.loads(path.read_text(encoding="utf-8"))[key])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def last_line(text: str) -> str:
    """What a command that failed has to say, as one line."""
    lines = [line for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith(("error", "landslide"))]
    return (errors or lines or ["nothing"])[-1]
