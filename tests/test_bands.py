from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landslide_geo.bands import OTHER, SENTINEL2, VOCABULARY, canonical_name, is_optical, is_pre
from landslide_geo.errors import UnknownBandError


@given(st.sampled_from(sorted(VOCABULARY)), st.booleans())
def test_vocabulary_is_its_own_canonical_form_with_or_without_prefix(name, pre):
    full = f"pre_{name}" if pre else name
    assert canonical_name(full) == full
    assert canonical_name(f" {full.upper()} ") == full
    assert is_pre(full) == pre


@given(st.sampled_from(sorted(SENTINEL2 | OTHER)))
def test_every_alias_leads_into_the_vocabulary(alias):
    assert canonical_name(alias) in VOCABULARY
    assert canonical_name(f"pre_{alias}") == f"pre_{canonical_name(alias)}"


def test_sentinel_names_with_and_without_zero():
    assert [canonical_name(n) for n in ("B04", "B4", "b8a", "B8", "B12")] == ["red", "red", "nir08", "nir", "swir22"]


def test_unknown_names_are_refused_with_what_is_known():
    with pytest.raises(UnknownBandError, match="'purple' is not known; use one of coastal, blue"):
        canonical_name("purple")


def test_kinds():
    assert is_optical("pre_red")
    assert not is_optical("vv_asc")
