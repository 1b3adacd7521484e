"""Anything to a scene: local files on any grid, one GeoBox, visibility, terrain, indices."""
