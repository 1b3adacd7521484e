"""Anything to a scene: local files on any grid, one GeoBox, visibility, terrain, indices."""

from landslide_geo.scene.grid import Block
from landslide_geo.scene.open import open_scene
from landslide_geo.scene.scene import Scene
from landslide_geo.scene.visibility import Visibility

__all__ = ["Block", "Scene", "Visibility", "open_scene"]
