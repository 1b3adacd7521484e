"""Which bands belong to which sensor, and what networks are told of that."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from landslide_geo.bands import MASKS, OPTICAL, PRE, SAR, TERRAIN
from landslide_geo.chips.zindi import BANDS as ZINDI
from landslide_geo.errors import ParameterError, UnknownBandError
from landslide_geo.models import ARCHITECTURES, build
from landslide_geo.models.modalities import MODALITIES, NEED_CHANNELS, arguments_of, modalities, modality_of

ALL = (*OPTICAL, *SAR, *TERRAIN, *MASKS, *(PRE + name for name in (*OPTICAL, *SAR)))


@given(st.lists(st.sampled_from(ALL), unique=True))
def test_each_band_belongs_to_one_modality(bands: list[str]) -> None:
    found = modalities(bands)
    assert set(found) <= set(MODALITIES)
    assert sorted(place for places in found.values() for place in places) == list(range(len(bands)))
    assert all(modality_of(bands[place]) == what for what, places in found.items() for place in places)


@given(st.permutations(ALL))
def test_passes_match_each_other_in_any_order_of_the_bands(bands: list[str]) -> None:
    found = modalities(bands)
    first, second = ([bands[i] for i in found[f"sar_{one}"]] for one in ("desc", "asc"))
    assert first == ["vv_desc", "vh_desc", "pre_vv_desc", "pre_vh_desc"]
    assert [name.replace("desc", "asc") for name in first] == second


def test_names_of_sensors_are_understood_and_others_are_not() -> None:
    assert modalities(["B04", "pre_B8A", "dem"]) == {"optical": (0, 1), "terrain": (2,)}
    with pytest.raises(UnknownBandError, match="'brightness' is not known"):
        modalities(["red", "brightness"])


def test_zindi_s_order_is_that_of_the_challenge() -> None:
    assert arguments_of("attention_fusion", ZINDI, {}) == {
        "optical": [0, 1, 2, 3],
        "masks": [],
        "sar": [4, 5, 6, 7, 8, 9, 10, 11],
        "brightness": [0, 1, 2],
    }
    assert arguments_of("multimodal_fpn", (*ZINDI, "cloud_mask"), {}) == {
        "optical": [0, 1, 2, 3],
        "masks": [12],
        "sar_desc": [4, 5, 6, 7],
        "sar_asc": [8, 9, 10, 11],
    }


def test_two_dates_and_terrain() -> None:
    bands = ["elevation", "pre_red", "red", "nir", "vv_asc", "cloud_mask", "pre_vv_asc", "slope"]
    assert arguments_of("fusion_unet", bands, {"encoder": "tu-resnet10t"}) == {
        "optical": [1, 2, 3],
        "sar": [4, 6],
        "brightness": [2],  # of the later date
        "terrain": [0, 7],
        "masks": [5],
        "encoder": "tu-resnet10t",
    }


@pytest.mark.parametrize("architecture", sorted(NEED_CHANNELS))
def test_what_is_given_stays_and_all_of_it_is_json(architecture: str) -> None:
    mine = {"optical": [2], "brightness": [1], "dropout": 0.5, "masks": None}
    completed = arguments_of(architecture, ZINDI, mine)
    assert (completed["optical"], completed["brightness"], completed["dropout"]) == ([2], [1], 0.5)
    assert completed["masks"] == []
    assert json.loads(json.dumps(completed)) == completed
    assert arguments_of(architecture, ZINDI, completed) == completed


def test_null_stays_where_it_has_a_meaning_of_its_own() -> None:
    assert arguments_of("attention_fusion", ZINDI, {"size": None})["size"] is None


@pytest.mark.parametrize("architecture", sorted(set(ARCHITECTURES) - NEED_CHANNELS))
def test_other_networks_are_told_nothing(architecture: str) -> None:
    assert arguments_of(architecture, ["whatever"], {"a": None, "b": [1]}) == {"a": None, "b": [1]}


@pytest.mark.parametrize("modality", ["both", "optical", "sar"])
@pytest.mark.parametrize("architecture", ["attention_fusion", "multimodal_fpn"])
def test_one_sensor_needs_the_other_s_bands_no_more(architecture: str, modality: str) -> None:
    bands = {"both": ZINDI, "optical": ZINDI[:4], "sar": ZINDI[4:]}[modality]
    small: dict[str, Any] = {"encoder": "resnet10t"} if architecture == "attention_fusion" else {}
    for given_bands in (bands, ZINDI):
        completed = arguments_of(architecture, given_bands, small | {"modality": modality})
        network = build(architecture, bands=len(given_bands), arguments=completed).eval()
        batch = torch.rand(1, len(given_bands), 64, 64, generator=torch.Generator().manual_seed(0))
        unused = [i for i, name in enumerate(given_bands) if modality != "both" and name not in bands]
        used = [i for i in range(len(given_bands)) if i not in unused]
        with torch.inference_mode():
            before = network(batch)
            batch[:, unused] = 3.0
            after = network(batch)
            batch[:, used] *= 5
            other = network(batch)
        assert before.shape == (1, 1)
        assert torch.equal(before, after), "bands of the other sensor play no part"
        assert not torch.equal(after, other), "its own do"


@pytest.mark.parametrize(
    ("architecture", "bands", "arguments", "words"),
    [
        ("multimodal_fpn", ZINDI[:4], {}, "needs SAR bands such as vv_desc, and has red, .* or modality: optical"),
        ("attention_fusion", ZINDI[4:], {}, "needs optical bands such as red, .* or modality: sar"),
        ("attention_fusion", ZINDI[:4], {"modality": "sar"}, "needs SAR bands"),
        ("fusion_unet", ["red", "green", "blue"], {}, "needs SAR bands .* or unet"),
        (
            "fusion_unet",
            ["nir", "vv_asc"],
            {},
            "the mean of red, green, blue, and has nir, vv_asc; .* give `brightness`",
        ),
        ("multimodal_fpn", ["red", "vv_asc", "slope"], {}, "has no branch for slope; take other bands, or fusion_unet"),
    ],
)
def test_bands_that_cannot_serve_are_one_line(
    architecture: str, bands: list[str], arguments: dict[str, Any], words: str
) -> None:
    with pytest.raises(ParameterError, match=words) as caught:
        arguments_of(architecture, bands, arguments)
    assert "\n" not in str(caught.value)


def test_explicit_channels_take_the_place_of_missing_ones() -> None:
    completed = arguments_of("attention_fusion", ["nir", "vv_asc", "slope"], {"brightness": [0], "optical": [0, 2]})
    assert completed["optical"] == [0, 2]
