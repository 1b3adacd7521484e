"""The tables of ``params.yaml`` and of region files, from the models that check them."""

from __future__ import annotations

from fields import sections

from landslide_geo.config import ChipParams, PipelineParams, TrainParams
from landslide_geo.config.regions import RegionParams


def page() -> str:
    """All keys of ``params.yaml``, those of training included."""
    training = f"## Training\n\n{_TRAINING}\n\n{sections(TrainParams, level=3)}"
    return f"{sections(PipelineParams, level=3, skip=frozenset({TrainParams}))}\n\n{training}"


def chips() -> str:
    """What `landslide chips` goes by, which stands in no file."""
    return sections(ChipParams, level=3)


def region() -> str:
    """All keys of ``regions/NAME.yaml``."""
    return sections(RegionParams, level=3)


_TRAINING = (
    "What stands in `train`, and in each of `models`. `train` holds for all models, whatever they say; `null` there "
    "leaves a value to them."
)
