"""Simulated scenes and chips with known truth, at any size."""

from landslide_geo.simulate.files import SimulatedScene, write_scene
from landslide_geo.simulate.landscape import Landscape

__all__ = ["Landscape", "SimulatedScene", "write_scene"]
