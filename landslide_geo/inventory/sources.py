"""What an inventory is made from: rasters, and where they come from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from landslide_geo.scene.heights import HeightUnit


@dataclass(frozen=True, kw_only=True)
class Layers:
    """Rasters of a scan, all but ``dem`` on the scene's one projected grid with square pixels."""

    probability: Path  # float32 0–1, calibrated, nodata NaN
    visibility: Path  # uint8 codes of landslide_geo.scene.visibility.Visibility
    uncertainty: Path | None = None  # float32
    change: Path | None = None  # float32 −1…1, positive = vegetation lost, NaN where either date is not clear
    dem: Path | None = None  # elevation, own grid and CRS
    dem_band: int = 1  # of that file
    dem_unit: HeightUnit = "m"  # of its values


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Where an inventory's landslides come from; None where unknown."""

    scene_id: str
    detected_at: datetime  # aware
    scene_ids: tuple[str, ...] = ()
    sensor: str | None = None
    date_post: date | None = None
    date_pre: date | None = None
    dem_source: str | None = None
    model_id: str | None = None
    model_sha256: str | None = None
    threshold: float | None = None
    event_id: str | None = None
    event_date: date | None = None
