"""Parts of pages that are made of the program: a page holds ``<!-- generated: NAME -->`` where one belongs.

What is made is Markdown, so that it can be tested as the pages themselves are (``tests/docs``).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

import command_line
import formats
import model_card
import parameters
from diagrams import shown

#: Makers of parts by name.
PARTS: Final[dict[str, Callable[[], str]]] = {
    "cli": command_line.page,
    "params": parameters.page,
    "chips": parameters.chips,
    "region": parameters.region,
    "bundle-json": formats.bundle,
    "ensemble-json": formats.ensemble,
    "landslides-gpkg": formats.geopackage,
    "card-details": model_card.details,
    "card-figures": model_card.figures,
    "card-negatives": model_card.negatives,
    "card-training": model_card.training,
}
_MARK: Final = re.compile(r"^<!-- generated: ([a-z-]+) -->$", re.MULTILINE)


def filled(text: str) -> str:
    """A page with its parts made.

    Raises:
        KeyError: it asks for a part that nothing makes.
    """
    return _MARK.sub(lambda found: PARTS[found[1]](), text)


def _on_read(_app: Any, _page: str, source: list[str]) -> None:
    # The readme and the changelog lie beside docs/: here both are pages.
    text = source[0].replace("](../README.md)", "](index.md)").replace("](../CHANGELOG.md", "](changelog.md")
    source[0] = shown(filled(text))


def setup(app: Any) -> dict[str, Any]:
    """Called by Sphinx."""
    app.connect("source-read", _on_read)
    return {"parallel_read_safe": True}
