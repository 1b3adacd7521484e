"""The elevation model of a catalogue, put together from its tiles."""

from __future__ import annotations

from functools import partial
from typing import Any

import dask.array as da
import numpy as np
from numpy.typing import NDArray

from landslide_geo.errors import NoAcquisitionError
from landslide_geo.scene.composite import mosaic
from landslide_geo.scene.grid import Block
from landslide_geo.scene.heights import METRES, HeightUnit, unit_doubts
from landslide_geo.scene.stac.access import Access, plain
from landslide_geo.scene.stac.catalogues import Product
from landslide_geo.scene.stac.layers import Layer, Layers
from landslide_geo.scene.stac.load import load, look_at
from landslide_geo.scene.stac.look import coarse, inside
from landslide_geo.scene.stac.plan import Plan, Searcher
from landslide_geo.scene.stac.region import Region
from landslide_geo.scene.stac.search import Acquisition, moment, search
from landslide_geo.scene.stac.strips import WORKERS, Strips

BAND = "elevation"
#: Share of an area that may be without elevation before it is told: shores and rounding.
_WORTH_TELLING = 0.001


def plan_elevation(searcher: Searcher, product: Product, collection: str) -> Plan:
    """All tiles of an elevation model that meet the region; they have no date that matters.

    Raises:
        NoAcquisitionError: there is none.
        FetchError: the catalogue does not answer.
    """
    items = search(searcher.client, searcher.access.catalogue, collection, searcher.region, None)
    if not items:
        raise NoAcquisitionError(
            f"{searcher.access.catalogue.name}: has no {product.title} here; the area may lie in the sea. Leave dem "
            "out of --sensors, and name an elevation model to the scan with --dem"
        )
    one = Acquisition(product.sensor, moment(items[0]), tuple(items), "", None, None, None, 1.0)
    told = {
        "name": product.title, "date": "post", "chosen": True, "reason": "all of its tiles that meet the area",
        "items": [item.id for item in items], "acquired": one.when.isoformat(timespec="seconds"), "coverage": 1.0,
        "hidden": 0.0, "hidden_from": "",
    }  # fmt: skip
    return Plan(product, (one,), (), (told,))


def elevation_layers(plan: Plan, region: Region, access: Access, *, unit: HeightUnit | None = None) -> Layers:
    """Elevation in metres, NaN where there is none; how much of the area that is, is told.

    Args:
        plan: its tiles.
        region: with the grid.
        access: to the files.
        unit: of the files, whatever they tell; none takes what each of them tells, or metres.

    Raises:
        LandslideError: a file is missing, cannot be had, or does not lie where its item says.
    """
    assets = look_at(plan.post[0].items, plan.product, [BAND], access)[BAND]

    units = [unit or asset.unit or "m" for asset in assets]
    metres = np.array([METRES[one] for one in units], np.float32)[:, None, None]

    def lazy(grid: Any) -> da.Array:
        read = load(assets, grid, access, dtype="float32", nodata=float("nan"), resampling="bilinear")
        return read if (metres == 1).all() else read * metres

    grid = coarse(region)
    tiles = lazy(grid).compute(scheduler="threads", num_workers=WORKERS)
    missing = 1 - float(np.isfinite(mosaic(tiles))[inside(region, grid)].mean())
    found = Layers(
        bands=[Layer(BAND, partial(_read, Strips(lazy(region.geobox))), tuple(plain(asset.href) for asset in assets))],
        checks={BAND: {"missing": round(missing, 4), "tiles": len(assets), "units": sorted(set(units))}},
        warnings=[note for asset in assets for note in asset.notes],
    )
    for asset, one, values in zip(assets, units, tiles, strict=True):
        found.warnings += unit_doubts(plain(asset.href), one, values, told_by_user=unit is not None)
    if missing > _WORTH_TELLING:
        found.warnings.append(
            f"the elevation model covers {1 - missing:.0%} of the area: slopes are not known in the rest, where "
            "elevation has no value"
        )
    return found


def _read(strips: Strips, block: Block) -> NDArray[Any]:
    return mosaic(strips.read(block))
