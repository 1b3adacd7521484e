from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from PIL import Image
from squares import chips

from landslide_geo.chips import store
from landslide_geo.chips.split import Split
from landslide_geo.errors import BundleError, OutputError
from landslide_geo.report.curves import draw_history, read_history, split_history
from landslide_geo.report.house import ORANGE, PROBABILITY, SKY, YELLOW
from landslide_geo.report.samples import Sample, chosen, draw_samples, panels, picture_of, relief
from landslide_geo.report.score_pictures import (
    draw_confusion,
    draw_precision_recall,
    draw_reliability,
    draw_thresholds,
)
from landslide_geo.report.scores import (
    NO,
    YES,
    apportioned,
    confusion,
    curve,
    precision_recall,
    reliabilities,
    reliability,
    thresholds,
    write_table,
)
from landslide_geo.report.sheet import About, shortened
from landslide_geo.training.calibration import expected_calibration_error
from landslide_geo.training.metrics import BINS, Counts, Histogram

ABOUT = About("tiny", "squares test")
SIMULATED = About("tiny", "squares test", simulated=True)


def counted(positive: dict[int, int], negative: dict[int, int]) -> Histogram:
    histogram = Histogram()
    for own, given_ in ((histogram.positive, positive), (histogram.negative, negative)):
        for place, count in given_.items():
            own[place] = count
    return histogram


def dense(seed: int = 0) -> Histogram:
    """A model that is right for the most part, and everywhere unsure."""
    rng = np.random.default_rng(seed)
    histogram = Histogram()
    truth = rng.random(200_000) < 0.1
    probability = np.where(truth, rng.beta(4, 2, truth.size), rng.beta(1, 6, truth.size))
    histogram.add(probability.astype(np.float32), truth)
    return histogram


bins = st.dictionaries(st.integers(0, BINS - 1), st.integers(0, 10_000), max_size=30)


@given(bins, bins)
def test_the_curve_holds_what_the_histogram_says_at_each_threshold(positive, negative) -> None:
    histogram = counted(positive, negative)
    rows = curve(histogram)
    assert rows.empty == (histogram.positive.sum() == 0)
    for row in rows.itertuples():
        counts = histogram.at(row.threshold)
        assert (row.precision, row.recall, row.f1) == pytest.approx((counts.precision, counts.recall, counts.f1))
    if not rows.empty:
        assert rows["recall"].iloc[0] == 1
        assert (rows["recall"].diff().dropna() < 0).all(), "no recall twice"
        drops = -np.diff(rows["recall"], append=0)
        assert (rows["precision"] * drops).sum() == pytest.approx(histogram.average_precision())
        assert rows["f1"].max() == pytest.approx(max(histogram.at(k / BINS).f1 for k in range(BINS)))


def test_the_table_of_the_curve_is_short_and_even_in_recall() -> None:
    histogram = dense()
    rows, whole = precision_recall(histogram), curve(histogram)
    assert len(whole) > 1000
    assert 150 < len(rows) <= 200
    assert rows["threshold"].is_monotonic_increasing
    assert rows["recall"].iloc[[0, -1]].tolist() == pytest.approx(whole["recall"].iloc[[0, -1]].tolist(), abs=1e-6)
    largest_step = -whole["recall"].diff().min()
    assert -rows["recall"].diff().min() < 1 / 199 + 2 * largest_step
    assert set(rows["threshold"]) <= set(whole["threshold"].round(6))


@given(bins, bins)
def test_reliability_gives_the_calibration_error(positive, negative) -> None:
    histogram = counted(positive, negative)
    rows = reliability(histogram)
    assert (rows["count"] > 0).all()
    assert rows["count"].sum() == histogram.positive.sum() + histogram.negative.sum()
    error = ((rows["probability"] - rows["frequency"]).abs() * rows["count"]).sum() / max(rows["count"].sum(), 1)
    assert error == pytest.approx(expected_calibration_error(histogram), abs=2e-6)


def test_before_and_after_share_their_groups(tmp_path: Path) -> None:
    before = counted({100: 1, 1999: 3}, {100: 3, 1999: 1})
    after = counted({500: 1, 1999: 3}, {500: 3, 1999: 1})
    rows = reliabilities(before, after)
    assert rows["probability"].tolist() == [0.075, 0.275, 0.975]
    assert rows["frequency_before"].tolist() == pytest.approx([0.25, np.nan, 0.75], nan_ok=True)
    assert rows["frequency_after"].tolist() == pytest.approx([np.nan, 0.25, 0.75], nan_ok=True)
    assert rows["mean_before"].tolist() == pytest.approx([0.05025, np.nan, 0.99975], nan_ok=True)
    assert rows["count_after"].tolist() == [0, 4, 4]
    write_table(tmp_path / "r.csv", rows)
    assert (tmp_path / "r.csv").read_text().splitlines()[1] == "0.075,0.25,nan,0.05025,nan,4,0"
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "r.csv"), rows)


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=4).filter(any))
def test_seats_are_shared_out_in_proportion_and_nothing_vanishes(counts) -> None:
    values = np.array(counts)
    seats = apportioned(values, 1000)
    assert seats.sum() == 1000
    assert ((seats > 0) == (values > 0)).all()
    assert (np.abs(seats - values / values.sum() * 1000) <= len(counts)).all()


def test_the_largest_remainders_get_the_last_seats() -> None:
    assert apportioned(np.array([47, 16, 158, 1779]), 10).tolist() == [1, 1, 1, 7], "rare ones take from the largest"
    assert apportioned(np.array([60, 26, 14]), 10).tolist() == [6, 3, 1]


def test_the_confusion_table_is_one_row_for_each_thousandth() -> None:
    rows = confusion(Counts(tp=30, fp=50, fn=0, tn=920)).value_counts().to_dict()
    assert rows == {(YES, YES): 30, (NO, YES): 50, (NO, NO): 920}


def test_the_sweep_has_the_threshold_that_is_chosen_at_its_top() -> None:
    histogram = dense()
    rows = thresholds(histogram)
    assert rows["threshold"].iloc[rows["f1"].argmax()] == histogram.best_threshold()
    assert list(rows.columns) == ["threshold", "f1", "precision", "recall", "iou"]
    none = thresholds(counted({100: 5}, {50: 5}))
    assert none["precision"].isna().tolist() == (none["threshold"] > 0.05).tolist(), "nothing is called a landslide"


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB")).astype(int)


def share(picture: np.ndarray, colour: str) -> float:
    return float((np.abs(picture - np.array(to_rgb(colour)) * 255).max(axis=-1) < 3).mean())


def draw_all(folder: Path, about: About) -> list[Path]:
    """Every picture, of unsure figures and of few."""
    folder.mkdir()
    histogram, few = dense(), counted({1500: 1}, {3: 1})
    one = chips(1, 0)
    sample = Sample.of(one, 0, np.zeros((64, 64), np.float32), bands=one.bands, threshold=0.5)
    history = pd.DataFrame({"epoch": [0, 1, 2], "loss": [2.0, 1, 0.5], "val_loss": [np.nan, 1, 0.7],
                            "val_f1": [np.nan, 0.2, 0.4], "lr": [0.01, 0.1, 0.0]})  # fmt: skip
    draw_precision_recall(folder / "pr.png", histogram, threshold=0.4, about=about)
    draw_precision_recall(folder / "pr1.png", few, threshold=0.99, about=about)
    draw_reliability(folder / "r.png", {"": histogram}, about=about)
    draw_reliability(folder / "r2.png", {"before": few, "after": histogram}, about=about)
    draw_confusion(folder / "c.png", histogram.at(0.4), threshold=0.4, about=about)
    draw_confusion(folder / "c0.png", Counts(0, 1, 0, 10**6), threshold=0.4, about=about)
    draw_thresholds(folder / "t.png", histogram, threshold=0.4, about=about)
    draw_history(folder / "h.png", history, about=about)
    draw_history(folder / "h1.png", history[["epoch", "loss"]].head(1), about=about)
    draw_samples(folder / "s.png", [sample], about=about)
    return sorted(folder.iterdir())


def test_simulated_stands_over_every_picture_and_only_there(tmp_path: Path) -> None:
    plain, simulated = draw_all(tmp_path / "plain", ABOUT), draw_all(tmp_path / "simulated", SIMULATED)
    assert len(plain) == len(simulated) == 10
    for one, other in zip(plain, simulated, strict=True):
        before, after = pixels(one), pixels(other)
        band = len(after) - len(before)
        assert 60 < band < 80
        assert share(after[:band], ORANGE) > 0.6
        assert (after[:band] == 255).all(axis=-1).mean() > 0.03, "words in it"
        assert (after[band:] == before).all(axis=-1).mean() > 0.95, "all else stays"


def test_the_same_figures_give_the_same_bytes(tmp_path: Path) -> None:
    for name in "ab":
        draw_precision_recall(tmp_path / f"{name}.png", dense(), threshold=0.4, about=ABOUT)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    with pytest.raises(OutputError, match="cannot be written"):
        draw_confusion(tmp_path / "no/c.png", Counts(1, 1, 1, 1), threshold=0.4, about=ABOUT)


def test_titles_never_leave_the_sheet() -> None:
    assert shortened("a" * 10, 10) == "a" * 10
    assert [len(shortened("abcdefghij" * 20, most)) for most in (3, 7, 50)] == [3, 7, 50]


def test_chips_are_spread_from_best_to_worst_and_two_hold_nothing() -> None:
    counts = [Counts(tp=i, fp=100 - i, fn=0, tn=900) for i in range(1, 101)]
    nothing = [Counts(0, fp, 0, 1000 - fp) for fp in (5, 1, 9, 7)]
    shown = chosen(counts + nothing)
    assert shown == [99, 79, 59, 40, 20, 0, 101, 102]
    assert chosen(nothing) == [1, 0, 3, 2], "fewest false alarms first"
    assert chosen(counts) == [99, 85, 71, 57, 42, 28, 14, 0]
    assert chosen(counts[:3] + nothing) == [2, 1, 0, 4, 3, 6, 5], "all, where there are few"
    assert chosen([Counts(0, 0, 0, 0)]) == [], "nothing is known of it"


@settings(max_examples=40)
@given(st.lists(st.tuples(*[st.integers(0, 9)] * 4).map(lambda values: Counts(*values)), max_size=30))
def test_no_chip_is_shown_twice(counts) -> None:
    shown = chosen(counts)
    assert len(set(shown)) == len(shown) == min(8, sum(one.n > 0 for one in counts))
    assert shown == chosen(counts)


def sample(**changes) -> Sample:
    picture = np.full((2, 3, 3), 255, np.uint8)
    truth = np.array([[1, 0, 1], [0, 0, 1]], bool)
    valid = np.array([[1, 1, 1], [1, 1, 0]], bool)
    probability = np.array([[0.9, 0.5, 0.2], [0.1, 0.49, 0.9]], np.float32)
    given_ = {"picture": picture, "shows": "", "truth": truth, "valid": valid, "probability": probability,
              "threshold": 0.5, "name": ""} | changes  # fmt: skip
    return Sample(**given_)


def test_panels_tell_right_wrong_missed_and_unknown() -> None:
    one = sample()
    assert one.counts == Counts(tp=1, fp=1, fn=1, tn=2)
    assert one.told == "F1 0.50"
    axes = Figure().subplots(1, 4).tolist()
    panels(axes, one)
    picture, truth, probability, prediction = (np.asarray(ax.images[0].get_array()) for ax in axes)
    assert (picture == 1).all()
    assert truth[0, 0] == pytest.approx(PROBABILITY(1.0)[:3])
    assert truth[0, 1] == pytest.approx(PROBABILITY(0.0)[:3])
    assert probability[1, 1] == pytest.approx(PROBABILITY(0.49)[:3], abs=0.02)
    assert prediction[0].tolist() == [list(to_rgb(colour)) for colour in (SKY, YELLOW, ORANGE)]
    assert np.ptp(prediction[1, :2], axis=-1).max() == 0, "ground that is rightly left out is grey"
    for panel in (truth, probability, prediction):
        assert panel[1, 2] == pytest.approx(to_rgb("#9e9e9e")), "unknown"
    three = Figure().subplots(1, 3).tolist()
    panels(three, one, ("input", "truth", "prediction"))
    assert np.array_equal(np.asarray(three[2].images[0].get_array()), prediction)


def test_kinds_differ_in_lightness_too() -> None:
    """So that they are told apart without seeing colours: relative luminance of sRGB."""

    def luminance(colour) -> float:
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in to_rgb(colour)]
        return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))

    found = sorted(luminance(colour) for colour in (SKY, YELLOW, ORANGE, (0.4, 0.4, 0.4)))
    contrast = [(b + 0.05) / (a + 0.05) for a, b in pairwise(found)]
    assert min(contrast) > 1.3


def split(images: np.ndarray, bands: tuple[str, ...], units: tuple[str, ...], gsd_m: float | None = 10.0) -> Split:
    count = len(images)
    masks = np.zeros((count, *images.shape[2:]), np.uint8)
    masks[:, 0, 0] = store.UNKNOWN
    return Split.of("made", [store.batch(
        images.astype(np.float32), masks, bands=bands, units=units, gsd_m=gsd_m, crs="", id=["a"] * count,
        block=["b"] * count, source=["s"] * count, reason=[""] * count)])  # fmt: skip


def test_true_colour_is_shown_where_there_is_one_and_else_a_band_in_grey() -> None:
    rng = np.random.default_rng(0)
    values = rng.random((1, 4, 20, 20))
    values[0, :, 5, 5] = np.nan
    picture, shows = picture_of(split(values, ("pre_red", "blue", "green", "red"), ("dn",) * 4), 0)
    assert shows == "true colour"
    for channel, band in enumerate((3, 2, 1)):
        order = np.argsort(values[0, band], axis=None)[: 20 * 20 - 1]  # NaN sorts last
        assert (np.diff(picture[..., channel].ravel()[order].astype(int)) >= 0).all()
    assert (picture[5, 5] == 0x9E).all(), "unknown"
    assert picture[0, 0].tolist() != [0x9E] * 3, "ground is shown where only the truth is unknown"
    grey, shows = picture_of(split(values, ("cloud_mask", "pre_vv_asc", "slope", "vv_asc"), ("",) * 4), 0)
    assert shows == "vv_asc"
    assert (grey[..., 0] == grey[..., 2]).all()
    unknown = picture_of(split(np.full((1, 1, 4, 4), np.nan), ("slope",), ("degrees",)), 0)
    assert (unknown[0] == 0x9E).all()


def test_relief_is_lit_from_the_north_west_and_needs_no_unit() -> None:
    y, x = np.mgrid[:40, :40]
    hill = (200 * np.exp(-((y - 20) ** 2 + (x - 20) ** 2) / 100)).astype(np.float32)
    shade, there = relief(hill, 10.0)
    assert there
    assert shade[14, 14] > 0.85 > 0.6 > shade[26, 26]
    unscaled = relief(hill, None)[0]
    assert relief(hill / 1000, None)[0] == pytest.approx(unscaled, abs=0.01)
    assert relief(np.full((5, 5), 7, np.float32), 10.0)[1] is False
    image = np.concatenate([np.random.default_rng(0).random((1, 3, 40, 40)), hill[None, None]], axis=1)
    made = split(image, ("red", "green", "blue", "elevation"), ("dn", "dn", "dn", "m"))
    picture, shows = picture_of(made, 0)
    plain, _ = picture_of(made.taking(("red", "green", "blue")), 0)
    assert shows == "true colour, relief"
    lit, dark = np.s_[10:16, 10:16], np.s_[24:30, 24:30]
    assert picture[lit].mean() / plain[lit].mean() > 1.2 * picture[dark].mean() / plain[dark].mean()


def test_a_history_must_be_one(tmp_path: Path) -> None:
    path = tmp_path / "history.csv"
    with pytest.raises(BundleError, match="not there, so there are no curves"):
        read_history(path)
    for text in ("", "epoch,loss\n", "epoch,loss\n0,high\n", "epoch\n0\n", "\x00"):
        path.write_text(text)
        with pytest.raises(BundleError, match=r"history\.csv: (holds no numbers|cannot be read)"):
            read_history(path)


def test_validation_has_a_row_where_it_was_looked_at(tmp_path: Path) -> None:
    (tmp_path / "h.csv").write_text("epoch,loss,lr,val_loss,val_f1\n0,2,0.1,,\n1,1,0.05,1.5,0.4\n")
    training, validation = split_history(read_history(tmp_path / "h.csv"))
    assert training.to_dict("list") == {"epoch": [0, 1], "loss": [2, 1], "lr": [0.1, 0.05]}
    assert validation.to_dict("list") == {"epoch": [1], "loss": [1.5], "f1": [0.4]}
