"""All of ``params.yaml``."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, field_validator

from landslide_geo.config.base import Params, validated
from landslide_geo.config.prefilter import PrefilterParams
from landslide_geo.config.scanning import ScanParams, VectorizeParams
from landslide_geo.config.training import TrainParams
from landslide_geo.errors import ParameterError, SourceNotFoundError


class PrepareParams(Params):
    """One source of chips."""

    name: str = Field(description="the chips lie in data/chips under it")
    dataset: str = Field(description="as landslide prepare has it")
    source: str = Field(alias="from", description="what they are made from: made again when it changes")
    options: str = Field("", description="of landslide prepare")


class IngestedParams(Params):
    """One scene that is loaded from a catalogue."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_.-]*$", description="of its folder in data/scenes")
    source: str = Field(
        alias="from", min_length=1, description="file of the area that the options name, landslide_geo/scene/stac "
        "where they name a box: loaded again when it changes"
    )  # fmt: skip
    options: str = Field(min_length=1, description="of landslide ingest: area, dates, catalogue, sensors")


class RunParams(Params):
    """One training of a model."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_.-]*$", description="of its bundle in data/bundles")
    model: str = Field(description="one of the models")
    data: str = Field(description="chips to train on")
    split: str = Field("test", description="of these chips, to report on once")
    options: str = Field("", description="of landslide train: seed, fold, hard negatives")
    also: str = Field(
        "", description="folder of the hard negatives that the options name, its own chips where they name none: "
        "trained again when it changes"
    )  # fmt: skip


class FilterParams(Params):
    """One filter that is asked before a network."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_.-]*$", description="of its folder in data/filters")
    data: str = Field(description="chips to train on")
    options: str = Field(
        "--seed 0", min_length=1, description="of landslide prefilter, one at least: DVC would see a command that ends "
        "in nothing as changed; other parameters stand in `prefilter`"
    )  # fmt: skip


class EnsembleParams(Params):
    """Some runs as one model."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_.-]*$", description="of its folder in data/ensembles")
    members: str = Field(description="folders of their bundles, separated by spaces")
    options: str = Field(
        "--anchor", min_length=1, description="of landslide ensemble, one at least: weights, abstention, the filter"
    )
    data: str = Field(description="chips to report on")
    split: str = Field("test", description="of these chips")


class AblationParams(Params):
    """The system without one of its parts."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_.-]*$", description="of the experiments, before their seed")
    group: str = Field(description="what it is a part of: one without `set` in each is the whole system")
    set: tuple[str, ...] = Field((), description="parameters that make the difference, NAME=VALUE")
    target: str | tuple[str, ...] = Field(description="stages to run, as dvc names them")
    metric: str = Field(description="JSON file that they write, with f1 in it")

    @field_validator("set")
    @classmethod
    def _assign(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for given in value:
            name, equals, _ = given.partition("=")
            if not name or not equals:
                raise ValueError(f"{given!r}: write NAME=VALUE, as in train.lr=0.01")
        return value

    @property
    def targets(self) -> tuple[str, ...]:
        """Stages to run."""
        return (self.target,) if isinstance(self.target, str) else self.target


class CalibrateParams(Params):
    """Calibration of trained models."""

    method: Literal["platt", "temperature", "isotonic"] = "platt"


class SceneParams(ScanParams):
    """The scan at the end of the pipeline."""

    sources: str = Field("", description="as landslide scan takes them, separated by spaces")
    source: str = Field("data/raw", alias="from", description="folder that they lie in: scanned again when it changes")
    dem: str = Field("", description="elevation model")
    title: str = Field("", description="name of the scan")


class PipelineParams(Params):
    """All of ``params.yaml``."""

    profile: str = Field("", description="the profile that it was written from")
    fetch: tuple[str, ...] = Field((), description="what landslide fetch gets")
    ingest: tuple[IngestedParams, ...] = Field((), description="scenes to load from catalogues")
    prepare: tuple[PrepareParams, ...] = Field((), description="chips to make")
    runs: tuple[RunParams, ...] = Field((), description="trainings")
    filters: tuple[FilterParams, ...] = Field((), description="filters to train")
    ensembles: tuple[EnsembleParams, ...] = Field((), description="runs to put together")
    ablations: tuple[AblationParams, ...] = Field((), description="what each part of a system is worth")
    calibrate: CalibrateParams = CalibrateParams()
    prefilter: PrefilterParams = PrefilterParams()
    scan: SceneParams = SceneParams()
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
        try:
            found.training(model)  # what is wrong is said now, not in the stage that trains it
        except ParameterError as error:
            raise ParameterError(f"{path}: {error}") from None
    if unknown := next((run for run in found.runs if run.model not in found.models), None):
        raise ParameterError(f"{path}: runs: {unknown.name} is of model {unknown.model!r}, which `models` lacks")
    return found
