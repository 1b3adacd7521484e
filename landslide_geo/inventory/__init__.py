"""Polygons, their attributes, and the styled GeoPackage."""
