"""Metadata files that come with products: XML without tricks, JSON, and the text form of Landsat's."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from landslide_geo.errors import ParameterError, SourceNotFoundError

#: Groups of values, as Landsat's metadata have them.
Groups = dict[str, dict[str, str]]


def read_xml(path: Path) -> ElementTree.Element:
    """The root of an XML file.

    Metadata need no document type; what one can do, such as entities that grow without end, is refused with it.

    Raises:
        SourceNotFoundError: no such file.
        ParameterError: it is not XML in UTF-8, or has a document type.
    """
    text = _text(path)
    if "<!DOCTYPE" in text:
        raise ParameterError(f"{path}: has a document type (DTD), which no product has; download the product again")
    try:
        return ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise ParameterError(f"{path}: is not XML ({error}); download the product again") from None


def texts(root: ElementTree.Element, name: str) -> list[str]:
    """What all elements of a name hold, whatever their namespaces."""
    return [(node.text or "").strip() for node in root.iter() if local_name(node) == name]


def local_name(node: ElementTree.Element) -> str:
    """An element's name without its namespace."""
    return node.tag.rpartition("}")[2]


def read_groups(path: Path) -> Groups:
    """The groups of Landsat's metadata, by suffix: ``.json``, ``.xml``, else the text form ``KEY = VALUE``.

    USGS, Landsat 8-9 Collection 2 Data Format Control Books: all three have the same groups and keys.

    Raises:
        SourceNotFoundError: no such file.
        ParameterError: it cannot be read, or has no groups.
    """
    suffix = path.suffix.lower()
    if suffix == ".json":
        found = _json_groups(path)
    elif suffix == ".xml":
        root = read_xml(path)
        found = {local_name(group): {local_name(node): (node.text or "").strip() for node in group} for group in root}
    else:
        found = _text_groups(_text(path))
    if not any(found.values()):
        raise ParameterError(f"{path}: holds no metadata of a Landsat scene; download the scene again")
    return found


def number(path: Path, what: str, text: str | None) -> float:
    """A finite number that a metadata file tells.

    Raises:
        ParameterError: there is none.
    """
    try:
        value = float(text or "")
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        told = "does not tell" if text is None else f"tells {text!r} for"
        raise ParameterError(f"{path}: {told} {what}, which must be a number; download the product again")
    return value


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise SourceNotFoundError(f"{path}: no such file; check the path of the product's metadata") from None
    except OSError as error:
        raise ParameterError(f"{path}: cannot be read ({error.strerror or error}); check its permissions") from None
    except UnicodeDecodeError:
        raise ParameterError(f"{path}: is not text in UTF-8; download the product again") from None


def _json_groups(path: Path) -> Groups:
    try:
        raw: Any = json.loads(_text(path))
    except ValueError as error:
        raise ParameterError(f"{path}: is not JSON ({error}); download the scene again") from None
    inner = raw.get("LANDSAT_METADATA_FILE") if isinstance(raw, dict) else None
    groups = inner.items() if isinstance(inner, dict) else ()
    return {
        name: {key: str(value) for key, value in group.items()} for name, group in groups if isinstance(group, dict)
    }


def _text_groups(text: str) -> Groups:
    found: Groups = {}
    stack: list[str] = []
    for line in text.splitlines():
        key, equals, value = (part.strip() for part in line.partition("="))
        if not equals:
            continue
        if key == "GROUP":
            stack.append(value)
        elif key == "END_GROUP":
            stack = stack[:-1]
        elif stack:
            found.setdefault(stack[-1], {})[key] = value.strip('"')
    return found
