"""`cut_chips`: labelled patches from one's own scene and an inventory of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import shapely
import xarray as xr
from affine import Affine
from odc.geo.geobox import GeoBox
from pyproj import CRS

from landslide_geo.bands import TERRAIN, is_pre
from landslide_geo.chips import store
from landslide_geo.chips.cut import SPLITS, Labels, batches, doubting_small, places
from landslide_geo.config import ChipParams
from landslide_geo.errors import (
    InventoryError,
    NoOverlapError,
    OutputError,
    ParameterError,
    SourceNotFoundError,
)
from landslide_geo.files import replacing_folder
from landslide_geo.inventory import read_layer, schema
from landslide_geo.inventory.mask import RASTERS, read_mask
from landslide_geo.inventory.outlines import has_review, read_outlines
from landslide_geo.inventory.traced import snapshot
from landslide_geo.pipeline.workspace import read_record
from landslide_geo.progress import Advance, stage
from landslide_geo.scene.heights import unit_of_file
from landslide_geo.scene.item import ITEM, PRE_VISIBILITY, VISIBILITY
from landslide_geo.scene.open import open_scene, read_aoi
from landslide_geo.scene.product import is_product
from landslide_geo.scene.scene import Scene
from landslide_geo.scene.sources import BandSource
from landslide_geo.scene.stage import staged
from landslide_geo.scene.told import Codes, Scaling


def cut_chips(
    sources: Sequence[str | Path] | str | Path,
    inventory: str | Path,
    out: str | Path,
    *,
    dem: str | Path | None = None,
    bands: Sequence[str] | None = None,
    extent: str | Path | None = None,
    complete: bool = False,
    params: ChipParams | None = None,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Cut labelled chips; ``out`` holds a store for each split, complete or not there.

    Ground outside of what was looked through, outlines that nobody reviewed and what cannot be seen are unknown in the
    masks. Rejected outlines are negatives; the reasons stand with their chips.

    Args:
        sources: as `landslide_geo.open_scene` takes them, or the folder of a scan, whose scene is taken. An elevation
            model alone is enough.
        inventory: ``landslides.gpkg`` that was reviewed, polygons of landslides in any vector format, or a GeoTIFF that
            holds 0 where there is no landslide, another number where there is one, and no data where that is unknown.
        out: folder to make.
        dem: elevation model; none takes the scan's.
        bands: of the chips, in order; none takes all of the scene's, not those of an earlier date, or of an elevation
            model alone all that follows from it.
        extent: polygons of the ground that was looked through; none takes the inventory's ``reviewed_extent``, or all
            of a GeoTIFF.
        complete: all of the scene was looked through.
        params: size, splits and balance.
        overwrite: replace chips that are there.

    Returns:
        ``out``; by split, counts: ``chips``, ``landslide``, ``hard_negative``, and of ``reasons``, ``squares``; and
        ``too_small``, how many outlines hold no pixel's centre, whose ground is unknown.

    Raises:
        LandslideError: something the user can mend; nothing is left behind.
    """
    params, target = params or ChipParams(), Path(out)
    refuse_occupied(target, overwrite=overwrite)
    scene = _scene(sources, dem)
    labels = _labels(Path(inventory), scene, extent, complete=complete)
    labels, too_small = doubting_small(scene, labels)
    chosen = places(scene, labels, params)
    if not chosen:
        raise NoOverlapError(
            f"{inventory}: no chip of {params.size} pixels holds a landslide, rejected ground, or enough ground that "
            "was looked through; check that inventory and scene are of the same place"
        )
    names = tuple(bands) if bands else _bands(scene)
    told: dict[str, Any] = {"out": str(target), "too_small": too_small}
    with replacing_folder(target, overwrite=overwrite) as made:
        # Chips overlap or lie in tiles that several share: warped once, bands are read fast.
        scene = staged(scene, made.parent / "bands")
        for split in SPLITS:
            part = [place for place in chosen if place.split == split]
            if part:
                path, counts = made / f"{split}.zarr", {"chips": 0, "landslide": 0}
                with stage(split, len(part), "chip") as advance:
                    store.write(path, counted(batches(scene, labels, part, names, params), counts, advance))
                if path.exists():
                    told[split] = counts | _rejected(path) | {"squares": len({place.square for place in part})}
        scene.close()
    return told


def counted(
    parts: Iterable[xr.Dataset], counts: dict[str, int], advance: Advance = lambda count: None
) -> Iterator[xr.Dataset]:
    """The same batches; ``counts`` takes up how many ``chips`` they hold, and how many with a ``landslide``.

    Args:
        parts: the batches.
        counts: with both keys.
        advance: told of the chips of a batch when it has been taken.
    """
    for part in parts:
        truth = (part["label"] if "label" in part else part["mask"]).to_numpy() == 1
        counts["chips"] += len(truth)
        counts["landslide"] += int(np.count_nonzero(truth.reshape(len(truth), -1).any(axis=1)))
        yield part
        advance(len(truth))


def refuse_occupied(target: Path, *, overwrite: bool) -> None:
    """Check that chips can be put into a folder.

    Raises:
        OutputError: it holds something else, or chips that are not to be overwritten.
    """
    if not target.exists():
        return
    if not target.is_dir() or any(child.suffix != ".zarr" for child in target.iterdir()):
        raise OutputError(f"{target}: holds something else than chips; name a new folder")
    if not overwrite and any(target.iterdir()):
        raise OutputError(f"{target}: holds chips already; name a new folder, or replace them with --overwrite")


def _rejected(path: Path) -> dict[str, Any]:
    texts = store.read(path)["reason"].to_numpy()
    reasons = Counter(reason for text in texts for reason in text.split(";") if reason)
    return {"hard_negative": int((texts != "").sum()), "reasons": dict(sorted(reasons.items()))}


def _scene(sources: Sequence[str | Path] | str | Path, dem: str | Path | None) -> Scene:
    listed = [sources] if isinstance(sources, str | Path) else list(sources)
    if len(listed) == 1 and (folder := Path(listed[0])).is_dir():
        record = read_record(folder)
        if record is None and ((folder / ITEM).exists() or is_product(folder)):
            return open_scene(listed, dem=dem, terrain_only=True)
        if record is None:
            raise SourceNotFoundError(f"{folder}: holds no finished scan (scan.json); name the scene's files instead")
        scene = scene_of(record)
        return scene if dem is None else replace(scene, dem=Path(dem), dem_band=1, dem_unit=unit_of_file(Path(dem)))
    return open_scene(listed, dem=dem, terrain_only=True)


def scene_of(record: dict[str, Any]) -> Scene:
    """The scene that a ``scan.json`` tells of, on the scan's grid; its files are opened when they are read."""
    grid, inputs = record["grid"], {entry["role"]: entry for entry in record["inputs"]}
    dem = inputs.pop("dem", None)
    inputs.pop("aoi", None)
    seen = [
        (None, Codes.VISIBILITY) if told is None else (Path(told["path"]), Codes(told.get("codes", Codes.VISIBILITY)))
        for told in (inputs.pop(name, None) for name in (VISIBILITY, PRE_VISIBILITY))
    ]
    return Scene(
        geobox=GeoBox((grid["height"], grid["width"]), Affine(*grid["transform"]), grid["crs"]),
        bands=tuple(
            BandSource(
                name, Path(entry["path"]), entry["band"], Scaling(**entry["scaling"]) if "scaling" in entry else None
            )
            for name, entry in inputs.items()
        ),
        reflectance_scale=record["reflectance_scale"],
        dem=None if dem is None else Path(dem["path"]),
        dem_band=1 if dem is None else dem["band"],
        dem_unit="m" if dem is None else dem.get("unit", "m"),
        scene_id=record["scene_id"],
        visibility_path=seen[0][0],
        pre_visibility_path=seen[1][0],
        cloudless="post" in record.get("cloudless", []),
        pre_cloudless="pre" in record.get("cloudless", []),
        visibility_codes=seen[0][1],
        pre_visibility_codes=seen[1][1],
    )


def _bands(scene: Scene) -> tuple[str, ...]:
    """Those of a scene's later date; of a scene that is an elevation model alone, all that follows from it."""
    named = tuple(name for name in scene.names if not is_pre(name))
    return TERRAIN if named == ("elevation",) else named


def _labels(inventory: Path, scene: Scene, extent: str | Path | None, *, complete: bool) -> Labels:
    crs = str(scene.geobox.crs)
    if extent is not None and complete:
        raise ParameterError("--extent and --complete contradict each other; give one of them")
    given = None if extent is None else read_aoi(Path(extent), scene.geobox)
    if inventory.suffix.lower() in RASTERS:
        mask = read_mask(inventory, crs=CRS(crs))
        return Labels(mask.landslides, mask.extent if given is None else given, unsure=mask.unknown)
    if not has_review(inventory):
        if given is None and not complete:
            raise ParameterError(
                f"{inventory}: does not tell what ground was looked through; give its outline with --extent, or say "
                "--complete if all landslides of the scene are in it"
            )
        found = read_outlines(inventory, crs=CRS(crs))
        return Labels(found.shapes, given)
    with snapshot(inventory) as copy:
        frame = read_layer(copy).to_crs(crs)
        looked = read_layer(copy, schema.REVIEWED_EXTENT.name).to_crs(crs)
    status = frame["review_status"].fillna("unreviewed")
    if given is None and not complete:
        given = shapely.union_all(shapely.make_valid(looked.geometry.to_numpy()))
        if status.eq("unreviewed").all() and given.is_empty:
            raise InventoryError(
                f"{inventory}: nobody has reviewed anything in it; review it in QGIS (docs/review.md), or give "
                "--extent or --complete"
            )
    shapes = np.asarray(frame.geometry.to_numpy(), dtype=object)
    rejected = (status == "rejected").to_numpy()
    unsure = (status == "unreviewed").to_numpy()
    return Labels(
        shapes[~rejected & ~unsure],
        given,
        shapes[rejected],
        tuple(frame["reject_reason"][rejected].fillna("other")),
        shapes[unsure],
    )
