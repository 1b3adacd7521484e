"""Numbers, keys and values of ``scan.json`` as a reader expects them."""

from __future__ import annotations

import math
from typing import Any, Final

import pandas as pd

UNITS: Final = {"m2": "m²", "m": "m", "deg": "°", "mb": "MB", "s": "s"}
ABBREVIATIONS: Final = {
    "f1": "F1", "iou": "IoU", "auc": "AUC", "tta": "TTA", "sha256": "SHA-256", "crs": "CRS", "gsd": "Pixel size",
    "min area": "Minimum area", "min slope": "Minimum slope", "cpus": "CPUs", "n": "Number", "nodata": "No data",
}  # fmt: skip


def area(square_metres: float | None) -> str:
    """An area in the unit a reader expects: m², ha or km²."""
    if square_metres is None or not math.isfinite(square_metres):
        return "–"
    if square_metres < 1e4:
        return f"{square_metres:,.0f} m²"
    return f"{square_metres / 1e4:,.1f} ha" if square_metres < 1e6 else f"{square_metres / 1e6:,.2f} km²"


def round_area(square_metres: float) -> str:
    """An area that is a round number, without figures after it: ``500 m²``, ``2 ha``."""
    value, unit = (square_metres, "m²") if square_metres < 1e4 else (square_metres / 1e4, "ha")
    return f"{value:,g} {unit}" if square_metres < 1e6 else f"{square_metres / 1e6:,g} km²"


def volume(cubic_metres: float | None) -> str:
    """A volume with two figures, which is more than an area tells, in m³ or millions of them."""
    if cubic_metres is None or not math.isfinite(cubic_metres):
        return "–"
    if cubic_metres < 1e6:
        return f"{float(f'{cubic_metres:.2g}'):,.0f} m³"
    return f"{float(f'{cubic_metres / 1e6:.2g}'):,g} million m³"


def number(value: float | None, digits: int = 0, unit: str = "") -> str:
    """A number with thousands separated, or a dash for null."""
    if value is None or pd.isna(value):
        return "–"
    return f"{value:,.{digits}f}{unit}"


def share(value: float | None, digits: int = 1) -> str:
    """A share of 1 in percent, that is not called zero where it is not; a dash for null."""
    if value is None or pd.isna(value):
        return "–"
    least = 10.0**-digits
    # A figure and its sign stay on one line.
    return f"under {least:g}\u00a0%" if 0 < 100 * value < least else f"{100 * value:.{digits}f}\u00a0%"


def label(key: object) -> str:
    """A key of ``scan.json`` as words: units in brackets, abbreviations as they are written."""
    words = str(key).split("_")
    unit = UNITS.get(words[-1]) if len(words) > 1 else None
    text = " ".join(words[:-1] if unit else words)
    text = ABBREVIATIONS.get(text, text[:1].upper() + text[1:])
    return f"{text} ({unit})" if unit else text


def side_by_side(node: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Split off the flat mappings of ``node`` that share their keys with another: figures to compare across columns."""
    groups: dict[tuple[str, ...], dict[str, Any]] = {}
    for key, column in node.items():
        if isinstance(column, dict) and column and not any(isinstance(leaf, dict | list) for leaf in column.values()):
            groups.setdefault(tuple(column), {})[key] = column
    columns = max(groups.values(), key=len, default={})
    if len(columns) < 2:
        return {}, node
    return columns, {key: value for key, value in node.items() if key not in columns}


def plain(value: object) -> str:
    """A leaf of ``scan.json`` as text; long floats are rounded, nulls are dashes."""
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    return str(value)


def brief(value: object, most: int = 24) -> str:
    """A value of ``scan.json`` in one line: mappings as names and values, of lists the first 24."""
    if isinstance(value, dict):
        return ", ".join(f"{label(key)} {brief(item)}" for key, item in value.items()) or "–"
    if isinstance(value, list | tuple):
        return ", ".join(brief(item) for item in value[:most]) + (" …" if len(value) > most else "")
    return plain(value)
