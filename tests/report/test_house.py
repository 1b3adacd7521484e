from __future__ import annotations

import re
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from skimage.color import deltaE_ciede2000, rgb2lab

from landslide_geo.errors import OutputError
from landslide_geo.report import house

#: Machado, Oliveira and Fernandes (2009), severity 1, on linear RGB.
DEFICIENCIES = {
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
    "all cones": np.eye(3),
}


def lab(colours: np.ndarray, deficiency: str) -> np.ndarray:
    """CIE L*a*b* of sRGB colours (n, 3) as somebody sees them."""
    linear = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ np.array(DEFICIENCIES[deficiency]).T, 0, 1)
    return rgb2lab(np.where(seen <= 0.0031308, seen * 12.92, 1.055 * seen ** (1 / 2.4) - 0.055)[None])[0]


def test_a_known_confusion_is_confused_and_white_stays_white() -> None:
    """Red and green of equal lightness differ by far for all cones and hardly for a deuteranope."""
    pair = np.array([to_rgb("#a06000"), to_rgb("#608000")])
    apart = {name: deltaE_ciede2000(*lab(pair, name)) for name in DEFICIENCIES}
    assert apart["deuteranopia"] < 12 < 25 < apart["all cones"]
    for name in DEFICIENCIES:
        assert np.abs(lab(np.ones((1, 3)), name) - [100, 0, 0]).max() < 0.5


@pytest.mark.parametrize("deficiency", DEFICIENCIES)
def test_colours_are_told_apart_with_any_colour_vision(deficiency: str) -> None:
    """Ten units of CIEDE2000 are a difference at a glance; one is just noticed."""
    colours = [*house.CATEGORIES, house.YELLOW, house.INK, house.PAPER]
    found = lab(np.array([to_rgb(colour) for colour in colours]), deficiency)
    least = {
        (a, b): float(deltaE_ciede2000(found[i], found[j]))
        for i, a in enumerate(colours)
        for j, b in enumerate(colours)
        if i < j
    }
    assert min(least.values()) >= 10, min(least, key=least.__getitem__)
    lead = lab(np.array([to_rgb(colour) for colour in house.CATEGORIES[:2]]), deficiency)
    assert deltaE_ciede2000(*lead) >= 30, "the two that stand for before and after, or training and validation"


@pytest.mark.parametrize("deficiency", DEFICIENCIES)
@pytest.mark.parametrize("scale", [house.PROBABILITY, house.SHARES], ids=["probability", "shares"])
def test_scales_only_ever_get_darker(scale, deficiency: str) -> None:
    lightness = lab(np.asarray(scale(np.linspace(0, 1, 60)))[:, :3], deficiency)[:, 0]
    assert (np.diff(lightness) < 0.2).all()
    assert lightness[0] - lightness[-1] > 55


def figure() -> Figure:
    made = Figure((2, 1.5), dpi=house.DPI)
    axes = house.dress(made.add_axes((0.2, 0.2, 0.7, 0.7)))
    axes.plot([0, 1], [1, 0], label="a < b")
    axes.set_xlabel("metres & more")
    return made


def test_pictures_do_not_depend_on_the_users_settings_and_are_the_same_bytes(tmp_path: Path) -> None:
    with house.drawing():
        house.write_png(tmp_path / "plain.png", figure())
    with mpl.rc_context({"font.family": "monospace", "axes.facecolor": "black", "lines.linewidth": 9}):
        with house.drawing():
            house.write_png(tmp_path / "other.png", figure())
        assert mpl.rcParams["lines.linewidth"] == 9, "the user's own settings come back"
    assert (tmp_path / "plain.png").read_bytes() == (tmp_path / "other.png").read_bytes()
    with pytest.raises(OutputError):
        house.write_png(tmp_path / "absent/a.png", figure())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other.png", "plain.png"]


def test_svg_for_a_page_has_letters_and_neither_addresses_nor_dates_nor_names_of_others() -> None:
    with house.drawing():
        one, again, other = (
            house.inline_svg(figure(), name=name, label='sizes & "more" <all>') for name in ("a", "a", "b")
        )
    assert one == again
    assert one.startswith('<svg role="img" aria-label="sizes &amp; &quot;more&quot; &lt;all>"')
    assert "metres &amp; more" in one
    for forbidden in ("http", "<!DOCTYPE", "<?xml", "<metadata"):
        assert forbidden not in one
    names = [re.findall(r' id="([^"]+)"', text) for text in (one, other)]
    assert len(set(names[0])) == len(names[0])
    assert not set(names[0]) & set(names[1])
    used = re.findall(r'(?:url\(#|href="#)([^)"]+)', one)
    assert used
    assert set(used) <= set(names[0])
