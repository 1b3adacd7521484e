"""Typed parameters: the models behind ``params.yaml`` and the command line. Defaults live here and nowhere else."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from landslide_geo.errors import ParameterError, SourceNotFoundError

Backend = Literal["auto", "torch"]
_Params = TypeVar("_Params", bound=BaseModel)


class Params(BaseModel):
    """A group of parameters: immutable, and an unknown key is an error rather than a silent no-op."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class VectorizeParams(Params):
    """From a probability raster to polygons."""

    threshold: float | None = Field(
        None, gt=0, lt=1, description="decision threshold on calibrated probability; none takes the model's own"
    )
    min_area_m2: float = Field(900.0, ge=0, description="objects smaller than this (m²) are dropped, after merging")
    min_slope_deg: float = Field(
        10.0,
        ge=0,
        lt=90,
        description="an object stays when the 90th percentile of its slope (degrees) reaches this; runout on flat "
        "ground connected below a steep part stays with it",
    )


class ScanParams(VectorizeParams):
    """A scan of one scene."""

    model: str = Field("default", description="name of a shipped bundle, or a bundle's folder")
    window: int | None = Field(None, ge=32, description="window size in pixels; none takes the model's own")
    overlap: int | None = Field(None, ge=0, description="overlap of windows in pixels; none takes the model's own")
    batch_size: int = Field(4, ge=1, description="windows per forward pass")
    memory_mb: int = Field(1024, ge=64, description="what the scan may add to the process, GDAL's cache included (MB)")
    tta: Literal[1, 2, 4, 8] | None = Field(
        None, description="symmetries of the square averaged over; none takes the model's own"
    )
    prior: float | None = Field(
        None, gt=0, lt=1, description="expected share of landslide pixels; none keeps the model's calibration"
    )
    backend: Backend = "auto"


class FetchParams(Params):
    """Which sample data to get."""

    name: str = "hokkaido"


class PipelineParams(Params):
    """All of ``params.yaml``."""

    fetch: FetchParams = FetchParams()
    scan: ScanParams = ScanParams()
    vectorize: VectorizeParams = VectorizeParams()


def validated(model: type[_Params], values: dict[str, object], *, where: str) -> _Params:
    """``model`` built from ``values``, or one line that says which value is wrong.

    Raises:
        ParameterError: a value is outside its range or has the wrong type, or a key is unknown.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise ParameterError(f"{where}: {key}: {first['msg']} (got {first['input']!r})") from None


def load_params(path: Path) -> PipelineParams:
    """Read ``params.yaml``.

    Raises:
        SourceNotFoundError: there is no such file.
        ParameterError: it is not YAML, or a value in it is wrong.
    """
    if not path.is_file():
        raise SourceNotFoundError(f"{path}: no such parameter file; name an existing params.yaml")
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except yaml.YAMLError as error:
        raise ParameterError(f"{path}: not valid YAML: {str(error).splitlines()[0]}") from None
    return validated(PipelineParams, values, where=str(path))
