"""What a shell may complete after an option: names that the program knows. Each is asked only when a shell asks."""

from __future__ import annotations

from collections.abc import Callable, Iterable


def _of(names: Callable[[], Iterable[str]]) -> Callable[[str], list[str]]:
    def complete(incomplete: str) -> list[str]:
        return sorted(name for name in names() if name.startswith(incomplete))

    return complete


def _models() -> Iterable[str]:
    from landslide_geo.models import list_bundles

    return list_bundles()


def _datasets() -> Iterable[str]:
    from landslide_geo.pipeline.prepare import DATASETS

    return DATASETS


def _scored() -> Iterable[str]:
    return (*_datasets(), "chips")


def _fetched() -> Iterable[str]:
    from landslide_geo.chips.catalogue import DATASETS
    from landslide_geo.models.packaged import PACKAGED
    from landslide_geo.scene.fetch import SAMPLES

    return (*SAMPLES, *DATASETS, *PACKAGED, "simulated")


def _profiles() -> Iterable[str]:
    from landslide_geo.config import profiles

    return profiles.names()


def _formats() -> Iterable[str]:
    from landslide_geo.inventory.export import FORMATS

    return FORMATS


def _architectures() -> Iterable[str]:
    from landslide_geo.models import ARCHITECTURES

    return ARCHITECTURES


models = _of(_models)
datasets = _of(_datasets)
scored = _of(_scored)
fetched = _of(_fetched)
profiles = _of(_profiles)
formats = _of(_formats)
networks = _of(lambda: ("onnx", "openvino"))
architectures = _of(_architectures)
splits = _of(lambda: ("train", "validation", "test"))
backends = _of(lambda: ("auto", "torch", "openvino", "onnx"))
precisions = _of(lambda: ("auto", "float32", "bfloat16", "float16"))
catalogues = _of(lambda: ("earth-search", "planetary-computer", "copernicus"))
methods = _of(lambda: ("platt", "temperature", "isotonic"))
speckles = _of(lambda: ("median", "lee", "none"))
