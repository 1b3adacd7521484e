"""Features of windows against numpy's statistics of their known pixels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from landslide_geo.errors import ParameterError
from landslide_geo.models import features as module
from landslide_geo.models.features import STATISTICS, Features
from landslide_geo.scene.indices import evi, ndvi

SENTINEL = (
    "red", "green", "blue", "nir",
    *(prefix + f"{kind}_{way}" for way in ("asc", "desc") for prefix in ("", "pre_") for kind in ("vv", "vh")),
)  # fmt: skip
UNITS = ("digital number",) * 4 + ("dB",) * 8


def by_name(found: Features, windows: np.ndarray) -> dict[str, np.ndarray]:
    return dict(zip(found.names, found.of(windows).T, strict=True))


@given(
    arrays.arrays(
        np.float32, st.tuples(st.integers(1, 4), st.just(2), st.integers(1, 6), st.integers(1, 6)),
        elements=st.floats(-1000, 1000, width=32) | st.just(np.float32(np.nan)),
    )
)  # fmt: skip
def test_statistics_are_those_of_known_pixels(windows: np.ndarray) -> None:
    found = Features(("elevation", "slope"), ("m", "degrees"))
    assert found.names == tuple(f"{band}_{name}" for band in ("elevation", "slope") for name in STATISTICS)
    out = found.of(windows)
    assert out.dtype == np.float32
    for window, told in zip(windows, out.reshape(len(windows), 2, 6), strict=True):
        for band, numbers in zip(window, told, strict=True):
            known = band[~np.isnan(band)].astype(np.float64)
            if not known.size:
                assert np.isnan(numbers).all()
                continue
            wanted = [known.mean(), known.std(), known.max(), known.min(), *np.quantile(known, [0.1, 0.9])]
            np.testing.assert_allclose(numbers, wanted, rtol=1e-5, atol=1e-3)


def test_indices_ratios_and_changes_come_with_their_bands() -> None:
    rng = np.random.default_rng(0)
    windows = np.concatenate([rng.uniform(200, 3000, (3, 4, 8, 8)), rng.normal(-12, 3, (3, 8, 8, 8))], axis=1)
    windows = windows.astype(np.float32)
    found = by_name(Features(SENTINEL, UNITS), windows)
    layers = list(dict.fromkeys(name.rpartition("_")[0] for name in found))
    assert layers == [
        *SENTINEL, "ndvi", "savi", "gndvi", "evi", "ndwi", "ngrdi",
        "vv_vh_ratio_asc", "pre_vv_vh_ratio_asc", "vv_vh_ratio_desc", "pre_vv_vh_ratio_desc",
        "vv_asc_change", "vh_asc_change", "vv_desc_change", "vh_desc_change",
    ]  # fmt: skip
    red, _, blue, nir = windows[:, :4].transpose(1, 0, 2, 3)
    np.testing.assert_allclose(found["ndvi_mean"], ndvi(nir, red).mean(axis=(1, 2)), rtol=1e-5)
    brightest = np.nanmax(evi(nir, red, blue, scale=1e-4), axis=(1, 2))
    np.testing.assert_allclose(found["evi_max"], brightest, rtol=1e-5)
    vv, vh, pre_vv = windows[:, 4], windows[:, 5], windows[:, 6]
    np.testing.assert_allclose(found["vv_vh_ratio_asc_mean"], (vv - vh).mean(axis=(1, 2)), rtol=1e-4)
    np.testing.assert_allclose(found["vv_asc_change_min"], (vv - pre_vv).min(axis=(1, 2)), rtol=1e-5)


def test_pictures_have_colours_and_one_index_and_no_reflectance() -> None:
    names = Features(("red", "green", "blue"), ("8-bit picture",) * 3).names
    assert {name.rpartition("_")[0] for name in names} == {"red", "green", "blue", "ngrdi"}
    before = Features(("pre_nir", "pre_red"), ("8-bit picture",) * 2).names
    assert {name.rpartition("_")[0] for name in before} == {"pre_nir", "pre_red", "pre_ndvi"}
    mixed = Features(("nir", "red"), ("reflectance", "digital number")).names
    assert not any("savi" in name for name in mixed)


def test_the_unit_of_reflectance_plays_no_part() -> None:
    windows = np.random.default_rng(1).uniform(0.02, 0.5, (2, 4, 9, 9)).astype(np.float32)
    one = by_name(Features(SENTINEL[:4], ("reflectance",) * 4), windows)
    other = by_name(Features(SENTINEL[:4], UNITS[:4]), windows * 10000)
    for name in one:
        if not name.startswith(SENTINEL[:4]) or name.startswith("ng"):
            np.testing.assert_allclose(one[name], other[name], rtol=1e-4, atol=1e-6)


def test_a_window_does_not_depend_on_its_neighbours_or_the_memory(monkeypatch) -> None:
    windows = np.random.default_rng(2).normal(100, 20, (7, 3, 16, 16)).astype(np.float32)
    windows[3, 1] = np.nan
    windows[4, :, :5] = np.nan
    found = Features(("red", "green", "blue"), ("digital number",) * 3)
    whole = found.of(windows)
    np.testing.assert_array_equal(np.concatenate([found.of(window[None]) for window in windows]), whole)
    monkeypatch.setattr(module, "_PIXELS", 600)
    np.testing.assert_array_equal(found.of(windows), whole)
    assert found.of(windows[:0]).shape == (0, whole.shape[1])


def test_other_bands_are_refused() -> None:
    with pytest.raises(ParameterError, match=r"\(N, 2, y, x\) for the bands red, slope"):
        Features(("red", "slope"), ("digital number", "degrees")).of(np.zeros((1, 3, 4, 4), np.float32))
    for bands in ((), ("red", "red")):
        with pytest.raises(ParameterError, match="name each band once"):
            Features(bands, ("m",) * len(bands))
