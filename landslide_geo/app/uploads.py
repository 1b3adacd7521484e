"""Files from the browser: counted while they come, checked before they are used, each in a folder of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import rasterio

from landslide_geo.app.folder import entries, safe_name
from landslide_geo.app.kinds import Kind, check_content, kind_of_name, outline_of
from landslide_geo.app.texts import plain
from landslide_geo.bands import canonical_name
from landslide_geo.errors import OutputError, ParameterError, SourceNotFoundError, UnknownBandError

#: Files that are kept, and how many times the largest one's bytes they may have in all.
_MOST_FILES, _MOST_TIMES = 500, 10
#: Bytes of a file after which it is looked again how much there is of all.
_LOOK: Final = 2**25
#: Names of Sentinel-2's bands one behind the other, as in ``s2_B4B3B2B8.tif``.
_RUN: Final = re.compile(r"(?:B(?:0?[1-9]|1[0-2]|8A)[_-]?){2,}", re.IGNORECASE)
_PART: Final = ".part-"
#: What stands for a band that is not needed.
_UNUSED: Final = ("", "-")
#: What a scan takes.
SCAN_KINDS: Final = (Kind.TIFF, Kind.GEOJSON)


class UploadTooLargeError(ParameterError):
    """More bytes than the page takes."""


@dataclass(frozen=True)
class Upload:
    """A file that came and was checked.

    Attributes:
        id: random; what the browser calls it.
        name: the user's, made safe.
        path: where it lies.
        kind: of its content.
    """

    id: str
    name: str
    path: Path
    kind: Kind

    def bands(self) -> tuple[str | None, ...]:
        """Of a raster which band each of its bands is, by its description; none where that tells none."""
        with rasterio.open(self.path, driver="GTiff") as dataset:
            return tuple(_known(text) for text in dataset.descriptions)

    def to_json(self) -> dict[str, Any]:
        """What the page shows: size, and of a raster its bands, as far as it names them itself."""
        told: dict[str, Any] = {
            "id": self.id, "name": self.name, "kind": self.kind.value, "bytes": self.path.stat().st_size,
        }  # fmt: skip
        if self.kind is Kind.TIFF:
            with rasterio.open(self.path, driver="GTiff") as dataset:
                named = [_known(text) for text in dataset.descriptions]
                told |= {
                    "count": dataset.count,
                    "width": dataset.width,
                    "height": dataset.height,
                    "crs": None if dataset.crs is None else dataset.crs.to_string(),
                    "bands": [name for name in named if name],
                    "suggested": _known(self.path.stem) if dataset.count == 1 else None,
                    "suggested_bands": _suggested(self.path.stem, dataset),
                }
        return told


class Uploads:
    """The uploads of a work folder.

    Args:
        folder: to keep them in.
        most_bytes: of one file; of all of them ten times that.
    """

    def __init__(self, folder: Path, *, most_bytes: int) -> None:
        self.folder, self.most_bytes = folder, most_bytes
        self.most_bytes_of_all = _MOST_TIMES * most_bytes
        for left in folder.glob(f"{_PART}*"):  # of a page that was killed
            shutil.rmtree(left, ignore_errors=True)

    async def receive(self, name: str, content: AsyncIterator[bytes], *, declared: int | None) -> Upload:
        """Take a file as it comes.

        Args:
            name: the user's.
            content: its bytes.
            declared: how many there are to be, where the browser says so.

        Raises:
            ParameterError: the kind is not taken.
            UploadTooLargeError: it is too large, or all are together; nothing more of it is read.
            UnreadableRasterError: it is not what its name says.
            OutputError: the disk is full.
        """
        name = plain(name)
        kind = kind_of_name(name, SCAN_KINDS)
        if declared is not None and declared > self.most_bytes:
            raise self._too_large(name, declared)
        self._check_room(name, declared or 0)
        clean = safe_name(name, instead=f"file{Path(name).suffix.lower()}")
        part = Path(tempfile.mkdtemp(prefix=_PART, dir=self.folder))
        try:
            taken = 0
            with (part / clean).open("wb") as file:
                async for chunk in content:
                    taken += len(chunk)
                    if taken > self.most_bytes:
                        raise self._too_large(name, taken)
                    if taken // _LOOK != (taken - len(chunk)) // _LOOK:
                        self._check_room(name, 0)
                    file.write(chunk)
            self._check_room(name, 0)
            await asyncio.to_thread(check_content, part / clean, name, kind)
            id = secrets.token_hex(8)
            part.rename(self.folder / id)
        except OSError as error:
            if isinstance(error, ParameterError | OutputError) or error.errno is None:
                raise
            raise OutputError(f"{name}: cannot be kept ({error.strerror}); make room in the work folder") from None
        finally:
            shutil.rmtree(part, ignore_errors=True)
        return Upload(id, clean, self.folder / id / clean, kind)

    def get(self, id: str) -> Upload:
        """An upload by its name.

        Raises:
            SourceNotFoundError: there is none.
        """
        for upload in self.all():
            if upload.id == id:
                return upload
        raise SourceNotFoundError(f"upload {id!r}: is no longer there; choose the file again")

    def all(self) -> list[Upload]:
        """All uploads, the oldest first."""
        found = []
        for folder in _folders(self.folder):
            for entry in entries(folder.path):
                try:
                    found.append(Upload(folder.name, entry.name, Path(entry.path), kind_of_name(entry.name)))
                except ParameterError:
                    continue  # somebody else put it there
        return found

    def told(self) -> list[dict[str, Any]]:
        """All uploads as the page shows them, without those that can no longer be read."""
        found = []
        for upload in self.all():
            with contextlib.suppress(OSError):
                found.append(upload.to_json())
        return found

    def name_bands(self, id: str, names: Sequence[str]) -> Upload:
        """Write into an upload which bands it has, in their order; an empty name or "-" is one that is not needed.

        Raises:
            SourceNotFoundError: there is no such upload.
            ParameterError: it is no raster, or there are more names than bands, or none, or one twice.
            UnknownBandError: a name is not known.
        """
        upload = self.get(id)
        if upload.kind is not Kind.TIFF:
            raise ParameterError(f"{upload.name}: has no bands")
        known = [None if name.strip() in _UNUSED else canonical_name(name) for name in names]
        given = [name for name in known if name]
        with rasterio.open(upload.path, driver="GTiff") as dataset:
            count = dataset.count
        if len(known) > count or not given or len(set(given)) < len(given):
            raise ParameterError(
                f"{upload.name}: has {count} bands; name each once, in their order, and put - for those not needed"
            )
        with rasterio.open(upload.path, "r+", driver="GTiff") as dataset:
            for index in range(count):
                dataset.set_band_description(index + 1, (known[index] if index < len(known) else None) or "")
        return upload

    def outline(self, id: str) -> dict[str, Any]:
        """The GeoJSON of an uploaded area.

        Raises:
            SourceNotFoundError: there is no such upload.
            ParameterError: it is none.
        """
        upload = self.get(id)
        return outline_of(upload.path, upload.name)

    def remove(self, id: str) -> None:
        """Remove an upload, if it is there."""
        if any(upload.id == id for upload in self.all()):
            shutil.rmtree(self.folder / id, ignore_errors=True)

    def _check_room(self, name: str, coming: int) -> None:
        """Count what there is; uploads that come at the same time count as far as they are."""
        folders = _folders(self.folder, parts=True)
        size = sum(entry.stat().st_size for folder in folders for entry in entries(folder.path))
        if len(folders) > _MOST_FILES or size + coming > self.most_bytes_of_all:
            raise UploadTooLargeError(
                f"{name}: would be too much: {len(folders):,} files of {size / 1e6:,.0f} MB were sent, and at most "
                f"{_MOST_FILES} of {self.most_bytes_of_all / 1e6:,.0f} MB are kept; remove some under New scan, "
                "files of mine"
            )

    def _too_large(self, name: str, size: int) -> UploadTooLargeError:
        return UploadTooLargeError(
            f"{name}: {size / 1e6:,.0f} MB, and an upload may have {self.most_bytes / 1e6:,.0f} MB at most; use "
            "landslide scan for it, or start the page with a larger --max-upload-mb"
        )


def _folders(folder: Path, *, parts: bool = False) -> list[os.DirEntry[str]]:
    """Folders of uploads, the oldest first; with parts those that are still coming, too."""
    found = []
    for entry in entries(folder):
        with contextlib.suppress(OSError):  # removed meanwhile
            if entry.is_dir(follow_symlinks=False) and (parts or entry.name[0] != "."):
                found.append((entry.stat(follow_symlinks=False).st_mtime, entry.name, entry))
    return [entry for *_, entry in sorted(found, key=lambda each: each[:2])]


def _suggested(stem: str, dataset: rasterio.DatasetReader) -> list[str]:
    """Which bands a file without names may have, by its own name, or as pictures have."""
    if dataset.count == 1 or any(dataset.descriptions):
        return []
    for run in _RUN.findall(stem):
        names = [_known(part) for part in re.findall(r"B(?:1[0-2]|8A|0?[1-9])", run, re.IGNORECASE)]
        if len(names) == dataset.count and all(names):
            return [name for name in names if name]
    return ["red", "green", "blue"] if dataset.count in (3, 4) and dataset.dtypes[0] == "uint8" else []


def _known(text: str | None) -> str | None:
    """The band that a description or a file's name stands for, if any."""
    for part in (text, (text or "").replace("-", "_").rpartition("_")[2], (text or "").rpartition(".")[2]):
        try:
            return canonical_name(part) if part else None
        except UnknownBandError:
            continue
    return None
