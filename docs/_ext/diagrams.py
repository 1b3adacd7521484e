"""Diagrams of mermaid: in the pages as text, which GitHub draws, and as pictures for pages that load no script."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Final

PICTURES: Final = Path(__file__).parents[1] / "images"
_BLOCK: Final = re.compile(r"^```mermaid\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def drawings(text: str) -> list[str]:
    """The sources of a page's diagrams."""
    return _BLOCK.findall(text)


def digest(source: str) -> str:
    """What names the picture of a diagram: a picture of another source is never shown."""
    return hashlib.sha256(source.encode()).hexdigest()[:12]


def shown(text: str) -> str:
    """A page with pictures in place of its diagrams; `make screenshots` draws those that are not there."""
    return _BLOCK.sub(lambda found: f"![The network as a diagram](images/diagram-{digest(found[1])}.svg)", text)
