"""Simulated scenes and chips with known truth, at any size."""

from landslide_geo.simulate.chips import ChipMaker, SimulatedChip
from landslide_geo.simulate.files import SimulatedScene, write_scene
from landslide_geo.simulate.landscape import Landscape

__all__ = ["ChipMaker", "Landscape", "SimulatedChip", "SimulatedScene", "write_scene"]
