"""Reading bands of any grid, CRS and type onto the scene's grid, a block at a time."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

import numpy as np
import rasterio
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from rasterio.enums import MaskFlags, Resampling
from rasterio.vrt import WarpedVRT

from landslide_geo.scene.grid import Block, ground_sample_distance
from landslide_geo.scene.raster_io import EXACT, open_raster, reading, unwrapped_crs
from landslide_geo.scene.sources import BandSource

FloatArray = NDArray[np.float32]


class BandReader:
    """Open handles on bands, warped lazily onto one grid. Not safe to share between threads: open one in each.

    A pixel's value does not depend on the block it is read in: warping is exact, and every band is read at its own
    file's resolution rather than from overviews chosen by the size of the request.
    """

    def __init__(
        self,
        bands: Sequence[BandSource],
        geobox: GeoBox,
        *,
        tolerance: float = EXACT,
        resampling: Resampling = Resampling.bilinear,
    ) -> None:
        """Open bands.

        Args:
            bands: on any grids.
            geobox: the grid to read them on.
            tolerance: by how many of a band's own pixels a pixel may be taken from beside its place. Above `EXACT`, the
                default, values do depend on the block, in exchange for speed: read the same blocks then, always.
            resampling: of bands on other grids; nearest for classes.

        Raises:
            SourceNotFoundError: a file is not there.
            UnreadableRasterError: it is not a raster.
            MissingCRSError: it has no CRS.
        """
        self._geobox, self._tolerance, self._resampling = geobox, tolerance, resampling
        self._stack = ExitStack()
        # Bands of one file share its handle, so that a tile that holds all of them is unpacked once.
        self._sources: dict[Path, rasterio.DatasetReader] = {}
        self._warped: dict[tuple[Path, float | None, bool], WarpedVRT] = {}
        try:
            self._bands = [(band, *self._open(band)) for band in bands]
        except BaseException:
            self._stack.close()
            raise

    def __enter__(self) -> BandReader:
        """The reader itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close every file."""
        self._stack.close()

    def read(self, block: Block) -> FloatArray:
        """The bands of a block.

        Args:
            block: may reach outside the scene.

        Returns:
            (band, h, w) float32, NaN outside the scene and where a band has nodata, NaN, ±inf or a mask.

        Raises:
            UnreadableRasterError: a file is truncated or otherwise unreadable at this place.
        """
        height, width = self._geobox.shape
        out = np.full((len(self._bands), *block.shape), np.nan, dtype=np.float32)
        part = block.clipped(height, width)
        if part.height == 0 or part.width == 0:
            return out
        rows, cols = part.inside(block)
        for index, (band, dataset, alpha, nodata) in enumerate(self._bands):
            values = out[index, rows, cols]
            with reading(band.path):
                values[:] = dataset.read(band.index, window=part.window, out_dtype="float32")
                if alpha is None and nodata is not None and not np.isnan(nodata):
                    with np.errstate(over="ignore"):  # the lowest float64 is −inf, as are the values read
                        values[values == np.float32(nodata)] = np.nan
                elif alpha is not None:
                    mask = (
                        dataset.read(alpha, window=part.window)
                        if alpha
                        else dataset.read_masks(band.index, window=part.window)
                    )
                    values[mask == 0] = np.nan
            if np.issubdtype(np.dtype(dataset.dtypes[band.index - 1]), np.floating):
                values[np.isinf(values)] = np.nan
            if band.scaling is not None:
                band.scaling.apply(values)
        return out

    def _open(self, band: BandSource) -> tuple[rasterio.DatasetReader | WarpedVRT, int | None, float | None]:
        """A dataset on the scene's grid, its mask (None: nodata, 0: a mask band, else an index), its nodata."""
        if band.path not in self._sources:
            self._sources[band.path] = self._stack.enter_context(open_raster(band.path, what=f"band {band.name}"))
        source = self._sources[band.path]
        masked = MaskFlags.per_dataset in source.mask_flag_enums[band.index - 1]
        nodata = source.nodatavals[band.index - 1]
        if band.scaling is not None and band.scaling.nodata is not None and not masked:
            nodata = band.scaling.nodata  # such files need not say it themselves
        if GeoBox.from_rio(source) == self._geobox:
            return source, 0 if masked else None, nodata
        floating = np.issubdtype(np.dtype(source.dtypes[band.index - 1]), np.floating)
        if floating and (nodata is None or np.isnan(nodata)):
            nodata = np.nan  # this one object: as keys, other NaNs are different
        key = band.path, nodata, masked
        if key not in self._warped:
            with reading(band.path):
                self._warped[key] = self._stack.enter_context(self._warp(source, nodata, masked))
        warped = self._warped[key]
        return warped, warped.count if masked else None, np.nan

    def _warp(self, source: rasterio.DatasetReader, nodata: float | None, masked: bool) -> WarpedVRT:
        """A file on the scene's grid, with an alpha band last where it has a mask."""
        true_size, own_size = ground_sample_distance(self._geobox), ground_sample_distance(GeoBox.from_rio(source))
        scale_x, scale_y = (own / true for own, true in zip(own_size, true_size, strict=True))
        has_alpha = any(MaskFlags.alpha in flags for flags in source.mask_flag_enums)
        return WarpedVRT(
            source,
            src_crs=unwrapped_crs(source),
            crs=str(self._geobox.crs),
            transform=self._geobox.transform,
            height=self._geobox.shape.y,
            width=self._geobox.shape.x,
            resampling=self._resampling,
            dtype="float32",
            src_nodata=nodata,
            nodata=np.nan,
            add_alpha=masked and not has_alpha,
            tolerance=self._tolerance,
            # Without these GDAL takes the ratio of resolutions, and with it the kernel's width, from each request.
            XSCALE=min(scale_x, 1.0),
            YSCALE=min(scale_y, 1.0),
        )
