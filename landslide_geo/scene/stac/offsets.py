"""The offsets of Sentinel-2 items: what their metadata say, checked against what their dark pixels show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import pystac

from landslide_geo.scene.sentinel2 import Offset, dark_level, judged_offset, told_offset
from landslide_geo.scene.stac.access import Access
from landslide_geo.scene.stac.load import Asset, load
from landslide_geo.scene.stac.look import coarse
from landslide_geo.scene.stac.region import Region
from landslide_geo.scene.stac.search import baseline, moment

#: Bands in which vegetation and water are dark.
DARK_BANDS: Final = ("blue", "red", "coastal", "green")


def unchecked_offset(item: pystac.Item) -> Offset:
    """The offset of a Level 1C item by its metadata: nobody knows how bright dark ground is through an atmosphere."""
    told, reason = told_offset(item.properties, baseline=baseline(item), day=moment(item).date())
    return Offset(told, f"{reason} (Level 1C is not checked against dark ground)", told, None)


def offsets_of(assets: Mapping[str, Sequence[Asset]], region: Region, access: Access) -> dict[str, Offset]:
    """The offset of each item of an acquisition.

    Args:
        assets: by band and ``classes``, one for each item.
        region: whose pixels are looked at, coarsely.
        access: to the files.

    Returns:
        By the item's name.

    Raises:
        FetchError: a file cannot be had.
    """
    grid, found = coarse(region), {}
    dark = [name for name in DARK_BANDS if name in assets][:2]
    layers = {}
    for name in dark:
        lazy = load(assets[name], grid, access, dtype="uint16", nodata=0, resampling="nearest")
        layers[name] = lazy.compute(scheduler="threads")
    scl = load(assets["classes"], grid, access, dtype="uint8", nodata=0, resampling="nearest")
    classes = scl.compute(scheduler="threads")
    for index, asset in enumerate(assets["classes"]):
        item = asset.item
        told, reason = told_offset(item.properties, baseline=baseline(item), day=moment(item).date())
        level = dark_level([np.asarray(layers[name][index]) for name in dark], classes[index])
        found[item.id] = judged_offset(told, reason, level, baseline=baseline(item))
    return found
