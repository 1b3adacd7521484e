"""Training in miniature: it learns what can be known exactly, repeats itself, and goes on after a kill."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from squares import chips

from landslide_geo.config import AugmentParams, FixedParams, TrainParams
from landslide_geo.errors import DatasetError, ParameterError
from landslide_geo.training.evaluate import raw_histogram

pytest.importorskip("lightning")

from landslide_geo.training.fit import BEST, LAST, Fitted, Material, fit
from landslide_geo.training.module import Segmenter, learning_rate_factor
from landslide_geo.training.package import draft, rounded

PARAMS = TrainParams(
    name="tiny",
    arguments={"encoder": "tu-resnet10t", "decoder_channels": [32, 16, 16, 8, 8]},
    epochs=4,
    late_epochs=1,
    batch_size=8,
    warmup_epochs=1,
    lr=4e-3,
    ema_decay=0.8,
    negatives_per_epoch=8,
    tta=2,
    threads=1,
    augment=AugmentParams(affine=0.2, scale_jitter=0.1, centre_jitter=0.1),
)
SHORT = PARAMS.model_copy(update={"epochs": 2, "late_epochs": 0})
MATERIAL = Material(chips(48, 0), chips(16, 1), chips(8, 2, landslides=False))


def weights(fitted: Fitted) -> dict[str, torch.Tensor]:
    return fitted.network.state_dict()


def assert_alike(one: Fitted, other: Fitted, **tolerance: float) -> None:
    for (name, first), second in zip(weights(one).items(), weights(other).values(), strict=True):
        torch.testing.assert_close(first, second, msg=name, **tolerance)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Fitted, Path]:
    out = tmp_path_factory.mktemp("trained")
    return fit(MATERIAL, params=PARAMS, out=out), out


def test_it_learns_what_can_be_known(trained: tuple[Fitted, Path]) -> None:
    fitted, _ = trained

    def predict(batch: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return torch.sigmoid(fitted.network(torch.from_numpy(batch)).float()).numpy()

    histogram = raw_histogram(predict, chips(24, 3), fitted.normalisation, tta=2)
    assert histogram.at(histogram.best_threshold()).f1 > 0.85
    assert histogram.auc() > 0.97
    history = fitted.history
    assert [line["epoch"] for line in history] == list(range(PARAMS.epochs + PARAMS.late_epochs))
    assert history[-1]["loss"] < history[0]["loss"]
    assert history[-1]["val_loss"] < history[0]["val_loss"]
    assert all(line["energy_kwh"] > 0 and line["co2_kg"] > 0 for line in history)
    assert fitted.seconds > 0
    assert fitted.how["devices"] == fitted.how["parts"] == 1


def test_a_run_that_was_killed_ends_where_an_unbroken_one_does(
    trained: tuple[Fitted, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = Segmenter.training_step

    def killed(self: Segmenter, batch: Any, index: int) -> torch.Tensor:
        if self.current_epoch == 3 and index == 2:
            raise KeyboardInterrupt
        return step(self, batch, index)

    with monkeypatch.context() as patch:
        patch.setattr(Segmenter, "training_step", killed)
        with pytest.raises((KeyboardInterrupt, SystemExit)):
            fit(MATERIAL, params=PARAMS, out=tmp_path)
    resumed = fit(MATERIAL, params=PARAMS, out=tmp_path)
    assert_alike(trained[0], resumed, rtol=1e-3, atol=1e-4)
    assert [line["epoch"] for line in resumed.history] == [line["epoch"] for line in trained[0].history]


_RUN = """
import sys; from pathlib import Path; sys.path.insert(0, sys.argv[2])
from test_fit import MATERIAL, PARAMS, fit
fit(MATERIAL, params=PARAMS, out=Path(sys.argv[1]), report=lambda line: print(line["epoch"], flush=True))
"""


@pytest.mark.integration
def test_a_run_that_was_killed_from_outside_goes_on(trained: tuple[Fitted, Path], tmp_path: Path) -> None:
    here = Path(__file__).parent
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(here.parent), str(here)])}
    command = [sys.executable, "-W", "ignore", "-c", _RUN, str(tmp_path), str(here)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as run:
        assert run.stdout is not None
        assert run.stdout.readline() == "0\n"
        while not (tmp_path / LAST).is_file():  # written after the line was told
            time.sleep(0.01)
        run.send_signal(signal.SIGKILL)
    assert (tmp_path / LAST).is_file()
    seen: list[float] = []
    resumed = fit(MATERIAL, params=PARAMS, out=tmp_path, report=lambda line: seen.append(line["epoch"]))
    assert seen[0] >= 1, "the first epoch was not run again"
    assert_alike(trained[0], resumed, rtol=1e-3, atol=1e-4)


def test_other_parameters_start_anew(trained: tuple[Fitted, Path], tmp_path: Path) -> None:
    seen: list[float] = []
    fit(MATERIAL, params=SHORT, out=tmp_path, report=lambda line: seen.append(line["epoch"]))
    fit(MATERIAL, params=SHORT, out=tmp_path, report=lambda line: seen.append(line["epoch"]))
    assert seen == [0, 1], "the same again: nothing to do"
    changed = SHORT.model_copy(update={"lr": 1e-3})
    fitted = fit(MATERIAL, params=changed, out=tmp_path, report=lambda line: seen.append(line["epoch"]))
    assert seen == [0, 1, 0, 1]
    assert len(fitted.history) == 2


def test_the_same_seed_gives_the_same_weights(tmp_path: Path) -> None:
    params = SHORT.model_copy(update={"deterministic": True, "precision": "float32"})
    one, other = (fit(MATERIAL, params=params, out=tmp_path / name) for name in ("one", "other"))
    assert_alike(one, other, rtol=0, atol=0)
    third = fit(MATERIAL, params=params.model_copy(update={"seed": 1}), out=tmp_path / "third")
    assert any(not torch.equal(a, b) for a, b in zip(weights(one).values(), weights(third).values(), strict=True))


def test_steps_are_computed_in_parts_when_memory_runs_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    step, sizes = Segmenter.training_step, []

    def short_of_memory(self: Segmenter, batch: Any, index: int) -> torch.Tensor:
        sizes.append(len(batch[0]))
        if len(batch[0]) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")
        return step(self, batch, index)

    monkeypatch.setattr(Segmenter, "training_step", short_of_memory)
    fitted = fit(MATERIAL, params=SHORT, out=tmp_path)
    assert sizes[:2] == [8, 4]
    assert set(sizes[2:]) == {2}
    assert fitted.how["parts"] == 4
    monkeypatch.setattr(Segmenter, "training_step", lambda *_: (_ for _ in ()).throw(torch.OutOfMemoryError("no")))
    with pytest.raises(ParameterError, match="a step of 2 chips does not fit into memory"):
        fit(MATERIAL, params=SHORT, out=tmp_path / "none")


def test_an_error_that_is_no_lack_of_memory_is_not_taken_for_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Segmenter, "training_step", lambda *_: (_ for _ in ()).throw(RuntimeError("shape")))
    with pytest.raises(RuntimeError, match="shape"):
        fit(MATERIAL, params=SHORT, out=tmp_path)


@pytest.mark.integration
def test_processes_that_prepare_chips_change_nothing_even_after_a_kill(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    params = SHORT.model_copy(update={"precision": "float32", "hard_share": 0.25})
    expected = fit(MATERIAL, params=params, out=tmp_path / "one")
    step = Segmenter.training_step

    def killed(self: Segmenter, batch: Any, index: int) -> torch.Tensor:
        if self.current_epoch == 1 and index == 2:
            raise KeyboardInterrupt
        return step(self, batch, index)

    prepared = params.model_copy(update={"workers": 2})
    with monkeypatch.context() as patch:
        patch.setattr(Segmenter, "training_step", killed)
        with pytest.raises((KeyboardInterrupt, SystemExit)):
            fit(MATERIAL, params=prepared, out=tmp_path / "two")
    assert_alike(expected, fit(MATERIAL, params=prepared, out=tmp_path / "two"), rtol=1e-3, atol=1e-4)


@pytest.mark.integration
def test_two_processes_train_as_one_does(tmp_path: Path) -> None:
    params = SHORT.model_copy(
        update={"accelerator": "cpu", "precision": "float32", "augment": None, "hard_share": 0.25}
    )
    params = params.model_copy(
        update={"arguments": params.arguments | {"encoder": "tu-resnet10t"}, "loss": params.loss}
    )
    one = fit(MATERIAL, params=params, out=tmp_path / "one")
    two = fit(MATERIAL, params=params.model_copy(update={"devices": 2}), out=tmp_path / "two")
    assert two.how["devices"] == 2
    assert len(two.history) == 2
    # Norms see half a batch each, so that they are alike, not equal.
    assert abs(one.history[-1]["loss"] - two.history[-1]["loss"]) < 0.25 * one.history[-1]["loss"]


def test_training_stops_early_and_keeps_the_best(tmp_path: Path) -> None:
    params = PARAMS.model_copy(
        update={"epochs": 12, "late_epochs": 0, "lr": 1e-9, "ema_decay": None, "patience": 2, "keep": "best",
                "validate_every": 1}
    )  # fmt: skip
    fitted = fit(MATERIAL, params=params, out=tmp_path)
    assert len(fitted.history) < 12
    best = max(fitted.history, key=lambda line: line["val_f1"])["epoch"]
    kept = torch.load(tmp_path / BEST, weights_only=True)
    assert kept["epoch"] == best
    torch.testing.assert_close(kept["state_dict"]["network.segmentation_head.0.weight"],
                               weights(fitted)["segmentation_head.0.weight"])  # fmt: skip


def test_a_checkpoint_is_read_without_unpickling(trained: tuple[Fitted, Path]) -> None:
    found = torch.load(trained[1] / LAST, weights_only=True)
    assert found["epoch"] == PARAMS.epochs + PARAMS.late_epochs - 1


def test_fixed_normalisation_and_hard_examples_go_together(tmp_path: Path) -> None:
    params = SHORT.model_copy(
        update={"normalisation": FixedParams(), "hard_share": 0.5, "balance": 0.5, "loss": PARAMS.loss}
    )
    fitted = fit(MATERIAL, params=params, out=tmp_path)
    assert fitted.normalisation.centre is not None
    losses = torch.load(tmp_path / LAST, weights_only=True)["state_dict"]["losses"]
    assert losses.shape == (48,)
    assert torch.isfinite(losses).float().mean() > 0.9


def test_the_learning_rate_rises_falls_and_falls_again() -> None:
    short = learning_rate_factor(TrainParams(epochs=1, late_epochs=2, warmup_epochs=3, lr=1e-3, late_lr=4e-4), steps=10)
    assert short(9) == pytest.approx(1)
    assert short(10) == pytest.approx(0.4), "the late epochs do not go on warming up"
    params = TrainParams(epochs=10, late_epochs=5, warmup_epochs=2, lr=1e-3, late_lr=4e-4)
    factor = learning_rate_factor(params, steps=10)
    assert factor(0) == pytest.approx(1 / 20)
    assert factor(20) == pytest.approx(1.0)
    assert factor(60) == pytest.approx(0.5, abs=0.01)
    assert factor(99) == pytest.approx(0.005, abs=0.005)
    assert factor(100) == pytest.approx(0.4)
    assert factor(150) == pytest.approx(0.4 * 0.005)


def test_chips_that_do_not_fit_are_named(tmp_path: Path) -> None:
    one_band = MATERIAL.validation.taking(["red"])
    with pytest.raises(DatasetError, match=r"squares 1: its bands are red, those of squares 0 red, green, blue"):
        fit(Material(MATERIAL.training, one_band), params=SHORT, out=tmp_path)
    with pytest.raises(DatasetError, match="its chips have 32 pixels a side, those of squares 0 64"):
        fit(Material(MATERIAL.training, chips(4, 5, size=32)), params=SHORT, out=tmp_path)
    nothing = chips(4, 5, landslides=False)
    with pytest.raises(DatasetError, match="squares 5: no chip shows a landslide; there is nothing to learn"):
        fit(Material(nothing, MATERIAL.validation), params=SHORT, out=tmp_path)
    with pytest.raises(DatasetError, match="nothing can be validated"):
        fit(Material(MATERIAL.training, nothing), params=SHORT, out=tmp_path)
    if not torch.cuda.is_available():
        with pytest.raises(ParameterError, match="PyTorch finds no GPU here"):
            fit(MATERIAL, params=SHORT.model_copy(update={"accelerator": "cuda"}), out=tmp_path)
    with pytest.raises(ParameterError, match="batch_size 8 does not divide among 3 devices"):
        fit(MATERIAL, params=SHORT.model_copy(update={"devices": 3, "accelerator": "cpu"}), out=tmp_path)
    assert json.dumps([path.name for path in tmp_path.iterdir()]) == "[]" or not (tmp_path / LAST).exists()


def test_training_starts_from_a_models_weights(trained: tuple[Fitted, Path], tmp_path: Path) -> None:
    """With a learning rate of nearly nothing what comes out is what it began with; another start is another run."""
    bundle = draft(rounded(trained[0].network), MATERIAL.training, params=PARAMS, out=tmp_path / "first",
                   normalisation=trained[0].normalisation, command="", data=[], measured={})  # fmt: skip
    still = SHORT.model_copy(
        update={"start": str(bundle.directory), "lr": 1e-12, "weight_decay": 0.0, "ema_decay": None, "augment": None}
    )
    again = fit(MATERIAL, params=still, out=tmp_path / "again")
    learned = dict(bundle.network.named_parameters())
    for name, tensor in again.network.named_parameters():
        torch.testing.assert_close(tensor, learned[name].to(tensor.dtype), atol=1e-6, rtol=0)
    other = fit(MATERIAL, params=still.model_copy(update={"start": None}), out=tmp_path / "again")
    assert any(
        not torch.allclose(tensor, learned[name], atol=1e-3) for name, tensor in other.network.named_parameters()
    )
