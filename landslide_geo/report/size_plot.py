"""Size and frequency of landslides: the plot of their density by area, and what it says in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter
from numpy.typing import NDArray

from landslide_geo.inventory.sizes import LEAST, LEAST_CURVE, LEAST_TAIL, InverseGamma, size_frequency
from landslide_geo.report.house import BLUE, FAINT, INK, NOTE, ORANGE, drawing, dress, inline_svg
from landslide_geo.report.words import round_area

#: Exponents of p(A) that inventories of many landslides have: 2.4 in Malamud et al. (2004); 2.3 ± 0.56 over 27 of
#: them in Van Den Eeckhaut et al. (2007), Earth and Planetary Science Letters 256, 588–603.
_USUAL = (1.7, 2.9)


@dataclass(frozen=True)
class SizeReport:
    """What a report says of sizes.

    Attributes:
        svg: the plot as an element for a page; empty where there are fewer than ten landslides.
        words: sentences.
        bins: as `size_frequency` gives them.
    """

    svg: str
    words: tuple[str, ...]
    bins: list[dict[str, Any]]


def size_report(areas_m2: NDArray[np.float64], *, least_m2: float | None) -> SizeReport:
    """The plot of probability density by area on logarithmic axes, with its fits, and what follows from them.

    Args:
        areas_m2: of all landslides.
        least_m2: the smallest area that was mapped; none where it is not known.
    """
    found = size_frequency(areas_m2, least_m2=least_m2)
    if len(areas_m2) < LEAST:
        told = f"{len(areas_m2)} landslides are too few for a distribution of sizes; {LEAST} would show one."
        return SizeReport("", (told.replace("1 landslides are", "One landslide is"),) if len(areas_m2) else (), [])
    least = min(least_m2 or np.inf, float(areas_m2.min()))
    curve = InverseGamma.fitted(areas_m2, least_m2=least)
    words = (*_on_tail(found, len(areas_m2)), *_on_rollover(found, curve, len(areas_m2), least))
    return SizeReport(_plot(found, curve, areas_m2), words, found["bins"])


def _on_tail(found: dict[str, Any], count: int) -> list[str]:
    if found["alpha"] is None:
        return [
            f"{count} landslides are too few to fit a power law to the largest: {LEAST_TAIL} beyond the peak would."
        ]
    if found["tail_rejected"]:
        return [
            f"No power law describes the largest: the best one, α = {found['alpha']:.2f} from "
            f"{_about(found['tail_from_m2'])} on, is rejected (Kolmogorov and Smirnov's test at 5 %, "
            f"{found['tail_count']:,} landslides; Clauset et al. 2009, Stephens 1974). Its exponent should not be "
            "compared with others."
        ]
    low, high = _USUAL
    told = (
        f"From {_about(found['tail_from_m2'])} on, the density falls as A⁻ᵅ with α = {found['alpha']:.2f} (95 % "
        f"confidence {found['alpha_low']:.2f} to {found['alpha_high']:.2f} for that start, maximum likelihood on "
        f"{found['tail_count']:,} landslides, not rejected at 5 %; Clauset et al. 2009)."
    )
    if found["alpha_high"] < low or found["alpha_low"] > high:
        way = "fewer large ones" if found["alpha_low"] > high else "more large ones"
        told += (
            f" Most inventories have {low} to {high}: this one has {way} than they do, which also comes about where "
            f"outlines are {'split' if found['alpha_low'] > high else 'merged'} wrongly."
        )
    return [told]


def _on_rollover(found: dict[str, Any], curve: InverseGamma | None, count: int, least: float) -> list[str]:
    peak = f"The densest bin lies at {_about(found['rollover_m2'])}"
    if curve is None and count < LEAST_CURVE:
        return [f"{peak}; an inverse gamma distribution takes {LEAST_CURVE} landslides and was not fitted."]
    if curve is None:
        return ["An inverse gamma distribution could not be fitted."]
    if not curve.seen:
        return [
            f"{peak}, but the inverse gamma that fits best (Malamud et al. 2004) keeps rising down to {_about(least)}, "
            "the smallest area mapped: these sizes do not show where the density rolls over. How many smaller "
            "landslides there are cannot be told from them, and the curve is not drawn."
        ]
    return [
        f"The inverse gamma (Malamud et al. 2004; ρ = {curve.rho:.2f}, a = {curve.a_m2:,.0f} m², s = {curve.s_m2:,.0f} "
        f"m²) rolls over at {_about(curve.rollover_m2)}. Below it landslides are missed, or rare; mapping begins at "
        f"{_about(least)}."
    ]


def _about(square_metres: float) -> str:
    """An area with two figures."""
    return round_area(float(f"{square_metres:.2g}"))


@drawing()
def _plot(found: dict[str, Any], curve: InverseGamma | None, areas: NDArray[np.float64]) -> str:
    figure = Figure((6.4, 3.7))
    axes = dress(figure.add_axes((0.13, 0.15, 0.85, 0.81)))
    axes.set(xscale="log", yscale="log", xlabel="area A", ylabel="probability density p(A) in 1/m²")
    rows = [row for row in found["bins"] if row["count"]]
    middles = np.array([np.sqrt(row["from_m2"] * row["to_m2"]) for row in rows])
    density = np.array([row["density"] for row in rows])
    # Counts of n vary by √n; of a single landslide the bar reaches down to the floor of the plot.
    spread = density / np.sqrt([row["count"] for row in rows])
    floor = density.min() / 3
    down = np.minimum(spread, density - floor)
    axes.errorbar(middles, density, yerr=(down, spread), fmt="o", color=BLUE, markersize=5, elinewidth=0.9, zorder=3,
                  label="landslides (bars: √n)")  # fmt: skip
    if curve is not None and curve.seen:
        at = np.geomspace(curve.least_m2, areas.max(), 200)
        axes.plot(at, curve.density(at), color=INK, linewidth=1.2, label="inverse gamma")
        axes.axvline(curve.rollover_m2, color=FAINT, linewidth=0.8, linestyle=(0, (1, 1.5)))
        axes.annotate("rollover", (curve.rollover_m2, density.max() * 2), xytext=(4, 0), textcoords="offset points",
                      fontsize=NOTE, color=FAINT, va="center")  # fmt: skip
    if found["alpha"] is not None:
        start, exponent = found["tail_from_m2"], found["alpha"]
        at = np.geomspace(start, areas.max(), 50)
        law = (exponent - 1) / start * (at / start) ** -exponent * found["tail_count"] / len(areas)
        bad = found["tail_rejected"]
        label = f"power law, α = {exponent:.2f}{' (rejected)' if bad else ''}"
        axes.plot(at, law, color=ORANGE, linewidth=1 if bad else 2, linestyle=(0, (5, 2)), label=label)
    axes.set_ylim(floor, density.max() * 3)
    _areas_below(axes)
    axes.grid(which="major")
    axes.set_axisbelow(True)
    axes.legend(loc="lower left")
    return inline_svg(figure, name="sizes", label="Probability density of landslide areas on logarithmic axes")


def _areas_below(axes: Axes) -> None:
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: round_area(value)))
    axes.xaxis.set_minor_formatter(FuncFormatter(lambda value, _: ""))
