"""Pictures, the HTML report, STAC items and the QGIS review project."""
