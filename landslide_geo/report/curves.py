"""``history.png``: how the training of a network went."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pandas as pd
from matplotlib.ticker import MaxNLocator

from landslide_geo.errors import BundleError
from landslide_geo.report.house import BLUE, FAINT, GRID, INK, ORANGE, drawing
from landslide_geo.report.sheet import About, Sheet

#: Panels from top to bottom: axis, height in inches, and lines by column.
_PANELS: Final = (
    ("loss", 2.1, {"loss": ("training", ORANGE), "val_loss": ("validation", BLUE)}),
    ("F1 on validation", 1.8, {"val_f1": ("F1", BLUE)}),
    ("learning rate", 1.1, {"lr": ("learning rate", INK)}),
)
_GAP: Final = 0.18


def read_history(path: Path) -> pd.DataFrame:
    """The table of epochs in a bundle; empty fields are NaN.

    Raises:
        BundleError: the file is missing, or holds something else.
    """
    try:
        found = pd.read_csv(path)
    except FileNotFoundError:
        raise BundleError(
            f"{path}: not there, so there are no curves; a rule has none, nor has a model of an earlier version"
        ) from None
    except (OSError, ValueError) as error:
        raise BundleError(f"{path}: cannot be read as a table ({str(error).splitlines()[0]})") from None
    numeric = {"epoch", "loss"} <= set(found.columns) and all(kind.kind in "iuf" for kind in found.dtypes)
    if not numeric or found.empty:
        raise BundleError(f"{path}: holds no numbers of epoch and loss; copy the bundle's folder again")
    return found


def split_history(history: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What is known of training and of validation, each by epoch; the second only where validation was looked at.

    Two tables, because ``dvc plots`` breaks a line at each epoch that lacks a value.

    Returns:
        ``epoch``, ``loss``, ``lr``; and ``epoch``, ``loss``, ``f1``, ``iou``, ``auc``, as far as they are there.
    """
    training = [name for name in ("epoch", "loss", "lr") if name in history]
    validation = {f"val_{name}": name for name in ("loss", "f1", "iou", "auc") if f"val_{name}" in history}
    known = history[list(validation)].notna().any(axis=1)
    return history[training], history.loc[known, ["epoch", *validation]].rename(columns=validation)


@drawing()
def draw_history(path: Path, history: pd.DataFrame, *, about: About) -> None:
    """Write loss, F1 on validation and learning rate over the epochs.

    Args:
        path: PNG to write.
        history: a row for each epoch, as `read_history` gives it; what is missing is left out.
        about: for the head; its data are those of training.
    """
    panels = [(label, height, {k: v for k, v in lines.items() if k in history}) for label, height, lines in _PANELS]
    panels = [panel for panel in panels if panel[2]]
    body = sum(height + _GAP for _, height, _ in panels) + 0.45
    best = ""
    if "val_f1" in history and history["val_f1"].notna().any():
        at = history["val_f1"].idxmax()
        best = f", best F1 {history['val_f1'][at]:.3f} in epoch {history['epoch'][at]:.0f}"
    sheet = Sheet(6.6, body, title=f"Training, {len(history)} epochs{best}", about=about)
    foot = body
    for number, (label, height, lines) in enumerate(panels):
        foot -= height + _GAP
        axes = sheet.axes(0.85, foot + _GAP, 4.6, height)
        for name, (told, colour) in lines.items():
            known = history[history[name].notna()]
            # A line of one point, or between epochs that were looked at, is told by its marks.
            marker = "o" if len(known) < 60 else None
            axes.plot(
                known["epoch"], known[name], color=colour, linewidth=1.6, marker=marker, markersize=3.5, label=told
            )
        if len(lines) > 1:
            axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=8.5, frameon=False)
        axes.set_ylabel(label)
        if "lr" in lines and (history["lr"] > 0).all():
            axes.set_yscale("log")
        axes.grid(color=GRID, linewidth=0.6)
        first, last = history["epoch"].min(), history["epoch"].max()
        axes.set_xlim(first - 0.5, last + 0.5)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.yaxis.set_label_coords(-0.13, 0.5)
        if number < len(panels) - 1:
            axes.tick_params(labelbottom=False)
        else:
            axes.set_xlabel("epoch")
    if "val_f1" in history and not history["val_f1"].notna().all():
        sheet.text(0.25, 0.06, "Validation was not looked at in every epoch.", fontsize=7, color=FAINT)
    sheet.write(path)
