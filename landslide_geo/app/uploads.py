"""Files from the browser: counted while they come, checked before they are used, each in a folder of its own."""

from __future__ import annotations

import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import rasterio

from landslide_geo.app.folder import safe_name
from landslide_geo.app.kinds import Kind, check_content, kind_of_name, outline_of
from landslide_geo.bands import canonical_name
from landslide_geo.errors import OutputError, ParameterError, SourceNotFoundError, UnknownBandError

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
                }
        return told


class Uploads:
    """The uploads of a work folder.

    Args:
        folder: to keep them in.
        most_bytes: of one file.
    """

    def __init__(self, folder: Path, *, most_bytes: int) -> None:
        self.folder, self.most_bytes = folder, most_bytes

    async def receive(self, name: str, content: AsyncIterator[bytes], *, declared: int | None) -> Upload:
        """Take a file as it comes.

        Args:
            name: the user's.
            content: its bytes.
            declared: how many there are to be, where the browser says so.

        Raises:
            ParameterError: the kind is not taken.
            UploadTooLargeError: it is too large; nothing more of it is read.
            UnreadableRasterError: it is not what its name says.
            OutputError: the disk is full.
        """
        kind = kind_of_name(name, SCAN_KINDS)
        if declared is not None and declared > self.most_bytes:
            raise self._too_large(name, declared)
        clean = safe_name(name, instead=f"file{Path(name).suffix.lower()}")
        part = Path(tempfile.mkdtemp(prefix=".part-", dir=self.folder))
        try:
            taken = 0
            with (part / clean).open("wb") as file:
                async for chunk in content:
                    taken += len(chunk)
                    if taken > self.most_bytes:
                        raise self._too_large(name, taken)
                    file.write(chunk)
            check_content(part / clean, name, kind)
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
        folders = [folder for folder in self.folder.iterdir() if folder.is_dir() and folder.name[0] != "."]
        found = []
        for folder in sorted(folders, key=lambda each: each.stat().st_mtime):
            for path in folder.iterdir():
                found.append(Upload(folder.name, path.name, path, kind_of_name(path.name)))
        return found

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

    def _too_large(self, name: str, size: int) -> UploadTooLargeError:
        return UploadTooLargeError(
            f"{name}: {size / 1e6:,.0f} MB, and an upload may have {self.most_bytes / 1e6:,.0f} MB at most; use "
            "landslide scan for it, or start the page with a larger --max-upload-mb"
        )


def _known(text: str | None) -> str | None:
    """The band that a description or a file's name stands for, if any."""
    for part in (text, (text or "").replace("-", "_").rpartition("_")[2], (text or "").rpartition(".")[2]):
        try:
            return canonical_name(part) if part else None
        except UnknownBandError:
            continue
    return None
