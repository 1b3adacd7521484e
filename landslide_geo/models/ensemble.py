"""Several models as one: what a scan asks. A single model is an ensemble of one.

An ensemble is a folder with a ``bundle.json`` of its own schema: members by the folders of their bundles, with weights,
and the threshold that was found for them together. It holds no weights of networks.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from landslide_geo.bands import is_radar
from landslide_geo.config import SpeckleParams, first_problem
from landslide_geo.errors import BundleError
from landslide_geo.files import replacing_folder
from landslide_geo.models.bundle import CARD, find_bundle, list_bundles
from landslide_geo.models.manifest import MANIFEST, SCHEMA_VERSION, Task, Threshold
from landslide_geo.models.model import Model, open_model
from landslide_geo.models.prefilter import FILES, add_prefilter, prefilter_files, require_bands
from landslide_geo.models.receptive_field import DeviceKind
from landslide_geo.models.voting import FloatArray, Settle, settled


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class EnsembleMember(_Part):
    """One model of an ensemble."""

    bundle: str = Field(min_length=1, description="a shipped model's name, or a folder relative to the ensemble's")
    weight: float = Field(gt=0, description="in the mean of calibrated probabilities")
    anchor: float | None = Field(
        None, gt=0, lt=1, description="probability that becomes 0.5 before averaging, its own threshold; none: as it is"
    )


class EnsembleManifest(_Part):
    """``bundle.json`` of an ensemble."""

    schema_version: Literal[1] = SCHEMA_VERSION
    kind: Literal["ensemble"] = "ensemble"
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_.-]*$")
    description: str
    members: tuple[EnsembleMember, ...] = Field(min_length=1)
    threshold: Threshold
    abstain: float | None = Field(
        None,
        gt=0,
        description="a member does not count where its answers over symmetries spread further; none: ever",
    )
    tta: Literal[1, 2, 4, 8] = Field(1, description="symmetries averaged by default")
    metrics: dict[str, dict[str, Any]] = {}
    licence: str
    created: str = Field(description="date and time, ISO 8601, UTC")


@dataclass(frozen=True)
class Ensemble:
    """Models with weights, and what holds for all of them together.

    Attributes:
        directory: of the bundle.
        name: of the bundle.
        models: the members and their weights in the mean.
        threshold: on the mean of calibrated probabilities.
        tta: symmetries averaged by default.
        sha256: of manifests, weights and filters, which together decide every result.
        manifest: content of ``bundle.json``, and those of the members.
        anchors: of each member, the probability that becomes 0.5 before averaging; none: as it is, and so all of them
            where nothing is said.
        abstain: spread over symmetries from which on a member does not count; none: all count.
    """

    directory: Path
    name: str
    models: tuple[tuple[Model, float], ...]
    threshold: float
    tta: int
    sha256: str
    manifest: dict[str, Any]
    anchors: tuple[float | None, ...] = ()
    abstain: float | None = None

    def build(self) -> None:
        """Build the members' networks, which otherwise happens on first use.

        Raises:
            BundleError: weights are missing or broken, or do not fit the architecture.
        """
        for model, _ in self.models:
            _ = model.bundle.network

    @property
    def task(self) -> Task:
        """What it answers: a probability for each pixel, or one for a window."""
        return self.models[0][0].task

    @property
    def sensors(self) -> tuple[tuple[str, ...], ...]:
        """Bands of each sensor, of which any but one may be missing; none where some member needs all of its bands."""
        stated = [model.manifest.sensors for model, _ in self.models]
        return tuple(dict.fromkeys(own for one in stated for own in one)) if all(stated) else ()

    @property
    def speckle(self) -> SpeckleParams | None:
        """How the members want radar filtered, all that take any; none: as it was measured."""
        return _require_one_speckle([model for model, _ in self.models], self.directory)

    def anchor(self, member: int) -> float | None:
        """Calibrated probability of a member that becomes 0.5 before averaging; none: as it is."""
        return self.anchors[member] if self.anchors else None

    def settle(self, member: int, prior: float | None = None) -> Settle:
        """What becomes of a member's raw probabilities until they are averaged; never changes an order."""
        return partial(_settled, self.models[member][0], prior, self.anchor(member))

    @property
    def bands(self) -> tuple[str, ...]:
        """Names of all bands that any member needs."""
        return tuple(dict.fromkeys(name for model, _ in self.models for name in model.bands))

    def windows(self, kind: DeviceKind) -> tuple[int, int]:
        """Side and overlap of windows in pixels on a kind of device: the largest that a member wants."""
        wanted = [(model.manifest.windows or {}).get(kind) or model.manifest for model, _ in self.models]
        return max(one.window for one in wanted), max(one.overlap for one in wanted)

    @property
    def gsd_m(self) -> tuple[float, float]:
        """Ground sampling distances (m) that all members were made for; empty (low above high) where there is none."""
        ranges = [model.manifest.gsd_m for model, _ in self.models]
        return max(low for low, _ in ranges), min(high for _, high in ranges)

    @property
    def gsd_native_m(self) -> float:
        """Ground sampling distance (m) of the training data of the member with the largest weight."""
        return max(self.models, key=lambda pair: pair[1])[0].manifest.gsd_native_m


def load_ensemble(name_or_dir: str | os.PathLike[str] = "default") -> Ensemble:
    """The ensemble, or the single model, of a shipped bundle's name or a bundle's folder.

    Raises:
        BundleError: there is no such bundle, or it or a member is broken.
    """
    ensemble = open_ensemble(name_or_dir)
    ensemble.build()
    return ensemble


def open_ensemble(name_or_dir: str | os.PathLike[str] = "default") -> Ensemble:
    """The same, with networks built when they are asked for: `Ensemble.build` takes seconds.

    Raises:
        BundleError: there is no such bundle, or its or a member's manifest is broken.
    """
    directory = find_bundle(name_or_dir)
    if not is_ensemble(directory):
        model = open_model(name_or_dir)
        manifest = model.manifest
        return Ensemble(
            directory, manifest.name, ((model, 1.0),), model.threshold, manifest.tta, model.sha256,
            manifest.model_dump(mode="json"),
        )  # fmt: skip
    path = directory / MANIFEST
    try:
        stated = EnsembleManifest.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise BundleError(f"{path}: {first_problem(error)}; mend it, or make the ensemble again") from None
    models = tuple((_load_member(directory, member.bundle), member.weight) for member in stated.members)
    if len({model.manifest.task for model, _ in models}) > 1:
        raise BundleError(f"{path}: some members classify and some outline; make an ensemble of each")
    _require_one_speckle([model for model, _ in models], path)
    digest = hashlib.sha256(path.read_bytes())
    for model, _ in models:
        digest.update(model.sha256.encode())
    for part in prefilter_files(directory):
        digest.update(part.read_bytes())
    described = stated.model_dump(mode="json")
    described["members"] = [
        member.model_dump() | {"sha256": model.sha256, "manifest": model.manifest.model_dump(mode="json")}
        for member, (model, _) in zip(stated.members, models, strict=True)
    ]
    return Ensemble(
        directory, stated.name, models, stated.threshold.value, stated.tta, digest.hexdigest(), described,
        tuple(member.anchor for member in stated.members), stated.abstain,
    )  # fmt: skip


def _require_one_speckle(members: Sequence[Model], path: Path) -> SpeckleParams | None:
    """The filter that all members with radar want: a scan reads it once for all of them.

    Raises:
        BundleError: they want different ones.
    """
    wanted = {model.manifest.speckle: model for model in members if any(map(is_radar, model.bands))}
    if len(wanted) > 1:
        told = ", ".join(
            f"{model.bundle.directory.name} takes it {'as it was measured' if one is None else f'filtered {one}'}"
            for one, model in wanted.items()
        )
        raise BundleError(f"{path}: members want different filters of radar ({told}); train them on the same chips")
    return next(iter(wanted), None)


def _settled(model: Model, prior: float | None, anchor: float | None, raw: FloatArray) -> FloatArray:
    return settled(model.calibrate(raw, prior), anchor)


def load_simplest(name_or_dir: str | os.PathLike[str] = "default") -> Model | Ensemble:
    """The same as `load_ensemble`; a model that stands alone comes as such, not as an ensemble of one."""
    found = load_ensemble(name_or_dir)
    only = found.models[0][0]
    return only if found.sha256 == only.sha256 else found


def save_ensemble(
    directory: str | os.PathLike[str], manifest: EnsembleManifest, *, prefilter: str | os.PathLike[str] | None = None
) -> Ensemble:
    """Write an ensemble's folder and read it back with its members; where that fails an older one stays as it was.

    Args:
        directory: folder to write. One that is there is replaced at once; what else lies in it, members perhaps, stays.
        manifest: what to say.
        prefilter: folder of a filter to copy in; none leaves the ensemble without one. Those of members play no part.

    Raises:
        BundleError: a member or the filter is missing or broken, or the folder holds a bundle of another kind.
        OutputError: the folder cannot be written.
    """
    target = Path(directory)
    if (target / MANIFEST).exists() and not is_ensemble(target):
        raise BundleError(f"{target}: holds a model of its own; name another folder for the ensemble")
    members = [_load_member(target, member.bundle) for member in manifest.members]
    for model in members:
        _ = model.bundle.network
    speckle = _require_one_speckle(members, target)
    if prefilter is not None:
        own = [model.manifest for model in members]
        bands = [band for one in own for band in one.bands]
        gsd_m = max(one.gsd_m[0] for one in own), min(one.gsd_m[1] for one in own)
        require_bands(Path(prefilter), bands, gsd_m=gsd_m, of=manifest.name, speckle=speckle)
    with replacing_folder(target, overwrite=True) as made:
        if target.is_dir():
            shutil.copytree(
                target, made, symlinks=True, ignore=_replaced(target), copy_function=_linked, dirs_exist_ok=True
            )
        (made / MANIFEST).write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")
        if prefilter is not None:
            add_prefilter(made, Path(prefilter))
    return load_ensemble(target)


def _replaced(target: Path) -> Callable[[str, list[str]], set[str]]:
    """What of an ensemble's folder is written anew, as `shutil.copytree` asks for it."""
    own = {MANIFEST, *FILES}
    return lambda folder, names: own & set(names) if Path(folder) == target else set()


def _linked(source: str, target: str) -> None:
    """A file under another name: weights of members are not written twice, where the file system can do that."""
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target, follow_symlinks=False)


def is_ensemble(directory: Path) -> bool:
    """Whether a bundle's folder holds an ensemble rather than a model."""
    try:
        stated = json.loads((directory / MANIFEST).read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(stated, dict) and (stated.get("kind") == "ensemble" or "members" in stated)


def _load_member(directory: Path, bundle: str) -> Model:
    # By name alone: the ensemble's own folder need not be there yet.
    folder = bundle if bundle in list_bundles() else Path(os.path.normpath(directory / bundle))
    if is_ensemble(find_bundle(folder)):
        raise BundleError(f"{directory / MANIFEST}: member {bundle} is an ensemble itself; name its members instead")
    return open_model(folder)


def card(ensemble: Ensemble) -> str:
    """Markdown: a bundle's own card; for an ensemble without one, members, input, how it decides, and its figures."""
    stated = ensemble.manifest
    written = ensemble.directory / CARD
    if written.is_file():
        return written.read_text(encoding="utf-8").rstrip()
    if "members" not in stated:
        return f"# {ensemble.name}\n\n{stated['description']}"
    members = "\n".join(
        f"- {model.manifest.name} ({model.manifest.architecture}), weight {weight:g}, SHA-256 {model.sha256}"
        for model, weight in ensemble.models
    )
    low, high = ensemble.gsd_m
    threshold = stated["threshold"]
    figures = "\n".join(
        f"- {split}: " + ", ".join(f"{name} {value}" for name, value in values.items())
        for split, values in stated["metrics"].items()
    )
    return f"""# {ensemble.name}

{stated["description"]}

## Members

{members}

Input: {", ".join(ensemble.bands)} at {low:g}–{high:g} m.
Symmetries averaged by default: {ensemble.tta}.
Decision threshold {threshold["value"]:g} on the mean of calibrated probabilities ({threshold["how"]}).

## Figures

{figures or "none measured"}

Licence: {stated["licence"]}. Made {stated["created"]}."""
