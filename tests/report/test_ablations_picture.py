"""The picture and the table of ablations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import to_rgb
from PIL import Image

from landslide_geo.report.ablations import Measured, draw_ablations, grouped, table, verdict
from landslide_geo.report.house import BLUE, ORANGE
from landslide_geo.report.sheet import About

SCORES = st.lists(st.floats(0, 1), min_size=2, max_size=5)


def measured(name: str, seed: int, f1: float, *, group: str = "net", simulated: bool = False) -> Measured:
    told = {"f1": f1, "unit": "chip", "n": 30, "dataset": "dots", "split": "test", "simulated": simulated}
    return Measured.of(group, name, seed, told, whole=name == "whole")


def some(*, simulated: bool = False) -> list[Measured]:
    scores = {"part": (0.6, 0.7, 0.65), "whole": (0.8, 0.82, 0.81), "other": (0.81, 0.83, 0.8)}
    return [measured(name, s, f1, simulated=simulated) for name, own in scores.items() for s, f1 in enumerate(own)]


@given(SCORES, SCORES)
def test_a_difference_means_something_where_no_seed_overlaps(whole: list[float], part: list[float]) -> None:
    assert verdict(whole, part) == verdict(part, whole)
    apart = verdict(whole, part) == "apart"
    signs = {np.sign(a - b) for a in whole for b in part}
    assert apart == (len(signs) == 1 and 0 not in signs)


def test_the_whole_comes_first_and_the_rest_is_told_against_it() -> None:
    assert list(grouped(some())["net"]) == ["whole", "part", "other"]
    lines = table(some()).splitlines()
    assert lines[0].startswith("| group | system | F1: mean |")
    assert lines[2] == "| `net` | `whole` | 0.810 | 0.800, 0.820, 0.810 | | the whole |"
    assert lines[3] == "| `net` | `part` | 0.650 | 0.600, 0.700, 0.650 | -0.160 | apart |"
    assert lines[4] == "| `net` | `other` | 0.813 | 0.810, 0.830, 0.800 | +0.003 | within the spread of seeds |"
    assert "F1 (simulated): mean" in table(some(simulated=True))
    one = [measured("whole", 0, 0.5), measured("part", 0, 0.4)]
    assert "| -0.100 | one seed: not known |" in table(one)


def near(picture: np.ndarray, colour: str) -> np.ndarray:
    return np.abs(picture.astype(float) / 255 - to_rgb(colour)).max(axis=2) < 0.02


def test_the_picture_has_a_dot_for_each_seed_in_order_from_left_to_right(tmp_path: Path) -> None:
    pair = [measured("whole", 0, 0.9), measured("part", 0, 0.4)]
    draw_ablations(tmp_path / "a.png", pair, about=About("net", "dots"))
    picture = np.asarray(Image.open(tmp_path / "a.png"))
    whole, part = (np.argwhere(near(picture, colour)) for colour in (ORANGE, BLUE))
    assert whole[:, 1].mean() > part[:, 1].mean() + 200, "the higher score is further to the right"
    assert whole[:, 0].max() < part[:, 0].min(), "the whole is above"
    more = [*pair, measured("part", 1, 0.6)]
    draw_ablations(tmp_path / "b.png", more, about=About("net", "dots"))
    dots = np.argwhere(near(np.asarray(Image.open(tmp_path / "b.png")), BLUE))
    columns = np.unique(dots[:, 1])
    assert (np.diff(columns) > 20).sum() == 2, "two dots and the bar at their mean"


def test_a_simulated_picture_says_so_and_is_the_same_each_time(tmp_path: Path) -> None:
    draw_ablations(tmp_path / "real.png", some(), about=About("net", "dots"))
    for name in ("a.png", "b.png"):
        draw_ablations(tmp_path / name, some(simulated=True), about=About("net", "dots", simulated=True))
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    picture, real = (np.asarray(Image.open(tmp_path / name)) for name in ("a.png", "real.png"))
    assert near(picture[:30], ORANGE).mean() > 0.5
    assert not near(real[:30], ORANGE).any()
