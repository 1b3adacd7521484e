"""Tables of what pydantic models hold: name, type, default, range, meaning."""

from __future__ import annotations

import json
import re
import types
from collections.abc import Iterator
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

_SIMPLE: Final = {
    str: "text", int: "integer", float: "number", bool: "yes or no", dict: "mapping", Any: "anything",
    type(None): "null",
}  # fmt: skip
_BOUNDS: Final = (("ge", "≥"), ("gt", ">"), ("le", "≤"), ("lt", "<"), ("multiple_of", "multiple of"))


def table(model: type[BaseModel]) -> str:
    """Fields of a model, as a table in Markdown."""
    lines = ["| key | type | default | meaning |", "| --- | --- | --- | --- |"]
    for name, field in model.model_fields.items():
        meaning = field.description or _docline(field.annotation)
        lines.append(f"| `{field.alias or name}` | {kind(field)} | {_default(field)} | {_cell(meaning)} |")
    return "\n".join(lines)


def sections(model: type[BaseModel], *, level: int, skip: frozenset[type[BaseModel]] = frozenset()) -> str:
    """A model and all that are in it, a heading each, in the order they are met.

    Args:
        model: to begin with, without a heading of its own.
        level: of the headings.
        skip: models that stand elsewhere.
    """
    parts = [table(model)]
    met = [model]
    for each in met:
        if each is not model:
            about = (each.__doc__ or "").strip()
            parts.append(f"{'#' * level} {heading(each)}\n\n{_prose(about)}\n\n{table(each)}")
        met += [below for below in nested(each) if below not in met and below not in skip]
    return "\n\n".join(parts)


def heading(model: type[BaseModel]) -> str:
    """Of a model's section, by the name of its class: ``TrainParams`` is *Train*."""
    name = model.__name__.lstrip("_").removesuffix("Params")
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).capitalize()


def nested(model: type[BaseModel]) -> list[type[BaseModel]]:
    """Models that a model's fields are made of, each once."""
    return list(dict.fromkeys(below for field in model.model_fields.values() for below in _models(field.annotation)))


def kind(field: FieldInfo) -> str:
    """A field's type and range in words."""
    return _cell(_kind(field.annotation) + _range(field.metadata))


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)


def _kind(annotation: Any) -> str:
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _kind(parts[0]) + _range(parts[1:])
    if origin in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(_kind(part) for part in parts))
    if origin is Literal:
        return ", ".join(f"`{part}`" for part in parts)
    if origin is tuple:
        ends = len(parts) == 2 and parts[1] is Ellipsis
        return f"list of {_plain(parts[0])}" if ends else f"{len(parts)} × {_plain(parts[0])}"
    if origin is dict:
        return f"mapping of {_kind(parts[0])} to {_kind(parts[1])}"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return f"[{heading(annotation)}](#{heading(annotation).lower().replace(' ', '-')})"
    return _SIMPLE.get(annotation, getattr(annotation, "__name__", str(annotation)).lower())


def _plain(annotation: Any) -> str:
    return _kind(annotation) if get_origin(annotation) else {"text": "texts"}.get(_kind(annotation), _kind(annotation))


def _range(metadata: Any) -> str:
    found = []
    for item in metadata:
        found += [f"{sign} {getattr(item, name)}" for name, sign in _BOUNDS if getattr(item, name, None) is not None]
    return f" {' and '.join(found)}" if found else ""


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "needed"
    value = field.get_default(call_default_factory=True)
    if value is PydanticUndefined or value is None:
        return "none"
    if isinstance(value, BaseModel):
        changed = value.model_dump(mode="json", exclude_defaults=True)
        return _cell(f"`{json.dumps(changed, ensure_ascii=False)}`") if changed else "its own defaults"
    if isinstance(value, (tuple, list, dict)):
        return _cell(f"`{json.dumps(value, default=str, ensure_ascii=False)}`") if value else "empty"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return _cell(f"`{value}`") if value != "" else "empty"


def _docline(annotation: Any) -> str:
    models = list(_models(annotation))
    return _prose((models[0].__doc__ or "").strip().splitlines()[0]) if models else ""


def _prose(text: str) -> str:
    """A docstring as Markdown: code between double back ticks, references to modules as code."""
    return re.sub(r":[a-z]+:`([^`]+)`", r"`\1`", re.sub(r"\n[ ]+", "\n", text)).replace("``", "`")


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
