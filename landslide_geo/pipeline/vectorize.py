"""A probability raster of any origin to a styled GeoPackage."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import rasterio
from odc.geo.geobox import GeoBox

from landslide_geo.config import VectorizeParams
from landslide_geo.errors import OutputError, ParameterError
from landslide_geo.inventory import Inventory, Layers, Provenance, vectorize, write_geopackage
from landslide_geo.pipeline.workspace import REVIEW, read_record
from landslide_geo.scene.cog import write_cog
from landslide_geo.scene.raster_io import open_raster, reading
from landslide_geo.scene.visibility import Visibility


def vectorize_file(
    probability: str | Path, out: str | Path, *, params: VectorizeParams | None = None, dem: str | Path | None = None
) -> Inventory:
    """Write the landslides of a probability raster.

    Where the raster lies in the folder of a scan, what that scan knows (visibility, uncertainty, threshold, model) is
    used; otherwise pixels with a value count as clear.

    Args:
        probability: raster of probabilities 0–1 on a projected grid, nodata or NaN where unknown.
        out: GeoPackage to write; replaced if it exists.
        params: threshold and least area and slope. A threshold is needed where no scan knows one.
        dem: elevation model in metres, on any grid.

    Raises:
        ParameterError: no threshold is known.
        LandslideError: an input cannot be read, or the output not written.
    """
    params = params or VectorizeParams()
    source, target = Path(probability), Path(out)
    with open_raster(source, what="probability raster"):
        pass
    if target.suffix != ".gpkg":
        raise OutputError(f"{target}: the output is a GeoPackage; name it with .gpkg")
    record = read_record(source.parent) or {}
    threshold = params.threshold or record.get("parameters", {}).get("threshold")
    if threshold is None:
        raise ParameterError(f"{source}: no scan beside it tells a threshold; give one with --threshold, e.g. 0.5")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{target.parent}: cannot be made ({error.strerror})") from None
    model = record.get("model", {})
    uncertainty, seen = source.parent / "uncertainty.tif", source.parent / REVIEW / "visibility.tif"
    with tempfile.TemporaryDirectory(prefix="landslide-") as folder:
        if not (record and seen.exists()):
            seen = Path(folder) / "visibility.tif"
            _visibility_of(source, seen)
        inventory = vectorize(
            Layers(
                probability=source,
                visibility=seen,
                uncertainty=uncertainty if record and uncertainty.exists() else None,
                dem=None if dem is None else Path(dem),
            ),
            Provenance(
                scene_id=record.get("scene_id", source.stem),
                detected_at=datetime.now(UTC),
                dem_source=None if dem is None else Path(dem).name,
                model_id=model.get("name"),
                model_sha256=model.get("sha256"),
                threshold=threshold,
            ),
            threshold=threshold,
            min_area_m2=params.min_area_m2,
            min_slope_deg=params.min_slope_deg,
        )
    write_geopackage(target, inventory)
    return inventory


def _visibility_of(probability: Path, out: Path) -> None:
    """Clear where the raster has a value."""
    with rasterio.open(probability) as dataset, reading(probability):

        def classes(block) -> np.ndarray:  # type: ignore[no-untyped-def, type-arg]
            values = dataset.read(1, window=block.window, masked=True)
            known = ~np.ma.getmaskarray(values) & np.isfinite(values.data)
            return np.where(known, np.uint8(Visibility.CLEAR), np.uint8(Visibility.NODATA))[None]

        write_cog(out, GeoBox.from_rio(dataset), classes, count=1, dtype="uint8", nodata=0, descriptions=["visibility"])
