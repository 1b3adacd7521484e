"""Training in miniature: it learns what can be known exactly, repeats itself, and goes on after a kill."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from landslide_geo.chips.landslide4sense_rgb import Patches
from landslide_geo.config import AugmentParams, TrainParams
from landslide_geo.models import load_model
from landslide_geo.training.dataset import EpochBatches, TrainingPatches
from landslide_geo.training.evaluate import averaged, evaluate, score
from landslide_geo.training.package import Splits, package

pytest.importorskip("lightning")

from landslide_geo.training.fit import fit, seconds_spent
from landslide_geo.training.module import Segmenter, learning_rate_factor

PARAMS = TrainParams(
    name="tiny",
    arguments={"encoder": "tu-resnet10t", "decoder_channels": [32, 16, 16, 8, 8]},
    epochs=4,
    late_epochs=1,
    batch_size=8,
    warmup_epochs=1,
    learning_rate=4e-3,
    ema_decay=0.8,
    negatives_per_epoch=8,
    tta=2,
    threads=1,
    augment=AugmentParams(affine=0.2, scale_jitter=0.1, centre_jitter=0.1),
)


def patches(count: int, seed: int, *, landslides: bool = True, size: int = 64) -> Patches:
    """Vegetation of a random brightness with red squares on it; a bright grey square is not a landslide."""
    rng = np.random.default_rng(seed)
    images = rng.normal(60, 6, (count, 3, size, size)) * rng.uniform(0.7, 1.3, (count, 1, 1, 1))
    masks = np.zeros((count, size, size), bool)
    for i in range(count):
        for bare in (True, False):
            row, col = rng.integers(0, size - 20, 2)
            square = np.s_[row : row + 20, col : col + 20]
            if bare and landslides:
                images[i, 0][square] *= 2.2
                masks[i][square] = True
            elif not bare:
                images[i][:, square[0], square[1]] *= 1.6
                masks[i][square] = False
                images[i, 0][square] = images[i, 1][square]
    return Patches(
        tuple(f"simulated_{seed}_{i}" for i in range(count)),
        np.clip(images, 0, 255).astype(np.uint8),
        masks,
        np.ones_like(masks),
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Segmenter, Path]:
    out = tmp_path_factory.mktemp("trained")
    return fit(patches(48, 0), patches(16, 1), patches(8, 2, landslides=False), params=PARAMS, out=out), out


def test_it_learns_and_becomes_a_bundle_that_scores_alike(trained: tuple[Segmenter, Path], tmp_path: Path) -> None:
    module, out = trained
    splits = Splits(patches(16, 1), patches(24, 3), patches(4, 4, landslides=False))
    bundle = package(module.best, params=PARAMS, splits=splits, out=tmp_path / "tiny", training_data=["simulated"])
    metrics = bundle.manifest.metrics
    assert metrics["test"]["f1"] > 0.85
    assert metrics["test"]["auc"] > 0.97
    assert metrics["hard_negatives_held_out"]["false_positive_share"] < 0.02
    field, windows = bundle.manifest.receptive_field, bundle.manifest.windows
    assert field is not None
    assert 0 < field.radius_95_px <= field.radius_99_px
    assert windows is not None
    assert windows["cpu"].overlap >= min(field.radius_95_px, windows["cpu"].window // 2)
    again = score(load_model(tmp_path / "tiny"), splits.test)
    assert again.to_json() == metrics["test"]
    history = [json.loads(line) for line in (out / "history.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in history] == list(range(PARAMS.epochs + PARAMS.late_epochs))
    assert history[-1]["loss"] < history[0]["loss"]
    assert seconds_spent(out) > 0
    card = (tmp_path / "tiny" / "README.md").read_text()
    assert "share regions" in card
    assert "landslide train" in card


def test_a_run_that_was_killed_ends_where_an_unbroken_one_does(
    trained: tuple[Segmenter, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, _ = trained
    data = (patches(48, 0), patches(16, 1), patches(8, 2, landslides=False))
    step = Segmenter.training_step

    def killed(self: Segmenter, batch: Any, index: int) -> torch.Tensor:
        if self.current_epoch == 3 and index == 2:
            raise KeyboardInterrupt
        return step(self, batch, index)

    with monkeypatch.context() as patch:
        patch.setattr(Segmenter, "training_step", killed)
        with pytest.raises((KeyboardInterrupt, SystemExit)):
            fit(*data, params=PARAMS, out=tmp_path)
    resumed = fit(*data, params=PARAMS, out=tmp_path)
    for (name, one), other in zip(whole.best.state_dict().items(), resumed.best.state_dict().values(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4, msg=name)


def test_samples_are_functions_of_seed_epoch_and_place() -> None:
    make = [TrainingPatches(patches(4, 0), patches(2, 1, landslides=False), PARAMS) for _ in range(2)]
    for key in [(0, 0), (3, 5)]:
        for one, other in zip(make[0][key], make[1][key], strict=True):
            assert torch.equal(one, other)
    assert not torch.equal(make[0][(0, 0)][0], make[0][(1, 0)][0])
    image, mask, valid = make[0][(0, 1)]
    assert image.shape == (3, 64, 64)
    assert set(mask.unique().tolist()) <= {0.0, 1.0}
    assert set(valid.unique().tolist()) <= {0.0, 1.0}


def test_an_epoch_has_every_labelled_patch_and_a_fresh_draw_of_negatives() -> None:
    batches = EpochBatches(20, 30, PARAMS)
    seen = []
    for epoch in range(2):
        batches.set_epoch(epoch)
        keys = [key for batch in batches for key in batch]
        assert {epoch} == {key[0] for key in keys}
        assert len(keys) == len(batches) * PARAMS.batch_size
        indexes = [key[1] for key in keys]
        assert set(range(20)) <= set(indexes)
        seen.append(frozenset(i for i in indexes if i >= 20))
        assert len(seen[-1]) == PARAMS.negatives_per_epoch
    assert seen[0] != seen[1]


def test_the_learning_rate_rises_falls_and_falls_again() -> None:
    params = TrainParams(epochs=10, late_epochs=5, warmup_epochs=2, learning_rate=1e-3, late_learning_rate=4e-4)
    factor = learning_rate_factor(params, steps=10)
    assert factor(0) == pytest.approx(1 / 20)
    assert factor(20) == pytest.approx(1.0)
    assert factor(60) == pytest.approx(0.5, abs=0.01)
    assert factor(99) == pytest.approx(0.005, abs=0.005)
    assert factor(100) == pytest.approx(0.4)
    assert factor(150) == pytest.approx(0.4 * 0.005)


def test_late_epochs_are_gentle() -> None:
    data = TrainingPatches(patches(2, 0), None, PARAMS.model_copy(update={"late_augment": None}))
    late = data[(PARAMS.epochs, 0)][0]
    # Flips only: the same values as without any augmentation, in another place.
    plain = TrainingPatches(patches(2, 0), None, PARAMS.model_copy(update={"augment": None}))[(0, 0)][0]
    torch.testing.assert_close(late.flatten().sort().values, plain.flatten().sort().values)


def test_averaging_over_symmetries_undoes_them() -> None:
    batch = np.random.default_rng(0).random((2, 3, 16, 16), dtype=np.float32)
    for tta in (1, 2, 4, 8):
        np.testing.assert_allclose(averaged(lambda b: b[:, :1] * 0.5, batch, tta), batch[:, :1] * 0.5, rtol=1e-6)


def test_the_rule_scores_on_the_real_test_as_its_bundle_says(mirror: Path) -> None:
    model = load_model("red_minus_green")
    found = evaluate(model, dataset="landslide4sense-rgb", root=mirror / "landslide4sense_rgb", split="test")
    said = model.manifest.metrics["test"]
    for key in ("f1", "iou", "precision", "recall", "auc"):
        assert found[key] == pytest.approx(said[key], abs=2e-3)
    assert found["n"] == 200 * 128 * 128
