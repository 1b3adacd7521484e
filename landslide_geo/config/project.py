"""All of ``params.yaml``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from pydantic import Field

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
    models: dict[str, dict[str, Any]] = Field({}, description="what each model changes of the defaults of training")
    train: dict[str, Any] = Field(
        {}, description="what holds for all models, whatever they say; null leaves it to them"
    )

    def training(self, model: str | None = None, **changes: Any) -> TrainParams:
        """Parameters of training a model: defaults, then the model's own, then what holds for all, then ``changes``.

        Args:
            model: one of `models`; none: no model's own.
            changes: by name.

        Raises:
            ParameterError: there is no such model, or a value is wrong.
        """
        if model is not None and model not in self.models:
            known = ", ".join(self.models) or "none"
            raise ParameterError(f"model {model!r}: the parameters have models {known}; name one of them")
        own = {"name": model} | self.models[model] if model is not None else {}
        for_all = {key: value for key, value in self.train.items() if value is not None}
        return validated(TrainParams, own | for_all | changes, where=f"models.{model}, train" if model else "train")


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
    found = validated(PipelineParams, values, where=str(path))
    for model in [None, *found.models]:
        found.training(model)  # what is wrong is said now, not in the stage that trains it
    return found
