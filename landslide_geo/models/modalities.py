"""Which bands a sensor has measured, and what networks of several branches must be told of that."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from landslide_geo.bands import MASKS, OPTICAL, PRE, SAR, TERRAIN, canonical_name
from landslide_geo.errors import ParameterError

#: In the order of `modalities`.
MODALITIES: Final = ("optical", "sar_desc", "sar_asc", "terrain", "masks")
#: Bands whose mean tells clouds, which are bright in all of them.
VISIBLE: Final = ("red", "green", "blue")
#: Within a pass: one set of weights for both passes needs one order.
_POLARISATIONS: Final = ("vv", "vh", "pre_vv", "pre_vh")
_OF: Final = (
    dict.fromkeys(OPTICAL, "optical")
    | {name: f"sar_{name.rpartition('_')[2]}" for name in SAR}
    | dict.fromkeys(TERRAIN, "terrain")
    | dict.fromkeys(MASKS, "masks")
)


def modality_of(name: str) -> str:
    """What a band belongs to: one of `MODALITIES`.

    >>> modality_of("pre_nir"), modality_of("pre_vh_asc"), modality_of("cloud_mask")
    ('optical', 'sar_asc', 'masks')

    Raises:
        UnknownBandError: the name is not in the vocabulary.
    """
    return _OF[canonical_name(name).removeprefix(PRE)]


def modalities(bands: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """Indices of the bands of each modality, in the order of ``bands``; modalities without a band are left out.

    Passes of a SAR are in the order VV, VH, earlier VV, earlier VH, so that two passes of equal bands match.

    >>> modalities(["red", "vh_asc", "vv_asc", "slope"])
    {'optical': (0,), 'sar_asc': (2, 1), 'terrain': (3,)}

    Raises:
        UnknownBandError: a name is not in the vocabulary.
    """
    own = [modality_of(name) for name in bands]
    found = {what: tuple(i for i, one in enumerate(own) if one == what) for what in MODALITIES}
    for what in ("sar_desc", "sar_asc"):
        order = {i: _POLARISATIONS.index(canonical_name(bands[i]).rpartition("_")[0]) for i in found[what]}
        found[what] = tuple(sorted(found[what], key=order.__getitem__))
    return {what: places for what, places in found.items() if places}


def arguments_of(architecture: str, bands: Sequence[str], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of an architecture with the channels of its branches filled in from the names of the bands.

    Architectures without branches keep what they were given. Channels that are given stay.

    >>> arguments_of("multimodal_fpn", ["red", "vv_desc", "cloud_mask"], {"dropout": 0.1})
    {'optical': [0], 'masks': [2], 'sar_desc': [1], 'sar_asc': [], 'dropout': 0.1}

    Args:
        architecture: a name in the registry.
        bands: of the input, in order.
        arguments: as in ``params.yaml``.

    Returns:
        The arguments with lists of indices, fit for JSON.

    Raises:
        ParameterError: the bands lack a modality that the network needs, or it has no branch for some of them.
        UnknownBandError: a name is not in the vocabulary.
    """
    if architecture not in _CHANNELS:
        return dict(arguments)
    found = {what: list(places) for what, places in modalities(bands).items()}
    wanted = _CHANNELS[architecture](found, list(bands), arguments)
    told = {name: value for name, value in arguments.items() if value is not None or name not in wanted}
    completed = wanted | told
    used = {place for places in completed.values() if isinstance(places, list) for place in places}
    if left := [bands[i] for i in found.get("terrain", []) if i not in used]:
        raise ParameterError(
            f"architecture {architecture!r} has no branch for {', '.join(left)}; take other bands, or fusion_unet or "
            "classifier, which take terrain"
        )
    needs = {"optical": "optical bands such as red", "sar": "SAR bands such as vv_desc"}
    sar = completed.get("sar", completed.get("sar_desc", []) + completed.get("sar_asc", []))
    modality = arguments.get("modality", "both")
    for what, places in (("optical", completed.get("optical", [])), ("sar", sar)):
        if not places and modality in ("both", what):
            instead = (
                "unet" if architecture == "fusion_unet" else f"modality: {'sar' if what == 'optical' else 'optical'}"
            )
            raise ParameterError(
                f"architecture {architecture!r} needs {needs[what]}, and has {', '.join(bands)}; take bands that "
                f"hold some, or {instead}"
            )
    if completed.get("brightness") == []:
        raise ParameterError(
            f"architecture {architecture!r} tells clouds by the mean of {', '.join(VISIBLE)}, and has "
            f"{', '.join(bands)}; take one of them, or give `brightness`, a list of indices of bands"
        )
    return completed


_Found = dict[str, list[int]]


def _attention_fusion(found: _Found, bands: list[str], arguments: Mapping[str, Any]) -> _Found:
    modality = arguments.get("modality", "both")
    channels: _Found = {}
    if modality != "sar":
        channels |= {"optical": found.get("optical", []), "masks": found.get("masks", [])}
    if modality != "optical":
        channels["sar"] = [*found.get("sar_desc", []), *found.get("sar_asc", [])]
    if modality == "both" and arguments.get("fusion", "gate") == "gate":
        channels["brightness"] = _visible(bands)
    return channels


def _multimodal_fpn(found: _Found, bands: list[str], arguments: Mapping[str, Any]) -> _Found:
    modality = arguments.get("modality", "both")
    channels: _Found = {}
    if modality != "sar":
        channels |= {"optical": found.get("optical", []), "masks": found.get("masks", [])}
    if modality != "optical":
        channels |= {"sar_desc": found.get("sar_desc", []), "sar_asc": found.get("sar_asc", [])}
    return channels


def _fusion_unet(found: _Found, bands: list[str], arguments: Mapping[str, Any]) -> _Found:
    return {
        "optical": found.get("optical", []),
        "sar": [*found.get("sar_desc", []), *found.get("sar_asc", [])],
        "brightness": _visible(bands),
        "terrain": found.get("terrain", []),
        "masks": found.get("masks", []),
    }


def _visible(bands: list[str]) -> list[int]:
    """Of the later date: what is mapped is seen there, or hidden."""
    names = [canonical_name(name) for name in bands]
    return [names.index(name) for name in VISIBLE if name in names]


_CHANNELS: Final[dict[str, Callable[[_Found, list[str], Mapping[str, Any]], _Found]]] = {
    "attention_fusion": _attention_fusion,
    "multimodal_fpn": _multimodal_fpn,
    "fusion_unet": _fusion_unet,
}
#: Architectures that must be told which channels are what.
NEED_CHANNELS: Final = frozenset(_CHANNELS)
