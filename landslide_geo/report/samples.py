"""``samples.png``: chips as a person judges them: the picture, the truth, the probability and the prediction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize, to_rgb
from matplotlib.patches import Patch
from numpy.typing import NDArray

from landslide_geo.bands import MASKS, TERRAIN, UNITS, is_pre
from landslide_geo.chips.split import Split
from landslide_geo.report.house import FAINT, INK, ORANGE, PROBABILITY, SKY, YELLOW, drawing
from landslide_geo.report.picture import GAMMA, STRETCH
from landslide_geo.report.sheet import About, Sheet, shortened
from landslide_geo.scene.terrain import hillshade, horn_gradient
from landslide_geo.training.metrics import Counts

#: Panels of a chip, in order.
PANELS: Final = ("input", "truth", "probability", "prediction")
#: Chips on a sheet, and of them such without landslides where both are there.
SHOWN: Final = 8
_WITHOUT: Final = 2
_ACROSS: Final = 2
_RGB: Final = ("red", "green", "blue")
_UNKNOWN: Final = "#9e9e9e"
#: Kinds of pixels of a prediction, on ground that is darkened so that these bright colours stand out.
_KINDS: Final = (("found", SKY), ("false alarm", YELLOW), ("missed", ORANGE))
#: Share of its light that relief takes from a picture at most.
_RELIEF: Final = 0.6
#: Tangent of the slope that the steep tenth of a chip is raised to where heights have no scale.
_STEEP: Final = 0.7
#: Inches: side of a panel, gap between panels, gap between chips, lines above a chip.
_SIDE, _GAP, _BETWEEN, _ABOVE = 1.6, 0.05, 0.28, 0.24


@dataclass(frozen=True, eq=False)
class Sample:
    """A chip, and what a model says of it.

    Attributes:
        picture: (y, x, 3) uint8.
        shows: what the picture is, in a few words.
        truth: (y, x) bool, true on landslides.
        valid: (y, x) bool: truth and input are known.
        probability: (y, x) float32, calibrated.
        threshold: that decides.
        name: of the chip.
    """

    picture: NDArray[np.uint8]
    shows: str
    truth: NDArray[np.bool_]
    valid: NDArray[np.bool_]
    probability: NDArray[np.float32]
    threshold: float
    name: str

    @classmethod
    def of(
        cls, chips: Split, index: int, probability: NDArray[np.float32], *, bands: Sequence[str], threshold: float,
        sensors: Sequence[Sequence[str]] = (),
    ) -> Sample:  # fmt: skip
        """A chip of a split.

        Args:
            chips: with all their bands, also those that the model does not take.
            index: of the chip.
            probability: (y, x) calibrated.
            bands: that the model takes; where one is unknown, nothing is counted.
            threshold: that decides.
            sensors: bands of each sensor, of which the model can do without any but one.
        """
        picture, shows = picture_of(chips, index)
        valid = chips.taking(bands).seen_by(sensors).valid(index)
        return cls(picture, shows, chips.mask(index), valid, probability, threshold, str(chips.ids[index]))

    @property
    def kinds(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
        """(y, x) bool each: true positives, false positives, misses."""
        called = (self.probability >= self.threshold) & self.valid
        truth = self.truth & self.valid
        return called & truth, called & ~truth, truth & ~called

    @property
    def counts(self) -> Counts:
        """Pixels by kind."""
        tp, fp, fn = (int(np.count_nonzero(kind)) for kind in self.kinds)
        return Counts(tp, fp, fn, int(np.count_nonzero(self.valid)) - tp - fp - fn)

    @property
    def told(self) -> str:
        """A line on how it went: F1, or where there is no landslide the share of false alarms."""
        counts = self.counts
        if counts.tp + counts.fn:
            return f"F1 {counts.f1:.2f}"
        return f"no landslide, {counts.false_positive_share:.1%} false alarms"


def chosen(counts: Sequence[Counts], *, most: int = SHOWN) -> list[int]:
    """Which chips to show: spread over their own F1 from best to worst, then two without landslides.

    Of those without, the ones with the smallest and largest share of false alarms. The same counts give the same chips.

    Args:
        counts: of each chip.
        most: chips to choose.
    """
    there = [i for i, one in enumerate(counts) if one.tp + one.fn]
    without = [i for i, one in enumerate(counts) if one.n and not one.tp + one.fn]
    room = max(min(_WITHOUT, most), most - len(there))
    none = spread(sorted(without, key=lambda i: (counts[i].false_positive_share, i)), room)
    return spread(sorted(there, key=lambda i: (-counts[i].f1, i)), most - len(none)) + none


def spread(items: list[int], count: int) -> list[int]:
    """At most that many of the items, evenly, first and last among them."""
    if len(items) <= count:
        return items
    return [items[at] for at in np.linspace(0, len(items) - 1, count).round().astype(int)] if count else []


def picture_of(chips: Split, index: int) -> tuple[NDArray[np.uint8], str]:
    """(y, x, 3) uint8 of a chip and what it shows: true colour where there is one, else one band in grey.

    Where the chips have elevation too, its relief is blended over true colour.
    """
    names = set(chips.bands)
    if names.issuperset(_RGB):
        bands, shows = list(_RGB), "true colour"
    else:
        plain = [name for name in chips.bands if not is_pre(name) and name not in (*MASKS, *TERRAIN)]
        band = (plain or list(chips.bands))[0]
        bands, shows = [band], band
    values = _values(chips, index, bands)
    known = np.isfinite(values).all(axis=0)
    grey = np.zeros(values.shape, dtype=np.float32)
    for band_values, out in zip(values, grey, strict=True):
        low, high = np.percentile(band_values[known], STRETCH) if known.any() else (0.0, 1.0)
        out[known] = np.clip((band_values[known] - low) / max(high - low, 1e-6), 0, 1) ** GAMMA
    light: NDArray[np.floating] = np.moveaxis(np.broadcast_to(grey, (3, *known.shape)), 0, -1)
    if "elevation" in names and len(bands) == len(_RGB):
        metres = chips.units[chips.bands.index("elevation")] == UNITS["elevation"]
        elevation = _values(chips, index, ("elevation",))[0]
        shade, there = relief(elevation, chips.gsd_m if metres else None)
        if there:
            light, shows = light * (1 - _RELIEF + _RELIEF * shade[..., None]) * (1 + _RELIEF / 2), f"{shows}, relief"
    picture = np.round(np.clip(light, 0, 1) * 255).astype(np.uint8)
    picture[~known] = np.round(np.array(to_rgb(_UNKNOWN)) * 255)
    return picture, shows


def relief(elevation: NDArray[np.float32], gsd_m: float | None) -> tuple[NDArray[np.float32], bool]:
    """(y, x) shade in [0, 1], and whether there is any relief.

    Where heights have no scale they are stretched until the steep tenth of the chip has a tangent of 0.7: some datasets
    do not tell the unit of their heights, or the size of a pixel.

    Args:
        elevation: (y, x) in metres, or in a unit that is not known; NaN where unknown.
        gsd_m: size of a pixel in metres; none where that or the unit of the heights is not known.
    """
    size = (1.0, 1.0) if gsd_m is None else (gsd_m, gsd_m)
    east, north = horn_gradient(elevation, size)
    slope = np.hypot(east, north)
    known = np.isfinite(slope)
    steep = float(np.percentile(slope[known], 90)) if known.any() else 0.0
    if steep == 0:
        return np.ones(elevation.shape, dtype=np.float32), False
    scale = 1.0 if gsd_m is not None else _STEEP / steep
    shade = hillshade(elevation * np.float32(scale), size)
    return np.where(shade == 0, 1, (shade.astype(np.float32) - 1) / 254).astype(np.float32), True


def _values(chips: Split, index: int, bands: Sequence[str]) -> NDArray[np.float32]:
    """(band, y, x) as stored: also where the mask is unknown."""
    channels = list(chips.taking(bands).channels)
    return np.asarray(chips.images[chips.places[index]][channels], dtype=np.float32)


def panels(axes: Sequence[Axes], sample: Sample, which: Sequence[str] = PANELS) -> None:
    """Draw what is known of a chip side by side.

    Args:
        axes: one for each panel.
        sample: the chip.
        which: of `PANELS`; ``("input", "truth", "prediction")`` are the usual three.
    """
    ends = {False: PROBABILITY(0.0)[:3], True: PROBABILITY(1.0)[:3]}
    for ax, name in zip(axes, which, strict=True):
        if name == "input":
            shown: NDArray[np.float64] = sample.picture / 255
        elif name == "truth":
            shown = np.where(sample.truth[..., None], ends[True], ends[False])
        elif name == "probability":
            shown = PROBABILITY(np.nan_to_num(sample.probability))[..., :3]
        else:
            shown = np.repeat(0.1 + 0.3 * sample.picture.mean(axis=2, keepdims=True) / 255, 3, axis=2)
            for kind, (_, colour) in zip(sample.kinds, _KINDS, strict=True):
                shown[kind] = to_rgb(colour)
        if name != "input":
            shown[~sample.valid] = to_rgb(_UNKNOWN)
        ax.imshow(shown, interpolation="nearest")
        ax.set(xticks=[], yticks=[])
        for spine in ax.spines.values():
            spine.set(visible=True, edgecolor=FAINT, linewidth=0.5)


@drawing()
def draw_samples(path: Path, samples: Sequence[Sample], *, about: About) -> None:
    """Write a sheet of chips, two in a row.

    Args:
        path: PNG to write.
        samples: at least one.
        about: for the head.
    """
    across = min(_ACROSS, len(samples))
    rows = -(-len(samples) // across)
    chip = len(PANELS) * _SIDE + (len(PANELS) - 1) * _GAP
    left, foot, heading = 0.25, 0.62, 0.2
    width = left * 2 + across * chip + (across - 1) * _BETWEEN
    body = foot + rows * (_SIDE + _ABOVE) + heading
    shows = ", ".join(dict.fromkeys(sample.shows for sample in samples))
    title = f"Chips from best to worst, threshold {samples[0].threshold:g}"
    sheet = Sheet(width, body, title=title, about=about)
    for number, sample in enumerate(samples):
        row, col = divmod(number, across)
        x = left + col * (chip + _BETWEEN)
        y = body - heading - (row + 1) * (_SIDE + _ABOVE)
        axes = [sheet.axes(x + i * (_SIDE + _GAP), y, _SIDE, _SIDE) for i in range(len(PANELS))]
        panels(axes, sample)
        told = sample.told
        name = shortened(sample.name, max(12, 84 - len(told)))
        sheet.text(x, y + _SIDE + 0.05, f"{name}: {told}", fontsize=8.5, fontweight="bold")
        if row == 0:
            for i, word in enumerate((f"Input ({shows})", "Truth", "Probability", "Prediction")):
                sheet.text(x + i * (_SIDE + _GAP), body - 0.12, shortened(word, 32), fontsize=8.5, color=FAINT)
    _legend(sheet, left)
    sheet.write(path)


def _legend(sheet: Sheet, left: float) -> None:
    handles = [Patch(facecolor=colour, edgecolor=INK, linewidth=0.4, label=name) for name, colour in _KINDS]
    handles.append(Patch(facecolor=_UNKNOWN, edgecolor=INK, linewidth=0.4, label="unknown, not counted"))
    start = left + 2 * (_SIDE + _GAP)
    sheet.figure.legend(
        handles=handles, loc="lower left", bbox_to_anchor=(start / sheet.width, 0.05 / sheet.height), ncols=4,
        fontsize=8.5, frameon=False, handlelength=1.3, columnspacing=1.2, borderpad=0, title="Prediction",
        title_fontsize=8.5, alignment="left",
    )  # fmt: skip
    bar = sheet.axes(left, 0.22, 1.9, 0.1)
    sheet.figure.colorbar(ScalarMappable(Normalize(0, 1), PROBABILITY), cax=bar, orientation="horizontal")
    bar.tick_params(labelsize=7, length=2, pad=2)
    bar.set_title("Truth, probability of landslide", fontsize=8.5, loc="left", pad=3, color=INK)
