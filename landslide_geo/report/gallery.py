"""One of every picture, of simulated data: ``python -m landslide_geo.report.gallery DIR``, to look at the house style.

No figure in them was measured.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from scipy.ndimage import gaussian_filter

from landslide_geo.chips.simulated import collection
from landslide_geo.chips.split import Split
from landslide_geo.report.ablations import Measured, draw_ablations
from landslide_geo.report.bars import draw_bars
from landslide_geo.report.curves import draw_history
from landslide_geo.report.explain import draw_attributions, draw_gate
from landslide_geo.report.importance import draw_importance
from landslide_geo.report.labelled_samples import LabelledSample, draw_labelled
from landslide_geo.report.labelled_samples import chosen as chosen_labelled
from landslide_geo.report.samples import Sample, draw_samples
from landslide_geo.report.score_pictures import (
    draw_confusion,
    draw_precision_recall,
    draw_reliability,
    draw_thresholds,
)
from landslide_geo.report.sheet import About
from landslide_geo.training.explain import Explanation, Gate
from landslide_geo.training.metrics import Counts, Histogram

ABOUT: Final = About("a made-up model", "simulated chips", simulated=True)
_THRESHOLD: Final = 0.4
_BANDS: Final = ("red", "green", "blue", "nir", "vv_desc", "vh_desc", "vv_asc", "elevation", "slope")


def histograms(rng: np.random.Generator) -> tuple[Histogram, Histogram]:
    """Probabilities of pixels, too sure of themselves and calibrated: landslides are drawn by the latter."""
    odds = np.exp(rng.normal(-3.6, 2.4, 200_000))
    truth = rng.random(odds.size) < odds / (1 + odds)
    found = []
    for sharp in (odds**1.9, odds):
        found.append(Histogram())
        found[-1].add((sharp / (1 + sharp)).astype(np.float32), truth)
    return found[0], found[1]


def history(rng: np.random.Generator) -> pd.DataFrame:
    """Thirty epochs, every second one validated."""
    epoch = np.arange(30)
    loss = 0.25 + 0.7 * np.exp(-epoch / 7) + rng.normal(0, 0.012, 30)
    seen = epoch % 2 == 1
    validation = np.where(seen, 0.33 + 0.6 * np.exp(-epoch / 6) + rng.normal(0, 0.02, 30), np.nan)
    f1 = np.where(seen, 0.7 * (1 - np.exp(-epoch / 8)) + rng.normal(0, 0.01, 30), np.nan)
    rate = 1e-3 * (1 + np.cos(np.pi * epoch / 30)) / 2 + 1e-6
    return pd.DataFrame({"epoch": epoch, "loss": loss, "val_loss": validation, "val_f1": f1, "lr": rate})


def samples(rng: np.random.Generator) -> tuple[list[Sample], Split, list[np.ndarray]]:
    """Simulated chips with probabilities that are their truth, blurred and disturbed."""
    bands = ("red", "green", "blue", "elevation")
    made = collection(chips=24, size=96, bands=bands, seed=3)
    chips = Split.of("gallery", list(made.batches("train")))
    chosen, answers = [], []
    for index in range(len(chips)):
        blurred = gaussian_filter(chips.mask(index).astype(np.float32), 2.5) * rng.uniform(0.5, 1.1)
        noise = gaussian_filter(rng.normal(0, 1, blurred.shape), 4) * 0.8
        answers.append(np.clip(blurred + noise, 0.001, 0.999).astype(np.float32))
        chosen.append(Sample.of(chips, index, answers[-1], bands=bands[:3], threshold=_THRESHOLD))
    chosen.sort(key=lambda sample: -sample.counts.f1)
    return chosen[:6], chips, answers


def labelled(chips: Split, answers: list[np.ndarray]) -> tuple[list[LabelledSample], Counts]:
    """The same chips as a model that classifies sees them."""
    counts = []
    for index, answer in enumerate(answers):
        called, true = bool(answer.max() >= 0.6), bool(chips.mask(index).any())
        counts.append(Counts(int(called and true), int(called and not true), int(true and not called),
                             int(not called and not true)))  # fmt: skip
    totals = Counts(*(sum(getattr(one, name) for one in counts) for name in ("tp", "fp", "fn", "tn")))
    chosen = chosen_labelled(counts)
    return [LabelledSample.of(chips, i, float(answers[i].max()), counts=counts[i]) for i in chosen], totals


def explanation(rng: np.random.Generator) -> Explanation:
    """Attributions of forty chips."""
    weight = np.array([0.9, -0.3, -0.4, -0.7, 0.3, 0.2, 0.25, 0.1, 0.5])
    signed = weight + rng.normal(0, 0.25, (40, len(_BANDS)))
    none = np.zeros(40)
    ids = tuple(f"chip_{i}" for i in range(40))
    return Explanation(_BANDS, ids, none > 0, signed.sum(axis=1), none, signed, np.abs(signed) + 0.1, None)


def gate(rng: np.random.Generator) -> Gate:
    """Weights that shift to radar under clouds."""
    score = rng.random(60)
    optical = np.clip(0.85 - 0.6 * score + rng.normal(0, 0.08, 60), 0.02, 0.98)
    weights = np.column_stack([optical, 1 - optical])
    weights[:5, 1] = 0
    return Gate(weights, score)


def measured(rng: np.random.Generator) -> list[Measured]:
    """F1 of systems and seeds."""
    told = {"unit": "chip", "n": 60, "dataset": "simulated", "split": "test", "simulated": True}
    systems = {"fusion": {"whole": 0.82, "no radar": 0.75, "no slope": 0.81}, "optical": {"whole": 0.7, "no ECA": 0.69}}
    return [
        Measured.of(group, name, seed, told | {"f1": f1 + rng.normal(0, 0.012)}, whole=name == "whole")
        for group, own in systems.items()
        for name, f1 in own.items()
        for seed in range(3)
    ]


def draw(folder: Path) -> list[Path]:
    """Write all pictures into a folder; the same bytes every time.

    Args:
        folder: is made where it is not there.

    Returns:
        The files.

    Raises:
        OutputError: one cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    raw, calibrated = histograms(rng)
    shown, chips, answers = samples(rng)
    rows, totals = labelled(chips, answers)
    seconds = {name: (rng.normal(middle, 0.06 * middle, 5)).clip(0.1).tolist() for name, middle in
               {"landslide, this program": 4.0, "bare network": 3.4, "another tool": 9.8}.items()}  # fmt: skip
    shares = {f"{band} {what}": 0.0 for what in ("mean", "standard deviation", "90th percentile") for band in _BANDS}
    gains = np.sort(rng.pareto(1.2, len(shares)))[::-1]
    shares = dict(zip(shares, (gains / gains.sum()).tolist(), strict=True))
    pictures: dict[str, Callable[[Path], None]] = {
        "history": lambda path: draw_history(path, history(rng), about=ABOUT),
        "precision_recall": lambda path: draw_precision_recall(path, calibrated, threshold=_THRESHOLD, about=ABOUT),
        "reliability": lambda path: draw_reliability(
            path, {"before calibration": raw, "after": calibrated}, about=ABOUT
        ),
        "confusion": lambda path: draw_confusion(path, calibrated.at(_THRESHOLD), threshold=_THRESHOLD, about=ABOUT),
        "thresholds": lambda path: draw_thresholds(path, calibrated, threshold=_THRESHOLD, about=ABOUT),
        "samples": lambda path: draw_samples(path, shown, about=ABOUT),
        "labelled_samples": lambda path: draw_labelled(path, rows, totals=totals, threshold=0.6, about=ABOUT),
        "attributions": lambda path: draw_attributions(path, explanation(rng), about=ABOUT),
        "gate": lambda path: draw_gate(path, gate(rng), about=ABOUT),
        "importance": lambda path: draw_importance(path, shares, about=ABOUT),
        "ablations": lambda path: draw_ablations(path, measured(rng), about=ABOUT),
        "benchmarks": lambda path: draw_bars(
            path, {"2048²": (2048 * 2048, seconds)}, ours="landslide", about=ABOUT, title="Speed beside other tools"
        ),
    }
    for name, picture in pictures.items():
        picture(folder / f"{name}.png")
    return [folder / f"{name}.png" for name in pictures]


if __name__ == "__main__":
    for written in draw(Path(sys.argv[1] if len(sys.argv) > 1 else "build/gallery")):
        print(written)
