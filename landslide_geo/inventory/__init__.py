"""Polygons, their attributes, and the styled GeoPackage."""

from landslide_geo.inventory.geopackage import read_layer, refuse_open_database, write_geopackage
from landslide_geo.inventory.layers import Inventory, Layers, Provenance, vectorize

__all__ = ["Inventory", "Layers", "Provenance", "read_layer", "refuse_open_database", "vectorize", "write_geopackage"]
