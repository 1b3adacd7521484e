"""Texts of users on one line that reads as it is written."""

from __future__ import annotations

import unicodedata
from typing import Annotated, Final

from pydantic import AfterValidator

#: Joiners of letters, which Persian and Indian scripts need.
_KEPT: Final = "\u200c\u200d"


def plain(text: str) -> str:
    """A text without control characters, line ends, and marks that turn the order of what follows around."""
    shown = "".join(
        each if each in _KEPT or unicodedata.category(each) not in ("Cc", "Cf", "Cs", "Zl", "Zp") else " "
        for each in text
    )
    return " ".join(shown.split())


#: A field of a request that is kept and shown.
PlainText = Annotated[str, AfterValidator(plain)]
