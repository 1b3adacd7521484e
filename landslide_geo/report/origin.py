"""Where a result comes from, in a form that can be cited and checked."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

from odc.geo.geobox import GeoBox

from landslide_geo.report.words import number
from landslide_geo.scene.grid import geographic_footprint


def citation(scan: dict[str, Any], title: str) -> str:
    """One sentence that names the result, the program, the model, the images, the place and the day."""
    model = scan.get("model") or {}
    version = (scan.get("versions") or {}).get("landslide-geo")
    parts = [f"{title}: landslides mapped by landslide-geo{f' {version}' if version else ''}"]
    if model.get("name"):
        digest = f" (SHA-256 {model['sha256'][:16]}…)" if model.get("sha256") else ""
        parts.append(f"with model {model['name']}{digest}")
    if scan.get("date_post"):
        earlier = f" and {scan['date_pre']}" if scan.get("date_pre") else ""
        parts.append(f"from images of {scan['date_post']}{earlier}")
    if scan.get("started_at"):
        parts.append(f"on {scan['started_at'][:10]}")
    told = " ".join(parts) + "."
    if scan.get("key"):
        told += f" Scan {scan['key']}."
    return told + (f" {scan['credits']}." if scan.get("credits") else "")


def input_rows(scan: dict[str, Any]) -> list[dict[str, Any]]:
    """What the result was made of: role, file's name without its folder, band and checksum."""
    return [
        {
            "role": one.get("role") or one.get("name") or "",
            "file": PurePath(str(one["path"])).name if one.get("path") else "",
            "band": one.get("band"),
            "sha256": one.get("sha256") or "",
        }
        for one in scan.get("inputs") or ()
    ]


def place(grid: dict[str, Any] | None) -> dict[str, str]:
    """The grid in words: its CRS, size, and bounds in degrees; empty where the record has none."""
    if not grid or not {"crs", "transform", "height", "width"} <= set(grid):
        return {}
    from affine import Affine

    geobox = GeoBox((grid["height"], grid["width"]), Affine(*grid["transform"][:6]), grid["crs"])
    west, south, east, north = geographic_footprint(geobox)[1]
    width, height = (abs(geobox.resolution.x) * grid["width"], abs(geobox.resolution.y) * grid["height"])
    return {
        "Grid": f"{grid['crs']}, pixels of {abs(geobox.resolution.x):g} m, {grid['width']:,} × {grid['height']:,} "
        f"({number(width / 1000, 1)} × {number(height / 1000, 1)} km)",
        "Bounds": f"{degrees(west, 'EW')} to {degrees(east, 'EW')}, {degrees(south, 'NS')} to {degrees(north, 'NS')} "
        "(WGS 84)",
    }


def degrees(value: float, sides: str) -> str:
    """Decimal degrees with their side: ``142.0133° E``."""
    return f"{abs(value):.4f}° {sides[value < 0]}"
