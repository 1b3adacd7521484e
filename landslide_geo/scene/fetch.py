"""Sample scenes: registered by checksum, had from a mirror folder or the network."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

import pooch

from landslide_geo.errors import ChecksumError, FetchError, OutputError, ParameterError, SourceNotFoundError
from landslide_geo.progress import tracked

_HOKKAIDO_URL: Final = (
    "https://raw.githubusercontent.com/ChenyuZhang16/landslide-mapping-with-cnn/"
    "c2b36ca13f1d56af772960fadeeecc86824ac06c/Japan_data/"
)


_RETRIES = 2


@dataclass(frozen=True)
class Sample:
    """A scene that can be fetched by name.

    Attributes:
        name: as on the command line.
        title: one line for people.
        base_url: address of the folder the files lie in.
        mirror_folders: folders below a mirror's root that may hold the same files.
        files: SHA-256 by path below that folder.
        bands: path by band name.
        dem: path of the elevation model.
        event: name and day of what happened between the two dates.
        credits: what must stand on a map made from it.
        licence: of the files.
    """

    name: str
    title: str
    base_url: str
    mirror_folders: tuple[str, ...]
    files: dict[str, str]
    bands: dict[str, str]
    dem: str
    event: tuple[str, date]
    credits: str
    licence: str


@dataclass(frozen=True)
class FetchedScene:
    """Where the files of a fetched scene are, ready for `open_scene`."""

    sample: Sample
    sources: tuple[str, ...]
    dem: Path


SAMPLES: Final[dict[str, Sample]] = {
    "hokkaido": Sample(
        name="hokkaido",
        title="Sentinel-2 before and after the Hokkaido Eastern Iburi earthquake, with a 30 m surface model",
        base_url=_HOKKAIDO_URL,
        mirror_folders=("scene_hokkaido_iburi", "Japan_data", "hokkaido"),
        files={
            "post-event/download.B4.tif": "c6823eb833e931ab26be226e2c48d16b1c6b19751ee7d66a235b84009322de26",
            "post-event/download.B3.tif": "72971b798b7428d801b3c434b9f08d0a0f8fa0f6a2f9b0d60346626270882c43",
            "post-event/download.B2.tif": "4dfd27bf147262e30b32673724df88ab16a85674a956cf07dcbfb82fe2c3f96b",
            "pre-event/download.B4.tif": "6fa22029e5e9a461e03a66069ef8d28cbc44f3d050b3c74c33ef71cb647238d4",
            "pre-event/download.B3.tif": "417c0af88bc35aa10c1c52d26116ee636cc6b0e043af5aa1cb62d56c376811b2",
            "pre-event/download.B2.tif": "3aa8158dbb56becdfed55d058eb4ca996aec8dfaafbc3b22ce20af9da9279fa0",
            "dem/download.DSM.tif": "36a9dbb41cea83dd7d61ae9fa8280f8a2f4533cbad55a2c4969011ec09155d29",
        },
        bands={
            "red": "post-event/download.B4.tif",
            "green": "post-event/download.B3.tif",
            "blue": "post-event/download.B2.tif",
            "pre_red": "pre-event/download.B4.tif",
            "pre_green": "pre-event/download.B3.tif",
            "pre_blue": "pre-event/download.B2.tif",
        },
        dem="dem/download.DSM.tif",
        event=("Hokkaido Eastern Iburi earthquake", date(2018, 9, 6)),
        credits="Contains modified Copernicus Sentinel data (2018); elevation: ALOS World 3D, © JAXA",
        licence="MIT (ChenyuZhang16/landslide-mapping-with-cnn)",
    )
}


def fetch_scene(
    name: str, to: Path, *, mirror: Path | None = None, progress: Callable[[str], None] = lambda file: None
) -> FetchedScene:
    """Get a sample scene: from a mirror folder where one is given, else from the network.

    Files that are there already with the right checksum are kept, so that an interrupted fetch goes on where it was.

    Args:
        name: of the sample.
        to: folder the sample's folder is made in.
        mirror: folder that holds copies of samples.
        progress: called with each file's name before it is got.

    Raises:
        ParameterError: no sample has that name.
        SourceNotFoundError: the mirror does not exist or lacks a file.
        ChecksumError: a file is not the one registered.
        FetchError: the network gave no answer.
        OutputError: ``to`` cannot be written.
    """
    if name not in SAMPLES:
        raise ParameterError(f"no sample scene is called {name!r}; there are: {', '.join(SAMPLES)}")
    sample = SAMPLES[name]
    folder = to / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be made ({error.strerror}); choose a folder you can write") from None
    download = _copy_from(sample, mirror) if mirror is not None else _from_network
    pooch.get_logger().setLevel(logging.ERROR)
    keeper = pooch.create(
        path=folder,
        base_url=sample.base_url,
        registry={path: f"sha256:{digest}" for path, digest in sample.files.items()},
        retry_if_failed=0 if mirror is not None else _RETRIES,
    )
    for path in tracked(sample.files, "files", len(sample.files), "file"):
        progress(path)
        _get(keeper, path, download, where=mirror)
    sources = tuple(f"{band}={folder / path}" for band, path in sample.bands.items())
    return FetchedScene(sample, sources, folder / sample.dem)


def _get(keeper: pooch.Pooch, path: str, download: Callable[..., None], *, where: Path | None) -> None:
    origin = keeper.get_url(path) if where is None else str(where)
    try:
        keeper.fetch(path, downloader=download)
    except ValueError as error:
        if "hash" not in str(error):
            raise
        raise ChecksumError(
            f"{path}: the file from {origin} is not the registered one (checksum differs); "
            "the source has changed or the copy is damaged"
        ) from None
    except PermissionError as error:
        raise OutputError(f"{error.filename}: cannot be written; choose a folder you can write with --to") from None
    except SourceNotFoundError:
        raise
    except OSError as error:  # requests' exceptions are OSErrors
        raise FetchError(
            f"{origin}: cannot be had ({type(error).__name__}); check the network, or name a folder with copies: "
            "--mirror DIR or LANDSLIDE_MIRROR"
        ) from None


def _mirrored(sample: Sample, mirror: Path) -> Path:
    for folder in sample.mirror_folders:
        if (mirror / folder).is_dir():
            return mirror / folder
    raise SourceNotFoundError(
        f"{mirror}: this mirror does not hold {sample.name} (looked for {', '.join(sample.mirror_folders)}); "
        "leave out --mirror to use the network"
    )


def _copy_from(sample: Sample, mirror: Path) -> Callable[..., None]:
    def copy(url: str, output_file: Any, keeper: pooch.Pooch) -> None:
        # Looked for only when a file is wanted: files that are here already need no mirror.
        folder = _mirrored(sample, mirror)
        path = url.removeprefix(keeper.base_url)
        if not (folder / path).is_file():
            raise SourceNotFoundError(f"{folder / path}: missing in the mirror; copy it there or use the network")
        shutil.copyfile(folder / path, output_file)

    return copy


def _from_network(url: str, output_file: Any, keeper: pooch.Pooch) -> None:
    pooch.HTTPDownloader(timeout=20)(url, output_file, keeper)
