"""Maps landslides from satellite scenes and elevation models."""

__version__ = "0.1.0"
