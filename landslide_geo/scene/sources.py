"""What a user may name as the source of a scene, resolved to one file and band index per band."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from landslide_geo.bands import OPTICAL, PRE, SAR, TERRAIN, canonical_name, is_pre, is_radar, polarisation
from landslide_geo.errors import MissingBandError, ParameterError, UnknownBandError
from landslide_geo.scene.item import ItemScene, is_item, read_item
from landslide_geo.scene.product import read_product
from landslide_geo.scene.raster_io import open_raster
from landslide_geo.scene.told import Scaling

#: Words for all radar of one pass and date.
_PASSES: Final = ("asc", "desc", f"{PRE}asc", f"{PRE}desc")


@dataclass(frozen=True)
class BandSource:
    """One band of a scene: where its pixels are.

    Attributes:
        name: from the band vocabulary, with ``pre_`` for the earlier date.
        path: of a raster GDAL reads.
        index: 1-based band index in it.
        scaling: what stored numbers are turned by when they are read; none takes them as they are.
    """

    name: str
    path: Path
    index: int = 1
    scaling: Scaling | None = None


def resolve_sources(sources: Sequence[str | Path]) -> tuple[BandSource, ...]:
    """The bands behind ``SOURCE...`` of the command line.

    Each source is ``NAME=PATH`` (one band; a multi-band file contributes the band whose description is that name, else
    its only band), the path of a GeoTIFF whose band descriptions name its bands, a folder that ``landslide ingest``
    wrote or another STAC item (path or address), a folder of files as they are delivered
    (`landslide_geo.scene.product`), or ``pre=PATH``: the same for the earlier date. ``asc=PATH``,
    ``desc=PATH``, ``pre_asc=PATH`` and ``pre_desc=PATH`` are radar of one pass, whose file names polarisations only.

    Returns:
        At least one band; names are unique; bands of the event date come before those of the earlier date, since the
        first one fixes the scene's grid.

    Raises:
        ParameterError: no source, or a band is named twice.
        UnknownBandError: a name or description is not in the vocabulary.
        SourceNotFoundError, UnreadableRasterError, MissingCRSError: a file is missing or cannot be used.
        MissingBandError: a file does not say which of its bands is meant, or an item has none.
        FetchError: an item cannot be had from its address.
    """
    return resolve_all(sources)[0]


def resolve_all(sources: Sequence[str | Path]) -> tuple[tuple[BandSource, ...], tuple[ItemScene, ...]]:
    """As `resolve_sources`, and the STAC items among the sources, which know more than their bands."""
    if not sources:
        raise ParameterError("no source given; name a GeoTIFF, or NAME=PATH for each band, e.g. red=B4.tif")
    found: list[BandSource] = []
    items: list[ItemScene] = []
    for source in sources:
        if (item := _item(str(source))) is not None:
            items.append(item)
            found.extend(BandSource(name, path, scaling=item.scaling.get(name)) for name, path in item.bands)
        else:
            found.extend(_resolve_one(str(source)))
    seen: dict[str, BandSource] = {}
    for band in found:
        if band.name in seen:
            raise ParameterError(f"band {band.name} is given twice: {seen[band.name].path} and {band.path}; keep one")
        seen[band.name] = band
    return tuple(sorted(found, key=lambda band: is_pre(band.name))), tuple(items)


def _item(source: str) -> ItemScene | None:
    """What a source says as an item or a folder, or None where it is none; ``pre=…`` takes it as the earlier date."""
    name, equals, rest = source.partition("=")
    earlier = bool(equals) and name.strip().lower() == PRE.rstrip("_") and not Path(source).exists()
    address = rest if earlier else source
    if "=" in address.partition("/")[0] and not Path(address).exists():
        return None
    item = read_product(Path(address).expanduser()) or (read_item(address) if is_item(address) else None)
    if item is None:
        return None
    if not earlier:
        return item
    own = tuple((PRE + band, path) for band, path in item.bands if not is_pre(band) and band not in TERRAIN)
    scaling = {PRE + band: how for band, how in item.scaling.items()}
    return ItemScene(
        own, None, item.visibility, None, item.date, None, item.scene_id,
        pre_codes=item.codes, scaling=scaling, pre_level=item.level,
    )  # fmt: skip


def _resolve_one(source: str) -> list[BandSource]:
    name, equals, path_text = source.partition("=")
    # A path may hold "=" itself; only a bare word before it is a band's name.
    if equals and "/" not in name and not Path(source).exists():
        if name.strip().lower() == PRE.rstrip("_"):
            return [
                BandSource(PRE + band.name.removeprefix(PRE), band.path, band.index)
                for band in _described_bands(Path(path_text).expanduser())
            ]
        if name.strip().lower() in _PASSES:
            return _radar_bands(name.strip().lower(), Path(path_text).expanduser())
        return [_named_band(canonical_name(name), Path(path_text).expanduser())]
    return _described_bands(Path(source).expanduser())


def _named_band(name: str, path: Path) -> BandSource:
    with open_raster(path, what=f"band {name}") as dataset:
        if dataset.count == 1:
            return BandSource(name, path)
        described = {index: text for index, text in enumerate(dataset.descriptions, start=1) if text}
    stem = name.removeprefix(PRE)
    for index, text in described.items():
        try:
            if canonical_name(text) in (name, stem):
                return BandSource(name, path, index)
        except UnknownBandError:
            continue
    if is_radar(name):  # files of one pass name polarisations
        for index, text in described.items():
            if polarisation(text) == stem.partition("_")[0]:
                return BandSource(name, path, index)
    raise MissingBandError(
        f"{path}: has several bands and none is described as {name}; give a single-band file for {name}, "
        f"or set the band's description"
    )


def _radar_bands(which: str, path: Path) -> list[BandSource]:
    """Both polarisations of a pass, or the one that there is."""
    direction = which.removeprefix(PRE)
    prefix = PRE if which.startswith(PRE) else ""
    with open_raster(path, what=f"radar ({which})") as dataset:
        told = {polarisation(text or ""): index for index, text in enumerate(dataset.descriptions, start=1)}
    found = [
        BandSource(f"{prefix}{name}", path, told[name.partition("_")[0]])
        for name in SAR
        if name.endswith(f"_{direction}") and name.partition("_")[0] in told
    ]
    if not found:
        raise MissingBandError(
            f"{path}: none of its bands is described as VV or VH; set the descriptions, or name a band, e.g. "
            f"{prefix}vv_{direction}=FILE.tif"
        )
    return found


def _described_bands(path: Path) -> list[BandSource]:
    with open_raster(path, what="scene") as dataset:
        descriptions = dataset.descriptions
    if not any(descriptions):
        raise UnknownBandError(
            f"{path}: its bands have no descriptions; name them, e.g. {OPTICAL[3]}={path.name}, "
            "or set band descriptions such as B04"
        )
    found = []
    for index, text in enumerate(descriptions, start=1):
        if text is None:
            raise UnknownBandError(f"{path}: band {index} has no description; set it to a band name such as B04")
        found.append(BandSource(canonical_name(text), path, index))
    return found
