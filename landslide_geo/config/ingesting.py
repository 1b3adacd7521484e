"""Parameters of ingesting a scene from a catalogue."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from landslide_geo.config.base import Params

Composite = Literal["none", "median", "best"]
Sensor = Literal["s2", "s1", "landsat", "dem"]


class IngestParams(Params):
    """From an area and dates to a scene on disk."""

    stac: str = Field("earth-search", description="a catalogue's name, or the address of a STAC API")
    sensors: tuple[Sensor, ...] | None = Field(
        None, min_length=1, description="none takes Sentinel-2, and an elevation model where the catalogue has one"
    )
    bands: tuple[str, ...] = Field(
        ("blue", "green", "red", "nir", "swir16", "swir22"), min_length=1, description="optical ones to load"
    )
    level: Literal["2a", "1c"] = Field(
        "2a", description="of Sentinel-2: surface reflectance, or top-of-atmosphere reflectance, which has cirrus"
    )
    composite: Composite = Field(
        "none", description="none: one acquisition a date; median or best: several, pixel by pixel"
    )
    most: int = Field(6, ge=2, le=30, description="acquisitions that a composite is made of, at most")
    max_cloud: float | None = Field(
        None, ge=0, le=1, description="of what an acquisition covers of the area; none takes 0.3, of composites 0.8"
    )
    min_coverage: float = Field(0.5, ge=0, le=1, description="of the area by an acquisition")
    before_days: float = Field(90, gt=0, le=3660, description="that the earlier date may lie before the event")
    after_days: float = Field(60, gt=0, le=3660, description="that the later date may lie after the event")
    resolution: float = Field(10.0, gt=0, le=1000, description="of the scene's grid, in metres")
    dem_unit: Literal["m", "dm", "ft"] | None = Field(
        None, description="of the elevation model; none takes what its files tell, or metres"
    )
    align: bool = Field(
        True, description="move the earlier optical date onto the later one where it lies more than half a pixel off"
    )
    speckle: Literal["none", "median", "lee"] = Field("none", description="filter of radar")
    speckle_window: int = Field(5, ge=3, le=31, description="side of its window in pixels, odd")

    @property
    def cloud_limit(self) -> float:
        """Share of what an acquisition covers that may be hidden."""
        return self.max_cloud if self.max_cloud is not None else 0.3 if self.composite == "none" else 0.8
