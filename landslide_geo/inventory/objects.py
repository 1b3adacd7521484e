"""Which pixels belong to objects: hysteresis thresholding of a raster of any size, in blocks of rows.

Pixels hang together by their edges. Each block's objects are labelled by themselves; what hangs together across seams
is found from the two rows on either side of each, and then every object is judged as a whole. Labels are not stored:
the second pass, which writes the mask, labels each block again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from scipy import ndimage, sparse

from landslide_geo.scene.grid import Block
from landslide_geo.scene.raster_io import open_raster
from landslide_geo.scene.reader import BandReader
from landslide_geo.scene.sources import BandSource

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

#: Pixels of a block unless told otherwise: 16 MB of labels.
_BLOCK = 4_000_000


@dataclass
class _Objects:
    """Labels of all blocks so far, numbered through, and what is known of each."""

    pixels: list[IntArray] = field(default_factory=list)
    seeded: list[BoolArray] = field(default_factory=list)
    seams: list[IntArray] = field(default_factory=list)
    count: int = 0

    def add(self, labels: NDArray[np.int32], count: int, seeds: BoolArray, above: IntArray | None) -> IntArray:
        """Take up a block; ``above`` are the labels over it, numbered through. Returns its own last row, likewise."""
        self.pixels.append(np.bincount(labels.ravel(), minlength=count + 1)[1:])
        self.seeded.append(np.bincount(labels[seeds], minlength=count + 1)[1:] > 0)

        def numbered(row: NDArray[np.int32]) -> IntArray:
            return np.where(row > 0, row.astype(np.int64) - 1 + self.count, -1)

        if above is not None:
            below = numbered(labels[0])
            joined = (above >= 0) & (below >= 0)
            self.seams.append(np.unique(np.stack([above[joined], below[joined]]), axis=1))
        last = numbered(labels[-1])
        self.count += count
        return last

    def merged(self) -> tuple[IntArray, IntArray, BoolArray]:
        """(label,) the object that it belongs to; (object,) its pixels, and whether it has a seed."""
        pairs = np.concatenate([*self.seams, np.empty((2, 0), dtype=np.int64)], axis=1)
        graph = sparse.coo_array((np.ones(pairs.shape[1], dtype=bool), tuple(pairs)), shape=(self.count, self.count))
        count, owner = sparse.csgraph.connected_components(graph, directed=False)
        pixels, seeded = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=bool)
        np.add.at(pixels, owner, np.concatenate([*self.pixels, np.empty(0, dtype=np.int64)]))
        np.logical_or.at(seeded, owner, np.concatenate([*self.seeded, np.empty(0, dtype=bool)]))
        return owner.astype(np.int64), pixels, seeded


def hysteresis_mask(
    probability: Path,
    out: Path,
    *,
    threshold: float,
    grow: float | None = None,
    min_pixels: int = 1,
    rows: int | None = None,
) -> int:
    """Write the 4-connected objects of pixels that reach ``grow`` and hold one that reaches ``threshold``.

    Two thresholds follow an object's rim where confidence fades without taking up faint ground that stands alone
    (Canny 1986). The result is that of the whole raster at once, whatever the blocks; memory follows the number of
    objects and the raster's width.

    Args:
        probability: raster of float 0–1; nodata and NaN belong to no object.
        out: GeoTIFF of uint8 0 and 1 to write, on the same grid.
        threshold: that the most certain pixel of an object must reach, itself included.
        grow: that all of its pixels must reach, itself included, at most ``threshold``; none takes ``threshold``.
        min_pixels: objects that have fewer even with their holes filled are left out here, to spare the work of
            outlining them. Some that are too small remain, for holes are not looked at.
        rows: height of the blocks; none takes what bounds memory.

    Returns:
        How many objects were left out for their size.

    Raises:
        UnreadableRasterError: the raster cannot be read.
    """
    lower = threshold if grow is None else min(grow, threshold)
    candidates = out.with_suffix(".candidates.tif")
    with open_raster(probability) as source:
        tall = rows or max(_BLOCK // source.width, 1)
        grid = GeoBox.from_rio(source)
        profile = {
            "driver": "GTiff", "dtype": "uint8", "count": 1, "width": source.width, "height": source.height,
            "crs": source.crs, "transform": source.transform, "compress": "lzw", "bigtiff": "if_safer",
        }  # fmt: skip
    windows = [Block(top, 0, min(tall, grid.height - top), grid.width) for top in range(0, grid.height, tall)]
    found, above = _Objects(), None
    band = BandSource("probability", probability)
    with BandReader([band], grid) as reader, rasterio.open(candidates, "w", **profile) as target:
        for block in windows:
            values = reader.read(block)[0]
            with np.errstate(invalid="ignore"):  # NaN reaches no threshold
                reached, seeds = values >= lower, values >= threshold
            labels, count = ndimage.label(reached)
            above = found.add(labels, count, seeds, above)
            # Bytes are unpacked faster than the raster, which is needed twice.
            target.write(reached.astype(np.uint8), 1, window=block.window)
    owner, pixels, seeded = found.merged()
    large = _most_with_holes(pixels) >= min_pixels
    kept = (seeded & large)[owner]
    first = 0
    with rasterio.open(candidates) as source, rasterio.open(out, "w", **profile) as target:
        for block in windows:
            labels, count = ndimage.label(source.read(1, window=block.window))
            chosen = np.concatenate([[False], kept[first : first + count]])
            target.write(chosen[labels].astype(np.uint8), 1, window=block.window)
            first += count
    candidates.unlink()
    return int((seeded & ~large).sum())


def _most_with_holes(pixels: IntArray) -> NDArray[np.float64]:
    """Most pixels that objects can have when their holes are filled.

    A 4-connected ring of n pixels around a rectangle of a × b has n = 2 (a + b) + 4, and a b is largest where both are
    equal: ((n − 4) / 4)².
    """
    return pixels + np.maximum((pixels - 4) / 4, 0) ** 2
