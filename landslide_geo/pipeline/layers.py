"""The rasters of a scan beside the probability: what could be seen, what changed, and pictures for review."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import Resampling

from landslide_geo.bands import PRE
from landslide_geo.files import replacing
from landslide_geo.parallel import in_order
from landslide_geo.scene.cog import THREADS, TILE, tile_blocks, write_cog
from landslide_geo.scene.grid import Block, blocks
from landslide_geo.scene.indices import normalised_difference, relative_ndvi_loss
from landslide_geo.scene.scene import Scene
from landslide_geo.scene.terrain import hillshade
from landslide_geo.scene.visibility import Visibility, is_valid

FloatArray = NDArray[np.float32]

_DISPLAY = ("red", "green", "blue")
#: Change of an index is histogrammed in steps of 0.001 to find its median without holding the scene.
_CHANGE_STEPS, _CHANGE_RANGE = 4000, (-2.0, 2.0)
_SAMPLE_BLOCK = 128
_SAMPLES = 64


def write_measured(scene: Scene, folder: Path, review: Path, *, needed: tuple[str, ...]) -> None:
    """Write the rasters that landslides are measured on, ``visibility.tif`` and ``change.tif``, into ``review``.

    ``rdndvi.tif``, into ``folder``, comes from the same pixels as the change.

    Args:
        scene: with its bands staged; bands it lacks make no raster, and what is there already is left.
        folder: for the scan's files.
        review: folder for rasters that the review project shows.
        needed: bands without which a pixel cannot be mapped.

    Raises:
        LandslideError: a band cannot be read, or a raster not written.
    """
    _write(
        scene,
        {
            review / "visibility.tif": lambda path: write_visibility(scene, path, needed=needed),
            review / "change.tif": lambda path: write_change(scene, path, folder / "rdndvi.tif", needed=needed),
        },
    )


def write_pictures(scene: Scene, review: Path) -> None:
    """Write the rasters that are looked at only into ``review``; the rest as in `write_measured`."""
    _write(
        scene,
        {
            review / "post.tif": lambda path: write_display(scene, path),
            review / "pre.tif": lambda path: write_display(scene, path, pre=True),
            review / "hillshade.tif": lambda path: write_hillshade(scene, path),
        },
    )


def _write(scene: Scene, writers: dict[Path, Callable[[Path], object]]) -> None:
    """One after the other: each is worked out by several threads, and takes memory of its own."""
    try:
        for path, write in writers.items():
            if not path.exists():
                write(path)
    finally:
        scene.close()  # every thread has its own files open


def write_visibility(scene: Scene, path: Path, *, needed: tuple[str, ...]) -> None:
    """The `Visibility` code of each pixel, uint8; 0 (no data) is the file's nodata value.

    Outside the area of interest nothing was looked at, which is no data too: densities are per area that was mapped.
    """

    def codes(block: Block) -> NDArray[np.uint8]:
        seen = scene.read_visibility(block, needed=needed)
        return np.where(scene.inside_aoi(block), seen, np.uint8(Visibility.NODATA))[None]

    write_cog(
        path,
        scene.geobox,
        codes,
        count=1,
        dtype="uint8",
        nodata=0,
        descriptions=["visibility"],
        overview_resampling=Resampling.mode,
    )


def write_display(scene: Scene, path: Path, *, pre: bool = False) -> bool:
    """An 8-bit picture of one date: red, green, blue, each stretched between its 2nd and 98th percentile; 0 is no data.

    Scenes without a visible band get the first three bands they have.

    Returns:
        Whether the scene has bands of that date.
    """
    prefix = PRE if pre else ""
    names = [prefix + name for name in _DISPLAY if prefix + name in scene.names]
    if len(names) < 3:
        names = [name for name in scene.names if name.startswith(PRE) == pre][:3]
    if not names:
        return False
    low, high = _percentiles(scene, names)

    def picture(block: Block) -> NDArray[np.uint8]:
        values = scene.read(names, block)
        unknown = ~np.isfinite(values).all(axis=0)
        scaled = 1 + 254 * np.clip((values - low) / (high - low), 0, 1)
        scaled[:, unknown] = 0
        out = scaled.round().astype(np.uint8)
        return np.repeat(out[:1], 3, axis=0) if len(names) < 3 else out

    write_cog(path, scene.geobox, picture, count=3, dtype="uint8", nodata=0, descriptions=["red", "green", "blue"])
    return True


def write_hillshade(scene: Scene, path: Path) -> bool:
    """Shaded relief on the scene's grid; returns whether the scene has an elevation model."""
    if scene.dem is None:
        return False

    def shade(block: Block) -> NDArray[np.uint8]:
        wide = block.padded(2)
        elevation = scene.read_elevation(wide)
        assert elevation is not None
        return hillshade(elevation, scene.resolution)[block.inside(wide)][None]

    write_cog(path, scene.geobox, shade, count=1, dtype="uint8", nodata=0, descriptions=["hillshade"])
    return True


def write_change(scene: Scene, path: Path, rdndvi: Path, *, needed: tuple[str, ...] = ()) -> bool:
    """Loss of greenness from the earlier to the later date, −1…1, NaN where either date is not clear.

    NDVI where both dates have near infrared, else NGRDI (Tucker 1979). The median over all pixels that both dates show
    is taken as the change of stable ground (season, atmosphere) and subtracted.

    Args:
        scene: with its bands staged.
        path: of the raster.
        rdndvi: where near infrared is there, the relative NDVI change in percent is written to, clear or not.
        needed: bands without which the later date shows nothing.

    Returns:
        Whether the scene has the bands of both dates.
    """
    for first, second in (("nir", "red"), ("green", "red")):
        names = [first, second]
        before = [PRE + name for name in names]
        if {*names, *before} <= set(scene.names):
            break
    else:
        return False
    spectral = first == "nir"

    def changes(block: Block) -> FloatArray:
        (pre_first, pre_second), pre_seen = scene.observe(before, block, pre=True)
        post_first, post_second = scene.read(names, block)
        change = normalised_difference(pre_first, pre_second) - normalised_difference(post_first, post_second)
        change[~(is_valid(scene.read_visibility(block, needed=needed)) & is_valid(pre_seen))] = np.nan
        if not spectral:
            return change[None]
        return np.stack([change, relative_ndvi_loss(pre_second, pre_first, post_second, post_first)])

    with replacing(path) as part:
        # Told apart from stable ground only once all of it is known; working it out twice would take twice as long.
        raw = part.with_name("raw.tif")
        stable = _written_with_median(scene, changes, raw, count=1 + spectral)

        def stored(block: Block, band: int) -> FloatArray:
            with rasterio.open(raw) as dataset:  # one handle for each thread
                return np.asarray(dataset.read([band], window=block.window))

        write_cog(
            part, scene.geobox, lambda block: np.clip(stored(block, 1) - stable, -1, 1), count=1, dtype="float32",
            nodata=np.nan, descriptions=[f"loss of {'NDVI' if spectral else 'NGRDI'} against stable ground"],
        )  # fmt: skip
        if spectral:
            write_cog(
                rdndvi, scene.geobox, lambda block: stored(block, 2), count=1, dtype="float32", nodata=np.nan,
                descriptions=["rdNDVI (percent)"],
            )  # fmt: skip
    return True


def _written_with_median(scene: Scene, values: Callable[[Block], FloatArray], path: Path, *, count: int) -> float:
    """Write some values to a plain raster; the median of the first, to a thousandth, or 0 where there are none."""
    counts = np.zeros(_CHANGE_STEPS, dtype=np.int64)
    profile = {
        "driver": "GTiff", "height": scene.height, "width": scene.width, "count": count, "dtype": "float32",
        "crs": str(scene.geobox.crs), "transform": scene.geobox.transform, "tiled": True, "blockxsize": TILE,
        "blockysize": TILE, "interleave": "band", "BIGTIFF": "IF_SAFER",
    }  # fmt: skip
    with rasterio.open(path, "w", **profile) as target:
        tiles = tile_blocks(scene.height, scene.width)
        for block, found in in_order(lambda block: (block, values(block)), tiles, threads=THREADS):
            target.write(found, window=block.window)
            counts += np.histogram(found[0], bins=_CHANGE_STEPS, range=_CHANGE_RANGE)[0]
    if not counts.any():
        return 0.0
    middle = np.searchsorted(np.cumsum(counts), counts.sum() / 2)
    low, high = _CHANGE_RANGE
    return float(low + (middle + 0.5) * (high - low) / _CHANGE_STEPS)


def _percentiles(scene: Scene, names: list[str]) -> tuple[FloatArray, FloatArray]:
    """2nd and 98th percentile of each band, (band, 1, 1), over blocks spread evenly over the scene."""
    all_blocks = blocks(scene.height, scene.width, _SAMPLE_BLOCK)
    step = max(len(all_blocks) // _SAMPLES, 1)
    samples = [scene.read(names, block).reshape(len(names), -1) for block in all_blocks[::step]]
    values = np.concatenate(samples, axis=1)
    low, high = np.full(len(names), 0.0), np.full(len(names), 1.0)
    for index, band in enumerate(values):
        finite = band[np.isfinite(band)]
        if finite.size:
            low[index], high[index] = np.percentile(finite, [2, 98])
    high = np.where(high > low, high, low + 1)
    return low.astype(np.float32)[:, None, None], high.astype(np.float32)[:, None, None]
