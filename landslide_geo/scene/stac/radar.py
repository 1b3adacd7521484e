"""Sentinel-1 of one date or two: passes of each direction by themselves, both dates from the same orbit."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import rasterio
from numpy.typing import NDArray

from landslide_geo.bands import PRE
from landslide_geo.errors import NoAcquisitionError
from landslide_geo.scene.cog import write_cog
from landslide_geo.scene.composite import mosaic
from landslide_geo.scene.grid import Block
from landslide_geo.scene.sentinel1 import POLARISATIONS, STATES, Speckle, backscatter, band_name, despeckled, margin
from landslide_geo.scene.stac.access import Access, plain
from landslide_geo.scene.stac.catalogues import Product
from landslide_geo.scene.stac.choice import Candidate, Choice, Wish, choose, choose_pair
from landslide_geo.scene.stac.layers import Layer, Layers
from landslide_geo.scene.stac.load import Asset, load, look_at
from landslide_geo.scene.stac.plan import Dates, Plan, Searcher, made_plan
from landslide_geo.scene.stac.region import Region
from landslide_geo.scene.stac.search import Acquisition
from landslide_geo.scene.stac.strips import Strips

FloatArray = NDArray[np.float32]
_NOT_TOLD: Final = "does not tell whether its pass is ascending or descending"


def plan_radar(searcher: Searcher, product: Product, collection: str, dates: Dates, *, min_coverage: float) -> Plan:
    """Search and choose, one acquisition of each direction and date.

    Args:
        searcher: of the catalogue.
        product: Sentinel-1, terrain corrected.
        collection: of the product.
        dates: one or two; two are of one relative orbit, since another one looks at slopes from elsewhere.
        min_coverage: share of the area that one must cover.

    Raises:
        NoAcquisitionError: there is none of either direction, or no pair.
        FetchError: the catalogue does not answer.
    """
    ranges = {"post": dates.post} | ({} if dates.pre is None else {"pre": dates.pre})
    found = {name: searcher.find(product, collection, span) for name, span in ranges.items()}
    wish = Wish(target=dates.target, min_coverage=min_coverage)
    chosen: dict[str, list[Choice]] = {name: [] for name in ranges}
    for state in STATES:
        known = {name: [_candidate(one) for one in some if one.orbit_state == state] for name, some in found.items()}
        if dates.pre is None:
            chosen["post"].append(choose(known["post"], wish))
        else:
            pair = choose_pair(known["post"], known["pre"], wish, wish, same_orbit=True)
            for name, choice in zip(ranges, pair, strict=True):
                chosen[name].append(choice)
    for name, some in found.items():
        untold = [_candidate(one) for one in some if one.orbit_state not in STATES]
        chosen[name].append(Choice((), tuple((one, _NOT_TOLD) for one in untold)))
    choices = {
        name: Choice(
            tuple(one for choice in some for one in choice.chosen),
            tuple(one for choice in some for one in choice.refused),
        )
        for name, some in chosen.items()
    }
    if not choices["post"].chosen:
        raise NoAcquisitionError(_nothing(product, dates, found, choices))
    return made_plan(product, found, choices)


def radar_layers(plan: Plan, region: Region, access: Access, *, speckle: Speckle, size: int, work: Path) -> Layers:
    """Backscatter of each direction and date in dB.

    Args:
        plan: its acquisitions.
        region: with the grid.
        access: to the files.
        speckle: filter.
        size: side of the filter's window in pixels.
        work: folder for what is loaded once.

    Raises:
        LandslideError: a file is missing, cannot be had, or does not lie where its item says.
    """
    found = Layers()
    for prefix, acquisitions in (("", plan.post), (PRE, plan.pre)):
        for one in acquisitions:
            assets = look_at(one.items, plan.product, POLARISATIONS, access)
            found.warnings += [note for some in assets.values() for asset in some for note in asset.notes]
            for polarisation in POLARISATIONS:
                assert one.orbit_state is not None
                name = prefix + band_name(polarisation, one.orbit_state)
                source = _Power(assets[polarisation], region, access, work / f"{name}.tif")
                found.bands.append(
                    Layer(
                        name,
                        partial(_decibels, source, speckle, size),
                        tuple(plain(asset.href) for asset in assets[polarisation]),
                        source.prepare,
                        one.when,
                    )
                )
    missing = [state for state in STATES if all(one.orbit_state != state for one in plan.post)]
    found.warnings += [f"no {state} pass of Sentinel-1 may be taken: see ingest.json for why" for state in missing]
    found.checks["radar"] = {
        "product": plan.product.title,
        "speckle": speckle,
        "window": size if speckle != "none" else None,
    }
    return found


class _Power:
    """Power of an acquisition, loaded once into a file: what is made of a pixel depends on those around it."""

    def __init__(self, assets: Sequence[Asset], region: Region, access: Access, path: Path) -> None:
        self._assets, self._access, self._path = assets, access, path
        self.geobox = region.geobox

    def read(self, block: Block) -> FloatArray:
        """(h, w) linear, NaN where there is none."""
        with rasterio.open(self._path) as dataset:
            values: FloatArray = dataset.read(1, window=block.window)
        return values

    def prepare(self) -> None:
        """Load it, where it is not there yet."""
        if self._path.exists():
            return
        strips = Strips(
            load(self._assets, self.geobox, self._access, dtype="float32", nodata=float("nan"), resampling="bilinear")
        )

        def loaded(block: Block) -> NDArray[Any]:
            values = strips.read(block)
            return mosaic(np.where(values > 0, values, np.float32(np.nan)))[None]

        write_cog(
            self._path, self.geobox, loaded, count=1, dtype="float32", nodata=float("nan"), descriptions=["power"]
        )


def _decibels(source: _Power, speckle: Speckle, size: int, block: Block) -> FloatArray:
    height, width = source.geobox.shape
    pixel = abs(source.geobox.resolution.x)
    wide = block.padded(margin(pixel) + size).clipped(height, width)
    values = despeckled(backscatter(source.read(wide), pixel=pixel), kind=speckle, size=size)
    return values[block.inside(wide)]


def _candidate(one: Acquisition) -> Candidate:
    return Candidate(
        key=one.key, name=one.name, when=one.when, coverage=one.coverage, orbit=(one.relative_orbit, one.orbit_state)
    )


def _nothing(product: Product, dates: Dates, found: dict[str, list[Acquisition]], choices: dict[str, Choice]) -> str:
    counts = ", ".join(f"{len(some)} {'after' if name == 'post' else 'before'}" for name, some in found.items())
    span = f"{(dates.pre or dates.post)[0]:%Y-%m-%d} to {dates.post[1]:%Y-%m-%d}"
    reasons = list(dict.fromkeys(reason for choice in choices.values() for _, reason in choice.refused))
    why = f": {'; '.join(reasons[:3])}" if reasons else ""
    return (
        f"no {product.title}, may be taken of {span} ({counts} were found{why}); choose other dates with --before and "
        "--after, or leave s1 out of --sensors"
    )
