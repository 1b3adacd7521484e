"""A region that is scanned again and again: all of ``regions/NAME.yaml``."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError
from pydantic import Field, field_validator, model_validator

from landslide_geo.config.base import Params
from landslide_geo.config.ingesting import IngestParams, Sensor
from landslide_geo.config.scanning import ScanParams

#: Sensors of which one makes acquisitions; the elevation model goes along.
PRIMARY: Final[tuple[Sensor, ...]] = ("s2", "landsat", "s1")
#: Names of environment variables, which hold what must not stand in a file.
_VARIABLE: Final = r"^[A-Za-z_][A-Za-z0-9_]*$"


class ScheduleParams(Params):
    """When a region is looked after."""

    cron: str = Field(description="minute, hour, day, month and weekday, as in 0 3 * * *")
    timezone: str = Field("UTC", description="of the hours, as in Asia/Tokyo")

    @field_validator("cron")
    @classmethod
    def _is_cron(cls, value: str) -> str:
        if len(value.split()) != 5:
            raise ValueError("five parts are needed, as in 0 3 * * * for every night at three")
        try:
            CronSim(value, dt.datetime(2026, 1, 1))
        except CronSimError as error:
            raise ValueError(f"is no cron expression ({error}); write it as 0 3 * * *") from None
        return value

    @field_validator("timezone")
    @classmethod
    def _is_known(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (OSError, ValueError, ZoneInfoNotFoundError):
            raise ValueError("is no time zone that is known here; write it as UTC or Asia/Tokyo") from None
        return value


class WebhookParams(Params):
    """Where new landslides are told of by HTTP."""

    url: str | None = Field(None, description="that takes a POST of JSON")
    url_env: str | None = Field(
        None, pattern=_VARIABLE, description="environment variable that holds it, where it is a secret"
    )
    min_area_m2: float = Field(10_000.0, ge=0, description="smaller landslides are not told of (m²)")
    timeout_s: float = Field(20.0, gt=0, le=300, description="that the receiver may take")

    @model_validator(mode="after")
    def _one_address(self) -> WebhookParams:
        if (self.url is None) == (self.url_env is None):
            raise ValueError("name the address by one of url and url_env")
        if self.url is not None:
            parts = urlsplit(self.url)
            if parts.scheme not in ("http", "https") or not parts.hostname:
                raise ValueError(f"url {self.url}: is no address; write it as https://host/path")
            if parts.username or parts.password:
                raise ValueError("url holds a password; put it into an environment variable and name that by url_env")
        return self


class MailParams(Params):
    """Where new landslides are told of by mail."""

    to: tuple[str, ...] = Field(min_length=1, description="addresses")
    sender: str = Field("landslide-geo@localhost", description="address that it comes from")
    host: str = Field("localhost", description="server that takes mail")
    port: int = Field(25, ge=1, le=65535, description="of it")
    security: Literal["none", "starttls", "tls"] = Field("none", description="how the connection is kept private")
    login_env: str | None = Field(
        None, pattern=_VARIABLE, description="environment variable that holds USER:PASSWORD, where the server asks"
    )
    min_area_m2: float = Field(10_000.0, ge=0, description="smaller landslides are not told of (m²)")
    timeout_s: float = Field(20.0, gt=0, le=300, description="that the server may take")

    @field_validator("to", "sender")
    @classmethod
    def _are_addresses(cls, value: str | tuple[str, ...]) -> str | tuple[str, ...]:
        for address in (value,) if isinstance(value, str) else value:
            before, _, after = address.partition("@")
            if not before or not after or any(sign.isspace() or sign in ",;<>" for sign in address):
                raise ValueError(f"{address!r} is no mail address; write it as name@example.org")
        return value


class SinkParams(Params):
    """Where results go beside the region's own folder."""

    folder: Path | None = Field(None, description="for copies that others read: inventory and catalogue")
    stac: bool = Field(True, description="write a STAC catalogue of the scans")
    postgis: str | None = Field(
        None, pattern=_VARIABLE, description="environment variable that holds the address of a PostGIS database"
    )
    webhook: WebhookParams | None = None
    mail: MailParams | None = None


class EventParams(Params):
    """What the region is watched for; then everything is told of at once, as provisional."""

    name: str = Field(min_length=1, description="of the event")
    day: dt.date = Field(description="of the event: earlier images lie before it")


class RegionParams(Params):
    """All of ``regions/NAME.yaml``. Paths are relative to the file."""

    name: str = Field(pattern=r"^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$", description="a-z, 0-9 and hyphens")
    aoi: Path | None = Field(None, description="vector file with the area's polygons")
    bbox: tuple[float, float, float, float] | None = Field(None, description="west, south, east, north in degrees")
    dem: Path | None = Field(None, description="elevation model; none takes the catalogue's")
    ingest: IngestParams = IngestParams()
    scan: ScanParams = ScanParams()
    look_back_days: float = Field(30.0, gt=0, le=3660, description="how far the first run looks back")
    late_days: float = Field(
        10.0, ge=0, le=365, description="that a catalogue may take to list an acquisition: so far back is looked again"
    )
    settle_hours: float = Field(
        12.0,
        ge=0,
        le=1000,
        description="that an acquisition waits, so that all of its tiles are listed; after an event none",
    )
    gap_days: float = Field(
        30.0,
        ge=0,
        le=3660,
        description="that the earlier image lies before the later one, at least: so long a model that compares the two "
        "sees a landslide again; ingest.before_days is the most",
    )
    reference: tuple[dt.date, dt.date] | None = Field(
        None, description="first and last day of the earlier image, instead of gap_days and ingest.before_days"
    )
    schedule: ScheduleParams | None = None
    event: EventParams | None = None
    after_detections: int = Field(2, ge=1, le=100, description="that make a landslide a confirmed one without review")
    attempts: int = Field(5, ge=1, le=100, description="of one acquisition, before it is parked")
    keep_scenes: bool = Field(False, description="keep the bands of a scene after its scan")
    sinks: SinkParams = SinkParams()

    @model_validator(mode="after")
    def _fits(self) -> RegionParams:
        if (self.aoi is None) == (self.bbox is None):
            raise ValueError("name the area by one of aoi and bbox")
        found = [sensor for sensor in self.ingest.sensors or ("s2",) if sensor in PRIMARY]
        if len(found) != 1:
            raise ValueError(
                "ingest.sensors: a region follows one sensor, s2, landsat or s1, with or without dem; make a region "
                "for each of several"
            )
        if self.reference is not None and self.reference[0] > self.reference[1]:
            raise ValueError("reference ends before it begins; write it as [first, last]")
        if self.gap_days >= self.ingest.before_days:
            raise ValueError("gap_days leaves no time for an earlier image; make it less than ingest.before_days")
        if self.event is not None and self.ingest.composite != "none":
            raise ValueError("ingest.composite: what follows an event is scanned image by image; write none")
        return self

    @property
    def sensor(self) -> Sensor:
        """The sensor whose acquisitions are followed."""
        return next(sensor for sensor in self.ingest.sensors or ("s2",) if sensor in PRIMARY)
