"""Files of a catalogue over the network: GDAL's settings, retries with back-off, and what is wrong in one line."""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import rasterio
import requests
from odc.geo.geobox import GeoBox
from odc.loader import RioDriver, RioReader
from rasterio.errors import NotGeoreferencedWarning, RasterioError, RasterioIOError

from landslide_geo.errors import FetchError
from landslide_geo.scene.stac.catalogues import Catalogue
from landslide_geo.scene.stac.search import PASSING

_Read = TypeVar("_Read")

#: GDAL tries each request again by itself; what it gives up is tried again as a whole, for it forgets how far it was.
_SETTINGS: Final = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_HTTP_MAX_RETRY": "3",
    "GDAL_HTTP_RETRY_DELAY": "0.5",
    "GDAL_HTTP_TIMEOUT": "60",
    "GDAL_HTTP_CONNECTTIMEOUT": "20",
    "GDAL_HTTP_MULTIPLEX": "YES",
    "GDAL_HTTP_MERGE_CONSECUTIVE_RANGES": "YES",
    "GDAL_CACHEMAX": 64 * 2**20,
}
_TIMES: Final = 3
_BACK_OFF_S: Final = 1.0


@dataclass(frozen=True)
class Access:
    """How the files of a catalogue are had.

    Attributes:
        catalogue: that names them.
        back_off_s: seconds before the second attempt; each further one waits twice as long.
    """

    catalogue: Catalogue
    back_off_s: float = _BACK_OFF_S

    def env(self, *, anew: bool = False) -> rasterio.Env:
        """GDAL's settings for this thread; ``anew`` forgets what it has read before, which may be half of a file."""
        forget = {"CPL_VSIL_CURL_NON_CACHED": "/vsicurl/"} if anew else {}
        return rasterio.Env(**(_SETTINGS | dict(self.catalogue.settings) | forget))

    def address(self, href: str) -> str:
        """An address as it may be read now. Signatures expire, so that they are made for each reading."""
        try:
            return href if self.catalogue.sign is None else self.catalogue.sign(href)
        except requests.RequestException as error:
            raise FetchError(
                f"{plain(href)}: cannot be signed for reading ({type(error).__name__}); check the network, and run the "
                "same command again"
            ) from None

    def attempt(self, href: str, read: Callable[[str], _Read], *, anew: bool = False) -> _Read:
        """Read a file, again after failures that pass.

        Args:
            href: as the catalogue has it.
            read: is given the address to read from, with GDAL's settings made; raises what GDAL raises.
            anew: forget what was read of the file before, as further attempts do in any case.

        Raises:
            FetchError: it cannot be had: it names the file and why.
        """
        wait = self.back_off_s
        for left in reversed(range(_TIMES)):
            try:
                with self.env(anew=anew or left < _TIMES - 1):
                    return read(self.address(href))
            except RasterioError as error:
                reason, passing = self._why(href, error)
                if not passing or left == 0:
                    tried = f" after {_TIMES} attempts" if passing else ""
                    raise FetchError(f"{plain(href)}: cannot be had{tried} ({reason}); {_advice(reason)}") from None
            time.sleep(wait)
            wait *= 2
        raise AssertionError("unreachable")

    def _why(self, href: str, error: Exception) -> tuple[str, bool]:
        """What is wrong with a file, and whether it may be right a moment later. GDAL tells one from another seldom."""
        told = str(error.__cause__ or error).splitlines()[0]
        if not href.lower().startswith(("http://", "https://")):
            return told, False
        try:
            with requests.get(self.address(href), headers={"Range": "bytes=0-0"}, stream=True, timeout=20) as answer:
                code = answer.status_code
        except requests.RequestException as failure:
            return type(failure).__name__, True
        if code in PASSING:
            return f"HTTP {code}", True
        if code >= 400:
            return f"HTTP {code}", False
        return told.replace(href, "").strip(" :'") or "the connection broke off", True


def plain(href: str) -> str:
    """An address without its query, which may hold a signature."""
    parts = urlsplit(href)
    return href if not parts.query else parts._replace(query="").geturl()


def _advice(reason: str) -> str:
    if reason in ("HTTP 401", "HTTP 403"):
        return "it needs an account or a signature: use a catalogue that is open to you with --stac"
    if reason in ("HTTP 404", "HTTP 410"):
        return "the catalogue lists a file that is gone: choose other dates, or another catalogue with --stac"
    return "run the same command again, it goes on where it was"


class Driver(RioDriver):
    """Reads for odc-stac as its own driver does, with these settings and retries.

    Args:
        access: to the files.
        grids: of the files by address, as they were found before. GDAL takes the head of a file for whole where the
            connection broke off in it; then it lies elsewhere or nowhere, and would be left out in silence.
    """

    def __init__(self, access: Access, grids: Mapping[str, GeoBox]) -> None:
        super().__init__()
        self._access, self._grids = access, dict(grids)
        # It logs each failure, with the signed address, also of attempts that are made again.
        logging.getLogger("odc.loader._rio").setLevel(logging.CRITICAL)
        # rasterio warns of an array of its own that it warps into.
        warnings.filterwarnings("ignore", category=NotGeoreferencedWarning, module="rasterio.warp")

    def capture_env(self) -> dict[str, Any]:
        """Nothing of the calling thread's is taken over."""
        return {}

    @contextmanager
    def restore_env(self, env: dict[str, Any], load_state: Any) -> Iterator[Any]:
        """GDAL's settings while a block is read."""
        with self._access.env():
            yield None  # no context is needed, of which the readers make no use

    def open(self, src: Any, ctx: Any) -> RioReader:
        """A reader of one file."""
        return _Reader(src, ctx, self._access, self._grids[src.uri])


class _Reader(RioReader):
    def __init__(self, src: Any, ctx: Any, access: Access, grid: GeoBox) -> None:
        super().__init__(src, ctx)
        self._access, self._grid = access, grid

    def read(self, cfg: Any, dst_geobox: Any, **options: Any) -> Any:
        def once(address: str) -> Any:
            with rasterio.open(address) as dataset:
                if dataset.crs is None or GeoBox.from_rio(dataset) != self._grid:
                    raise RasterioIOError("its head came in part only")
            return RioReader(self._src.patch(uri=address), self._ctx).read(cfg, dst_geobox, **options)

        return self._access.attempt(self._src.uri, once)
