"""A region: its file, read and written, and where its work lies."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import yaml

from landslide_geo.config.base import validated
from landslide_geo.config.regions import RegionParams
from landslide_geo.errors import OutputError, ParameterError, SourceNotFoundError
from landslide_geo.files import write_text
from landslide_geo.models import open_ensemble
from landslide_geo.scene.stac.region import Region as Ground
from landslide_geo.scene.stac.region import region_of

#: Where region files and the work of regions lie, in a project.
FILES: Final = Path("regions")
WORK: Final = Path("data/regions")
_HEAD: Final = "# A region that landslide region run scans; every field is explained in docs/regions.md.\n"


@dataclass(frozen=True)
class Region:
    """A region and its folder.

    Attributes:
        params: content of its file.
        file: where that lies.
        folder: where its work lies: ``scenes``, ``scans``, ``models``, ``catalogue``, ``inventory.gpkg`` and
            ``history.sqlite``.
    """

    params: RegionParams
    file: Path
    folder: Path

    @property
    def name(self) -> str:
        """Of the region."""
        return self.params.name

    @property
    def scenes(self) -> Path:
        """Folder of what is loaded from catalogues, one folder for each acquisition."""
        return self.folder / "scenes"

    @property
    def scans(self) -> Path:
        """Folder of the scans, one folder for each acquisition."""
        return self.folder / "scans"

    @property
    def inventory(self) -> Path:
        """The running inventory."""
        return self.folder / "inventory.gpkg"

    @property
    def history(self) -> Path:
        """Database of acquisitions, of who holds the region, and of what was done."""
        return self.folder / "history.sqlite"

    @property
    def catalogue(self) -> Path:
        """Folder of the STAC catalogue."""
        return self.folder / "catalogue"

    @property
    def models(self) -> Path:
        """Folder of the models that are or were in service."""
        return self.folder / "models"

    def beside(self, path: Path | None) -> Path | None:
        """A path of the file, which counts from the file's folder."""
        # Without the steps back: the file's folder need not be there yet.
        return None if path is None else Path(os.path.normpath(self.file.parent / path.expanduser()))

    @property
    def area(self) -> dict[str, Any]:
        """The area as `landslide_geo.pipeline.ingest.ingest` takes it."""
        if self.params.bbox is not None:
            return {"bbox": self.params.bbox}
        return {"aoi": self.beside(self.params.aoi)}

    @cached_property
    def ground(self) -> Ground:
        """The area and its grid.

        Raises:
            LandslideError: the file of the area cannot be used.
        """
        resolution = self.params.ingest.resolution
        return region_of(aoi=self.area.get("aoi"), bbox=self.params.bbox, resolution=resolution)


def region_file(name: str, regions: Path = FILES) -> Path:
    """Where the file of a region lies.

    Raises:
        ParameterError: the name has other signs than those of a region, so that it might lie elsewhere.
    """
    if not name or any(sign not in "abcdefghijklmnopqrstuvwxyz0123456789-" for sign in name):
        raise ParameterError(f"region {name!r}: names have a-z, 0-9 and hyphens only")
    return regions / f"{name}.yaml"


def read_region(name: str, *, regions: Path = FILES, work: Path = WORK) -> Region:
    """Read the file of a region.

    Raises:
        SourceNotFoundError: there is none.
        ParameterError: it is not YAML, or a field is wrong; the message names file, field and remedy.
    """
    file = region_file(name, regions)
    if not file.is_file():
        known = ", ".join(names(regions)) or "none"
        raise SourceNotFoundError(f"{file}: no such region (there are: {known}); make it with landslide region add")
    try:
        values = yaml.safe_load(file.read_text(encoding="utf-8"))
    except yaml.MarkedYAMLError as error:
        where = "" if error.problem_mark is None else f" in line {error.problem_mark.line + 1}"
        raise ParameterError(f"{file}: not valid YAML{where}: {error.problem or error.context}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ParameterError(f"{file}: not valid YAML: {str(error).splitlines()[0]}") from None
    except OSError as error:
        raise SourceNotFoundError(f"{file}: cannot be read ({error.strerror}); check its permissions") from None
    if not isinstance(values, dict):
        raise ParameterError(f"{file}: holds no fields; write at least name and aoi, as docs/regions.md shows")
    params = validated(RegionParams, values, where=str(file))
    if params.name != name:
        raise ParameterError(f"{file}: name: is {params.name!r}; write {name}, or rename the file")
    return Region(params, file, work / name)


def names(regions: Path = FILES) -> list[str]:
    """Names of the regions that have a file."""
    return sorted(path.stem for path in regions.glob("*.yaml"))


def add_region(values: Mapping[str, Any], *, regions: Path = FILES, work: Path = WORK) -> Region:
    """Write the file of a new region, after its area and model were looked at.

    Args:
        values: as the file holds them; those of defaults may be left out. Relative paths count from here, and are
            written as they count from the file.
        regions: folder of region files.
        work: folder of the work of regions.

    Raises:
        LandslideError: a value is wrong, the area or the model cannot be used, or there is such a region already.
    """
    given = dict(values)
    for field in ("aoi", "dem"):
        if given.get(field) is not None:
            given[field] = _counted_from(regions, Path(given[field]))
    if (folder := given.get("sinks", {}).get("folder")) is not None:
        given["sinks"] = given["sinks"] | {"folder": _counted_from(regions, Path(folder))}
    if (model := given.get("scan", {}).get("model")) is not None and Path(model).expanduser().is_dir():
        given["scan"] = given["scan"] | {"model": _counted_from(regions, Path(model))}
    params = validated(RegionParams, given, where="landslide region add")
    file = region_file(params.name, regions)
    if file.exists():
        raise OutputError(f"{file}: there is such a region; edit the file, or choose another name")
    region = Region(params, file, work / params.name)
    _ = region.ground
    if (dem := region.beside(params.dem)) is not None and not dem.exists():
        raise SourceNotFoundError(f"{dem}: no such elevation model; check --dem")
    open_ensemble(model_of(region))
    written = params.model_dump(mode="json", exclude_defaults=True)
    write_text(file, _HEAD + yaml.safe_dump(written, sort_keys=False, allow_unicode=True).rstrip())
    return region


def model_of(region: Region) -> str:
    """The model that a region's file names: a shipped bundle's name, or a bundle's folder, from here."""
    model = region.params.scan.model
    folder = region.beside(Path(model))
    return str(folder) if folder is not None and folder.is_dir() else model


def _counted_from(folder: Path, path: Path) -> str:
    path = path.expanduser()
    return str(path) if path.is_absolute() else os.path.relpath(path, folder)
