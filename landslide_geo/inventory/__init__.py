"""Polygons, their attributes, and the styled GeoPackage."""

from landslide_geo.inventory.geopackage import read_layer, refuse_open_database, write_geopackage
from landslide_geo.inventory.layers import Inventory, vectorize
from landslide_geo.inventory.sources import Layers, Provenance

__all__ = ["Inventory", "Layers", "Provenance", "read_layer", "refuse_open_database", "vectorize", "write_geopackage"]
