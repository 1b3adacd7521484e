"""A filter asked before a network: gradient boosting on hand-made features says which windows hold no landslide.

It is two files: ``prefilter.json``, the manifest, and ``filter.json``, the trees as XGBoost writes them. Both lie in a
folder of their own, as `landslide prefilter` writes it, or in that of a bundle or an ensemble, whose checksum they are
part of then. XGBoost is imported when a filter is first asked: scans without one do without it.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from landslide_geo.bands import EITHER, is_radar
from landslide_geo.config import SpeckleParams, first_problem
from landslide_geo.errors import BundleError
from landslide_geo.files import replacing
from landslide_geo.models.features import Features
from landslide_geo.models.manifest import InputBand

if TYPE_CHECKING:
    from xgboost import Booster

FloatArray = NDArray[np.float32]

MANIFEST: Final = "prefilter.json"
TREES: Final = "filter.json"
#: In the order in which they are written: without the last there is no filter.
FILES: Final = (TREES, MANIFEST)


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Screening(_Part):
    """What a filter does to some chips."""

    chips: int = Field(ge=0)
    positives: int = Field(ge=0, description="chips with a landslide")
    recall: float = Field(ge=0, le=1, description="share of the positives that pass")
    filtered: float = Field(ge=0, le=1, description="share of all chips that do not")
    prevalence_before: float = Field(ge=0, le=1, description="share of positives among all chips")
    prevalence_after: float = Field(ge=0, le=1, description="share of positives among those that pass")


class PrefilterManifest(_Part):
    """``prefilter.json``."""

    schema_version: Literal[1] = 1
    bands: tuple[InputBand, ...] = Field(min_length=1)
    features: tuple[str, ...] = Field(min_length=1, description="of these bands, in order")
    tile: int = Field(ge=1, description="side of the chips it was trained on, in pixels: windows are cut into such")
    gsd_m: float | None = Field(None, description="size of their pixels (m); none: not known or not one")
    speckle: SpeckleParams | None = Field(None, description="filter of its radar bands; none: as they were measured")
    threshold: float = Field(ge=0, le=1, description="what lies below it does not reach the network")
    how: str = Field(description="on what data and by what measure the threshold was found")
    out_of_fold: Screening = Field(description="of the training chips, each predicted by trees that did not see it")
    validation: Screening | None = Field(None, description="of chips that neither trees nor threshold come from")
    data: str
    simulated: bool = False
    seed: int
    parameters: dict[str, Any] = Field(description="of the training")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description=f"of {TREES}")
    versions: dict[str, str] = {}


class Prefilter:
    """A filter that was read from a folder. It travels to other processes as the path of the folder.

    Attributes:
        folder: where it lies.
        manifest: checked content of ``prefilter.json``.
    """

    def __init__(self, folder: Path, manifest: PrefilterManifest) -> None:
        self.folder, self.manifest = folder, manifest
        self.features = Features(self.bands, [band.unit for band in manifest.bands])
        self._booster: Booster | None = None
        self._lock = threading.Lock()

    def __getstate__(self) -> dict[str, Any]:
        """Trees and lock stay behind."""
        return {"folder": self.folder.absolute(), "manifest": self.manifest}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore, with trees that are read when they are asked."""
        self.__init__(state["folder"], state["manifest"])  # type: ignore[misc]

    @classmethod
    def load(cls, folder: str | Path) -> Prefilter:
        """Read a filter and check that its features are those that are worked out today.

        Raises:
            BundleError: there is none, a file is broken, or it was trained on other features.
        """
        folder = Path(folder)
        path = folder / MANIFEST
        try:
            manifest = PrefilterManifest.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            raise BundleError(
                f"{folder}: holds no filter, {MANIFEST} is missing; make one with landslide prefilter"
            ) from None
        except OSError as error:
            raise BundleError(f"{path}: cannot be read ({error.strerror}); copy the filter's folder again") from None
        except ValidationError as error:
            raise BundleError(
                f"{path}: {first_problem(error)}; make the filter again with landslide prefilter"
            ) from None
        found = cls(folder, manifest)
        if manifest.features != found.features.names:
            lacking = set(manifest.features) ^ set(found.features.names)
            first = min(lacking) if lacking else "their order"
            raise BundleError(
                f"{path}: a filter trained on other features than its bands have today ({first}); train it again with "
                "landslide prefilter"
            )
        trees = folder / TREES
        if not trees.is_file():
            raise BundleError(f"{trees}: missing; copy the filter's folder again, completely")
        if hashlib.sha256(trees.read_bytes()).hexdigest() != manifest.sha256:
            raise BundleError(f"{trees}: not the trees that {MANIFEST} describes; copy the filter's folder again")
        return found

    @property
    def bands(self) -> tuple[str, ...]:
        """Names of the bands that it looks at, in order."""
        return tuple(band.name for band in self.manifest.bands)

    @property
    def threshold(self) -> float:
        """What lies below it does not reach the network."""
        return self.manifest.threshold

    @property
    def name(self) -> str:
        """What tells it from others."""
        return f"filter {self.manifest.sha256[:12]}"

    def tiles(self, window: FloatArray) -> FloatArray:
        """A window cut into tiles as large as the filter's chips; one that is smaller stays as it is.

        Args:
            window: (band, h, w).

        Returns:
            (N, band, y, x); the last tile of a row and column is shifted inward.
        """
        side = self.manifest.tile
        rows, cols = (starts(length, side) for length in window.shape[1:])
        return np.stack([window[:, row : row + side, col : col + side] for row in rows for col in cols])

    def probabilities(self, windows: FloatArray) -> FloatArray:
        """How likely windows hold a landslide.

        Args:
            windows: (N, band, y, x) float32 in the bands' units, NaN where unknown; of the manifest's size, where the
                answer shall mean what it did in training.

        Returns:
            (N,) float32, 0 to 1. A window's answer does not depend on the others.

        Raises:
            BundleError: the trees cannot be read, or are of other features.
            ParameterError: another number of bands.
        """
        return self.of_features(self.features.of(windows))

    def of_features(self, features: FloatArray) -> FloatArray:
        """(N, F) `Features` of windows → (N,) float32; see `probabilities`."""
        if not len(features):
            return np.empty(0, np.float32)
        found: FloatArray = np.asarray(self._trees().inplace_predict(features), dtype=np.float32)
        return found

    def _trees(self) -> Booster:
        with self._lock:
            if self._booster is None:
                self._booster = _read(self.folder / TREES, self.manifest)
        return self._booster


def starts(length: int, side: int) -> list[int]:
    """Where tiles begin that cover a length; the last one is shifted inward."""
    return [*range(0, length - side, side), length - side] if length > side else [0]


def prefilter_files(folder: Path) -> list[Path]:
    """The files of the filter that a folder, of a bundle perhaps, holds; none where it holds none."""
    return [folder / name for name in FILES] if (folder / MANIFEST).is_file() else []


def open_prefilter(folder: Path) -> Prefilter | None:
    """The filter in a bundle's folder; none where it holds none.

    Raises:
        BundleError: it is broken.
    """
    return Prefilter.load(folder) if prefilter_files(folder) else None


def require_bands(
    source: Path, bands: Sequence[InputBand], *, gsd_m: tuple[float, float], of: str,
    speckle: SpeckleParams | None = None,
) -> Prefilter:  # fmt: skip
    """A filter for a model: what can be mapped must not depend on it, so it sees what the model sees too.

    Args:
        source: folder of the filter.
        bands: of the model; an ensemble's members may have one in several units.
        gsd_m: range of the model's pixels in metres; low above high says nothing.
        of: the model's name.
        speckle: how the model's radar is filtered; none: as it was measured.

    Raises:
        BundleError: there is no filter, it is broken, or it looks at other bands, units or pixels, or at radar that is
            filtered otherwise.
    """
    found = Prefilter.load(source)
    names = list(dict.fromkeys(band.name for band in bands))
    told = f"{source / MANIFEST}: the filter"
    if strange := [name for name in found.bands if name not in names]:
        raise BundleError(
            f"{told} looks at {', '.join(strange)}, which {of} does not (it has {', '.join(names)}); train one with "
            "landslide prefilter --bands"
        )
    for band in found.manifest.bands:
        units = {own.unit for own in bands if own.name == band.name}
        if band.unit not in units and not any(unit == EITHER or unit.startswith("any ") for unit in units):
            raise BundleError(
                f"{told} takes {band.name} in {band.unit}, and {of} in {' or '.join(sorted(units))}; train one on the "
                "model's chips"
            )
    if any(map(is_radar, found.bands)) and found.manifest.speckle != speckle:
        own, other = (
            "as it was measured" if one is None else f"filtered {one}" for one in (found.manifest.speckle, speckle)
        )
        raise BundleError(f"{told} takes radar {own}, and {of} {other}; train one on the model's chips")
    gsd, (low, high) = found.manifest.gsd_m, gsd_m
    if gsd is not None and low <= high and not low <= gsd <= high:
        raise BundleError(
            f"{told} is of pixels of {gsd:g} m, and {of} of {low:g} to {high:g} m; train one on chips of such pixels"
        )
    return found


def add_prefilter(folder: Path, source: Path) -> None:
    """Copy a filter into the folder of a bundle or an ensemble, which is another one by its checksum from then on.

    Raises:
        BundleError: there is no filter, or it is broken.
        OutputError: the folder cannot be written.
    """
    Prefilter.load(source)
    for name in FILES:
        content = (source / name).read_bytes()
        with replacing(folder / name) as part:
            part.write_bytes(content)
            part.chmod(0o644)


def _read(path: Path, manifest: PrefilterManifest) -> Booster:
    import xgboost

    booster = xgboost.Booster({"nthread": 1})
    try:
        booster.load_model(path)
    except (xgboost.core.XGBoostError, OSError, ValueError) as error:
        told = (str(error).splitlines() or [type(error).__name__])[0]
        raise BundleError(f"{path}: no trees of XGBoost ({told}); train the filter again") from None
    if tuple(booster.feature_names or ()) != manifest.features:
        raise BundleError(
            f"{path}: trees of other features than {MANIFEST} lists; the two come from different filters, copy the "
            "filter's folder again"
        )
    booster.set_param({"nthread": 1})  # what the trees were trained with is in the file
    # Trees by name would want a table instead of an array; the names have been compared.
    booster.feature_names = None
    return booster
