"""The work folder: the only place the web page reads from and writes to, found by listing it, never by a path."""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from landslide_geo.errors import OutputError, SourceNotFoundError
from landslide_geo.files import remove_folder
from landslide_geo.models.bundle import list_bundles
from landslide_geo.models.ensemble import is_ensemble
from landslide_geo.models.manifest import MANIFEST
from landslide_geo.pipeline.workspace import RECORD
from landslide_geo.scene.fetch import SAMPLES

#: How deep below the work folder scans, scenes and models are looked for.
_DEPTH: Final = 3
#: Stands for "/" in the name of a scan, so that a name is one part of an address.
_JOINT: Final = "~"
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._-]+")
_ITEM: Final = "item.json"
#: A scan's landslides, in its folder.
INVENTORY: Final = "landslides.gpkg"


class AppFolder:
    """The folders of the web page.

    Everything that a browser names is looked up in a listing of what is there. Nothing is put together to a path, so no
    name can lead outside; links that lead outside are not listed.

    Args:
        root: the work folder; made where it is missing.

    Raises:
        OutputError: it cannot be made or written.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self._listed: dict[str, Path] = {}
        try:
            for folder in (self.uploads, self.scenes, self.scans, self.jobs, self.scratch):
                folder.mkdir(parents=True, exist_ok=True)
            self.root = self.root.resolve()
            self.clear_patches(keep_s=0)
        except OSError as error:
            raise OutputError(
                f"{root}: cannot be written ({error.strerror}); choose another folder with --work"
            ) from None

    @property
    def scans(self) -> Path:
        """Where scans that are started on the page are written."""
        return self.root / "scans"

    @property
    def scenes(self) -> Path:
        """Where scenes are put: fetched ones, ingested ones, and those that a user copies there."""
        return self.root / "scenes"

    @property
    def uploads(self) -> Path:
        """Files that came through the browser."""
        return self.root / ".app" / "uploads"

    @property
    def jobs(self) -> Path:
        """What was asked for, and how far it is."""
        return self.root / ".app" / "jobs"

    @property
    def scratch(self) -> Path:
        """What can be made again at any time."""
        return self.root / ".app" / "scratch"

    @property
    def patches(self) -> Path:
        """Where the library of the patch page puts what it is sent."""
        return self.scratch / "patch"

    def clear_patches(self, *, keep_s: float = 3600, keep_bytes: int = 10**9) -> None:
        """Remove what was sent to the patch page long ago, or before many others: it was read at once.

        Args:
            keep_s: seconds that files are kept, for another model to be asked about them.
            keep_bytes: of the newest ones.
        """
        before, kept = time.time() - keep_s, 0
        for path, changed, size in sorted(_sizes(self.patches), key=lambda each: -each[1]):
            kept += size
            if changed < before or kept > keep_bytes:
                remove_folder(path)

    def finished(self) -> dict[str, Path]:
        """Folders of finished scans by name, the newest first."""
        found = {self._name(folder): folder for folder in self._folders() if _is_scan(folder)}
        return dict(sorted(found.items(), key=lambda item: -_changed(item[1] / RECORD)))

    def scan(self, name: str) -> Path:
        """The folder of a finished scan.

        Raises:
            SourceNotFoundError: there is none of this name.
        """
        known = self._listed.get(name)
        if known is None or known.is_symlink() or not _is_scan(known):
            self._listed = self.finished()  # a map asks for a scan many times, and the folder may be someone's home
            known = self._found(self._listed, name, "scan")
        return known

    def ready_scenes(self) -> dict[str, Path]:
        """Folders that hold a scene and not a scan, by name."""
        return {
            self._name(folder): folder
            for folder in self._folders()
            if (folder / _ITEM).is_file() and not (folder / RECORD).is_file()
        }

    def scene(self, name: str) -> Path:
        """The folder of a scene.

        Raises:
            SourceNotFoundError: there is none of this name.
        """
        return self._found(self.ready_scenes(), name, "scene")

    def samples(self) -> dict[str, str]:
        """Titles of the sample scenes that can be fetched, by name."""
        return {name: sample.title for name, sample in SAMPLES.items()}

    def models(self) -> dict[str, str]:
        """What to load, by the name a user sees: shipped bundles, then bundles and ensembles in the work folder."""
        own = {
            self._name(folder): str(folder)
            for folder in self._folders()
            if (folder / MANIFEST).is_file() or is_ensemble(folder)
        }
        return {name: name for name in list_bundles()} | own

    def model(self, name: str) -> str:
        """What to load for a model's name.

        Raises:
            SourceNotFoundError: there is none of this name.
        """
        models = self.models()
        if name not in models:
            raise SourceNotFoundError(f"model {name!r}: there is none; choose one of {', '.join(models)}")
        return models[name]

    def model_changed(self, name: str) -> float:
        """When a model was written, in seconds of the system; 0 for shipped ones.

        Raises:
            SourceNotFoundError: there is none of this name.
        """
        path = Path(self.model(name))
        return max((_changed(Path(entry.path)) for entry in entries(path)), default=0.0) if path.is_absolute() else 0.0

    def _name(self, folder: Path) -> str:
        parts = folder.relative_to(self.root).parts
        short = parts[1:] if parts[:1] in (("scans",), ("scenes",)) else ()
        if short and self.root.joinpath(*short).is_dir():
            short = ()  # the name of another folder
        return _JOINT.join(short or parts) or "here"

    def _folders(self) -> Iterator[Path]:
        """Folders down to some depth, without hidden ones and links."""
        yield self.root
        level = [self.root]
        for _ in range(_DEPTH):
            level = [
                Path(entry.path)
                for folder in level
                for entry in entries(folder)
                if entry.is_dir(follow_symlinks=False) and not entry.name.startswith(".")
            ]
            yield from level

    @staticmethod
    def _found(there: dict[str, Path], name: str, what: str) -> Path:
        if name not in there:
            raise SourceNotFoundError(f"{what} {name!r}: there is none in the work folder; reload the page")
        return there[name]


def _is_scan(folder: Path) -> bool:
    return (folder / RECORD).is_file() and (folder / INVENTORY).is_file()


def safe_name(text: str, *, instead: str = "file") -> str:
    """A text as the name of a file or folder: letters, digits, point, dash and underscore, at most 80 of them."""
    name = _UNSAFE.sub("-", text.rpartition("/")[2].rpartition("\\")[2]).strip("-.")[-80:].strip("-.")
    return name or instead


def _sizes(folder: Path) -> list[tuple[Path, float, int]]:
    """Folders in a folder, when each was changed, and the bytes of the files in it."""
    found = []
    for entry in entries(folder):
        with contextlib.suppress(OSError):
            if entry.is_dir(follow_symlinks=False):
                size = sum(each.stat(follow_symlinks=False).st_size for each in entries(Path(entry.path)))
                found.append((Path(entry.path), entry.stat(follow_symlinks=False).st_mtime, size))
    return found


def _changed(path: Path) -> float:
    """When a file was changed; 0 where it is gone meanwhile."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def entries(folder: Path | str) -> list[os.DirEntry[str]]:
    """What lies in a folder, by name; nothing where it is gone or cannot be read."""
    try:
        with os.scandir(folder) as found:
            return sorted(found, key=lambda entry: entry.name)
    except OSError:
        return []
