"""Pictures of what a model's answers rest on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import pandas as pd
from matplotlib.ticker import MaxNLocator

from landslide_geo.report.house import AMBER, BLUE, FAINT, GREEN, GRID, INK, ORANGE, SKY, drawing
from landslide_geo.report.sheet import About, Sheet

if TYPE_CHECKING:
    from landslide_geo.training.explain import Explanation, Gate

#: Okabe and Ito, by modality; and what it is called.
_MODALITIES: Final = {
    "optical": (BLUE, "all optical"),
    "sar_desc": (ORANGE, "all SAR, descending"),
    "sar_asc": (AMBER, "all SAR, ascending"),
    "terrain": (GREEN, "all terrain"),
    "masks": (SKY, "all masks"),
}
#: Inches of a bar with the gap after it.
_BAR: Final = 0.23


@drawing()
def draw_attributions(path: Path, found: Explanation, *, about: About) -> None:
    """Write bars of each modality, where there are several, and of each band: absolute share, and signed mean.

    Args:
        path: PNG to write.
        found: on some chips.
        about: for the head.
    """
    bands, groups = found.by_band(), found.by_modality()
    rows = [(row.band, row.modality, row.absolute_share, row.signed_mean) for row in bands.itertuples()]
    several = len(groups) > 1
    if several:
        heads = [
            (_MODALITIES[row.modality][1], row.modality, row.absolute_share, row.signed_mean)
            for row in groups.itertuples()
        ]
        rows = [*heads, *rows]
    table = pd.DataFrame(rows, columns=["name", "modality", "share", "signed"])
    table["share"] = table["share"].fillna(0.0)  # of nothing there are no shares
    # A gap between modalities and bands.
    table["place"] = [i + (0.6 if several and i >= len(groups) else 0) for i in range(len(table))]
    height = _BAR * (table["place"].max() + 1)
    what = "inside of outlines" if found.outlined.any() else "of whole chips"
    count = len(found.ids)
    sheet = Sheet(
        7.2, height + 0.95, title=f"What answers {what} rest on, {count} chip{'s' * (count > 1)}", about=about
    )
    colours = [_MODALITIES[one][0] for one in table["modality"]]
    for left, column, label in ((1.65, "share", "share of absolute attributions"), (4.65, "signed", "mean (logits)")):
        axes = sheet.axes(left, 0.8, 2.3, height)
        axes.barh(table["place"], table[column], height=0.72, color=colours)
        axes.set_ylim(table["place"].max() + 0.6, -0.6)
        axes.set_xlabel(label)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=5))
        axes.grid(axis="x", color=GRID, linewidth=0.6)
        axes.set_axisbelow(True)
        if column == "share":
            axes.set_yticks(table["place"], table["name"], fontsize=8.5, color=INK)
            axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
            axes.set_xlim(0, 1.18 * (table["share"].max() or 1.0))
            for place, share in zip(table["place"], table["share"], strict=True):
                axes.text(share, place, f" {share:.1%}", fontsize=7.5, color=FAINT, va="center")
        else:
            axes.set_yticks([])
            axes.spines["left"].set_visible(False)
            axes.axvline(0, color=FAINT, linewidth=0.8)
            axes.margins(x=0.08)
    told = (
        "Integrated gradients from an average pixel. Above 0 speaks for a landslide, below 0 against it. "
        f"Error {found.error():.1%}."
    )
    sheet.text(0.25, 0.12, told, fontsize=7, color=FAINT)
    sheet.write(path)


@drawing()
def draw_gate(path: Path, gate: Gate, *, about: About) -> None:
    """Write the weights of both sensors against the cloud score.

    Args:
        path: PNG to write.
        gate: of chips of which some have both sensors.
        about: for the head.
    """
    found = gate.correlations()
    both = int(gate.both.sum())
    sheet = Sheet(6.4, 4.3, title=f"Weights of the gate against clouds, {both} chips", about=about)
    axes = sheet.axes(0.75, 0.75, 5.3, 3.2)
    for which, (name, colour, marker) in enumerate((("optical", BLUE, "o"), ("SAR", ORANGE, "s"))):
        axes.plot(
            gate.score[gate.both], gate.weights[gate.both, which], marker, color=colour, markersize=5, alpha=0.7,
            markeredgecolor="white", markeredgewidth=0.4,
            label=name if found is None else f"{name}, ρ = {_signed(found[which])}",
        )  # fmt: skip
    axes.grid(color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.margins(x=0.04, y=0.08)
    axes.set(xlabel="cloud score: mean of the visible bands, normalised", ylabel="mean weight")
    axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2, fontsize=8.5, frameon=False, borderaxespad=0.2)
    told = "Nothing varies, so there is no correlation." if found is None else "ρ: Spearman's rank correlation."
    if alone := len(gate.score) - both:
        told += f" Not shown: {alone} of {len(gate.score)} chips, which lack a sensor."
    sheet.text(0.25, 0.12, told, fontsize=7, color=FAINT)
    sheet.write(path)


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−")
