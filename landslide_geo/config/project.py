"""All of ``params.yaml``."""

from __future__ import annotations

from pathlib import Path

import yaml

from landslide_geo.config.base import Params, validated
from landslide_geo.config.scanning import ScanParams, VectorizeParams
from landslide_geo.config.training import TrainParams
from landslide_geo.errors import ParameterError, SourceNotFoundError


class FetchParams(Params):
    """Which sample data to get."""

    name: str = "hokkaido"


class PipelineParams(Params):
    """All of ``params.yaml``."""

    fetch: FetchParams = FetchParams()
    scan: ScanParams = ScanParams()
    vectorize: VectorizeParams = VectorizeParams()
    train: TrainParams = TrainParams()


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
