"""Whole ``params.yaml`` files to begin with: ``smoke`` on simulated chips, the others on real data."""

from __future__ import annotations

from importlib import resources


def names() -> list[str]:
    """Of the profiles, sorted."""
    return sorted(
        file.name.removesuffix(".yaml") for file in resources.files(__name__).iterdir() if ".yaml" in file.name
    )


def text(name: str) -> str:
    """The content of a profile's ``params.yaml``."""
    return (resources.files(__name__) / f"{name}.yaml").read_text(encoding="utf-8")
