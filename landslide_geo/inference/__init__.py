"""Windows, blending, test-time augmentation and the streaming scan engine."""

from landslide_geo.inference.raster import predict_raster

__all__ = ["predict_raster"]
