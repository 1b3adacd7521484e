"""Labelled chips from a scene and what is known of its ground.

Only ground that somebody looked at says anything: elsewhere an unmarked pixel is not known to be free of landslides.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

import numpy as np
import shapely
import xarray as xr
from numpy.typing import NDArray
from rasterio.features import rasterize

from landslide_geo.bands import PRE, TERRAIN, UNITS, is_optical, sensors
from landslide_geo.chips.cover import cloud_covers
from landslide_geo.chips.known import known, without_parts
from landslide_geo.chips.splits import SPLITS, by_block
from landslide_geo.chips.store import UNKNOWN, batch
from landslide_geo.config import ChipParams
from landslide_geo.errors import MissingBandError, ParameterError
from landslide_geo.scene.grid import Block, crs_name
from landslide_geo.scene.scene import Scene
from landslide_geo.scene.visibility import is_valid

Shapes = NDArray[np.object_]

_BATCH: Final = 64
#: Outlines of more pixels than this hold a pixel's centre.
_SMALL: Final = 8


@dataclass(frozen=True)
class Labels:
    """What is known of the ground, in the CRS of the scene.

    Attributes:
        landslides: outlines of what is one.
        looked: ground that was looked through; unmarked ground in it is free of landslides. None: all of it.
        rejected: outlines of what looks like a landslide and is none.
        reasons: why, for each rejected outline.
        unsure: outlines that nobody judged.
    """

    landslides: Shapes
    looked: shapely.Geometry | None
    rejected: Shapes = field(default_factory=lambda: np.empty(0, dtype=object))
    reasons: tuple[str, ...] = ()
    unsure: Shapes = field(default_factory=lambda: np.empty(0, dtype=object))


@dataclass(frozen=True)
class Place:
    """A chip that will be cut.

    Attributes:
        block: of the scene.
        square: name of the square it lies in.
        landslide: whether it holds a pixel of one.
        reasons: of rejected ground in it.
        split: that it belongs to.
    """

    block: Block
    square: str
    landslide: bool
    reasons: tuple[str, ...]
    split: str = SPLITS[0]


class Labeller:
    """Masks of blocks of a scene."""

    def __init__(self, scene: Scene, labels: Labels) -> None:
        self._transform = scene.geobox.transform
        self._labels = labels
        self._trees = {name: shapely.STRtree(getattr(labels, name)) for name in ("landslides", "rejected", "unsure")}
        if labels.looked is not None:
            shapely.prepare(labels.looked)

    def mask(self, block: Block) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
        """(h, w) 1 on landslides, 0 where there are none, `UNKNOWN`; and the reasons of what was rejected in it."""
        labels, transform = self._labels, self._transform
        corner = transform @ (block.col, block.row)
        end = transform @ (block.col + block.width, block.row + block.height)
        box = shapely.box(corner[0], end[1], end[0], corner[1])
        near = {name: tree.query(box, predicate="intersects") for name, tree in self._trees.items()}
        known = labels.looked is None or labels.looked.contains(box)
        out = np.full(block.shape, 0 if known else UNKNOWN, dtype=np.uint8)
        if not known and labels.looked is not None and labels.looked.intersects(box):
            self._burn(out, block, [shapely.intersection(labels.looked, box)], 0)
        self._burn(out, block, labels.unsure[near["unsure"]], UNKNOWN)
        self._burn(out, block, labels.rejected[near["rejected"]], 0)
        self._burn(out, block, labels.landslides[near["landslides"]], 1)
        reasons = sorted({labels.reasons[i] for i in near["rejected"] if self.covers(labels.rejected[i], block)})
        return out, tuple(reasons)

    def covers(self, shape: shapely.Geometry, block: Block) -> bool:
        """Whether a pixel's centre in a block lies in a shape."""
        one = np.zeros(block.shape, dtype=np.uint8)
        self._burn(one, block, [shape], 1)
        return bool(one.any())

    def _burn(self, out: NDArray[np.uint8], block: Block, shapes: Sequence[shapely.Geometry], value: int) -> None:
        """Set the pixels whose centres lie in some shapes."""
        areas = [shape for shape in shapes if not shape.is_empty and shape.area > 0]
        if areas:
            rasterize(
                areas, out=out, transform=self._transform * self._transform.translation(block.col, block.row),
                default_value=value,
            )  # fmt: skip


def doubting_small(scene: Scene, labels: Labels) -> tuple[Labels, int]:
    """The same labels, with the ground of landslides too small for the scene's pixels unknown, and how many they are.

    An outline that holds no pixel's centre would leave no trace in a mask, and its ground would count as free of
    landslides. The pixels that it touches are neither.
    """
    transform, inside = scene.geobox.transform, shapely.box(*scene.geobox.boundingbox.bbox)
    pixel = abs(transform.a * transform.e)
    labeller = Labeller(scene, labels)
    small, doubtful = np.zeros(len(labels.landslides), dtype=bool), []
    near = shapely.intersects(labels.landslides, inside) & (shapely.area(labels.landslides) < _SMALL * pixel)
    for index in np.flatnonzero(near):
        shape = labels.landslides[index]
        left, bottom, right, top = shape.bounds
        (col, row), (last_col, last_row) = ~transform @ (left, top), ~transform @ (right, bottom)
        block = Block(math.floor(row), math.floor(col), 1, 1)
        block = replace(block, height=math.floor(last_row) - block.row + 1, width=math.floor(last_col) - block.col + 1)
        if not labeller.covers(shape, block):
            small[index] = True
            rows, cols = (axis.ravel() for axis in np.mgrid[block.slices])
            corners, ends = transform @ (cols, rows), transform @ (cols + 1, rows + 1)
            pixels = shapely.box(corners[0], ends[1], ends[0], corners[1])
            doubtful += pixels[shapely.intersects(pixels, shape)].tolist()
    if not small.any():
        return labels, 0
    unsure = np.concatenate([labels.unsure, np.array(doubtful, dtype=object)])
    return replace(labels, landslides=labels.landslides[~small], unsure=unsure), int(small.sum())


def places(scene: Scene, labels: Labels, params: ChipParams) -> list[Place]:
    """Chips to cut: all with a landslide or with rejected ground, and as many others as asked for; from north to south.

    The scene is divided into squares of about ``block_m``, whole chips wide. A chip that would lie in two squares is
    left out, so that none shares a pixel with a chip of another split.

    Raises:
        ParameterError: the scene is smaller than a chip, the stride is larger than it, or the splits leave nothing to
            train on.
    """
    size, stride = params.size, params.stride or params.size
    if min(scene.height, scene.width) < size:
        raise ParameterError(f"a scene of {scene.height} × {scene.width} pixels holds no chip of {size}; take fewer")
    if stride > size:
        raise ParameterError(f"stride {stride} leaves gaps between chips of {size} pixels; take {size} or less")
    if params.validation + params.test >= 1:
        raise ParameterError("validation and test leave nothing to train on; their shares must sum to less than 1")
    side = max(round(params.block_m / scene.resolution[0] / size), 1) * size
    labeller = Labeller(scene, labels)
    kept: list[Place] = []
    empty: list[Place] = []
    for row in range(0, scene.height - size + 1, stride):
        for col in range(0, scene.width - size + 1, stride):
            if row // side != (row + size - 1) // side or col // side != (col + size - 1) // side:
                continue
            block = Block(row, col, size, size)
            mask, reasons = labeller.mask(block)
            place = Place(block, f"{scene.scene_id}/{row // side}/{col // side}", bool((mask == 1).any()), reasons)
            if place.landslide or reasons:
                kept.append(place)
            elif (mask != UNKNOWN).mean() >= params.min_known:
                empty.append(place)
    wanted = min(round(params.negatives * sum(place.landslide for place in kept)), len(empty))
    drawn: Sequence[int] = (
        np.random.default_rng(params.seed).choice(len(empty), size=wanted, replace=False).tolist() if wanted else []
    )
    chosen = sorted([*kept, *(empty[i] for i in drawn)], key=lambda place: (place.block.row, place.block.col))
    splits = by_block(
        [place.square for place in chosen], validation=params.validation, test=params.test, seed=params.seed
    )
    return [
        Place(place.block, place.square, place.landslide, place.reasons, split)
        for place, split in zip(chosen, splits, strict=True)
    ]  # fmt: skip


def batches(
    scene: Scene, labels: Labels, chosen: Sequence[Place], bands: Sequence[str], params: ChipParams
) -> Iterator[xr.Dataset]:
    """The chips as `landslide_geo.chips.store.write` takes them, some at a time.

    Reflectances are 0–1 where the scene's units are known, else digital numbers. What cannot be seen is NaN in the
    image, and unknown in the mask where no sensor sees it: clouds hide nothing from radar. Chips of which too little is
    known then are left out, unless they hold a landslide or rejected ground.

    Raises:
        MissingBandError: the scene lacks a band.
        UnreadableRasterError: a band cannot be read.
    """
    labeller = Labeller(scene, labels)
    reader = _Reader(scene, bands)
    parts: list[_Cut] = []
    for place in chosen:
        image, seen, cover = reader.read(place.block)
        mask, _ = labeller.mask(place.block)
        image[:, ~seen], mask[~seen] = np.nan, UNKNOWN
        decided = (mask == 1).any() or (place.reasons and (mask == 0).any())
        if decided or (mask != UNKNOWN).mean() >= params.min_known:
            parts.append(_Cut(image, mask, cover, place))
        if len(parts) == _BATCH:
            yield _batch(scene, parts, reader)
            parts = []
    if parts:
        yield _batch(scene, parts, reader)


class _Cut(NamedTuple):
    image: NDArray[np.float32]
    mask: NDArray[np.uint8]
    cover: NDArray[np.float32] | None
    place: Place


def _batch(scene: Scene, parts: list[_Cut], reader: _Reader) -> xr.Dataset:
    images, masks, covers, chosen = zip(*parts, strict=True)
    told = [cover for cover in covers if cover is not None]
    return batch(
        np.stack(images), np.stack(masks), bands=reader.bands, units=reader.units, gsd_m=scene.resolution[0],
        crs=crs_name(scene.geobox), id=[f"{scene.scene_id}_{p.block.row:06d}_{p.block.col:06d}" for p in chosen],
        block=[p.square for p in chosen], source=[scene.scene_id] * len(chosen),
        reason=[";".join(p.reasons) for p in chosen], cloud_cover=np.concatenate(told) if told else None,
    )  # fmt: skip


class _Reader:
    """Bands of a scene, those of its elevation model too, in physical units."""

    def __init__(self, scene: Scene, bands: Sequence[str]) -> None:
        self.bands = tuple(bands)
        self._scene = scene
        self._stored = [name for name in bands if name in scene.names]
        made = [name for name in bands if name not in scene.names]
        if lacking := next((name for name in made if scene.dem is None or name not in TERRAIN), ""):
            raise MissingBandError(
                f"chips need band {lacking}, which the scene lacks (it has {', '.join(scene.names)}; with --dem also "
                f"{', '.join(TERRAIN)})"
            )
        self._sensors = sensors(bands)
        scale = scene.reflectance_scale
        self._factor = {name: scale for name in self._stored if scale is not None and is_optical(name)}
        self.units = tuple(
            ("reflectance" if name in self._factor else "digital number") if is_optical(name)
            else UNITS[name.removeprefix(PRE)]
            for name in bands
        )  # fmt: skip

    def read(self, block: Block) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.float32] | None]:
        """(band, h, w) values, NaN for sensors that do not see the ground, (h, w) where one does, (1,) cloud cover."""
        scene = self._scene
        image = scene.read(self.bands, block)
        for index, name in enumerate(self.bands):
            image[index] *= np.float32(self._factor.get(name, 1.0))
        cover = cloud_covers(image[None], self.bands, self.units)  # before clouds are hidden
        later = [name for name in self._stored if not name.startswith(PRE)]
        several = len(self._sensors) > 1
        optical = [name for name in later if is_optical(name)]
        clear = is_valid(scene.read_visibility(block, needed=optical if several else later))
        if not several:
            return image, known(image, []) & clear, cover
        hidden = list(self._sensors.get("optical", ()))
        image[hidden] = np.where(clear, image[hidden], np.float32(np.nan))
        own = list(self._sensors.values())
        return without_parts(image, own), known(image, own), cover
