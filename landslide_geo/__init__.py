"""Maps landslides from satellite scenes and elevation models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from landslide_geo.inference.raster import predict_raster as predict_raster
    from landslide_geo.models import load_model as load_model
    from landslide_geo.pipeline.scan import scan as scan
    from landslide_geo.scene.open import open_scene as open_scene

from landslide_geo.version import __version__

__all__ = ["__version__", "load_model", "open_scene", "predict_raster", "scan"]

_HOMES = {
    "load_model": "landslide_geo.models",
    "open_scene": "landslide_geo.scene.open",
    "predict_raster": "landslide_geo.inference.raster",
    "scan": "landslide_geo.pipeline.scan",
}


def __getattr__(name: str) -> Any:
    # Loaded on first use: importing a network library takes seconds that `landslide --help` need not spend.
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
