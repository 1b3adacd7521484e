"""Pictures, the HTML report, STAC items and the QGIS review project."""

from landslide_geo.report.html import write_report
from landslide_geo.report.project import write_probability_style, write_review_project
from landslide_geo.report.quicklook import quicklook
from landslide_geo.report.stac import scan_item, write_item

__all__ = ["quicklook", "scan_item", "write_item", "write_probability_style", "write_report", "write_review_project"]
