"""Networks, rules, the registry and the model bundle."""

from __future__ import annotations

from landslide_geo.models.bundle import (
    Bundle,
    find_bundle,
    list_bundles,
    load_bundle,
    read_manifest,
    require_bundle_or_nothing,
    save_bundle,
)
from landslide_geo.models.ensemble import (
    Ensemble,
    EnsembleManifest,
    EnsembleMember,
    load_ensemble,
    load_simplest,
    open_ensemble,
    save_ensemble,
)
from landslide_geo.models.manifest import BundleManifest
from landslide_geo.models.model import Model, calibrated, load_model
from landslide_geo.models.registry import ARCHITECTURES, build

__all__ = [
    "ARCHITECTURES",
    "Bundle",
    "BundleManifest",
    "Ensemble",
    "EnsembleManifest",
    "EnsembleMember",
    "Model",
    "build",
    "calibrated",
    "find_bundle",
    "list_bundles",
    "load_bundle",
    "load_ensemble",
    "load_model",
    "load_simplest",
    "open_ensemble",
    "read_manifest",
    "require_bundle_or_nothing",
    "save_bundle",
    "save_ensemble",
]
