"""What is to be written of a plan: bands by name, each with a function that gives any block of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import Resampling

from landslide_geo.bands import PRE
from landslide_geo.scene.cog import write_cog
from landslide_geo.scene.composite import best_class, best_look, median, taken
from landslide_geo.scene.grid import Block
from landslide_geo.scene.item import VISIBILITY
from landslide_geo.scene.judged import Judged
from landslide_geo.scene.sentinel2 import Offset, disagreement
from landslide_geo.scene.stac.access import Access, plain
from landslide_geo.scene.stac.catalogues import L1C, PRODUCTS, Product
from landslide_geo.scene.stac.load import Asset, look_at
from landslide_geo.scene.stac.offsets import DARK_BANDS, offsets_of, unchecked_offset
from landslide_geo.scene.stac.optical import OPTICAL, OpticalDate, require_scale, sun_of
from landslide_geo.scene.stac.plan import Plan
from landslide_geo.scene.stac.region import Region
from landslide_geo.scene.stac.search import Acquisition
from landslide_geo.scene.sun import SunPosition


@dataclass(frozen=True)
class Layer:
    """A band to write.

    Attributes:
        name: from the vocabulary, or a visibility.
        read: (h, w) of a block, as stored.
        sources: addresses of the files it is of.
        prepare: to be called before anything is read.
        when: it was acquired, where that matters.
    """

    name: str
    read: Callable[[Block], NDArray[Any]]
    sources: tuple[str, ...]
    prepare: Callable[[], None] = lambda: None
    when: dt.datetime | None = None


@dataclass
class Layers:
    """Bands to write, and what was found out on the way.

    Attributes:
        bands: in the order they are written in.
        checks: that were made, for the record.
        warnings: that the user should see.
        sun: direction of the sun at the later date.
    """

    bands: list[Layer] = field(default_factory=list)
    checks: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    sun: SunPosition | None = None

    def __iadd__(self, other: Layers) -> Layers:
        """Add another sensor's."""
        self.bands += other.bands
        self.checks |= other.checks
        self.warnings += other.warnings
        self.sun = self.sun or other.sun
        return self


def optical_layers(
    plan: Plan, bands: Sequence[str], region: Region, access: Access, *, composite: str, work: Path
) -> Layers:
    """Bands and visibility of an optical sensor.

    Args:
        plan: its acquisitions.
        bands: by vocabulary name.
        region: with the grid.
        access: to the files.
        composite: none, median or best.
        work: folder for what is worked out once.

    Raises:
        LandslideError: a file is missing, cannot be had, or does not lie where its item says.
    """
    found = Layers()
    offsets: dict[str, list[Offset]] = {}
    for date, acquisitions in (("post", plan.post), ("pre", plan.pre)):
        if not acquisitions:
            continue
        assets, own = _assets(plan, acquisitions, bands, region, access)
        found.warnings += [note for one in assets for some in one.values() for asset in some for note in asset.notes]
        looks = OpticalDate(acquisitions, assets, own, region.geobox, access, work=work / date)
        prefix = PRE if date == "pre" else ""
        if len(acquisitions) > 1:
            found.bands += _composite(looks, bands, assets, region, prefix, composite, work / f"{date}.tif")
        else:
            found.bands += _single(looks, bands, assets, prefix)
        if own:
            offsets[date] = list(own.values())
            found.checks[f"{date}_offsets"] = {name: _told(one) for name, one in own.items()}
            found.warnings += [f"{name}: {one.reason}" for name, one in own.items() if one.value != one.told]
    if len(offsets) == 2 and (problem := disagreement(offsets["post"], offsets["pre"])) is not None:
        found.warnings.append(problem)
    sun = sun_of([item for one in plan.post for item in one.items])
    found.sun = None if sun is None else SunPosition(*sun)
    return found


def _assets(
    plan: Plan, acquisitions: Sequence[Acquisition], bands: Sequence[str], region: Region, access: Access
) -> tuple[list[dict[str, list[Asset]]], dict[str, Offset]]:
    """Files of each acquisition, and the offsets of their items."""
    found: list[dict[str, list[Asset]]] = []
    offsets: dict[str, Offset] = {}
    shifted = plan.product.sensor == "s2"
    for one in acquisitions:
        # Where no band that is asked for is dark on vegetation, one is looked at that is.
        dark = [] if not shifted or set(bands) & set(DARK_BANDS[:2]) else ["red"]
        names = dict.fromkeys((*bands, *dark, *_telling(plan.product)))
        assets = look_at(one.items, plan.product, list(names), access)
        require_scale(assets, OPTICAL[plan.product.sensor])
        found.append(assets)
        if shifted:
            offsets |= offsets_of(assets, region, access)
        elif plan.product.sensor == L1C:
            offsets |= {item.id: unchecked_offset(item) for item in one.items}
    return found, offsets


def _single(
    looks: OpticalDate, bands: Sequence[str], assets: Sequence[dict[str, list[Asset]]], prefix: str
) -> list[Layer]:
    def band(name: str, block: Block) -> NDArray[Any]:
        return looks.band(name, block)[0]

    layers = [Layer(prefix + name, partial(band, name), _sources(assets, name)) for name in bands]
    return [*layers, Layer(prefix + VISIBILITY, lambda block: looks.classes(block)[0], _told_by(looks, assets))]


def _composite(
    looks: OpticalDate,
    bands: Sequence[str],
    assets: Sequence[dict[str, list[Asset]]],
    region: Region,
    prefix: str,
    how: str,
    path: Path,
) -> list[Layer]:
    """Layers of several acquisitions made one; their classes, which every band asks for, are read once, into a file."""
    if not path.exists():
        _write_classes(looks, region, path)

    def classes(block: Block) -> NDArray[np.uint8]:
        with rasterio.open(path) as dataset:
            codes: NDArray[np.uint8] = dataset.read(window=block.window)
        return codes

    def band(name: str, block: Block) -> NDArray[Any]:
        values, codes = looks.band(name, block), classes(block)
        return median(values, codes) if how == "median" else taken(values, best_look(codes))

    layers = [Layer(prefix + name, partial(band, name), _sources(assets, name)) for name in bands]
    shown = Layer(prefix + VISIBILITY, lambda block: best_class(classes(block)), _told_by(looks, assets))
    return [*layers, shown]


def _write_classes(looks: OpticalDate, region: Region, path: Path) -> None:
    names = [one.name for one in looks.acquisitions]
    write_cog(
        path, region.geobox, looks.classes, count=len(names), dtype="uint8", nodata=0, descriptions=names,
        overview_resampling=Resampling.mode,
    )  # fmt: skip


def _telling(product: Product) -> tuple[str, ...]:
    """What tells what can be seen: its classification, or else bands."""
    return ("classes",) if product.classes else Judged.bands()


def _told_by(looks: OpticalDate, assets: Sequence[dict[str, list[Asset]]]) -> tuple[str, ...]:
    """Files that the visibility is from."""
    return tuple(source for name in _telling(PRODUCTS[looks.sensor]) for source in _sources(assets, name))


def _sources(assets: Sequence[dict[str, list[Asset]]], name: str) -> tuple[str, ...]:
    return tuple(plain(asset.href) for one in assets for asset in one[name])


def _told(one: Offset) -> dict[str, Any]:
    level = None if one.level is None else round(one.level)
    return {"added": one.value, "metadata": one.told, "dark_ground": level, "reason": one.reason}
