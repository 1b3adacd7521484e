"""Windows, blending, test-time augmentation and the streaming scan engine."""

from landslide_geo.inference.backends import open_backend
from landslide_geo.inference.raster import predict_raster
from landslide_geo.inference.skipping import Screen

__all__ = ["Screen", "open_backend", "predict_raster"]
