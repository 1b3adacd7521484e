"""Typed parameters: the models behind ``params.yaml`` and the command line. Defaults live here and nowhere else."""

from __future__ import annotations

from landslide_geo.config.augmenting import GENTLE, AugmentParams
from landslide_geo.config.base import Params, first_problem, validated
from landslide_geo.config.chips import ChipParams
from landslide_geo.config.losses import LossKind, LossParams
from landslide_geo.config.normalising import (
    BIGEARTHNET,
    DIGITAL_NUMBER,
    L4S_GAINS,
    LANDSLIDE4SENSE,
    FixedParams,
    Normalisation,
    SpeckleKind,
    SpeckleParams,
    StretchParams,
)
from landslide_geo.config.prefilter import PrefilterParams
from landslide_geo.config.project import AblationParams, PipelineParams, load_params
from landslide_geo.config.scanning import Backend, Precision, ScanParams, VectorizeParams
from landslide_geo.config.training import TrainParams

__all__ = [
    "BIGEARTHNET",
    "DIGITAL_NUMBER",
    "GENTLE",
    "L4S_GAINS",
    "LANDSLIDE4SENSE",
    "AblationParams",
    "AugmentParams",
    "Backend",
    "ChipParams",
    "FixedParams",
    "LossKind",
    "LossParams",
    "Normalisation",
    "Params",
    "PipelineParams",
    "Precision",
    "PrefilterParams",
    "ScanParams",
    "SpeckleKind",
    "SpeckleParams",
    "StretchParams",
    "TrainParams",
    "VectorizeParams",
    "first_problem",
    "load_params",
    "validated",
]
