"""Polygons, their attributes, and the styled GeoPackage."""

from landslide_geo.inventory.geopackage import read_layer, write_geopackage
from landslide_geo.inventory.layers import Inventory, Layers, Provenance, vectorize

__all__ = ["Inventory", "Layers", "Provenance", "read_layer", "vectorize", "write_geopackage"]
