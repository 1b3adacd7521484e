"""Simulated chips: signs of change, and that they depend on seed and index alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landslide_geo.bands import OPTICAL, PRE, SAR
from landslide_geo.errors import ParameterError
from landslide_geo.simulate import ChipMaker, Landscape, SimulatedChip
from landslide_geo.simulate.chips import BANDS, LEAST_SLOPE, LOOKS
from landslide_geo.simulate.landscape import BACKSCATTER, REFLECTANCE, Ground

seeds = st.integers(0, 2**31)


def with_landslide(seed: int, *, size: int = 96, clouds: float = 0.0) -> SimulatedChip:
    maker = ChipMaker(seed=seed, size=size, share=1.0, clouds=clouds)
    return maker.make(seed % 7)


def named(chip: SimulatedChip, *names: str) -> dict[str, np.ndarray]:
    return dict(zip(names, chip.bands(names), strict=True))


@settings(max_examples=15)
@given(seeds)
def test_scars_brighten_red_and_darken_near_infrared(seed: int) -> None:
    chip = with_landslide(seed)
    scars = chip.mask == 1
    assert scars.sum() >= 12
    b = named(chip, "red", "nir", "pre_red", "pre_nir", "swir22", "pre_swir22")
    assert (b["red"] > b["pre_red"])[scars].all()
    assert (b["swir22"] > b["pre_swir22"])[scars].all()
    assert (b["nir"] < b["pre_nir"])[scars].mean() > 0.97
    before, after = ((b[p + "nir"] - b[p + "red"]) / (b[p + "nir"] + b[p + "red"]) for p in (PRE, ""))
    assert (after < before - 0.1)[scars].all()
    # Nothing but the noise of two dates elsewhere.
    assert np.abs(b["red"] / b["pre_red"] - 1)[~scars].max() < 0.35


@settings(max_examples=10)
@given(seeds)
def test_backscatter_changes_by_one_sign_in_each_scar_and_nowhere_else(seed: int) -> None:
    ground = with_landslide(seed).ground
    scars = np.isfinite(ground.draws)
    for name in SAR:
        change = ground.backscatter(name, slid=True) - ground.backscatter(name, slid=False)
        assert (change[~scars] == 0).all()
        for draw in np.unique(ground.draws[scars]):
            (value,) = np.unique(change[ground.draws == draw].round(6))
            assert 2 <= abs(value) <= 6
            assert (value > 0) == (draw < 0.5)


def test_scars_of_both_signs_occur() -> None:
    draws = [with_landslide(seed).ground.draws for seed in range(12)]
    rising = [bool(draw < 0.5) for own in draws for draw in np.unique(own[np.isfinite(own)])]
    assert 0.2 < np.mean(rising) < 0.8


@settings(max_examples=15)
@given(seeds)
def test_only_steep_ground_slides(seed: int) -> None:
    chip = with_landslide(seed)
    steepness, *_ = chip.ground.slope
    assert steepness[chip.mask == 1].min() >= LEAST_SLOPE


def test_speckle_has_the_stated_looks() -> None:
    chip = with_landslide(3, size=256)
    intensity = 10 ** ((chip.bands(["vv_asc"])[0] - chip.ground.backscatter("vv_asc", slid=True)) / 10)
    assert intensity.mean() == pytest.approx(1, abs=0.01)
    assert 1 / intensity.var() == pytest.approx(LOOKS, rel=0.05)  # mean² / variance


def test_all_bands_are_finite_and_do_not_depend_on_those_asked_for() -> None:
    chip = with_landslide(5, size=32, clouds=0.2)
    everything = chip.bands(BANDS)
    assert everything.shape == (len(BANDS), 32, 32)
    assert np.isfinite(everything).all()
    for i, name in enumerate(BANDS):
        np.testing.assert_array_equal(chip.bands([name])[0], everything[i], err_msg=name)
    assert len({band.tobytes() for band in everything}) == len(BANDS), "no two bands have the same noise"
    with pytest.raises(ParameterError, match="band 'slope' cannot be simulated"):
        chip.bands(["red", "slope"])


@settings(max_examples=10)
@given(seeds, st.integers(0, 500))
def test_a_chip_follows_from_seed_and_index(seed: int, index: int) -> None:
    maker = ChipMaker(seed=seed, size=24)
    one, again, other = maker.make(index), ChipMaker(seed=seed, size=24).make(index), maker.make(index + 1)
    np.testing.assert_array_equal(one.bands(["red", "vh_desc"]), again.bands(["red", "vh_desc"]))
    np.testing.assert_array_equal(one.mask, again.mask)
    assert (one.bands(["red"]) != other.bands(["red"])).any()
    assert one.mask.any() == maker.has_landslide(index)


@settings(max_examples=20)
@given(seeds, st.floats(0, 1))
def test_the_share_of_landslides_is_kept(seed: int, share: float) -> None:
    maker = ChipMaker(seed=seed, share=share)
    assert abs(sum(maker.has_landslide(i) for i in range(100)) - 100 * share) <= 1


def test_chips_of_different_blocks_lie_apart() -> None:
    maker = ChipMaker(seed=1, size=64)
    grounds = [(maker.block(i), maker.make(i).ground) for i in range(12)]
    for a, one in grounds:
        for b, two in grounds:
            if a != b:
                gaps = [max(p.min() - q.max(), q.min() - p.max()) for p, q in ((one.y, two.y), (one.x, two.x))]
                assert max(gaps) > 0


def test_clouds_hide_the_ground_and_throw_shadows() -> None:
    land = Landscape(seed=2, clouds=0.15, shadows=True)
    axis = 10.0 * np.arange(200)
    ground = Ground(land, axis[:, None], axis[None, :])
    clear = Ground(Landscape(seed=2, clouds=0.0), axis[:, None], axis[None, :]).reflectance(slid=True)
    seen, dark = ground.reflectance(slid=True), land.shadowed(ground.y, ground.x)
    assert ground.clouded.any()
    assert dark.any()
    assert not (dark & ground.clouded).any()
    assert (seen["red"][ground.clouded] > 0.4).all()
    assert (seen["red"][dark] < clear["red"][dark]).all()
    neither = ~dark & ~ground.clouded
    np.testing.assert_array_equal(seen["red"][neither], clear["red"][neither])


def test_covers_are_plausible() -> None:
    for cover, spectrum in REFLECTANCE.items():
        assert len(spectrum) == len(OPTICAL)
        assert 0 < min(spectrum) <= max(spectrum) < 1
        b = dict(zip(OPTICAL, spectrum, strict=True))
        ndvi = (b["nir"] - b["red"]) / (b["nir"] + b["red"])
        assert (ndvi > 0.6) == (cover in ("forest", "crop")), cover
    for vv, vh in BACKSCATTER.values():
        assert -30 < vh < vv < 0


def test_what_cannot_be_made_is_refused() -> None:
    with pytest.raises(ParameterError, match="at least 16"):
        ChipMaker(size=8)
    with pytest.raises(ParameterError, match="within 0–1"):
        ChipMaker(share=1.5)
