"""What interpolation between unequal cells costs: validation patches laid side by side as one scene.

    python benchmarks/normalisation.py ROOT MODEL...

In evaluation every patch is a cell of its own. In a scene, statistics are interpolated between neighbours, and the grid
of cells lines up with nothing. Here 18 × 18 patches, drawn by seed, become one scene, which is harder than a real one:
neighbours come from different countries. It is scanned twice, with the grid on the borders of the patches and 50 pixels
off, at each model's own threshold.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from landslide_geo.chips import landslide4sense_rgb
from landslide_geo.chips.landslide4sense_rgb import SIZE
from landslide_geo.chips.split import Split
from landslide_geo.models import Model, load_model
from landslide_geo.scene.stretch import LocalStatistics, cell_statistics, grid_shape, stretch
from landslide_geo.training.calibration import calibrate_histogram
from landslide_geo.training.evaluate import Scores, averaged
from landslide_geo.training.metrics import Histogram

SIDE = 18
WINDOW = 2 * SIZE


def mosaic(patches: Split, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """(3, y, x) float32 digital numbers and (y, x) bool truth; patches are brought to the same median brightness."""
    order = np.random.default_rng(seed).permutation(len(patches))[: SIDE * SIDE]
    images = np.stack([patches.image(int(i)) for i in order])
    images *= 1000 / np.median(images, axis=(1, 2, 3), keepdims=True)
    side = SIDE * SIZE
    scene = images.reshape(SIDE, SIDE, 3, SIZE, SIZE).transpose(2, 0, 3, 1, 4).reshape(3, side, side)
    truth = (
        np.stack([patches.mask(int(i)) for i in order])
        .reshape(SIDE, SIDE, SIZE, SIZE)
        .transpose(0, 2, 1, 3)
        .reshape(side, side)
    )
    return scene.astype(np.float32), truth


def scan(model: Model, scene: np.ndarray, truth: np.ndarray) -> Scores:
    """Scores over whole windows side by side, normalised by statistics of the scene."""
    params = model.manifest.normalisation
    _, height, width = scene.shape
    centre, scale = np.empty((2, 3, *grid_shape(height, width, params)), np.float32)
    for i, j in np.ndindex(centre.shape[1:]):
        rows, cols = slice(i * params.cell, (i + 1) * params.cell), slice(j * params.cell, (j + 1) * params.cell)
        centre[:, i, j], scale[:, i, j] = cell_statistics(scene[:, rows, cols], params)
    statistics = LocalStatistics.from_cells(centre, scale, params=params, height=height, width=width)
    histogram = Histogram()
    for row in range(0, height - WINDOW + 1, WINDOW):
        for col in range(0, width - WINDOW + 1, WINDOW):
            window = np.s_[row : row + WINDOW, col : col + WINDOW]
            block = stretch(scene[:, window[0], window[1]], row, col, statistics, params)
            probability = averaged(model.probabilities, block[None], model.manifest.tta)[0, 0]
            histogram.add(probability, truth[window])
    calibrated = calibrate_histogram(histogram, model.manifest.calibration)
    return Scores.of(calibrated, threshold=model.threshold, patches=SIDE * SIDE)


def main(root: str, *models: str) -> None:
    """Print a line per model and position of the grid."""
    patches = Split.of("validation", landslide4sense_rgb.collection(Path(root), seed=42).batches("validation"))
    scene, truth = mosaic(patches)
    for name in models:
        model = load_model(name)
        for offset in (0, 50):
            scores = scan(model, scene[:, offset:, offset:], truth[offset:, offset:])
            print(
                f"{name}, grid {offset} px off: f1 {scores.f1:.3f}, auc {scores.auc:.4f}, {scores.predicted_share:.4f}"
            )


if __name__ == "__main__":
    main(*sys.argv[1:])
