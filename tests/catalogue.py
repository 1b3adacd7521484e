"""Catalogues over the real sample scenes, as a STAC API and its files are served: what `landslide ingest` meets."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from odc.geo.geobox import GeoBox
from rasterio.warp import Resampling, reproject
from served import Site, serving
from stac_api import item, projected, stac_api

from landslide_geo.scene.visibility import Visibility, classify


@dataclass
class Catalogue:
    """A catalogue that is being written.

    Attributes:
        folder: its files lie in.
        site: that serves them.
        items: so far.
    """

    folder: Path
    site: Site
    items: list[dict[str, Any]] = field(default_factory=list)

    def add(
        self,
        name: str,
        collection: str,
        when: datetime,
        rasters: dict[str, np.ndarray],
        grid: GeoBox,
        *,
        nodata: float | None = 0,
        proj: bool = True,
        **properties: Any,
    ) -> dict[str, Any]:
        """Add an item whose assets hold (y, x) values on a grid; those of half the size on larger pixels."""
        paths = {}
        for key, values in rasters.items():
            factor = round(grid.shape.y / values.shape[0])
            own = grid if factor == 1 else grid.zoom_out(factor)
            path = self.folder / f"{name}-{key}.tif"
            write(path, values, own, nodata=nodata)
            self.site.content[f"/{path.name}"] = path.read_bytes()
            paths[key] = path
        hrefs = {key: f"{self.site.base}/{path.name}" for key, path in paths.items()}
        made = item(name, collection, when, grid, hrefs, **properties)
        self.items.append(projected(made, paths) if proj else made)
        return made

    @contextmanager
    def served(self, port: int = 0) -> Iterator[str]:
        """The address of the API with all items."""
        with stac_api(self.folder, self.items, port=port) as url:
            yield url


@contextmanager
def catalogue(folder: Path) -> Iterator[Catalogue]:
    """An empty catalogue whose files are served while the block runs."""
    folder.mkdir(parents=True, exist_ok=True)
    with serving() as site:
        yield Catalogue(folder, site)


def write(path: Path, values: np.ndarray, grid: GeoBox, *, nodata: float | None = 0) -> Path:
    """(y, x) values as a tiled GeoTIFF with overviews."""
    profile = {
        "driver": "COG", "height": values.shape[0], "width": values.shape[1], "count": 1, "dtype": values.dtype,
        "crs": str(grid.crs), "transform": grid.transform, "nodata": nodata, "compress": "deflate", "blocksize": 256,
    }  # fmt: skip
    with rasterio.open(path, "w", **profile) as dataset:
        dataset.write(values, 1)
    return path


def hokkaido(made: Catalogue, mirror: Path) -> None:
    """The real Hokkaido scene as a catalogue might have it: two tiles after the event, two passes before it."""
    folder = mirror / "scene_hokkaido_iburi"
    if not folder.is_dir():
        pytest.skip("the mirror has no scene_hokkaido_iburi")
    grid = GeoBox.from_bbox((572600, 4725700, 583800, 4735600), crs="EPSG:32654", resolution=10)
    bands = {
        date: {
            name: _warped(folder / f"{date}-event/download.{number}.tif", grid)
            for name, number in (("blue", "B2"), ("green", "B3"), ("red", "B4"))
        }
        for date in ("pre", "post")
    }
    own = {"platform": "sentinel-2a", "s2__processing_baseline": "02.08", "sat__relative_orbit": 74}
    left, right = np.s_[:, :620], np.s_[:, 600:]
    sun = {"view__sun_azimuth": 150.0, "view__sun_elevation": 49.0}
    for tile, part in (("54TWN", left), ("54TXN", right)):
        after = {name: values[part] for name, values in bands["post"].items()}
        made.add(
            f"S2A_{tile}_20180911_0_L2A", "sentinel-2-l2a", datetime(2018, 9, 11, 1, 27),
            after | {"scl": _classified(after)}, grid[part], eo__cloud_cover=12.0, **own, **sun,
        )  # fmt: skip
    before = bands["pre"]
    made.add(
        "S2A_54TWN_20180812_0_L2A", "sentinel-2-l2a", datetime(2018, 8, 12, 1, 27),
        before | {"scl": _classified(before)}, grid, eo__cloud_cover=30.0, **own,
    )  # fmt: skip
    cloudy = np.full(grid.shape, 9, np.uint8)
    made.add(
        "S2B_54TWN_20180904_0_L2A", "sentinel-2-l2a", datetime(2018, 9, 4, 1, 27),
        {name: np.full(grid.shape, 6000, np.uint16) for name in before} | {"scl": cloudy}, grid, eo__cloud_cover=3.0,
        **(own | {"platform": "sentinel-2b"}),
    )  # fmt: skip
    with rasterio.open(folder / "dem/download.DSM.tif") as dataset:
        made.add(
            "Copernicus_DSM_COG_10_N42_00_E141_00_DEM", "cop-dem-glo-30", datetime(2021, 4, 22),
            {"data": dataset.read(1).astype(np.float32)}, GeoBox.from_rio(dataset), nodata=None,
        )  # fmt: skip


def italy(made: Catalogue, mirror: Path) -> None:
    """The real Emilia-Romagna patch: Sentinel-2 and both directions of Sentinel-1 before and after, and elevation.

    Its numbers have no offset, whatever their baseline: whoever made the patch took it off.
    """
    folder = mirror / "scene_italy_emilia"
    if not folder.is_dir():
        pytest.skip("the mirror has no scene_italy_emilia")
    days = {"pre": datetime(2023, 4, 28, 10, 6), "post": datetime(2023, 5, 23, 10, 6)}
    for date, day in days.items():
        with rasterio.open(folder / f"s2_{date}_{day:%Y-%m-%d}.tif") as dataset:
            grid, values = GeoBox.from_rio(dataset), dataset.read()
            bands = dict(zip(dataset.descriptions, values, strict=True))
        named = {name: bands[number] for name, number in (("blue", "B02"), ("green", "B03"), ("red", "B04"))}
        made.add(
            f"S2B_MSIL2A_{day:%Y%m%d}T100559_N0509_R022_T32TPQ", "sentinel-2-l2a", day,
            bands | {"SCL": _classified(named)}, grid, platform="sentinel-2b", s2__processing_baseline="05.09",
        )  # fmt: skip
    passes = (
        ("asc", "ascending", 117, "pre", datetime(2023, 5, 11, 17, 6)),
        ("asc", "ascending", 117, "post", datetime(2023, 5, 23, 17, 6)),
        ("dsc", "descending", 95, "pre", datetime(2023, 5, 15, 5, 19)),
        ("dsc", "descending", 168, "post", datetime(2023, 5, 22, 5, 11)),
        ("dsc", "descending", 95, "post", datetime(2023, 5, 27, 5, 19)),
    )
    for short, state, orbit, date, day in passes:
        (path,) = folder.glob(f"s1{short}_{date}_*.tif")
        with rasterio.open(path) as dataset:
            power = {key: 10 ** (band / 10) for key, band in zip(("vv", "vh"), dataset.read(), strict=True)}
        made.add(
            f"S1A_IW_{day:%Y%m%dT%H%M%S}_{state}_rtc", "sentinel-1-rtc", day, power, grid, nodata=-32768,
            platform="sentinel-1a", sat__orbit_state=state, sat__relative_orbit=orbit,
        )  # fmt: skip
    with rasterio.open(folder / "dem.tif") as dataset:
        made.add(
            "Copernicus_DSM_COG_10_N44_00_E011_00_DEM", "cop-dem-glo-30", datetime(2021, 4, 22),
            {"data": dataset.read(1).astype(np.float32)}, grid, nodata=None,
        )  # fmt: skip


def _warped(path: Path, grid: GeoBox) -> np.ndarray:
    with rasterio.open(path) as dataset:
        out = np.zeros(grid.shape, np.uint16)
        reproject(
            rasterio.band(dataset, 1), out, dst_transform=grid.transform, dst_crs=str(grid.crs), src_nodata=0,
            dst_nodata=0, resampling=Resampling.bilinear,
        )  # fmt: skip
    return out


def _classified(bands: dict[str, np.ndarray]) -> np.ndarray:
    """A scene classification by the project's own rules: the sample scene has none."""
    seen = np.all([values > 0 for values in bands.values()], axis=0)
    reflectance = {name: values.astype(np.float32) * 1e-4 for name, values in bands.items()}
    codes = classify(reflectance, seen=seen, illumination=None, pixel=10)
    # Vegetation, where it is darker in red than in green; anything else that can be seen is bare.
    out = np.where(bands["red"] < bands["green"], 4, 5).astype(np.uint8)
    out[codes == Visibility.CLOUD] = 9
    out[codes == Visibility.NODATA] = 0
    return out
