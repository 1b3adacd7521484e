"""Parameters of the filter that is asked before a network."""

from __future__ import annotations

from pydantic import Field

from landslide_geo.config.base import Params


class PrefilterParams(Params):
    """Gradient boosting on hand-made features, and the threshold below which nothing reaches the network."""

    bands: tuple[str, ...] | None = Field(
        None, description="of the chips; none: all of them. A scan knows those of the model alone"
    )
    folds: int = Field(5, ge=2, description="parts of the training chips, by block; each is predicted by the others")
    seed: int = Field(0, ge=0, description="draws the folds, and of the boosting")
    recall: float = Field(
        1.0, gt=0, le=1, description="share of the chips with a landslide that must pass, each predicted out of fold"
    )
    depth: int = Field(5, ge=1, description="of a tree")
    min_child_weight: float = Field(10.0, ge=0, description="least sum of weights (p (1 − p) of chips) in a leaf")
    rounds: int = Field(200, ge=1, description="trees")
    learning_rate: float = Field(0.1, gt=0, le=1, description="share of a tree that is added")
    threads: int = Field(1, ge=1, description="of the boosting; results repeat for equal numbers")
