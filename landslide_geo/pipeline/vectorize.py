"""A probability raster of any origin to a styled GeoPackage."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import rasterio
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from landslide_geo.config import VectorizeParams
from landslide_geo.errors import ParameterError
from landslide_geo.files import make_parent
from landslide_geo.inference.budget import gdal_memory
from landslide_geo.inventory import Inventory, Layers, Provenance, vectorize, write_geopackage
from landslide_geo.inventory.geopackage import refuse_other_formats
from landslide_geo.pipeline.decisions import refuse_to_lose_decisions
from landslide_geo.pipeline.workspace import REVIEW, read_record
from landslide_geo.scene.cog import write_cog
from landslide_geo.scene.grid import Block
from landslide_geo.scene.heights import HeightUnit, unit_of_file
from landslide_geo.scene.raster_io import open_raster, reading
from landslide_geo.scene.visibility import Visibility

#: What GDAL's cache follows from, as in a scan; GDAL's own default is a twentieth of the machine's memory.
MEMORY_MB: Final = 1024


def vectorize_file(
    probability: str | Path,
    out: str | Path,
    *,
    params: VectorizeParams | None = None,
    dem: str | Path | None = None,
    dem_unit: HeightUnit | None = None,
) -> Inventory:
    """Write the landslides of a probability raster.

    Where the raster lies in the folder of a scan, what that scan knows (visibility, uncertainty, change, elevation
    model, threshold, model, dates, event) is used; otherwise pixels with a value count as clear.

    Args:
        probability: raster of probabilities 0–1 on a projected grid, nodata or NaN where unknown.
        out: GeoPackage to write; replaced if it exists, unless analysts decided anything in it.
        params: threshold and least area and slope. A threshold is needed where no scan knows one.
        dem: elevation model, on any grid; none takes the scan's, if it is still there.
        dem_unit: of its values; none takes what the scan took, or the file tells, or metres.

    Raises:
        ParameterError: no threshold is known.
        LandslideError: an input cannot be read, or the output not written.
    """
    params = params or VectorizeParams()
    source, target = Path(probability), Path(out)
    with open_raster(source, what="probability raster"):
        pass
    refuse_other_formats(target)
    refuse_to_lose_decisions(target)
    record = read_record(source.parent) or {}
    threshold = params.threshold or record.get("parameters", {}).get("threshold")
    if threshold is None:
        raise ParameterError(f"{source}: no scan beside it tells a threshold; give one with --threshold, e.g. 0.5")
    known = _known(record, source.parent)
    elevation = Path(dem) if dem is not None else known.dem
    unit: HeightUnit = dem_unit or known.dem_unit
    if elevation is not None:
        own = unit_of_file(elevation)
        unit = own if dem is not None and dem_unit is None else unit
    with tempfile.TemporaryDirectory(prefix="landslide-") as folder, gdal_memory(MEMORY_MB):
        inventory = vectorize(
            replace(
                _layers(known, source, Path(folder)),
                dem=elevation,
                dem_band=1 if dem is not None else known.dem_band,
                dem_unit=unit,
            ),
            replace(
                known.provenance,
                scene_id=record.get("scene_id", source.stem),
                dem_source=None if elevation is None else elevation.name,
                threshold=threshold,
            ),
            threshold=threshold,
            grow=params.grow,
            min_area_m2=params.min_area_m2,
            min_slope_deg=params.min_slope_deg,
            simplify_m=params.simplify_m,
            smooth=params.smooth,
        )
    make_parent(target)
    write_geopackage(target, inventory)
    return inventory


@contextmanager
def scan_layers(folder: Path) -> Iterator[Layers | None]:
    """The rasters in the folder of a scan, and its elevation model if that is still there; None where it holds none.

    Raises:
        LandslideError: a raster cannot be read.
    """
    record, probability = read_record(folder), folder / "probability.tif"
    if record is None or not probability.exists():
        yield None
        return
    known = _known(record, folder)
    with tempfile.TemporaryDirectory(prefix="landslide-") as made:
        yield _layers(known, probability, Path(made))


@dataclass(frozen=True, kw_only=True)
class _Known:
    """What the scan beside a raster knows; nothing where there is none."""

    provenance: Provenance
    visibility: Path | None = None
    uncertainty: Path | None = None
    change: Path | None = None
    dem: Path | None = None
    dem_band: int = 1
    dem_unit: HeightUnit = "m"


def _layers(known: _Known, probability: Path, folder: Path) -> Layers:
    """The rasters that a scan knows; without one of what could be seen, the probability tells it, in ``folder``."""
    seen = known.visibility
    if seen is None:
        seen = folder / "visibility.tif"
        _visibility_of(probability, seen)
    return Layers(
        probability=probability,
        visibility=seen,
        uncertainty=known.uncertainty,
        change=known.change,
        dem=known.dem,
        dem_band=known.dem_band,
        dem_unit=known.dem_unit,
    )


def _known(record: dict[str, Any], folder: Path) -> _Known:
    now = datetime.now(UTC)
    if not record:
        return _Known(provenance=Provenance(scene_id="", detected_at=now))

    def there(name: str) -> Path | None:
        return folder / name if (folder / name).exists() else None

    settings, model = record["parameters"], record["model"]
    event, day = settings.get("event") or (None, None)
    dem = next((entry for entry in record["inputs"] if entry["role"] == "dem"), None)
    there_still = dem is not None and Path(dem["path"]).exists()
    return _Known(
        provenance=Provenance(
            scene_id=record["scene_id"],
            scene_ids=(record["scene_id"],),
            detected_at=now,
            date_post=_day(record["date_post"]),
            date_pre=_day(record["date_pre"]),
            model_id=model["name"],
            model_sha256=model["sha256"],
            event_id=event,
            event_date=_day(day),
        ),
        visibility=there(f"{REVIEW}/visibility.tif"),
        uncertainty=there("uncertainty.tif"),
        change=there(f"{REVIEW}/change.tif"),
        dem=Path(dem["path"]) if dem is not None and there_still else None,
        dem_band=dem["band"] if dem is not None else 1,
        dem_unit=dem.get("unit", "m") if dem is not None else "m",
    )


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)


def _visibility_of(probability: Path, out: Path) -> None:
    """Clear where the raster has a value."""
    with rasterio.open(probability) as dataset:
        geobox = GeoBox.from_rio(dataset)

    def classes(block: Block) -> NDArray[np.uint8]:
        with rasterio.open(probability) as dataset, reading(probability):  # threads must not share one
            values = dataset.read(1, window=block.window, masked=True)
        known = ~np.ma.getmaskarray(values) & np.isfinite(values.data)
        return np.where(known, np.uint8(Visibility.CLEAR), np.uint8(Visibility.NODATA))[None]

    write_cog(out, geobox, classes, count=1, dtype="uint8", nodata=0, descriptions=["visibility"])
