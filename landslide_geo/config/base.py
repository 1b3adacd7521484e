"""What all groups of parameters share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from landslide_geo.errors import ParameterError

_Params = TypeVar("_Params", bound=BaseModel)


class Params(BaseModel):
    """A group of parameters: immutable, and an unknown key is an error rather than a silent no-op."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def validated(model: type[_Params], values: Mapping[str, object], *, where: str) -> _Params:
    """``model`` built from ``values``, or one line that says which value is wrong.

    Raises:
        ParameterError: a value is outside its range or has the wrong type, or a key is unknown.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise ParameterError(f"{where}: {first_problem(error)} (got {error.errors()[0]['input']!r})") from None


def first_problem(error: ValidationError) -> str:
    """Where and what the first thing is that pydantic found wrong, on one line."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    told = first["msg"].removeprefix("Value error, ")
    return f"{where}: {told}" if where else told
